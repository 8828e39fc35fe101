"""cases - the same rows and the same messages for Tamis and for a real amavisd-new, and what became of each recipient

Each case: rows for users/policy/mailaddr/wblist, a message to bob and carol over LMTP. Compared per recipient: delivered
or not, X-Spam-Flag, X-Amavis-Alert, a subject tag, content and ds; and quar_type of the message and the first word of the
log line. `differs` names the fields that are known to differ, with the reason; docs/policy.md lists the same.
"""
import collections

from e2e.lib import mail

BOB, CAROL = "bob@example.com", "carol@example.com"
Case = collections.namedtuple("Case", "name message rows differs", defaults=({},))


def user(policy, email=BOB, number=1, priority=7, local=None):
    """A users row with its policy; policy is {column: value}."""
    columns = "".join(f", {column}" for column in policy)
    values = "".join(", NULL" if value is None else f", '{value}'" for value in policy.values())
    return (f"insert into policy (id{columns}) values ({number}{values}); "
            f"insert into users (id, priority, policy_id, email) values ({number}, {priority}, {number}, '{email}');")


def listed(wb, number=1, sender="alice@sender.example.org"):
    return f"insert into mailaddr (id, email) values ({number}, '{sender}'); insert into wblist (rid, sid, wb) values ({number}, {number}, '{wb}');"


def header(lines, without=()):
    """A message with these header lines (octets) besides the usual ones."""
    def make():
        usual = mail.header_of(mail.message()).split(b"\r\n")[:-1]
        kept = [line for line in usual if line.partition(b":")[0].decode() not in without]
        return b"\r\n".join(kept + lines) + b"\r\n\r\nbody\r\n"
    return make


BAD_HEADERS = [
    Case("bad header 2: 8-bit", header([b"X-A: caf\xe9"]), ""),
    Case("UTF-8 is no bad header", header(["X-A: café".encode()]), ""),
    Case("bad header 3: NUL", header([b"X-A: a\0b"]), ""),
    Case("bad header 3: CR", header([b"X-A: a\rb"]), ""),
    Case("bad header 4: a blank continuation line", header([b"X-A: a", b" \t", b" b"]), "",
         {"bob alert": "we show the line end as \\x{0A}", "carol alert": "the same"}),
    Case("bad header 5: a long line", header([b"X-A: " + b"a" * 994]), ""),
    Case("a line of 998 is no bad header", header([b"X-A: " + b"a" * 993]), ""),
    Case("bad header 6: no field", header([b"this is no field"]), "",
         {"bob alert": "amavisd shows the field with its line end", "carol alert": "the same"}),
    Case("bad header 7: no Date", header([], ("Date",)), ""),
    Case("bad header 7: no From", header([], ("From",)), ""),
    Case("bad header 8: two subjects", header([b"Subject: once more"]), ""),
    Case("bad header 8: three To", header([b"To: a@example.com", b"To: b@example.com"]), ""),
    Case("bad headers: the highest counts", header([b"X-A: caf\xe9", b"Subject: twice"], ("Date",)), ""),
    Case("bypass_header_checks for one", header([b"Subject: once more"]), user({"bypass_header_checks": "Y"})),
    Case("bad_header_lover for one", header([b"Subject: once more"]), user({"bad_header_lover": "Y"})),
]
CASES = [
    Case("clean, no rows", "clean", ""),
    Case("spam, no rows", "gtube", ""),
    Case("virus, no rows", "eicar", ""),
    Case("bypass_spam_checks for one", "gtube", user({"bypass_spam_checks": "Y"})),
    Case("bypass_spam_checks set back", "gtube", user({"bypass_spam_checks": "N"})),
    Case("spam_lover for one", "gtube", user({"spam_lover": "Y"})),
    Case("spam_lover by catch-all", "gtube", user({"spam_lover": "Y"}, "@.")),
    Case("spam_lover by domain, not by a user of higher priority", "gtube",
         user({"spam_lover": "Y"}, "@example.com") + user({"spam_lover": "N"}, BOB, 2, 9)),
    Case("NULL falls through to the next row", "gtube",
         user({"spam_lover": "Y"}, "@.example.com") + user({"spam_lover": None}, BOB, 2, 9)),
    Case("virus_lover for one", "eicar", user({"virus_lover": "Y"})),
    Case("bypass_virus_checks for one", "eicar", user({"bypass_virus_checks": "Y"})),
    Case("kill level above the score", "gtube", user({"spam_kill_level": "2000"})),
    Case("all levels above the score", "gtube", user({"spam_tag2_level": "2000", "spam_kill_level": "2000"})),
    Case("no quarantine for one", "gtube", user({"spam_quarantine_to": ""})),
    Case("no quarantine for all", "gtube", user({"spam_quarantine_to": ""}, "@.example.com")),
    Case("subject tag of his own", "gtube", user({"spam_lover": "Y", "spam_subject_tag2": "[bulk] "})),
    Case("sender allowed", "gtube", user({}) + listed("W")),
    Case("sender denied", "clean", user({}) + listed("B")),
    Case("sender scored down", "gtube", user({}) + listed("-2000")),
    Case("sender scored up", "clean", user({}) + listed("100")),
    Case("sender's domain allowed", "gtube", user({}) + listed("W", sender="@.example.org")),
    *BAD_HEADERS,
]
