"""generate - random messages with rows of their own, each drawn from the seed and its number alone

Everything that belongs to message N has "cN" in its domains, so that many messages can be on their way at the same time and
what became of each is found again.
"""
import base64
import dataclasses
import io
import random
import zipfile

from e2e.lib import mail

from .settings import SETTINGS
from .world import INSIDE, OUTSIDE

# next_hop: what stands in a recipient's or sender's local part makes it refuse (HOP_RULES)
HOP_RULES = [("rcpt", "550 5.1.1 no such user", "nouser"), ("rcpt", "450 4.2.0 mailbox busy", "busy"),
             ("mail", "550 5.7.1 not from you", "notfrom"), ("dot", "554 5.7.1 not this", "refusedot"), ("dot", "451 4.3.0 later", "laterdot")]


@dataclasses.dataclass
class Message:
    number: int
    protocol: str                  # smtp or lmtp
    sender: str
    author: str                    # of the field From
    recipients: list
    data: bytes
    parameters: str                # of MAIL
    recipient_parameters: dict     # recipient -> of RCPT
    xforward: str
    rows: str                      # SQL
    story: list                    # what was drawn, for people
    score: float                   # of the field X-Standin
    boosts: list                   # the scores in wblist

    def __str__(self):
        return (f"message {self.number} over {self.protocol.upper()}: {'; '.join(self.story)}\n"
                f"  MAIL FROM:<{self.sender}>{self.parameters}\n" +
                "".join(f"  RCPT TO:<{recipient}>{self.recipient_parameters[recipient]}\n" for recipient in self.recipients) +
                f"  {self.xforward or 'no XFORWARD'}\n" + "".join(f"  {row.strip()};\n" for row in self.rows.split(";\n") if row.strip()))


class Draw:
    """One message being drawn."""

    def __init__(self, seed, number):
        self.rng = random.Random(f"message {seed} {number}")
        self.number, self.mark = number, f"c{number}"
        self.story, self.points, self.boosts = [], 0, [4.5]

    def chance(self, share):
        return self.rng.random() < share

    def say(self, what):
        self.story.append(what)

    def message(self):
        rng = self.rng
        protocol = rng.choice(["smtp", "lmtp"])
        sender, author = self.addresses()
        recipients = self.recipients()
        data = self.content(author, recipients)
        parameters = ""
        if self.chance(0.3):
            parameters += " BODY=8BITMIME"
        if self.chance(0.15):
            parameters += f" RET={rng.choice(['HDRS', 'FULL'])} ENVID=QQ{self.number}"
        each = {}
        for recipient in recipients:
            each[recipient] = ""
            if self.chance(0.12):
                each[recipient] += f" NOTIFY={rng.choice(['NEVER', 'FAILURE', 'SUCCESS,FAILURE', 'DELAY', 'SUCCESS'])}"
            if self.chance(0.05):
                each[recipient] += f" ORCPT=rfc822;first.{recipient.lower().replace('+', '+2B')}" if recipient.isascii() and '"' not in recipient else ""
        client = rng.choice([INSIDE, OUTSIDE, OUTSIDE, None])
        xforward = f"XFORWARD NAME=client.example.org ADDR={client} HELO=helo.example.org PROTO=ESMTP IDENT=Q{self.number}" if client else ""
        if client == INSIDE:
            self.say("from inside")
        return Message(self.number, protocol, sender, author, recipients, data, parameters, each, xforward, self.rows(recipients, sender, author), self.story, self.points, self.boosts)

    def addresses(self):
        rng = self.rng
        domain = f"{self.mark}.{rng.choice(['sender', 'sender', 'sender', 'white', 'black', 'score'])}.example.org"
        local = "alice"
        if self.chance(0.04):
            local = rng.choice(["notfrom", "refusedot", "laterdot", "news-bounces"])
        sender = f"{local}@{domain}"
        if self.chance(0.06):
            sender = ""
        elif self.chance(0.08):
            sender = f"carol@{self.mark}.g0.example.com"
        author = sender or f"mailer@{domain}"
        if self.chance(0.2):
            author = f"news@{self.mark}.{rng.choice(['list', 'white', 'black', 'score'])}.example.org"
        return sender, author

    def recipients(self):
        rng = self.rng
        group = rng.randrange(6)
        drawn = []
        for local in rng.sample(["bob", "carol", "dave", "erin", "frank"], rng.choice([1, 1, 2, 2, 3, 4])):
            domain = f"{self.mark}.g{group}.example.com"
            if self.chance(0.15):
                domain = f"{self.mark}.g{rng.randrange(6)}.example.com"
            if self.chance(0.08):
                domain = f"{self.mark}.elsewhere.example.net"
            if self.chance(0.15):
                local += "+" + rng.choice(["lists", "x"])
            if self.chance(0.03):
                local = local.capitalize()
            if self.chance(0.02):
                local = f'"{local} jr"'
            elif self.chance(0.04):
                local = rng.choice(["nouser", "busy"]) + "." + local
            drawn.append(f"{local}@{domain}")
        return drawn

    def content(self, author, recipients):
        """Draws what is in it, and writes it."""
        rng = self.rng
        head = [("From", f"Alice <{author}>"), ("To", ", ".join(f"<{recipient}>" for recipient in recipients)),
                ("Subject", rng.choice(["greetings", "greetings", "=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Re: [bulk] offer", "***SPAM*** again",
                                        "a rather long subject that goes on and on until it has to be\r\n folded", ""])),
                ("Message-ID", f"<{self.mark}.{rng.randrange(10**6)}@sender.example.org>"),
                ("Date", "Sun, 22 Nov 2026 15:00:00 +0000"), ("MIME-Version", "1.0")]
        parts = []      # (name, type, octets)
        text = "Hello,\nthis is an ordinary message.\n"
        if self.chance(0.06):
            head = [field for field in head if field[0] != "Subject"]
            self.say("no subject")
        if self.chance(0.55):
            head.append(("X-Standin", self.score()))
        if self.chance(0.12):
            self.virus(parts)
        if self.chance(0.15):
            self.banned(parts)
        if self.chance(0.05):
            parts.append(("secret.zip", "application/zip", encrypted_zip()))
            self.say("encrypted zip")
        if self.chance(0.06):
            octets = rng.choice([60000, 68000, 80000, 95000])
            text += ("0123456789" * 7 + "\n") * (octets // 72)
            self.say(f"{octets} octets")
        if self.chance(0.1):
            text += "Gr\u00fc\u00dfe\n"
            self.say("8-bit")
        if self.chance(0.15):
            head.append(rng.choice([("Auto-Submitted", "auto-replied"), ("Auto-Submitted", "no"), ("Precedence", "bulk"), ("Precedence", "list"),
                                    ("List-Id", "<news.example.org>"), ("X-Spam-Status", "No, score=-100"), ("X-Spam-Flag", "YES"),
                                    ("X-Spam-Level", "*****"), ("X-Virus-Scanned", "by somebody else"), ("X-Amavis-Alert", "forged")]))
            self.say(": ".join(head[-1]))
        lines = [f"{name}: {value}".encode() for name, value in head]
        if self.chance(0.16):
            lines = self.bad_header(lines)
        return assemble(lines, text, parts)

    def score(self):
        """Tests with scores; from 10 on whole numbers, as SpamAssassin's report has them."""
        rng = self.rng
        tests = []
        for name in rng.sample(["BAYES_99", "BODY_A", "HTML_B", "URI_C", "LONG_NAME_OF_A_TEST_THAT_DOES_NOT_FIT"], rng.choice([1, 2, 2, 3])):
            value = rng.choice([0.1, 1.5, 2, 3.2, -1.9, 4, 5.5, 7, 12, 25, 70])
            tests.append(f"{name}={value}")
            self.points = round(self.points + value, 3)
        self.say("score " + " ".join(tests))
        return ", ".join(sorted(tests))

    def virus(self, parts):
        kind = self.rng.choice(["txt", "com", "zip"])
        octets = f"{mail.EICAR}\n".encode()
        parts.append(("eicar.zip", "application/zip", zipped({"eicar.txt": octets})) if kind == "zip" else (f"eicar.{kind}", "application/octet-stream", octets))
        self.say(f"EICAR as {parts[-1][0]}")

    def banned(self, parts):
        name, kind, octets = self.rng.choice([
            ("setup.exe", "application/octet-stream", b"just text\n"), ("report.pdf.scr", "application/octet-stream", b"just text\n"),
            ("letter.doc", "application/octet-stream", b"just text\n"), ("good.exe", "application/octet-stream", b"just text\n"),
            ("a.txt", "application/x-msdownload", b"just text\n"), ("inside.zip", "application/zip", zipped({"run.bat": b"dir\r\n"})),
            ("harmless.txt", "text/plain", b"just text\n"), ("two.zip", "application/zip", zipped({"a.txt": b"text\n", "b.scr": b"text\n"}))])
        parts.append((name, kind, octets))
        self.say(f"attachment {name} ({kind})")

    def bad_header(self, lines):
        what = self.rng.choice(["8-bit", "blank", "long", "no field", "no date", "no from", "twice", "three", "utf8"])
        self.say(f"bad header: {what}")
        if what == "no date":
            return [line for line in lines if not line.startswith(b"Date:")]
        if what == "no from":
            return [line for line in lines if not line.startswith(b"From:")]
        added = {"8-bit": [b"X-A: caf\xe9"], "blank": [b"X-A: a\r\n \t\r\n b"], "long": [b"X-A: " + b"a" * 994], "no field": [b"this is no field"],
                 "twice": [b"MIME-Version: 1.0"], "three": [b"Cc: a@example.org", b"Cc: b@example.org", b"Cc: c@example.org"],
                 "utf8": ["X-A: caf\u00e9".encode()]}[what]
        return lines + added

    def rows(self, recipients, sender, author):
        """users with policy for some of the keys of the recipients, wblist for some of these"""
        rng = self.rng
        sql, emails, identity, priority = "", set(), self.number * 100, 9
        for recipient in recipients:
            if not self.chance(0.55):
                continue
            local, _, domain = recipient.rpartition("@")
            user = local.strip('"').lower()
            keys = [f"{user}@{domain}", f"{user.split('+')[0]}@{domain}", f"@{domain}", f"@.{domain}"]
            for key in rng.sample(keys, rng.choice([1, 1, 2])):
                if key in emails:
                    continue
                emails.add(key)
                identity += 1
                priority -= 1
                policy = self.policy()
                columns = "".join(f", {column}" for column in policy)
                values = "".join(f", {literal(value)}" for value in policy.values())
                sql += f"insert into policy (id{columns}) values ({identity}{values});\n"
                sql += f"insert into users (id, priority, policy_id, email) values ({identity}, {priority + 50}, {identity}, '{key}');\n"
        if identity > self.number * 100 and self.chance(0.4):
            sql += self.lists(sender, author, range(self.number * 100 + 1, identity + 1))
        return sql

    def policy(self):
        drawn = {}
        for name, setting in SETTINGS.items():
            if self.chance(0.07 * setting.weight):
                drawn[name] = None if self.chance(0.08) else setting.values(self.rng, self.number)
        return drawn

    def lists(self, sender, author, users):
        rng, sql = self.rng, ""
        keys = {sender, author, "@" + sender.rpartition("@")[2] if sender else "", "@." + author.rpartition("@")[2]} - {""}
        for count, key in enumerate(rng.sample(sorted(keys), min(len(keys), rng.choice([1, 1, 2])))):
            number = self.number * 100 + count + 1
            sql += f"insert into mailaddr (id, priority, email) values ({number}, {9 - count}, '{key}');\n"
            for user in users:
                if self.chance(0.7):
                    wb = rng.choice(["W", "B", "Y", "N", " ", "-3", "4.5", "20", "-100"])
                    self.boosts += [float(wb)] if wb.strip("-").replace(".", "").isdigit() else []
                    sql += f"insert into wblist (rid, sid, wb) values ({user}, {number}, '{wb}');\n"
        return sql


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "'Y'" if value else "'N'"
    return f"'{value}'"


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 22, 15, 0, 0)), content)
    return out.getvalue()


def encrypted_zip():
    """A zip whose one member says that it is encrypted."""
    octets = bytearray(zipped({"secret.txt": b"\x8c\x91" * 20}))
    central = octets.index(b"PK\x01\x02")
    octets[6] |= 1
    octets[central + 8] |= 1
    return bytes(octets)


def assemble(lines, text, parts):
    """The message: header lines, the text, and attachments (name, type, octets)."""
    eight_bit = not text.isascii()
    if not parts:
        lines = lines + [b"Content-Type: text/plain; charset=utf-8"] + ([b"Content-Transfer-Encoding: 8bit"] if eight_bit else [])
        return mail.crlf(b"\n".join(line.replace(b"\r\n", b"\n") for line in lines) + b"\n\n" + text.encode())
    body = ["--=_b", "Content-Type: text/plain; charset=utf-8", *(["Content-Transfer-Encoding: 8bit"] if eight_bit else []), "", text.rstrip("\n")]
    for name, kind, octets in parts:
        body += ["--=_b", f'Content-Type: {kind}; name="{name}"', "Content-Transfer-Encoding: base64",
                 f'Content-Disposition: attachment; filename="{name}"', "", base64.encodebytes(octets).decode().rstrip("\n")]
    lines = lines + [b'Content-Type: multipart/mixed; boundary="=_b"']
    return mail.crlf(b"\n".join(line.replace(b"\r\n", b"\n") for line in lines) + b"\n\n" + "\n".join([*body, "--=_b--", ""]).encode())


def message(seed, number):
    return Draw(seed, number).message()
