"""The whole sandwich: a real Postfix, content_filter by LMTP and by SMTP, real clamd, spamd, rspamd and PostgreSQL"""
import re
import socket

from e2e.lib import mail, servers
from e2e.lib.case import Case
from e2e.lib.postfix import Postfix
from e2e.lib.process import run, until
from fakes.client import Client


class Sandwich(Case):
    protocol = "lmtp"
    limit = 240

    def setUp(self):
        self.sink = self.hop()
        self.postgres = servers.shared_postgres()
        self.base = f"sandwich_{self.protocol}_{self._testMethodName}"[:60]
        dsn = self.postgres.database(self.base)
        clamd, spamd, rspamd = (servers.shared(name) for name in ("clamd", "spamd", "rspamd"))
        # both ways between the daemon and Postfix are not known before the other one is there: reserve our port first
        from e2e.lib.process import free_port
        port = free_port()
        self.postfix = Postfix(f"127.0.0.1:{port}", self.sink.address, self.protocol)
        self.addCleanup(self.postfix.stop)
        self.daemon = self.tamis(f"smtp:[127.0.0.1]:{self.postfix.back_port}", {
            # the test's own address shall not count as originating; real rules give our short messages a few points
            "server": {"mynetworks": ["192.0.2.0/24"]}, "policy": {"spam_tag2_level": 40, "spam_kill_level": 50},
            "scanners": {"clamd": {"socket": clamd["socket"]}, "spamd": {"socket": spamd["tcp"]}, "rspamd": {"url": rspamd["url"]}}},
            storage=dsn, port=port)

    def submit(self, data, recipients=("bob@example.com",), sender="alice@sender.example.org", **options):
        with Client(self.postfix.front) as client:
            client.hello()
            self.assertCode(client.transaction(sender, recipients, data, **options), 250)

    def empty_queue(self):
        until(lambda: self.postfix.queued() == 0, 60, "an empty Postfix queue")

    def records(self, count):
        """(content, quar_type, subject, ds of all recipients, quarantine chunks) per message"""
        statement = ("select content, quar_type, subject, (select string_agg(ds, '' order by rseqnum) from msgrcpt r where r.mail_id = m.mail_id), "
                     "(select count(*) from quarantine q where q.mail_id = m.mail_id) from msgs m where content is not null order by time_num, subject")
        until(lambda: len(self.postgres.rows(statement, self.base)) >= count, 20, f"{count} records")
        return self.postgres.rows(statement, self.base)

    def test_clean_eicar_and_gtube(self):
        original = mail.clean()
        self.submit(original)
        self.submit(mail.eicar())
        self.submit(mail.gtube(), recipients=["bob@example.com", "carol@example.com"])
        self.assertTrue(self.sink.wait(1, 60))
        self.empty_queue()
        self.assertEqual([m.field("Subject") for m in self.sink.messages], [["greetings"]])
        self.assertEqual(mail.body_of(self.sink.messages[0].data), mail.body_of(original))
        self.assertEqual(self.sink.messages[0].mail_from, "alice@sender.example.org")
        rows = {row[2]: row for row in self.records(3)}
        self.assertEqual((rows["greetings"][0], rows["greetings"][3], rows["greetings"][4]), ("C", "P", "0"))
        self.assertEqual((rows["infected sample"][0], rows["infected sample"][1], rows["infected sample"][3]), ("V", "Q", "D"))
        self.assertEqual((rows["spam sample"][0], rows["spam sample"][1], rows["spam sample"][3]), ("S", "Q", "DD"))
        self.assertGreater(int(rows["infected sample"][4]), 0)
        summaries = "\n".join(self.daemon.summaries())
        self.assertIn("Passed CLEAN {RelayedInbound}", summaries)
        self.assertIn("Blocked INFECTED (Eicar-Test-Signature", summaries)
        self.assertIn("Blocked SPAM {DiscardedInbound,Quarantined}", summaries)
        statuses = re.findall(r"status=(\w+) \(250 2\.7\.0", self.postfix.log())
        self.assertGreaterEqual(len(statuses), 2)
        self.assertNotIn("status=deferred", self.postfix.log())
        self.assertNotIn("status=bounced", self.postfix.log())

    def test_recipients_and_bytes(self):
        recipients = [f"user{n}@example.com" for n in range(20)] + ["far@elsewhere.example.net"]
        original = mail.eight_bit()
        self.submit(original, recipients=recipients, parameters=" BODY=8BITMIME")
        self.assertTrue(self.sink.wait_for(lambda hop: sum(len(m.recipients) for m in hop.messages) >= 21, 60))
        self.empty_queue()
        self.assertEqual(sorted(r for m in self.sink.messages for r in m.recipients), sorted(recipients))
        for message in self.sink.messages:
            self.assertEqual(mail.body_of(message.data), mail.body_of(original))
            self.assertFalse(message.bare)
            if "far@elsewhere.example.net" in message.recipients:
                self.assertEqual(message.field("X-Spam-Status"), [])     # not local: no spam headers

    def test_smtputf8(self):
        self.submit(mail.message(subject="grüße", body="Käse\n"), sender="jürgen@bücher.example.org", recipients=["用户@example.com"],
                    parameters=" SMTPUTF8 BODY=8BITMIME")
        self.assertTrue(self.sink.wait(1, 60))
        self.empty_queue()
        self.assertEqual((self.sink.messages[0].mail_from, self.sink.messages[0].recipients), ("jürgen@bücher.example.org", ["用户@example.com"]))

    def test_dsn_parameters_survive(self):
        self.submit(mail.clean(), parameters=" RET=HDRS ENVID=QQ+2B31", recipient_parameters=" NOTIFY=FAILURE,DELAY ORCPT=rfc822;orig@example.com")
        self.assertTrue(self.sink.wait(1, 60))
        message = self.sink.messages[0]
        self.assertLessEqual({"RET=HDRS", "ENVID=QQ+2B31"}, set(message.mail_parameters))
        self.assertIn("ORCPT=rfc822;orig@example.com", message.recipient_parameters["bob@example.com"])
        notify = [p for p in message.recipient_parameters["bob@example.com"] if p.startswith("NOTIFY=")][0]
        self.assertEqual(set(notify[7:].split(",")), {"FAILURE", "DELAY"})

    def test_the_original_client_is_known(self):
        with Client(self.postfix.front) as client:
            client.hello()
            self.assertCode(client.command("XCLIENT ADDR=203.0.113.7 NAME=mail.example.net HELO=mail.example.net"), 220)
            client.hello()
            self.assertCode(client.transaction("alice@sender.example.org", ["bob@example.com"], mail.eicar()), 250)
        self.empty_queue()
        self.records(1)
        self.assertEqual(self.postgres.rows("select client_addr from msgs", self.base), [["203.0.113.7"]])
        self.assertRegex("\n".join(self.daemon.summaries()), r"\[203\.0\.113\.7\](:\d+)? .*Queue-ID: [0-9A-Za-z]+")

    def test_amavisd_reads_and_releases_our_quarantine(self):
        body = "".join(f"line {n} of a long body\n" for n in range(3000))          # more than one chunk
        self.submit(mail.message(body=body + mail.EICAR + "\n", subject="infected sample"))
        self.empty_queue()
        self.records(1)
        mail_id, secret, chunks, longest = self.postgres.rows(
            "select encode(m.mail_id, 'escape'), encode(m.secret_id, 'escape'), count(*), max(octet_length(mail_text)) from msgs m "
            "join quarantine q using (partition_tag, mail_id) group by 1, 2", self.base)[0]
        self.assertGreater(int(chunks), 1)
        self.assertLessEqual(int(longest), 16384)
        amavisd = servers.Amavisd(f"smtp:[127.0.0.1]:{self.sink.port}", postgres_port=self.postgres.port, database=self.base)
        self.addCleanup(amavisd.stop)
        with socket.socket(socket.AF_UNIX) as release:
            release.settimeout(60)
            release.connect(amavisd.release_socket)
            release.sendall(f"request=release\r\nmail_id={mail_id}\r\nsecret_id={secret}\r\nquar_type=Q\r\n\r\n".encode())
            answer = release.recv(4096).decode()
        self.assertTrue(answer.startswith("setreply=250 "), answer + amavisd.log()[-1500:])
        self.assertTrue(self.sink.wait(1, 30))
        released = self.sink.messages[0]
        self.assertEqual(released.recipients, ["bob@example.com"])
        self.assertEqual(mail.body_of(released.data), mail.crlf(body + mail.EICAR + "\n"))
        self.assertEqual(released.field("X-Envelope-To"), [])


class SandwichBySmtp(Sandwich):
    protocol = "smtp"


class LogParsers(Case):
    def test_logwatch_reads_the_summary_lines(self):
        sink = self.hop()
        daemon = self.tamis(sink, {"scanners": {"yara": {}}})
        daemon.send(mail.clean())
        daemon.send(mail.eicar())
        daemon.send(mail.gtube(), recipients=["bob@example.com", "carol@example.com"])
        lines = re.findall(r"\([^()\s]+\) (?:Passed|Blocked) [^\n]*", daemon.log())
        self.assertEqual(len(lines), 3, daemon.log())
        log = daemon.home / "mail.log"
        log.write_text("\n".join(lines) + "\n")        # logwatch takes date, host and program away before
        with open(log) as stream:
            report = run(["perl", "/usr/share/logwatch/scripts/services/amavis", "--detail", "10"], stdin=stream,
                         env={"PATH": "/usr/bin:/bin", "LOGWATCH_DETAIL_LEVEL": "10", "LANG": "C.UTF-8"})
        self.assertRegex(report, r"1\s+Clean passed")
        self.assertRegex(report, r"1\s+Malware blocked")
        self.assertRegex(report, r"1\s+Spam blocked")
        self.assertNotIn("Unmatched", report)
