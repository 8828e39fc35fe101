"""The bounce killer: bounces of mail that we sent pass, bounces of mail that we never sent do not"""
import contextlib
import sqlite3

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import until
from e2e.lib.servers import shared_postgres

BOB, CAROL, FAR = "bob@example.com", "carol@example.com", "far@elsewhere.example.org"


def report(original, what="delivery-status", subject="Undelivered Mail Returned to Sender", part="message/rfc822"):
    """A bounce as Postfix writes it (RFC 3464), of that original (text with its header section)."""
    return mail.crlf(f"""From: MAILER-DAEMON@mx.elsewhere.example.org (Mail Delivery System)
To: {BOB}
Subject: {subject}
Auto-Submitted: auto-replied
Date: Sun, 22 Nov 2026 15:00:00 +0000
MIME-Version: 1.0
Message-ID: <report.{id(original) % 99991}@mx.elsewhere.example.org>
Content-Type: multipart/report; report-type={what}; boundary="=bounce="

--=bounce=
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

The mail system could not deliver your message.

--=bounce=
Content-Type: message/{what}

Reporting-MTA: dns; mx.elsewhere.example.org

Final-Recipient: rfc822; {FAR}
Action: failed
Status: 5.1.1

--=bounce=
Content-Type: {part}

{original}
--=bounce=--
""")


def original(message_id, sender=BOB):
    return f"From: Bob <{sender}>\nTo: {FAR}\nSubject: hello\nMessage-ID: {message_id}\nDate: Sun, 22 Nov 2026 14:00:00 +0000\nMIME-Version: 1.0\n\nhello\n"


def text_bounce(message_id):
    """As qmail writes it: the original quoted in the text."""
    return mail.crlf(f"From: MAILER-DAEMON@mx.elsewhere.example.org\nTo: {BOB}\nSubject: failure notice\nMessage-ID: <q{id(message_id) % 99991}@mx.elsewhere.example.org>\n"
                     f"Date: Sun, 22 Nov 2026 15:00:00 +0000\n\nHi. This is the mail program. I could not deliver your message.\n\n--- Below this line is a copy of the message.\n\n"
                     f"Return-Path: <{BOB}>\n{original(message_id)}")


def answer(message_id):
    """What a vacation program sends."""
    return mail.message(subject="Out of office", sender=FAR, body="I am away.\n", extra=f"Auto-Submitted: auto-replied (vacation)\nIn-Reply-To: {message_id}\n")


class Bounces:
    """Once per kind of records."""
    def start(self, **config):
        self.sink = self.hop()
        policy = {"bounce_killer_score": 100, "spam_tag_level": "none", **config.pop("policy", {})}
        self.daemon = self.tamis(self.sink, {"policy": policy, "scanners": {"yara": {}}, "storage": {**self.storage(), **config.pop("storage", {})},
                                             "server": {"mynetworks": ["192.0.2.0/24"]}, **config})
        return self.daemon

    def send(self, daemon, data, sender="", recipients=(BOB,), client="198.51.100.7"):
        with daemon.client() as peer:
            peer.hello()
            self.assertCode(peer.command(f"XFORWARD ADDR={client}"), 250)
            return peer.transaction(sender, recipients, data)

    def assertPasses(self, daemon, data, **options):
        self.sink.clear()
        self.assertCode(self.send(daemon, data, **options), 250, "queued")
        self.assertEqual(len(self.sink.messages), 1)
        self.assertNotIn("AM.BOUNCE", "".join(self.sink.messages[0].field("X-Spam-Status")))

    def assertKilled(self, daemon, data, **options):
        self.sink.clear()
        self.assertCode(self.send(daemon, data, **options), 250, "discarded")
        self.assertEqual(self.sink.messages, [])

    def test_bounces_of_mail_that_we_sent_and_of_mail_that_we_did_not(self):
        daemon = self.start()
        ours = "<hello.1@mail.somewhere.example.net>"       # not a local domain: the records must know it
        self.assertPasses(daemon, mail.message(message_id=ours, sender=BOB, to=FAR), sender=BOB, recipients=[FAR])
        self.recorded(1)
        for data in (report(original(ours)), report(original(ours), part="text/rfc822-headers"), text_bounce(ours), answer(ours),
                     report(original(ours), "disposition-notification", "Read: hello")):
            self.assertPasses(daemon, data)
        foreign = "<spam.1@bot.example.net>"
        for data in (report(original(foreign)), report(original(foreign), part="text/rfc822-headers"), text_bounce(foreign), answer(foreign),
                     report(original(foreign), "disposition-notification", "Read: hello")):
            self.assertKilled(daemon, data)
        self.assertKilled(daemon, report(original(ours)), recipients=[CAROL])       # she did not send it
        self.assertPasses(daemon, report(original("<x.1@sub.example.com>")))        # a Message-ID of ours
        self.assertPasses(daemon, report(original(foreign)), client="192.0.2.9")    # originating
        self.assertPasses(daemon, mail.message(subject="no bounce at all"))
        self.assertPasses(daemon, mail.message(subject="somebody's In-Reply-To", extra=f"In-Reply-To: {foreign}\n"), sender=FAR)

    def test_what_is_sent_from_inside_is_known_for_everybody(self):
        daemon = self.start()
        ours = "<hello.2@mail.somewhere.example.net>"
        self.assertPasses(daemon, mail.message(message_id=ours, sender=CAROL, to=FAR), sender=CAROL, recipients=[FAR], client="192.0.2.9")
        self.recorded(1)
        self.assertPasses(daemon, report(original(ours)))

    def test_the_score_is_shown_and_loved(self):
        daemon = self.start(recipients={f'"{BOB}"': {"spam_lover": True}, f'"{CAROL}"': {"bypass_spam_checks": True}})
        self.sink.clear()
        self.assertCode(self.send(daemon, report(original("<spam.2@bot.example.net>")), recipients=[BOB, CAROL]), 250, "queued")
        status = {message.recipients[0]: "".join(message.field("X-Spam-Status")) for message in self.sink.messages}
        self.assertIn("AM.BOUNCE=100", status[BOB])
        self.assertNotIn("AM.BOUNCE", status[CAROL])

    def test_without_records_nobody_can_tell(self):
        foreign = original("<spam.3@bot.example.net>")
        self.assertPasses(self.start(storage={"record_all": False}), report(foreign))
        self.assertPasses(self.start(policy={"bounce_killer_score": 0}), report(foreign))
        none = {"virus_quarantine": "", "banned_quarantine": "", "spam_quarantine": "", "unopened_quarantine": ""}
        self.assertPasses(self.start(storage={"storage_dsn": []}, policy=none), report(foreign))


class OnSqlite(Bounces, Case):
    def storage(self):
        return {}

    def recorded(self, count):
        def rows():
            with contextlib.closing(sqlite3.connect(f"file:{self.daemon.home}/state/tamis.db?mode=ro", uri=True)) as database:
                return database.execute("select count(*) from msgs where content is not null").fetchone()[0]
        until(lambda: rows() == count, 30, "the record")


class OnPostgres(Bounces, Case):
    def storage(self):
        self.database = f"bounces_{self.id().rpartition('_')[2]}"
        if not hasattr(self, "dsn"):
            self.dsn = shared_postgres().database(self.database)
        return {"storage_dsn": self.dsn}

    def recorded(self, count):
        until(lambda: shared_postgres().rows("select count(*) from msgs where content is not null", self.database) == [[str(count)]], 30, "the record")
