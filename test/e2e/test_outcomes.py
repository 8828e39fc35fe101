"""What becomes of a message besides delivery: quarantine in files and mailboxes, address extensions, notices"""
import gzip
import pathlib
import re
import sqlite3

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import until

YARA = {"yara": {}}


class Outcomes(Case):
    def start(self, policy, hop=None, **more):
        self.sink = hop or self.hop()
        return self.tamis(self.sink, {"scanners": YARA, "policy": policy, **more})

    def got(self, count, hop=None):
        """The messages of the hop, which notes them a moment after it has answered."""
        hop = hop or self.sink
        self.assertTrue(hop.wait(count, 10), f"{len(hop.messages)} messages instead of {count}")
        return hop.messages

    def folder(self, daemon):
        return pathlib.Path(daemon.config["server"]["state_dir"]) / "quarantine"

    def files(self, daemon):
        return sorted(str(path.relative_to(self.folder(daemon))) for path in self.folder(daemon).rglob("*") if path.is_file())

    def rows(self, daemon, statement):
        with sqlite3.connect(f"file:{daemon.config['server']['state_dir']}/tamis.db?mode=ro", uri=True) as base:
            return [tuple(v.decode() if isinstance(v, bytes) else v for v in row) for row in base.execute(statement)]


class SoftBounce(Outcomes):
    def test_nothing_is_given_up_while_it_is_on(self):
        daemon = self.start({"soft_bounce": True, "final_spam_destiny": "discard", "final_virus_destiny": "reject"})
        self.assertCode(daemon.send(mail.gtube()), 450, "4.7.0 Ok, discarded (soft_bounce), id=")
        self.assertCode(daemon.send(mail.eicar()), 450, "4.7.0 Reject (soft_bounce), id=")
        self.sink.on("dot", "554 5.7.1 not this")
        code, lines = daemon.send(mail.clean())
        self.assertEqual(code, 450)
        self.assertRegex(lines[0], r"^4\.7\.1 id=\S+ - Rejected by next-hop MTA on relaying, from MTA\(.*: 554 5\.7\.1 not this$")
        self.assertEqual(self.sink.messages, [])


class Quarantine(Outcomes):
    def test_a_file_for_each_message(self):
        daemon = self.start({"virus_quarantine": "local:virus-%m", "quarantine_subdir_levels": 1})
        data = mail.eicar()
        self.assertCode(daemon.send(data), 250, "Ok, discarded")
        [name] = self.files(daemon)
        self.assertRegex(name, r"^(\w)/virus-\1[\w-]{11}$")
        path = self.folder(daemon) / name
        self.assertEqual(path.stat().st_mode & 0o777, 0o640)
        text = path.read_bytes()
        identity = name[8:]
        head = text.split(b"\n")
        self.assertEqual(head[0], b"Return-Path: <alice@sender.example.org>")
        self.assertEqual(head[2:5], [b"X-Envelope-From: <alice@sender.example.org>", b"X-Envelope-To: <bob@example.com>",
                                     b"X-Envelope-To-Blocked: <bob@example.com>"])
        self.assertIn(f"X-Quarantine-ID: <{identity}>".encode(), head)
        self.assertTrue(text.endswith(data.replace(b"\r\n", b"\n")))
        self.assertEqual(self.rows(daemon, "select mail_id, quar_type, quar_loc, content from msgs"), [(identity, "F", name, "V")])
        self.assertEqual(self.rows(daemon, "select count(*) from quarantine"), [(0,)])
        self.assertIn(f"quarantine: {name}", "\n".join(daemon.summaries()))
        self.assertEqual(self.sink.messages, [])

    def test_gzip_of_a_large_message(self):
        daemon = self.start({"spam_quarantine": "local:spam-%m.gz"})
        data = mail.message(body=mail.GTUBE + "\n" + "0123456789" * 7 * 4 + "\n" * 20000, subject="spam")
        self.assertCode(daemon.send(data), 250)
        [name] = self.files(daemon)
        text = gzip.decompress((self.folder(daemon) / name).read_bytes())
        self.assertTrue(text.endswith(data.replace(b"\r\n", b"\n")))
        self.assertIn(b"\nX-Spam-Flag: YES\n", text)
        self.assertEqual(self.rows(daemon, "select quar_type, quar_loc, content from msgs"), [("Z", name, "S")])

    def test_mbox(self):
        daemon = self.start({"virus_quarantine": "mbox:viruses"})
        for body in (f"From here\n{mail.EICAR}\n", f"{mail.EICAR}\n>From there\n"):
            self.assertCode(daemon.send(mail.message(body=body)), 250)
        text = (self.folder(daemon) / "viruses").read_text()
        self.assertEqual(len(re.findall(r"^From alice@sender\.example\.org \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$", text, re.M)), 2)
        self.assertEqual(len(re.findall(r"^From ", text, re.M)), 2)
        self.assertIn("\n>From here\n", text)
        self.assertTrue(text.endswith("\n\n"))
        self.assertEqual(self.rows(daemon, "select distinct quar_type, quar_loc from msgs"), [("F", "viruses")])

    def test_a_mailbox_by_address_and_by_method(self):
        box = self.hop(lmtp=True)
        daemon = self.start({"virus_quarantine": "virus-box@example.com", "spam_quarantine": f"lmtp:[127.0.0.1]:{box.port}",
                             "spam_quarantine_to": "spam-box@example.com"})
        self.assertCode(daemon.send(mail.eicar(), recipients=["bob@example.com", "eve@example.com"]), 250)
        [copy] = self.got(1)
        self.assertEqual((copy.mail_from, copy.recipients), ("", ["virus-box@example.com"]))
        self.assertEqual(copy.recipient_parameters["virus-box@example.com"], ["NOTIFY=NEVER"])
        self.assertEqual(copy.field("X-Envelope-To"), ["<bob@example.com>, <eve@example.com>"])
        self.assertTrue(copy.data.endswith(mail.EICAR.encode() + b"\r\n"))
        self.assertFalse(copy.bare)
        self.assertCode(daemon.send(mail.gtube()), 250)
        self.assertEqual([m.recipients for m in self.got(1, box)], [["spam-box@example.com"]])
        self.assertEqual(self.rows(daemon, "select quar_type, quar_loc from msgs order by content"),
                         [("L", "spam-box@example.com"), ("M", "virus-box@example.com")])

    def test_each_target_once_and_the_archive_besides(self):
        daemon = self.start({"virus_quarantine": "local:v-%m", "virus_quarantine_to": "v", "archive_quarantine": "mbox:archive"})
        self.assertCode(daemon.send(mail.eicar(), recipients=["a@example.com", "b@example.com", "c@example.com"]), 250)
        self.assertCode(daemon.send(mail.clean()), 250)
        names = self.files(daemon)
        self.assertEqual(len(names), 2, names)
        self.assertEqual((self.folder(daemon) / "archive").read_text().count("\nX-Quarantine-ID: "), 2)
        [delivered] = self.got(1)
        self.assertEqual(delivered.field("X-Quarantine-ID"), [])
        self.assertEqual(self.rows(daemon, "select quar_type, quar_loc from msgs where content='C'"), [("F", "archive")])
        self.assertIn("Archived", "\n".join(daemon.summaries()))

    def test_no_name_no_copy(self):
        daemon = self.start({"virus_quarantine": "local:v-%m", "virus_quarantine_to": ""})
        self.assertCode(daemon.send(mail.eicar()), 250)
        self.assertFalse(self.folder(daemon).exists())

    def test_a_copy_that_cannot_be_written_keeps_the_mail_with_the_mta(self):
        box = self.hop().on("rcpt", "550 5.1.1 no such box", when="box@")
        daemon = self.start({"virus_quarantine": "local:v-%m", "spam_quarantine": "box@example.com"}, hop=box)
        path = self.folder(daemon)
        path.write_text("not a directory")
        self.assertCode(daemon.send(mail.eicar()), 451, "temporarily unable to quarantine")
        self.assertCode(daemon.send(mail.gtube()), 451, "temporarily unable to quarantine")
        replies = daemon.send(mail.eicar(), recipients=["a@example.com", "b@example.com"], lmtp=True)
        self.assertEqual([code for code, _ in replies], [451, 451])
        self.assertEqual(box.messages, [])
        path.unlink()
        box.forget()
        self.assertCode(daemon.send(mail.eicar()), 250)
        self.assertCode(daemon.send(mail.gtube()), 250)
        self.assertEqual(len(self.files(daemon)), 1)

    def test_forms_are_checked_with_their_line(self):
        daemon = self.tamis(self.hop(), start=False)
        for value, says in (("bsmtp:x", "not known"), ("local:virus", "%m"), ("local:../%m", "dot"), ("smtp:[127.0.0.1]", "policy.spam_quarantine"),
                            ("mbox:", "path"), ("sql:x", "sql:")):
            with self.subTest(value=value):
                status, said = daemon.check(f'[policy]\n\nspam_quarantine = "{value}"\n')
                self.assertEqual(status, 1, said)
                self.assertIn(f"{daemon.file}:3:", said)
                self.assertIn(says, said)


class Extensions(Outcomes):
    POLICY = {"addr_extension_spam": "spam", "final_spam_destiny": "pass", "spam_quarantine": ""}

    def test_marked_mail_goes_to_the_extension_and_orcpt_says_where_it_was_for(self):
        daemon = self.start(self.POLICY)
        self.assertCode(daemon.send(mail.gtube(), recipients=["bob@example.com", "eve+list@example.com", "out@elsewhere.example.org"]), 250)
        self.assertTrue(self.sink.wait(2))
        local, remote = sorted(self.sink.messages, key=lambda m: -len(m.recipients))
        self.assertEqual(local.recipients, ["bob+spam@example.com", "eve+spam@example.com"])
        self.assertEqual(local.recipient_parameters["bob+spam@example.com"], ["ORCPT=rfc822;bob@example.com"])
        self.assertEqual(local.recipient_parameters["eve+spam@example.com"], ["ORCPT=rfc822;eve+2Blist@example.com"])
        self.assertEqual(local.field("X-Spam-Flag"), ["YES"])
        self.assertEqual(local.field("Subject"), ["***SPAM*** spam sample"])
        self.assertEqual(remote.recipients, ["out@elsewhere.example.org"])
        self.assertEqual(remote.recipient_parameters["out@elsewhere.example.org"], [])
        self.assertEqual(remote.field("X-Spam-Flag") + remote.field("X-Spam-Status"), [])
        self.assertEqual(remote.field("Subject"), ["spam sample"])
        recipients = [("bob@example.com",), ("eve+list@example.com",), ("out@elsewhere.example.org",)]
        until(lambda: self.rows(daemon, "select email from maddr join msgrcpt on id=rid order by email") == recipients, 10, "the records")

    def test_an_orcpt_that_is_there_stays(self):
        daemon = self.start(self.POLICY)
        replies = daemon.send(mail.gtube(), lmtp=True, recipient_parameters=" NOTIFY=NEVER ORCPT=rfc822;first@example.net")
        self.assertEqual([code for code, _ in replies], [250])
        [got] = self.got(1)
        self.assertEqual(got.recipient_parameters["bob+spam@example.com"], ["NOTIFY=NEVER", "ORCPT=rfc822;first@example.net"])

    def test_no_delimiter_no_extension(self):
        daemon = self.start({**self.POLICY, "recipient_delimiter": ""})
        self.assertCode(daemon.send(mail.gtube()), 250)
        self.assertEqual(self.got(1)[0].recipients, ["bob@example.com"])

    def test_clean_mail_keeps_its_address(self):
        daemon = self.start(self.POLICY)
        self.assertCode(daemon.send(mail.clean()), 250)
        self.assertEqual(self.got(1)[0].recipients, ["bob@example.com"])
        self.assertEqual(self.got(1)[0].recipient_parameters["bob@example.com"], [])


class Sizes(Outcomes):
    def test_oversized(self):
        daemon = self.start({"message_size_limit": 70_000, "final_oversized_destiny": "reject"})
        self.assertCode(daemon.send(mail.large(60_000)), 250)
        self.assertCode(daemon.send(mail.large(90_000)), 552, "5.3.4 Reject")
        replies = daemon.send(mail.large(90_000), recipients=["a@example.com", "b@example.com"], lmtp=True)
        self.assertEqual([code for code, _ in replies], [552, 552])
        self.assertEqual(len(self.got(1)), 1)
        until(lambda: self.rows(daemon, "select distinct content from msgrcpt order by 1") == [("C",), ("O",)], 10, "the records")


class Notices(Outcomes):
    def test_an_administrator_is_told_and_a_new_virus_only_once(self):
        daemon = self.start({"virus_admin": "admin@example.com", "newvirus_admin": "news@example.com"})
        for _ in range(2):
            self.assertCode(daemon.send(mail.eicar(extra="X-Odd: =?utf-8?q?J=C3=B6rg?=\n"), recipients=["bob@example.com", "eve@example.com"]), 250)
        first, second = self.got(2)
        self.assertEqual((first.mail_from, first.recipients), ("", ["admin@example.com", "news@example.com"]))
        self.assertEqual(second.recipients, ["admin@example.com"])
        self.assertEqual(first.recipient_parameters["admin@example.com"], ["NOTIFY=NEVER"])
        text = first.data.decode()
        for part in ("Subject: VIRUS: INFECTED: ", "<bob@example.com>", "<eve@example.com>", "infected sample", "alice@sender.example.org"):
            self.assertIn(part, text)
        self.assertNotIn(mail.EICAR, text)
        self.assertFalse(first.bare)

    def test_a_temporary_failure_there_tempfails_and_a_refusal_does_not(self):
        sink = self.hop().on("rcpt", "450 4.2.0 later", when="admin@")
        daemon = self.start({"spam_admin": "admin@example.com"}, hop=sink)
        self.assertCode(daemon.send(mail.gtube()), 451, "notification")
        sink.forget().on("rcpt", "550 5.1.1 unknown", when="admin@")
        self.assertCode(daemon.send(mail.gtube()), 250)
        daemon.wait_log("the spam_admin notification to <admin@example.com> was refused")
        self.assertEqual(sink.messages, [])

    def test_recipients_are_told_about_themselves_through_the_method_for_notices(self):
        box = self.hop(lmtp=True)
        template = self.tamis(self.hop(), start=False).home / "template"
        template.write_text("Subject: Virus für {host}\n\nGrüße! {viruses} von {sender}\n")
        daemon = self.start({"warnvirusrecip": True}, notices={"method": f"lmtp:[127.0.0.1]:{box.port}", "virus_recipient_template": str(template),
                                                              "from": "filter@example.com", "sender": "bounces@example.com"})
        self.assertCode(daemon.send(mail.eicar(), recipients=["bob@example.com", "out@elsewhere.example.org"]), 250)
        [notice] = self.got(1, box)
        self.assertEqual((notice.mail_from, notice.recipients), ("bounces@example.com", ["bob@example.com"]))
        self.assertEqual(notice.field("To"), ["<bob@example.com>"])
        self.assertIn("<filter@example.com>", notice.field("From")[0])
        self.assertTrue(notice.field("Subject")[0].startswith("=?"), notice.field("Subject"))
        self.assertIn(b"Gr=C3=BC=C3=9Fe! ", notice.body)
        self.assertEqual(self.sink.messages, [])

    def test_no_notice_about_a_notice(self):
        daemon = self.start({"virus_admin": "admin@example.com"})
        self.assertCode(daemon.send(mail.eicar(extra="Auto-Submitted: auto-generated\n"), sender=""), 250)
        self.assertEqual(self.sink.messages, [])

    def test_a_template_that_is_none_is_a_clear_error(self):
        daemon = self.tamis(self.hop(), start=False)
        status, said = daemon.check('[notices]\nspam_admin_template = "/nonexistent/file"\n')
        self.assertEqual(status, 1)
        self.assertIn(f"{daemon.file}:2:", said)
        self.assertIn("/nonexistent/file", said)


class Mixed(Outcomes):
    """One message, different ends: one recipient's mail server takes it, another's refuses"""
    POLICY = {"final_spam_destiny": "pass", "spam_quarantine": "local:spam-%m", "addr_extension_spam": "spam", "spam_admin": "admin@example.com"}
    THREE = ["bob@example.com", "bad@example.com", "out@elsewhere.example.org"]

    def mixed(self, lmtp, refusal):
        sink = self.hop().on("rcpt", refusal, when="bad+spam@")
        daemon = self.start(self.POLICY, hop=sink)
        return daemon, daemon.send(mail.gtube(), recipients=self.THREE, lmtp=lmtp)

    def delivered(self, count=None):
        return sorted(recipient for message in (self.got(count) if count else self.sink.messages) for recipient in message.recipients)

    def test_lmtp(self):
        daemon, replies = self.mixed(True, "550 5.1.1 unknown")
        self.assertEqual([code for code, _ in replies], [250, 550, 250])
        self.assertEqual(self.delivered(3), ["admin@example.com", "bob+spam@example.com", "out@elsewhere.example.org"])
        self.assertEqual(len(self.files(daemon)), 1)
        rows = [("P",), ("R",), ("P",)]
        until(lambda: self.rows(daemon, "select ds from msgrcpt order by rseqnum") == rows, 10, "the records")

    def test_lmtp_with_a_temporary_failure(self):
        daemon, replies = self.mixed(True, "450 4.2.0 later")
        self.assertEqual([code for code, _ in replies], [250, 450, 250])
        self.assertEqual(self.delivered(3), ["admin@example.com", "bob+spam@example.com", "out@elsewhere.example.org"])

    def test_smtp(self):
        daemon, reply = self.mixed(False, "550 5.1.1 unknown")
        self.assertCode(reply, 250, "but 1 REJECT")
        self.assertEqual(self.delivered(3), ["admin@example.com", "bob+spam@example.com", "out@elsewhere.example.org"])

    def test_smtp_with_a_temporary_failure_tells_nobody(self):
        daemon, reply = self.mixed(False, "450 4.2.0 later")
        self.assertCode(reply, 451, "previous temporary failures")     # the first recipient's: nobody shall get it twice
        self.assertNotIn("admin@example.com", self.delivered())
