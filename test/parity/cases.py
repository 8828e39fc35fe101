"""cases - the same rows and the same messages for Tamis and for a real amavisd-new, and what became of each recipient

Each case: rows for users/policy/mailaddr/wblist, a message to bob and carol over LMTP. Compared per recipient: delivered
or not, X-Spam-Flag, X-Amavis-Alert, a subject tag, content and ds; and quar_type of the message and the first word of the
log line. `differs` names the fields that are known to differ, with the reason; docs/policy.md lists the same.
"""
import collections
import gzip
import io
import zipfile

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


def listed_by_all(wb):
    return user({}, "@example.com") + listed(wb)


def two_rows(envelope, from_, row):
    """Two rows of bob; the first knows the envelope sender, the one with the number `row` who stands in From."""
    return (user({}) + user({}, "@example.com", 2, 5) + listed(envelope) +
            f"insert into mailaddr (id, email) values (9, 'from@other.example.org'); insert into wblist (rid, sid, wb) values ({row}, 9, '{from_}');")


def other_from():
    return header([b"From: from@other.example.org"], ("From",))()


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
    Case("bad header 3: NUL", header([b"X-A: a\0b"]), "",
         {"bob alert": "amavisd writes the NUL as the octets C0 80", "carol alert": "the same"}),
    Case("bad header 3: CR", header([b"X-A: a\rb"]), "",
         {"bob alert": "amavisd shows nothing where the CR was", "carol alert": "the same"}),
    Case("bad header 4: a blank continuation line", header([b"X-A: a", b" \t", b" b"]), "",
         {"bob alert": "we show the line end as \\x{0A}", "carol alert": "the same"}),
    Case("bad header 5: a long line", header([b"X-A: " + b"a" * 994]), ""),
    Case("a line of 998 is no bad header", header([b"X-A: " + b"a" * 993]), ""),
    Case("bad header 6: no field", header([b"this is no field"]), ""),
    Case("bad header 7: no Date", header([], ("Date",)), ""),
    Case("bad header 7: no From", header([], ("From",)), ""),
    Case("bad header 8: two subjects", header([b"Subject: once more"]), ""),
    Case("bad header 8: three To", header([b"To: a@example.com", b"To: b@example.com"]), ""),
    Case("bad headers: the highest counts", header([b"X-A: caf\xe9", b"Subject: twice"], ("Date",)), ""),
    Case("bypass_header_checks for one", header([b"Subject: once more"]), user({"bypass_header_checks": "Y"})),
    Case("bad_header_lover for one", header([b"Subject: once more"]), user({"bad_header_lover": "Y"})),
]
# what Debian's 20-debian_defaults says, and two lists to name in SQL
BANNED_RULES = r"""
$recipient_delimiter = '+';
$banned_filename_re = new_RE(
  qr'\.[^./]*\.(exe|vbs|pif|scr|bat|cmd|com|cpl|dll)\.?$'i, qr'\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$'i,
  qr'^application/x-msdownload$'i, qr'^application/x-msdos-program$'i, qr'^application/hta$'i,
  qr'.\.(exe|vbs|pif|scr|bat|cmd|com|cpl)$'i, qr'^\.(exe-ms)$');
%banned_rules = ('ALLOW_ALL' => new_RE([qr'' => 0]), 'PICKY' => new_RE([qr'^good\.exe$'i => 0], qr'(?# program )\.exe$'i, qr'\.doc$'i),
  'DEFAULT' => $banned_filename_re);
"""
PICKY = [{"action": "allow", "any": r"^good\.exe$"}, {"any": r"(?# program )\.exe$"}, {"any": r"\.doc$"}]


def attached(name, content=b"just text\n", kind="application/octet-stream", *more):
    return lambda: mail.attached([(name, kind, content), *[(other, "application/octet-stream", b"more text\n") for other in more]])


def zipped(**members):
    """A zip file; in the names of members "_" stands for "."."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return out.getvalue()


def encrypted(archive):
    """A zip file whose members say that they are encrypted."""
    out = bytearray(archive)
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = out.find(mark)
        while at >= 0:
            out[at + flags] |= 1
            at = out.find(mark, at + 4)
    return bytes(out)


def rules(names):
    return user({"banned_rulenames": names})


BANNED = [
    Case("a harmless attachment", attached("a.txt"), ""),
    Case("banned: a program's name", attached("setup.exe"), ""),
    Case("banned: double extension", attached("report.pdf.scr"), ""),
    Case("banned: double extension with a dot", attached("report.pdf.bat."), ""),
    Case("dll after another extension", attached("a.b.dll"), ""),
    Case("dll alone is not banned", attached("b.dll"), ""),
    Case("banned: class id", attached("a.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b}"), ""),
    Case("banned: type hta", attached("a.txt", kind="application/hta"), ""),
    Case("banned: type msdownload", attached("a.txt", kind="application/x-msdownload"), ""),
    Case("banned: inside a zip", attached("a.zip", zipped(setup_exe="text"), "application/zip"), ""),
    Case("banned: a zip in a zip", attached("a.zip", zipped(b_zip=zipped(run_bat="dir")), "application/zip"), ""),
    Case("banned: of two programs the one that lies less deep",
         attached("a.zip", zipped(b_zip=zipped(run_bat="dir"), setup_exe="text"), "application/zip"), ""),
    Case("banned: gzip data under a program's name", attached("setup.exe", gzip.compress(b"just text\n", mtime=0)), ""),
    Case("banned: an encrypted member", attached("a.zip", encrypted(zipped(setup_exe="text")), "application/zip"), ""),
    Case("a harmless zip", attached("a.zip", zipped(a_txt="text", b_html="<p>"), "application/zip"), ""),
    Case("rules that allow all for one", attached("setup.exe"), rules("ALLOW_ALL")),
    Case("a list that is not there for one", attached("setup.exe"), rules("NONSENSE")),
    Case("two lists, the first allows", attached("good.exe"), rules("PICKY,DEFAULT")),
    Case("two lists, the first has a comment", attached("bad.exe"), rules("PICKY, DEFAULT")),
    Case("two lists, the second bans", attached("a.scr"), rules("PICKY DEFAULT")),
    Case("one part allowed, one banned", attached("good.exe", b"x\n", "application/octet-stream", "bad.exe"), rules("PICKY")),
    Case("bypass_banned_checks for one", attached("setup.exe"), user({"bypass_banned_checks": "Y"})),
    Case("banned_files_lover for one", attached("setup.exe"), user({"banned_files_lover": "Y"})),
    Case("no banned quarantine for one", attached("setup.exe"), user({"banned_quarantine_to": ""})),
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
    *BANNED,
    Case("extension", "gtube", user({"spam_lover": "Y", "addr_extension_spam": "spam"})),
    Case("extension with the delimiter in front", "gtube", user({"spam_lover": "Y", "addr_extension_spam": "+spam"})),
    Case("extension of the lesser category only", attached("setup.exe"),
         user({"banned_files_lover": "Y", "spam_tag2_level": "-500", "addr_extension_spam": "spam"})),
    Case("spammy with a bad header is kept for that", header([b"Subject: once more"]),
         user({"spam_tag2_level": "-500", "spam_kill_level": "999"}, "@example.com")),
    Case("spammy, and nothing else to keep it for", "clean", user({"spam_tag2_level": "-500", "spam_kill_level": "999"}, "@example.com")),
    Case("sender allowed by all, spam that is not looked at", "gtube", listed_by_all("W")),
    Case("sender denied by all", "clean", listed_by_all("B")),
    Case("kill without tag2", "gtube", user({"spam_tag2_level": "5000", "spam_kill_level": "1"}, "@example.com")),
    Case("a copy although nobody was tagged", attached("setup.exe"), user({"spam_tag_level": "500"}, "@example.com")),
    Case("bypass_spam_checks for all, a copy for another reason", attached("setup.exe"), user({"bypass_spam_checks": "Y"}, "@example.com")),
    Case("From is denied in the second row, the envelope sender neutral", other_from, two_rows(" ", "B", 2)),
    Case("From is denied in the first row, the envelope sender neutral", other_from, two_rows(" ", "B", 1)),
    Case("From is scored in the second row, the envelope sender denied", other_from, two_rows("B", "-2000", 2)),
    Case("From is denied in the second row, the envelope sender allowed", other_from, two_rows("W", "B", 2),
         dict.fromkeys(("bob bl", "bob wl", "bob content", "bob ds", "bob delivered", "bob address", "bob status", "bob flag", "bob subject",
                        "copy"), "deny-wins: a denied address wins over an allowed one")),
]
