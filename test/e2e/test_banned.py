"""Banned contents: each recipient's own rules, from the database while mail flows, and what everybody is told"""
import io
import pathlib
import zipfile

from e2e.lib import mail
from e2e.lib.case import Case
from e2e.lib.process import until
from e2e.lib.servers import shared_postgres

OFFICE = pathlib.Path(__file__).parents[1] / "corpus/office"
BOB, CAROL = "bob@example.com", "carol@example.com"
PROGRAM = b"MZ" + b"\0" * 58 + b"\x80\0\0\0" + b"\0" * 64 + b"PE\0\0\x4c\x01" + b"\0" * 600


def attached(name, content=b"just text\n", kind="application/octet-stream", **options):
    return mail.attached([(name, kind, content)], **options)


def zipped(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


class Banned(Case):
    def start(self, **config):
        self.sink = self.hop()
        return self.tamis(self.sink, {"scanners": {"yara": {}}, **config})

    def got(self, count):
        self.assertTrue(self.sink.wait(count, 30), f"{len(self.sink.messages)} messages instead of {count}")
        return self.sink.messages

    def test_two_recipients_with_rules_of_their_own_in_sql(self):
        postgres = shared_postgres()
        dsn = postgres.database("banned_rules")
        daemon = self.start(storage={"lookup_dsn": dsn, "storage_dsn": dsn})
        postgres.rows("insert into policy (id, banned_rulenames) values (1, 'ALLOW_ALL, DEFAULT'), (2, 'NONSENSE DEFAULT'); "
                      f"insert into users (policy_id, email) values (1, '{BOB}'), (2, '{CAROL}')", "banned_rules")
        replies = daemon.send(attached("setup.exe"), [BOB, CAROL], lmtp=True)
        self.assertCode(replies[0], 250, "queued as")
        self.assertCode(replies[1], 250, "Ok, discarded")
        self.assertIn("- BANNED: application/octet-stream,.asc,setup.exe", replies[1][1][0])
        [message] = self.got(1)
        self.assertEqual(message.recipients, [BOB])
        self.assertEqual(message.field("X-Amavis-Alert"), [])
        until(lambda: len(daemon.summaries()) == 2, 10, "two summary lines")
        self.assertTrue(daemon.summaries()[0].startswith("Passed BANNED (application/octet-stream,.asc,setup.exe) {DiscardedInbound,RelayedInbound,Quarantined}"), daemon.summaries())
        self.assertIn('there is no list "NONSENSE"', daemon.log())
        self.assertIn("DEFAULT rule 6", daemon.log())
        # an exception made while the daemon runs holds for the next message
        postgres.rows("update policy set banned_rulenames = 'ALLOW_ALL' where id = 2", "banned_rules")
        self.sink.clear()
        for reply in daemon.send(attached("setup.exe"), [BOB, CAROL], lmtp=True):
            self.assertCode(reply, 250, "queued as")

    def test_names_types_kinds_and_archives(self):
        daemon = self.start(policy={"final_banned_destiny": "reject"})
        for data, reason in ((attached("report.pdf.scr"), "report.pdf.scr"),
                             (attached("a.txt", kind="application/hta"), "application/hta,.asc,a.txt"),
                             (attached("holiday.jpg", PROGRAM, "image/jpeg"), ".exe-ms,holiday.jpg"),
                             (attached("a.zip", zipped({"x/setup.exe": "text"}), "application/zip"), "x/setup.exe"),
                             (attached("a.zip", zipped({"b.zip": zipped({"run.bat": "dir"})}), "application/zip"), "run.bat")):
            reply = daemon.send(data)
            self.assertCode(reply, 554, "5.7.0 Reject")
            self.assertIn(reason, " ".join(reply[1]))
        for data in (attached("a.txt"), attached("a.zip", zipped({"a.txt": "text", "b.html": "<p>"}), "application/zip")):
            self.assertCode(daemon.send(data), 250, "queued as")

    def test_office_only_lets_documents_of_real_programs_through(self):
        """Made by pandoc and openpyxl; the lists were once written after what the documents should look like"""
        daemon = self.start(policy={"final_banned_destiny": "reject", "banned_rulenames": ["OFFICE-ONLY", "NO-EXECUTABLES", "NO-MACROS"]})
        names = sorted(path.name for path in OFFICE.iterdir())
        self.assertEqual(names, ["sheet.xlsx", "slides.pptx", "text.docx", "text.odt", "text.rtf"])
        for name in names:
            self.assertCode(daemon.send(attached(name, (OFFICE / name).read_bytes())), 250, "queued as")
        macros = io.BytesIO((OFFICE / "text.odt").read_bytes())
        with zipfile.ZipFile(macros, "a") as archive:
            archive.writestr("Basic/Standard/Module1.xml", "<script:module>Sub Main</script:module>")
        self.assertCode(daemon.send(attached("text.odt", macros.getvalue())), 554, "BANNED: macro")
        self.assertCode(daemon.send(attached("text.docx", (OFFICE / "text.rtf").read_bytes())), 554, "BANNED: not on the list")
        self.assertCode(daemon.send(attached("a.zip", zipped({"text.odt": (OFFICE / "text.odt").read_bytes(), "run.js": b"x()"}))), 554, "BANNED: not on the list")

    def test_rules_that_allow_comments_and_passing_with_an_alert(self):
        rules = [{"action": "allow", "name": r"^firmware-[0-9]+\.exe$", "size_max": "10k"}, {"comment": "program", "name": r"\.exe$"}]
        daemon = self.start(policy={"final_banned_destiny": "reject", "banned_rulenames": ["OURS"]}, banned={"rules": {"OURS": rules}},
                            recipients={CAROL: {"banned_files_lover": True, "addr_extension_banned": "kept"}})
        self.assertCode(daemon.send(attached("firmware-12.exe")), 250, "queued as")
        self.assertCode(daemon.send(attached("firmware-12.exe", b"x" * 20000)), 554, "BANNED: program:application/octet-stream,.asc,firmware-12.exe")
        self.sink.clear()
        both = mail.attached([("firmware-1.exe", "application/octet-stream", b"x"), ("virus.exe", "application/octet-stream", b"y")])
        replies = daemon.send(both, [BOB, CAROL], lmtp=True)
        self.assertCode(replies[0], 554, "virus.exe")
        self.assertCode(replies[1], 250, "queued as")
        [message] = self.got(1)
        self.assertEqual(message.recipients, ["carol+kept@example.com"])
        self.assertEqual([" ".join(text.split()) for text in message.field("X-Amavis-Alert")],
                         ["BANNED, message contains program:application/octet-stream,.asc,virus.exe"])

    def test_everybody_is_told(self):
        daemon = self.start(policy={"banned_admin": "admin@example.com", "warnbannedrecip": True})
        self.assertCode(daemon.send(attached("setup.exe")), 250, "Ok, discarded")
        messages = {message.recipients[0]: message for message in self.got(2)}
        self.assertIn(b"BANNED: application/octet-stream,.asc,setup.exe", messages["admin@example.com"].body)
        self.assertIn(b"BANNED: application/octet-stream,.asc,setup.exe", messages[BOB].body)
