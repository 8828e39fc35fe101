"""The database of an administrator: every era and encoding unchanged, a pooler in between, a primary that goes away"""
import json
import signal
import subprocess
import threading
import time

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.databases import PgBouncer, Standby, era_schema
from e2e.lib.process import until
from e2e.lib.servers import Postgres, shared_postgres
from e2e.lib.tamis import build_directory

YARA = {"yara": {}}
ERAS = ("amavisd-2.3", "amavisd-2.4", "amavisd-2.6", "amavisd-2.13", None)     # None: our own
ENCODINGS = ("UTF8", "SQL_ASCII", "LATIN1")
MARK = "[stored by Tamis with encode(bytes, ''escape'')]\n"
NASTY = bytes(byte for byte in range(256) if byte not in (0, 10, 13)) + "\n\\000 \\\\ \U0001F600 ".encode() + b"\xd8\x64\xff\n"


def database(postgres, name, era, encoding):
    """A fresh database of that era and encoding; its DSN."""
    postgres.sql(f"create database {name} template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'", "postgres")
    from e2e.lib import SOURCE
    steps = sorted((SOURCE / "schema" / "postgresql").glob("[0-9]*.sql"))
    postgres.sql(era_schema(era) if era else "\n".join(step.read_text() for step in steps), name)
    return f"postgresql://postgres@127.0.0.1:{postgres.port}/{name}"


def quarantined(postgres, name):
    """The stored texts by Message-ID, as the octets they were."""
    text = postgres.rows("select data_type from information_schema.columns where table_name='quarantine' and column_name='mail_text'", name) == [["text"]]
    octets = (f"case when left(mail_text, {len(MARK) - 2}) = '{MARK}' then decode(substr(mail_text, {len(MARK) - 1}), 'escape') "
              "else convert_to(mail_text, getdatabaseencoding()) end") if text else "mail_text"
    rows = postgres.rows(f"select m.message_id, string_agg(encode({octets}, 'hex'), '' order by chunk_ind) from quarantine q "
                         "join msgs m on m.mail_id=q.mail_id group by 1", name)
    return {identity: bytes.fromhex(octets) for identity, octets in rows}


class Eras(Case):
    limit = 400

    def test_every_era_in_every_encoding(self):
        postgres = shared_postgres()
        for era in ERAS:
            for encoding in ENCODINGS:
                with self.subTest(era=era or "ours", encoding=encoding):
                    self.one(postgres, era, encoding)

    def one(self, postgres, era, encoding):
        name = f"era_{(era or 'ours').replace('-', '_').replace('.', '_')}_{encoding.lower()}"
        dsn = database(postgres, name, era, encoding)
        postgres.sql("insert into policy (id, policy_name, spam_lover) values (7, 'lover', 'Y'); "
                     "insert into users (policy_id, email) values (7, 'lover@example.com')", name)
        hop = self.hop()
        daemon = self.tamis(hop, {"scanners": YARA, "policy": {"pen_pals_bonus": 1}}, storage=dsn)
        # a body of several chunks with every octet, a subject with a character of four octets and with octets that are no text
        spam = mail.message(subject="\U0001F600 gr\u00fc\u00df", body=f"@\n{mail.GTUBE}\n")
        spam = spam.replace(b"Subject: ", b"Subject: \xd8\x64\xff ").replace(b"@\r\n", mail.crlf(NASTY * 90))
        identity = mail.header_of(spam).split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
        self.assertCode(daemon.send(spam, ["bob@example.com"]), 250, "discarded")
        stored = quarantined(postgres, name)[identity]
        self.assertTrue(stored.endswith(spam.replace(b"\r\n", b"\n")), stored[:600])
        self.assertCode(daemon.send(mail.gtube(), ["lover@example.com"]), 250, "queued")
        self.assertCode(daemon.send(mail.clean(subject="caf\u00e9 \U0001F600"), ["bob@example.com"]), 250, "queued")
        until(lambda: postgres.rows("select count(*) from msgs where content is not null", name) == [["3"]], 20, "three records")
        self.assertEqual(sorted(row[0] for row in postgres.rows("select content from msgs", name)), ["C", "S", "S"])
        self.assertEqual([message.recipients for message in hop.messages], [["lover@example.com"], ["bob@example.com"]])
        self.assertEqual(daemon.stop(), 0)


class Command(Case):
    """`tamis schema` as an administrator runs it."""
    limit = 240

    def tool(self, *words, answer=None):
        done = subprocess.run([build_directory() / "tamis", "schema", *[str(word) for word in words]], input=answer, text=True, capture_output=True, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def test_a_database_of_2006_is_checked_and_upgraded_while_mail_flows(self):
        postgres = shared_postgres()
        dsn = database(postgres, "schema_2006", "amavisd-2.4", "SQL_ASCII")
        hop = self.hop()
        daemon = self.tamis(hop, {"scanners": YARA}, storage=dsn)
        before = mail.eicar()
        self.assertCode(daemon.send(before), 250)
        status, said = self.tool("check", "-c", daemon.file)
        self.assertEqual(status, 0, said)
        for text in ("storage_dsn and lookup_dsn: postgresql://", "amavisd-new 2.4 (2006)", "SQL_ASCII", "mail_text is text",
                     "Tamis works with this database as it is", "`tamis schema upgrade` would gain"):
            self.assertIn(text, said)
        status, said = self.tool("upgrade", "-c", daemon.file, answer="n\n")
        self.assertEqual((status, "nothing was changed" in said), (1, True), said)
        self.assertIn("ALTER TABLE quarantine ALTER mail_text TYPE bytea", said)
        self.assertEqual(postgres.rows("select count(*) from information_schema.columns where column_name='partition_tag'", "schema_2006"), [["0"]])
        status, said = self.tool("upgrade", "-c", daemon.file, answer="y\n")
        self.assertEqual(status, 0, said)
        self.assertIn("sql_allow_8bit_address", said)
        status, said = self.tool("upgrade", "--dsn", dsn)
        self.assertEqual((status, "there is nothing to do" in said), (0, True), said)
        status, said = self.tool("check", "--json", "--dsn", dsn)
        found = json.loads(said)
        self.assertEqual((status, found["changes"], found["problems"], found["encoding"]), (0, [], [], "SQL_ASCII"))
        after = mail.eicar()
        self.assertCode(daemon.send(after), 250)
        texts = quarantined(postgres, "schema_2006")
        self.assertEqual(len(texts), 2)
        for sent in (before, after):
            identity = mail.header_of(sent).split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
            self.assertTrue(texts[identity].endswith(sent.replace(b"\r\n", b"\n")))

    def test_install(self):
        postgres = shared_postgres()
        postgres.sql("create database installed template template0 encoding 'UTF8'", "postgres")
        postgres.sql("do $$ begin create role mailfilter login; exception when duplicate_object or unique_violation then null; end $$", "postgres")
        dsn = f"postgresql://postgres@127.0.0.1:{postgres.port}/installed"
        status, said = self.tool("check", "--dsn", dsn)
        self.assertEqual((status, "tamis schema install" in said), (1, True), said)
        status, said = self.tool("install", "--dsn", dsn, "--grant", "mailfilter")
        self.assertEqual((status, "rights granted to mailfilter" in said), (0, True), said)
        status, said = self.tool("install", "--dsn", dsn)
        self.assertEqual((status, "nothing was done" in said), (0, True), said)
        daemon = self.tamis(self.hop(), {"scanners": YARA}, storage=dsn.replace("postgres@", "mailfilter@"))
        self.assertCode(daemon.send(mail.eicar()), 250)
        from e2e.lib.process import folder
        file = folder("sqlite") / "new.db"
        status, said = self.tool("install", "--dsn", f"sqlite:{file}")
        self.assertEqual((status, file.exists()), (0, True), said)
        status, said = self.tool("check", "--dsn", f"sqlite:{file}")
        self.assertEqual((status, "nothing to upgrade" in said), (0, True), said)
        status, said = self.tool("check", "--dsn", f"postgresql://postgres@127.0.0.1:{postgres.port}/no_such_database")
        self.assertEqual((status, "no database" in said), (1, True), said)

    def test_policies_of_2006_get_records_and_a_table_that_went_comes_back(self):
        postgres = shared_postgres()
        dsn = database(postgres, "only_policies", "amavisd-2.4", "UTF8")
        postgres.sql("drop table quarantine, msgrcpt, msgs, maddr; insert into policy (id, policy_name, bypass_virus_checks) values (7, 'all', 'Y'); "
                     "insert into users (policy_id, email) values (7, 'all@example.com')", "only_policies")
        daemon = self.tamis(self.hop(), {"scanners": YARA, "storage": {"wait": 1}}, storage=dsn)
        self.assertCode(daemon.send(mail.eicar()), 451)
        status, said = self.tool("check", "-c", daemon.file)
        self.assertEqual((status, "`tamis schema install` creates them" in said), (1, True), said)
        status, said = self.tool("install", "-c", daemon.file)
        self.assertEqual((status, "the table quarantine for records" in said), (0, True), said)
        until(lambda: daemon.send(mail.eicar(), ["bob@example.com", "all@example.com"])[0] == 250, 30, "mail")
        until(lambda: postgres.rows("select r.ds, r.content from msgrcpt r join maddr a on a.id=r.rid order by a.email", "only_policies") == [["P", "C"], ["D", "V"]], 20, "two verdicts")
        postgres.sql("drop table quarantine", "only_policies")
        status, said = self.tool("install", "-c", daemon.file)
        self.assertEqual((status, "`tamis schema upgrade` creates what is missing" in said), (1, True), said)
        status, said = self.tool("upgrade", "-c", daemon.file, "--yes")
        self.assertEqual((status, "CREATE TABLE quarantine" in said), (0, True), said)
        until(lambda: daemon.send(mail.eicar())[0] == 250, 30, "mail")
        self.assertEqual(postgres.rows("select count(distinct mail_id) from quarantine", "only_policies"), [["1"]])
        self.assertEqual(self.tool("check", "-c", daemon.file)[0], 0)


class Pooler(Case):
    limit = 400

    def test_transaction_mode(self):
        postgres = shared_postgres()
        for encoding in ("UTF8", "SQL_ASCII"):
            name = f"pooled_{encoding.lower()}"
            database(postgres, name, None, encoding)
            bouncer = PgBouncer({name: (postgres.port, name)}, pool_size=2)
            self.addCleanup(bouncer.stop)
            hop = self.hop()
            storage = {"lookup_dsn": bouncer.dsn(name), "storage_dsn": bouncer.dsn(name), "connections": 4, "lookup_cache": "1s"}
            daemons = [self.tamis(hop, {"scanners": YARA, "storage": storage, "policy": {"pen_pals_bonus": 1}}) for _ in range(2)]
            accepted, problems = load(daemons, lambda accepted: len(accepted["virus"]) >= 60)
            self.assertEqual(problems, [])
            check_kept(self, postgres, name, accepted, hop)
            for daemon in daemons:
                self.assertEqual(daemon.log().count("LISTEN cannot work"), 1)
            # what a client left behind in a session must not reach the next one
            self.assertEqual(postgres.rows(f"select distinct state from pg_stat_activity where datname='{name}' and state like 'idle in%'", "postgres"), [])
            postgres.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where datname='{name}' and pid<>pg_backend_pid()", "postgres")
            until(lambda: daemons[0].send(mail.eicar())[0] == 250, 20, "mail after all server sessions were cut")


class Failover(Case):
    limit = 400

    def test_a_promoted_standby_direct(self):
        self.promote(lambda primary, standby: [f"postgresql://postgres@127.0.0.1:{server.port}/amavis" for server in (primary, standby)])

    def test_a_promoted_standby_through_a_pooler(self):
        def dsns(primary, standby):
            bouncer = PgBouncer({"first": (primary.port, "amavis"), "second": (standby.port, "amavis")})
            self.addCleanup(bouncer.stop)
            return [bouncer.dsn("first"), bouncer.dsn("second")]
        self.promote(dsns)

    def promote(self, dsns):
        primary = Postgres("primary")
        self.addCleanup(primary.stop)
        primary.database()
        standby = Standby(primary)
        self.addCleanup(standby.stop)
        hop = self.hop()
        chosen = dsns(primary, standby)
        daemons = [self.tamis(hop, {"scanners": YARA, "server": {"hostname": f"filter{number}.example.com"},
                                    "storage": {"wait": 1, "lookup_dsn": chosen, "storage_dsn": chosen}}) for number in (1, 2)]

        def wanted(accepted):
            if len(accepted["virus"]) >= 30 and self.level is None:
                primary.stop(signal.SIGQUIT)
                time.sleep(0.5)                  # mail keeps coming while there is no primary at all
                standby.promote()
                self.level = len(accepted["virus"])
            return self.level is not None and len(accepted["virus"]) >= self.level + 40
        self.level = None
        accepted, problems = load(daemons, wanted)
        self.assertEqual(problems, [])
        check_kept(self, standby, "amavis", accepted, hop)
        self.assertEqual(sorted(standby.rows("select distinct host from msgs")), [["filter1.example.com"], ["filter2.example.com"]])


def load(daemons, wanted, seconds=150):
    """Two clients per daemon send viruses and clean mail, and again after a 4xx, until wanted(accepted) or the time is over. A
    session whose server is gone without a word (a pooler in between) is given up after 30 s: the clients wait longer."""
    accepted = {"virus": set(), "clean": set()}
    end = threading.Event()
    problems = []

    def client(daemon, index):
        turn = 0
        late = time.monotonic() + seconds + 30

        def send(data):
            with daemon.client(timeout=120) as connection:
                connection.hello()
                return connection.transaction("alice@sender.example.org", ("bob@example.com",), data)
        try:
            while not end.is_set() or turn % 2:
                kind = "virus" if turn % 2 else "clean"
                identity = f"<{kind}.{index}.{turn}@sender.example.org>"
                data = (mail.eicar if kind == "virus" else mail.clean)(message_id=identity)
                while (answer := send(data))[0] != 250:
                    if answer[0] // 100 != 4 or time.monotonic() > late:
                        problems.append(answer)
                        return
                accepted[kind].add(identity)
                turn += 1
        except Exception as trouble:
            problems.append(repr(trouble))

    clients = [threading.Thread(target=client, args=(daemon, f"{number}{half}")) for number, daemon in enumerate(daemons) for half in "ab"]
    for thread in clients:
        thread.start()
    late = time.monotonic() + seconds
    while not problems and not wanted(accepted):
        if time.monotonic() > late:
            problems.append(f"too slow: {len(accepted['virus'])} viruses in {seconds} s; " + daemons[0].log()[-800:])
        time.sleep(0.02)
    end.set()
    for thread in clients:
        thread.join(150)
    return accepted, problems


def check_kept(case, postgres, name, accepted, hop):
    """Every virus that was answered 250 is recorded once with its text, every clean message delivered once."""
    found = [row[0] for row in postgres.rows("select message_id from msgs where content='V'", name)]
    case.assertLessEqual(accepted["virus"], set(found), "answered 250 without a record")
    texts = postgres.rows("select count(distinct q.mail_id) from quarantine q join msgs m using (partition_tag, mail_id) where m.content='V'", name)
    case.assertEqual(texts, [[str(len(found))]])
    orphans = postgres.rows("select count(*) from msgs m where not exists (select 1 from msgrcpt r where r.mail_id=m.mail_id)", name)
    case.assertEqual(orphans, [["0"]])
    delivered = [message.field("Message-ID")[0] for message in hop.messages]
    case.assertLessEqual(accepted["clean"], set(delivered), "answered 250 without delivery")
    case.assertEqual(len(delivered), len(set(delivered)), "delivered twice")
    case.assertFalse(accepted["virus"] & set(delivered))
