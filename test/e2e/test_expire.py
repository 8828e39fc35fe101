"""Retention: by hand and by the daemon's timer, on several hosts, through a pooler, with tables divided by week, while mail flows"""
import json
import sqlite3
import subprocess
import threading
import time

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.control import quarantine, quarantine_json
from e2e.lib.databases import PgBouncer
from e2e.lib.process import until
from e2e.lib.servers import shared_postgres
from e2e.lib.tamis import build_directory

YARA = {"yara": {}}
DAY = 86400


def expire(*words):
    done = subprocess.run([build_directory() / "tamis", "expire", *[str(word) for word in words]], text=True, capture_output=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def expire_when_free(*words):
    """beside a daemon whose own timer may just be at it"""
    return until(lambda: (lambda done: None if "another host is at it" in done[1] else done)(expire(*words)), 30, "a turn")


def install(postgres, name, *words):
    postgres.sql(f"create database {name} template template0 encoding 'UTF8'", "postgres")
    dsn = f"postgresql://postgres@127.0.0.1:{postgres.port}/{name}"
    done = subprocess.run([build_directory() / "tamis", "schema", "install", "--dsn", dsn, *words], text=True, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return dsn, done.stdout


class Command(Case):
    def test_by_hand_on_sqlite(self):
        daemon = self.tamis(self.hop(), {"scanners": YARA, "retention": {"quarantine": "7d", "virus_quarantine": "never"}})
        for data in (mail.eicar(), mail.gtube(), mail.gtube(), mail.clean()):
            self.assertCode(daemon.send(data), 250)
        base = sqlite3.connect(f"{daemon.config['server']['state_dir']}/tamis.db", timeout=30)
        self.addCleanup(base.close)
        until(lambda: base.execute("select count(*) from msgs").fetchall() == [(4,)], 20, "four records")
        spam = [item["mail_id"] for item in quarantine_json(daemon.file, "list", "--category", "spam")["items"]]
        now = int(time.time())
        with base:
            base.execute("update msgs set time_num=? where mail_id<>?", (now - 8 * DAY - 60, spam[1]))
            base.execute("update msgs set time_num=? where mail_id=?", (now - 91 * DAY, spam[1]))
        status, said = expire("-c", daemon.file, "--dry-run")
        self.assertEqual(status, 0, said)
        for part in ("would go", "together                                1            1", "rows of quarantine                      2", "oldest record that is kept:"):
            self.assertIn(part, said)
        status, said = expire("-c", daemon.file, "--json", "-n")
        would = json.loads(said)
        self.assertEqual((would["records"], would["copies"], would["chunks"], would["categories"]), (1, 1, 2, {"spam": {"records": 1, "copies": 1}}))
        self.assertEqual(base.execute("select count(*) from quarantine").fetchall(), [(3,)])
        status, said = expire("-c", daemon.file)
        self.assertEqual((status, "longest" in said), (0, True), said)
        self.assertEqual(base.execute("select count(*), sum(quar_type='Q') from msgs").fetchall(), [(3, 1)])
        code, out, err = quarantine(daemon.file, "show", spam[0], "--no-text")
        self.assertEqual((code, "nowhere: the copy has expired" in out), (0, True), out + err)
        code, out, err = quarantine(daemon.file, "release", spam[0])
        self.assertEqual((code, "has expired" in out + err), (1, True), out + err)
        self.assertEqual([item["category"] for item in quarantine_json(daemon.file, "list")["items"]], ["virus"])
        status, said = expire("-c", daemon.file, "--category", "virus", "--copies-older-than", "8d", "--json")
        self.assertEqual((status, json.loads(said)["copies"]), (0, 1), said)
        self.assertEqual(base.execute("select count(*) from quarantine").fetchall(), [(0,)])
        self.assertCode(daemon.send(mail.eicar()), 250)       # the file was not taken away from the daemon
        for words, part in ((["--category", "virus"], "--category needs"), (["--older-than", "soon"], "is no age"),
                            (["--older-than", "1d", "--category", "ham"], "no category"), (["--frob"], "--frob")):
            status, said = expire("-c", daemon.file, *words)
            self.assertEqual((status, part in said), (2, True), said)
        status, said = expire("--dsn", "sqlite:/nonexistent/x.db", "-c", daemon.file)
        self.assertEqual((status, "no database" in said), (1, True), said)
        daemon.config["retention"]["records"] = "a while"
        checked = daemon.check()
        self.assertIn("retention.records: \"a while\" is no age", str(checked))


class Timer(Case):
    limit = 120

    def old_messages(self, postgres, name, count, days):
        """As many records with copies, each with addresses of its own, that came so long ago."""
        when = int(time.time()) - days * DAY
        postgres.sql(f"insert into maddr (email, domain) select convert_to('old{days}x'||i||'@example.org', 'UTF8'), 'org.example' from generate_series(1,{count}) i; "
                     "insert into msgs (mail_id, am_id, time_num, time_iso, sid, size, host, content, quar_type) "
                     f"select convert_to('old{days}_'||i, 'UTF8'), i, {when}, to_timestamp({when}), (select id from maddr where email=convert_to('old{days}x'||i||'@example.org', 'UTF8')), "
                     f"500, 'h', 'S', 'Q' from generate_series(1,{count}) i; "
                     f"insert into msgrcpt (mail_id, rid, ds, rs) select mail_id, sid, 'D', ' ' from msgs where time_num={when}; "
                     f"insert into quarantine (mail_id, chunk_ind, mail_text) select mail_id, 1, 'x' from msgs where time_num={when}", name)

    def test_two_hosts_and_new_settings(self):
        postgres = shared_postgres()
        dsn, _ = install(postgres, "expire_timer")
        self.old_messages(postgres, "expire_timer", 300, 100)
        self.old_messages(postgres, "expire_timer", 200, 50)
        hop = self.hop()
        daemons = [self.tamis(hop, {"scanners": YARA, "server": {"hostname": f"filter{number}.example.com"},
                                    "retention": {"enabled": True, "interval": "1s", "quarantine": "never"}}, storage=dsn) for number in (1, 2)]
        for daemon in daemons:
            self.assertCode(daemon.send(mail.eicar()), 250)
        until(lambda: postgres.rows("select count(*) from msgs where am_id not like '%-%'", "expire_timer") == [["200"]], 30, "what is older than 90 days to go")
        until(lambda: postgres.rows("select count(*) from maddr where email like 'old100%'", "expire_timer") == [["0"]], 30, "its addresses to go")
        self.assertEqual(postgres.rows("select count(*) from quarantine", "expire_timer"), [["202"]])
        until(lambda: any("retention: " in daemon.log() and "records" in daemon.log() for daemon in daemons), 30, "a line about it")
        daemons[0].reload({"retention": {"quarantine": "40d"}})
        until(lambda: postgres.rows("select count(*) from quarantine", "expire_timer") == [["2"]], 30, "copies older than 40 days to go")
        self.assertEqual(postgres.rows("select count(*), count(*) filter (where quar_loc='expired') from msgs", "expire_timer"), [["202", "200"]])
        for daemon in daemons:
            self.assertCode(daemon.send(mail.eicar()), 250)
            self.assertEqual(daemon.stop(), 0)
            self.assertNotIn("retention: postgresql", daemon.log())

    def test_hosts_and_commands_behind_a_pooler_while_mail_flows(self):
        postgres = shared_postgres()
        install(postgres, "expire_pooled")
        bouncer = PgBouncer({"expire_pooled": (postgres.port, "expire_pooled")}, pool_size=4)
        self.addCleanup(bouncer.stop)
        dsn = bouncer.dsn("expire_pooled")
        daemon = self.tamis(self.hop(), {"scanners": YARA, "retention": {"enabled": True, "interval": "1s"}}, storage=dsn)
        self.old_messages(postgres, "expire_pooled", 400, 100)
        answers, end = [], threading.Event()

        def client():
            while not end.is_set():
                answers.append(daemon.send(mail.eicar() if len(answers) % 2 else mail.clean(), sender=f"old100x{len(answers)}@example.org")[0])
        threads = [threading.Thread(target=client) for _ in range(2)]
        commands = [threading.Thread(target=lambda: said.append(expire("--dsn", dsn, "-c", daemon.file))) for _ in range(2)]
        said = []
        for thread in threads + commands:
            thread.start()
        for thread in commands:
            thread.join()
        until(lambda: postgres.rows("select count(*) from msgs where mail_id like 'old%'", "expire_pooled") == [["0"]], 60, "all old records to go")
        end.set()
        for thread in threads:
            thread.join()
        self.assertEqual([status for status, _ in said], [0, 0], said)
        self.assertEqual(set(answers), {250})
        until(lambda: postgres.rows("select count(*) from msgs", "expire_pooled") == [[str(len(answers))]], 30, "every record")
        self.assertEqual(postgres.rows("select count(*) from msgs m join msgrcpt r using (partition_tag, mail_id) join maddr s on s.id=m.sid join maddr t on t.id=r.rid", "expire_pooled"),
                         [[str(len(answers))]])
        # settings of ours must not stay in the pooler's sessions
        self.assertEqual(postgres.rows("select count(*) from pg_locks where locktype='advisory'", "postgres"), [["0"]])


class Weeks(Case):
    limit = 120

    def test_tables_divided_by_week(self):
        postgres = shared_postgres()
        dsn, said = install(postgres, "expire_weeks", "--partitioned")
        self.assertIn("storage.partition_tag = -1", said)
        checked = subprocess.run([build_directory() / "tamis", "schema", "check", "--dsn", dsn], text=True, capture_output=True, timeout=60)
        self.assertEqual((checked.returncode, "there is nothing to upgrade" in checked.stdout), (0, True), checked.stdout)
        postgres.sql("do $$ declare t regclass; begin for t in select inhrelid from pg_inherits where inhparent in ('msgs'::regclass, 'msgrcpt'::regclass, 'quarantine'::regclass) "
                     "and inhrelid::regclass::text not like '%' || to_char(now() at time zone 'UTC', 'IYYYIW') loop execute 'drop table ' || t; end loop; end $$", "expire_weeks")
        hop = self.hop()
        daemon = self.tamis(hop, {"scanners": YARA, "storage": {"lookup_dsn": dsn, "storage_dsn": dsn, "partition_tag": -1}, "retention": {"interval": "1s", "weeks_ahead": 3}})
        self.assertCode(daemon.send(mail.eicar()), 250)
        week = postgres.rows("select to_char(now() at time zone 'UTC', 'IYYYIW')", "expire_weeks")[0][0]
        until(lambda: postgres.rows("select count(*) from pg_inherits where inhparent='msgs'::regclass", "expire_weeks") == [["4"]], 30, "partitions of the weeks to come")
        [[tag, place]] = postgres.rows("select partition_tag, quar_loc from msgs", "expire_weeks")
        self.assertIn(int(tag), (int(week), int(week) - 1))      # a Monday may begin meanwhile
        self.assertTrue(place.endswith(f"[{tag}]"), place)
        [item] = quarantine_json(daemon.file, "list")["items"]
        code, out, err = quarantine(daemon.file, "release", item["mail_id"])
        self.assertEqual((code, "delivered" in out), (0, True), out + err)
        status, said = expire_when_free("-c", daemon.file, "--older-than", "1s", "--keep-partitions")
        self.assertEqual(status, 0, said)
        # a week that is long past, dropped whole
        postgres.sql("create table msgs_201001 partition of msgs for values from (201001) to (201002); create table msgrcpt_201001 partition of msgrcpt for values from (201001) to (201002); "
                     "create table quarantine_201001 partition of quarantine for values from (201001) to (201002); "
                     "insert into msgs (partition_tag, mail_id, am_id, time_num, time_iso, sid, size, host) values (201001, 'x', '1', 1262700000, now(), 1, 1, 'h')", "expire_weeks")
        status, said = expire_when_free("-c", daemon.file)
        self.assertEqual(status, 0, said)
        for name in ("msgs", "msgrcpt", "quarantine"):
            self.assertIn(f"partition public.{name}_201001 dropped", said + daemon.log())  # whoever was first
        self.assertCode(daemon.send(mail.clean()), 250)
