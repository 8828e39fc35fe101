"""Every recipient's own settings from PostgreSQL, with the lookup tables of 2006 and of today, changed while mail flows"""
import signal
import subprocess

from e2e.lib import SOURCE, mail
from e2e.lib.case import Case
from e2e.lib.process import until
from e2e.lib.servers import shared_postgres
from e2e.lib.tamis import build_directory

# README.sql of amavisd-new 2.4 (2006), lookup part: addresses are varchar, longer texts stand in the sample's Y/N columns
SCHEMA_2006 = """
CREATE TABLE users (id serial PRIMARY KEY, priority integer NOT NULL DEFAULT '7', policy_id integer NOT NULL DEFAULT '1',
  email varchar(255) NOT NULL UNIQUE, fullname varchar(255) DEFAULT NULL, local char(1));
CREATE TABLE mailaddr (id serial PRIMARY KEY, priority integer NOT NULL DEFAULT '7', email varchar(255) NOT NULL UNIQUE);
CREATE TABLE wblist (rid integer NOT NULL, sid integer NOT NULL, wb varchar(10) NOT NULL, PRIMARY KEY (rid, sid));
CREATE TABLE policy (id serial PRIMARY KEY, policy_name varchar(32), virus_lover char(1), spam_lover char(1),
  banned_files_lover char(1), bad_header_lover char(1), bypass_virus_checks char(1), bypass_spam_checks varchar(5),
  bypass_banned_checks char(1), bypass_header_checks char(1), spam_modifies_subj char(1), virus_quarantine_to varchar(64),
  spam_quarantine_to varchar(64), banned_quarantine_to varchar(64), bad_header_quarantine_to varchar(64),
  clean_quarantine_to varchar(64), other_quarantine_to varchar(64), spam_tag_level float, spam_tag2_level float,
  spam_kill_level varchar(10), spam_dsn_cutoff_level float, spam_quarantine_cutoff_level float,
  addr_extension_virus varchar(64), addr_extension_spam varchar(64), addr_extension_banned varchar(64),
  addr_extension_bad_header varchar(64), warnvirusrecip char(1), warnbannedrecip char(1), warnbadhrecip char(1),
  newvirus_admin varchar(64), virus_admin varchar(64), banned_admin varchar(64), bad_header_admin varchar(64),
  spam_admin varchar(64), spam_subject_tag varchar(64), spam_subject_tag2 varchar(64), message_size_limit integer,
  banned_rulenames varchar(64));
"""
BOB, CAROL = "bob@example.com", "carol@example.com"


class Wiki:
    """The scenario of the administrators' wiki; once per schema of the lookup tables."""
    schema = None       # today's
    base = "today"

    def setUp(self):
        self.postgres = shared_postgres()
        self.records = f"records_{self.base}_{self.id().rpartition('_')[2]}"
        self.lookups = f"lookups_{self.base}_{self.id().rpartition('_')[2]}"
        self.storage_dsn = self.postgres.database(self.records)
        self.lookup_dsn = self.postgres.database(self.lookups, self.schema)
        self.sink = self.hop()

    def sql(self, statement):
        return self.postgres.rows(statement, self.lookups)

    def start(self, **config):
        storage = {"lookup_dsn": self.lookup_dsn, "storage_dsn": self.storage_dsn, **config.pop("storage", {})}
        return self.tamis(self.sink, {"scanners": {"yara": {}}, "storage": storage, **config})

    def delivered(self):
        """Who got something since the last call, one list per message."""
        found = [sorted(message.recipients) for message in self.sink.messages]
        self.sink.clear()
        return found

    def record(self, count=1):
        """The rows of the newest message: content, quar_type, policy of msgs; address, content, ds, bl, wl of msgrcpt."""
        def rows():
            return self.postgres.rows("select content, quar_type, policy from msgs where content is not null order by time_num, mail_id", self.records)
        until(lambda: len(rows()) >= count, 30, f"{count} records")
        return rows()

    def recipients(self, content):
        return self.postgres.rows("select encode(a.email, 'escape'), r.content, r.ds, r.bl, r.wl from msgrcpt r join msgs m using (partition_tag, mail_id) "
                                  f"join maddr a on a.id=r.rid where m.content='{content}' order by r.mail_id, r.rseqnum", self.records)

    def test_bypass_inserted_while_the_daemon_runs(self):
        daemon = self.start()
        self.assertCode(daemon.send(mail.clean(), [BOB]), 250)
        self.assertEqual(self.delivered(), [[BOB]])
        self.assertCode(daemon.send(mail.gtube(), [BOB]), 250, "discarded")
        self.assertEqual(self.delivered(), [])
        self.record(2)
        self.assertEqual(self.recipients("S"), [[BOB, "S", "D", "N", "N"]])
        self.assertEqual(self.postgres.rows("select count(distinct mail_id) from quarantine", self.records), [["1"]])

        self.sql(f"insert into policy (id, policy_name, bypass_spam_checks) values (8, 'no spam checks', 'Y'); "
                 f"insert into users (policy_id, email) values (8, '{BOB}')")
        replies = daemon.send(mail.gtube(), [BOB, CAROL], lmtp=True)
        self.assertCode(replies[0], 250, "queued")
        self.assertCode(replies[1], 250, "discarded")
        self.assertEqual(self.delivered(), [[BOB]])
        self.record(3)
        self.assertIn([BOB, "C", "P", "N", "N"], self.recipients("S"))
        self.assertIn([CAROL, "S", "D", "N", "N"], self.recipients("S"))

        self.sql("update policy set bypass_spam_checks = 'N' where id = 8")
        for reply in daemon.send(mail.gtube(), [BOB, CAROL], lmtp=True):
            self.assertCode(reply, 250, "discarded")
        self.assertEqual(self.delivered(), [])

    def test_lists_levels_tags_and_priorities(self):
        daemon = self.start()
        self.sql("insert into policy (id, spam_subject_tag2, spam_kill_level, spam_lover) values (1, '[spam] ', null, 'Y'), (2, null, '2000', null); "
                 f"insert into users (id, priority, policy_id, email) values (1, 9, 1, '{BOB}'), (2, 1, 2, '@.example.com'); "
                 "insert into mailaddr (id, email) values (1, '@.sender.example.org'), (2, 'alice@sender.example.org'); "
                 "insert into wblist (rid, sid, wb) values (1, 1, 'B'), (2, 2, '500')")
        replies = daemon.send(mail.clean(), [BOB, CAROL], lmtp=True)
        self.assertEqual([code for code, _ in replies], [250, 250])
        by_recipient = {message.recipients[0]: message for message in self.sink.messages}
        self.assertEqual(by_recipient[BOB].field("X-Spam-Flag"), ["YES"])
        self.assertIn("BLACKLISTED", by_recipient[BOB].field("X-Spam-Status")[0])
        self.assertTrue(by_recipient[BOB].field("Subject")[0].startswith("[spam] "))
        self.assertIn("AM.WBL=500", by_recipient[CAROL].field("X-Spam-Status")[0])
        self.assertEqual(sorted(self.delivered()), [[BOB], [CAROL]])
        self.record(1)
        self.assertEqual([row[3:] for row in self.recipients("S")], [["Y", "N"], ["N", "N"]])
        self.sql("update wblist set wb='W' where rid=1; delete from wblist where rid=2")
        daemon.send(mail.gtube(), [BOB, CAROL], lmtp=True)
        self.assertEqual(sorted(self.delivered()), [[BOB], [CAROL]])    # allowed, and a kill level of 2000

    def test_tables_away_and_back(self):
        daemon = self.start(storage={"wait": 1})
        until(lambda: daemon.send(mail.clean(), [BOB])[0] == 250, 60, "the tables are used")
        self.delivered()
        self.sql("alter table users rename to users_away")
        self.assertCode(daemon.send(mail.clean(), [BOB]), 451, "lookup FAILED: not available")
        self.assertRegex(daemon.log(), r"lookup FAILED: .*lookup_dsn postgresql://.*users")
        self.assertEqual([code for code, _ in daemon.send(mail.clean(), [BOB, CAROL], lmtp=True)], [451, 451])
        self.assertEqual(self.delivered(), [])
        self.sql("alter table users_away rename to users")
        # away for longer than `wait`: refused at once until a session is there again
        until(lambda: daemon.send(mail.clean(), [BOB])[0] == 250, 60, "the tables are used again")

    def test_sessions_that_were_cut_off_go_unnoticed(self):
        daemon = self.start(storage={"wait": 60})
        self.assertCode(daemon.send(mail.clean(), [BOB]), 250)
        self.postgres.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where datname='{self.lookups}' and pid<>pg_backend_pid()", "postgres")
        self.assertCode(daemon.send(mail.clean(), [BOB]), 250)

    def test_explain(self):
        daemon = self.start(recipients={'".example.com"': {"spam_tag_level": 1}})
        self.sql("insert into policy (id, spam_kill_level) values (5, '99'); insert into users (id, policy_id, email) values (17, 5, '@example.com')")
        done = subprocess.run([build_directory() / "tamis", "explain", "-c", daemon.file, BOB, "--category", "spam"], text=True, capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"spam_kill_level +99 +users row 17 \(\"@example.com\"\), policy row 5, column spam_kill_level\n")
        self.assertRegex(done.stdout, r"spam_tag_level +1 +\[recipients\.\"\.example\.com\"\] line \d+\n")
        self.assertRegex(done.stdout, r"spam_tag2_level +6\.2 +default\n")
        self.assertIn("score      99\n", done.stdout)
        self.assertIn("outcome    discard: 250 2.7.0 Ok, discarded", done.stdout)


class Today(Wiki, Case):
    def test_cache_is_emptied_by_notify_and_by_sighup(self):
        daemon = self.start(storage={"lookup_cache": "1h"})
        until(lambda: daemon.send(mail.gtube(), [BOB]) and "connected" in daemon.log(), 60, "lookups")
        daemon.send(mail.gtube(), [BOB])
        self.sql(f"insert into policy (id, bypass_spam_checks) values (8, 'Y'); insert into users (policy_id, email) values (8, '{BOB}')")
        daemon.send(mail.gtube(), [BOB])
        self.assertEqual(self.delivered(), [])              # the cache still says otherwise
        daemon.reload()
        daemon.wait_log("reloaded")
        daemon.send(mail.gtube(), [BOB])
        self.assertEqual(self.delivered(), [[BOB]])
        self.postgres.sql((SOURCE / "schema" / "postgresql" / "optional-notify.sql").read_text(), self.lookups)
        daemon.send(mail.gtube(), [BOB])
        self.assertEqual(self.delivered(), [[BOB]])
        self.sql("update policy set bypass_spam_checks = 'N'")

        def stopped():
            daemon.send(mail.gtube(), [BOB])
            return self.delivered() == []
        until(stopped, 60, "the notification")

    def test_banks_and_pen_pals(self):
        daemon = self.start(policy={"pen_pals_bonus": 999, "spam_tag_level": "none"}, server={"xforward_peers": ["127.0.0.1"], "mynetworks": ["192.0.2.0/24"]},
                            banks={"PARTNER": {"spam_lover": True}})
        daemon.write(daemon.file.read_text() + '[[bank_rules]]\nclients = ["198.51.100.0/24"]\nbanks = ["PARTNER"]\n')
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_log("reloaded")

        def send(data, client, sender, recipients):
            with daemon.client() as peer:
                peer.hello()
                self.assertCode(peer.command(f"XFORWARD ADDR={client}"), 250)
                return peer.transaction(sender, recipients, data)
        send(mail.gtube(), "198.51.100.7", "x@partner.example", [BOB])
        self.assertEqual(self.delivered(), [[BOB]])
        pal = "pal@friend.example.org"
        send(mail.gtube(sender=pal), "203.0.113.5", pal, [BOB])
        self.assertEqual(self.delivered(), [])
        send(mail.clean(), "192.0.2.1", BOB, [pal])
        self.assertEqual(self.delivered(), [[pal]])
        self.record(3)
        send(mail.gtube(sender=pal), "203.0.113.5", pal, [BOB, CAROL])
        self.assertEqual([message.recipients for message in self.sink.messages], [[BOB]])
        self.assertIn("AM.PENPAL=-99", self.sink.messages[0].field("X-Spam-Status")[0])
        self.assertRegex(self.sink.messages[0].field("X-Amavis-PenPals")[0], r"^age 0 0:\d\d:\d\d$")
        self.assertEqual(sorted(row[2] for row in self.record(4)), ["", "", "MYNETS", "PARTNER"])


class Of2006(Wiki, Case):
    schema = SCHEMA_2006
    base = "of2006"

    def test_texts_of_the_old_sample_and_a_level_that_is_none(self):
        daemon = self.start()
        self.sql("insert into policy (id, policy_name, bypass_spam_checks, spam_kill_level) values (1, 'Wants all spam', 'Yes', null), "
                 "(2, 'mistyped', 'No', 'high'), (3, 'mistyped', 'maybe', '6,9'); "
                 f"insert into users (policy_id, email) values (1, '{BOB}'), (2, '{CAROL}'), (3, 'dave@example.com'), (4, 'erin@example.com')")
        daemon.send(mail.gtube(), [BOB, CAROL, "dave@example.com", "erin@example.com"])
        self.assertEqual(self.delivered(), [[BOB]])
        for text in ('policy row 2: column spam_kill_level: "high" is not a number; taken as NULL',
                     'policy row 3: column bypass_spam_checks: "maybe" is not yes or no (Y or N); taken as NULL',
                     'policy row 3: column spam_kill_level: "6,9" is not a number', "column policy_id holds 4, but the table policy has no such row"):
            daemon.wait_log(text)
