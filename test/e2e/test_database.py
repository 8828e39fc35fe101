"""Bad days of PostgreSQL: away at start, stopped and restarted under load; 451 instead of loss, and no restart of ours"""
import signal
import threading
import time

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import until
from e2e.lib.servers import Postgres

YARA = {"yara": {}}


class DatabaseFaults(Case):
    limit = 240

    def setUp(self):
        self.postgres = Postgres()
        self.addCleanup(self.postgres.stop)
        self.sink = self.hop()

    def start(self, dsn, **more):
        return self.tamis(self.sink, {"scanners": YARA, "storage": {"wait": 1, **more}}, storage=dsn)

    def test_away_at_start_and_back_later(self):
        dsn = self.postgres.database()
        self.postgres.stop()
        daemon = self.start(dsn)
        self.assertCode(daemon.send(mail.eicar()), 451)
        self.assertEqual([code for code, _ in daemon.send(mail.eicar(), recipients=["a@example.com", "b@example.com"], lmtp=True)], [451, 451])
        self.assertEqual(self.sink.messages, [])
        self.postgres.start()
        self.assertEqual(self.until_accepted(daemon, mail.eicar()), 250)
        self.assertEqual(self.postgres.rows("select count(*) from quarantine"), [["1"]])

    def until_accepted(self, daemon, data, seconds=30):
        end = time.monotonic() + seconds
        while True:
            code = daemon.send(data)[0]
            if code != 451 or time.monotonic() > end:
                return code

    def test_stopped_and_restarted_under_load(self):
        for number in (signal.SIGINT, signal.SIGQUIT):
            with self.subTest(signal=number):
                dsn = self.postgres.database(f"load{int(number)}")
                daemon = self.start(dsn)
                accepted = self.load(daemon, number)
                base = f"load{int(number)}"
                ids = {row[0] for row in self.postgres.rows("select message_id from msgs where content='V'", base)}
                self.assertLessEqual(accepted["virus"], ids, "answered 250 without a record")
                chunks = self.postgres.rows("select count(distinct q.mail_id) from quarantine q join msgs m using (partition_tag, mail_id) "
                                            "where m.content='V'", base)
                self.assertGreaterEqual(int(chunks[0][0]), len(accepted["virus"]))
                delivered = [m.field("Message-ID")[0] for m in self.sink.messages]
                self.assertLessEqual(accepted["clean"], set(delivered), "answered 250 without delivery")
                self.assertEqual(len(delivered), len(set(delivered)), "delivered twice")
                self.assertFalse(any(identity in delivered for identity in accepted["virus"]))
                self.sink.clear()

    def load(self, daemon, number):
        """Four clients send and try again after a 4xx while PostgreSQL goes down and comes back."""
        accepted = {"virus": set(), "clean": set()}
        wanted = threading.Event()
        problems, tries = [], []                   # tries: codes while it is away

        def client(index):
            turn = 0
            try:
                while not wanted.is_set() or turn % 2:
                    kind = "virus" if turn % 2 else "clean"
                    identity = f"<{kind}.{index}.{turn}.{int(number)}@sender.example.org>"
                    data = (mail.eicar if kind == "virus" else mail.clean)(message_id=identity)
                    while True:
                        code, lines = daemon.send(data)
                        tries.append(code)
                        if code == 250:
                            break
                        if code // 100 != 4:
                            problems.append((code, lines))
                            return
                    accepted[kind].add(identity)
                    turn += 1
            except Exception as trouble:
                problems.append(repr(trouble))

        clients = [threading.Thread(target=client, args=(index,)) for index in range(4)]
        for thread in clients:
            thread.start()
        try:
            self.sink.wait(20)
            self.postgres.stop(number)
            tries.clear()
            until(lambda: problems or sum(code // 100 == 4 for code in tries) >= 8, 60, "mail that comes while it is away")
            self.postgres.start()
            level = len(accepted["virus"])
            until(lambda: problems or len(accepted["virus"]) >= level + 20, 60, "mail that is accepted after the restart")
        finally:
            wanted.set()
        for thread in clients:
            thread.join(60)
        self.assertEqual(problems, [])
        return accepted

    def test_failover_to_the_second_dsn(self):
        good = self.postgres.database("second")
        from e2e.lib.process import free_port
        bad = f"postgresql://postgres@127.0.0.1:{free_port()}/amavis"
        daemon = self.tamis(self.sink, {"scanners": YARA, "storage": {"lookup_dsn": [bad, good], "storage_dsn": [bad, good]}})
        self.assertEqual(self.until_accepted(daemon, mail.eicar()), 250)
        self.assertEqual(self.postgres.rows("select count(*) from quarantine", "second"), [["1"]])

    def test_a_missing_password_is_named(self):
        dsn = self.postgres.database("locked")
        self.postgres.sql("create role locked login password 'secret'", "postgres")
        hba = self.postgres.data / "pg_hba.conf"
        hba.write_text("host all locked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n")
        self.postgres.sql("select pg_reload_conf()", "postgres")
        daemon = self.start(dsn.replace("postgres@", "locked@"))
        self.assertCode(daemon.send(mail.eicar()), 451)
        daemon.wait_log("password")
        self.assertNotIn("secret", daemon.log())


class Sqlite(Case):
    def test_the_embedded_default(self):
        sink = self.hop()
        daemon = self.tamis(sink, {"scanners": YARA})
        self.assertCode(daemon.send(mail.eicar()), 250, "INFECTED")
        self.assertCode(daemon.send(mail.gtube()), 250, "spam")
        self.assertCode(daemon.send(mail.clean()), 250)
        from e2e.lib.process import run, until
        path = daemon.config["storage"]["storage_dsn"].removeprefix("sqlite:")
        def contents():
            return run(["sqlite3", "-cmd", ".timeout 5000", path, "select group_concat(content, '') from (select content from msgs order by 1)"]).strip()
        until(lambda: contents().endswith("CSV"), 10, "three records")
        self.assertEqual(run(["sqlite3", "-cmd", ".timeout 5000", path, "select count(distinct mail_id) from quarantine"]).strip(), "2")
        # without XFORWARD: who connected, as amavisd
        self.assertEqual(run(["sqlite3", "-cmd", ".timeout 5000", path, "select distinct client_addr from msgs"]).strip(), "127.0.0.1")

    def test_letters_of_local_parts_are_kept_where_they_matter(self):
        from e2e.lib.process import run, until
        daemon = self.tamis(self.hop(), {"policy": {"local_part_is_case_sensitive": True}})
        self.assertCode(daemon.send(mail.clean(), ["Bob@Example.com", "bob@B\u00fccher.example"], parameters=" SMTPUTF8"), 250)
        path = daemon.config["storage"]["storage_dsn"].removeprefix("sqlite:")
        def addresses():
            return run(["sqlite3", "-cmd", ".timeout 5000", path, "select email from maddr where email like 'bob%' order by email"]).split()
        until(lambda: len(addresses()) == 2, 10, "two addresses")
        self.assertEqual(addresses(), ["Bob@example.com", "bob@xn--bcher-kva.example"])
