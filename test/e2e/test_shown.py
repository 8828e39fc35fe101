"""What the engines are shown: every part with bytes of its own, whatever it lay in, in batches, whole or `unchecked` with the reason

A real clamd with two signatures: one that matches at the first octet of what it is shown, one anywhere. It does not open lzip, nor
zip with LZMA, so that what is found there was shown to it by tamis.
"""
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib

from corpus import containers
from e2e.lib import SOURCE, mail, servers
from e2e.lib.case import Case
from fakes.engine import Engine

MARKER = b"TAMIS-EVIL-" + b"MARKER-1234"
SIGNATURES = f"Eicar-Test-Signature:0:0:{mail.EICAR.encode().hex()}\nMarker.Test:0:*:{MARKER.hex()}\n"
NO_RULES = {"banned_rulenames": ["ALLOW_ALL"]}


def lzip(octets):
    stream = lzma.compress(octets, format=lzma.FORMAT_ALONE, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20}])[13:]
    return b"LZIP\x01\x14" + stream + struct.pack("<IQQ", zlib.crc32(octets), len(octets), 6 + len(stream) + 20)


def zipped(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, octets in members.items():
            archive.writestr(name, octets)
    return out.getvalue()


def tarred(members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, octets in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(octets)
            archive.addfile(info, io.BytesIO(octets))
    return out.getvalue()


def base256_tar(name, octets):
    """A tar whose size field is a binary number, as GNU tar writes those above 8 GiB."""
    block = bytearray(tarred({name: octets}))
    block[124:136] = b"\x80" + len(octets).to_bytes(11, "big")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block[:512])
    return bytes(block)


def program(tail):
    """A PE program with these octets behind its header."""
    head = bytearray(512)
    head[:2], head[60:64], head[64:68] = b"MZ", struct.pack("<I", 64), b"PE\0\0"
    struct.pack_into("<HHIIIHH", head, 68, 0x14C, 1, 0, 0, 0, 0xE0, 0x102)
    return bytes(head) + tail


def forwarded(depth, text):
    for level in range(depth):
        text = f"From: a@b.example\nTo: c@d.example\nSubject: level {level}\nMIME-Version: 1.0\nContent-Type: message/rfc822\n\n{text}"
    return text


def attached(name, octets):
    return mail.attached([(name, "application/octet-stream", octets)])


class Shown(Case):
    limit = 300

    def setUp(self):
        clamd = servers.Clamd(SIGNATURES)
        self.addCleanup(clamd.process.stop)
        self.clamd = clamd.socket
        self.sink = self.hop()

    def daemon(self, **tables):
        config = {"scanners": {"clamd": {"socket": self.clamd}}, "policy": NO_RULES, **tables}
        return self.tamis(self.sink, config)

    def summary(self, daemon, octets):
        seen = len(daemon.summaries())
        daemon.send(octets)
        self.assertEqual(len(daemon.summaries()), seen + 1, daemon.log()[-2000:])
        return daemon.summaries()[-1]

    def assertFound(self, daemon, octets, name):
        self.assertIn(f"({name}", self.summary(daemon, octets))
        self.assertTrue(daemon.summaries()[-1].startswith("Blocked INFECTED"), daemon.summaries()[-1])

    def test_documents_and_programs_that_have_parts(self):
        daemon = self.daemon()
        document = (SOURCE / "test/corpus/archives/embedded.doc").read_bytes() + b"..." + MARKER
        inside = zipped({"theme.xml": b"<theme/>"})
        for name, octets in (("doc.lz", lzip(document)), ("doc.rar", bytes(containers.rar4([(b"letter.doc", document)]))),
                             ("exe.lz", lzip(program(MARKER + bytes(300) + inside))), ("plain exe.lz", lzip(program(MARKER))),
                             ("docx.lz", lzip(zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"}) + b"\n" + MARKER)),
                             ("gap.lz", lzip(inside[:30] + b"x" + MARKER + inside[30:]))):
            with self.subTest(name):
                self.assertFound(daemon, attached(name, octets), "Marker.Test")

    def test_members_that_clamd_cannot_decode(self):
        daemon = self.daemon()
        eicar = mail.EICAR.encode()
        for name, octets in (("lzma.zip", zipped({"e.com": eicar}, zipfile.ZIP_LZMA)), ("base256.tar", base256_tar("e.com", eicar)),
                             ("deep.tar.lz", lzip(tarred({"a/b.zip": zipped({"e.com": eicar})}))), ("two.lz", lzip(lzip(eicar)))):
            with self.subTest(name):
                self.assertFound(daemon, attached(name, octets), "Eicar-Test-Signature")

    def test_deep_mail_and_parts_without_fields(self):
        daemon = self.daemon()
        deep = forwarded(18, f"From: x@y.example\nSubject: inner\n\n{mail.EICAR}\n")
        bare = mail.message(body=f"--=_b\n\n{mail.EICAR}\n--=_b\nContent-Type: text/plain\n\nhello\n--=_b--\n")
        bare = bare.replace(b"Content-Type: text/plain; charset=utf-8", b'Content-Type: multipart/mixed; boundary="=_b"', 1)
        for name, octets in (("deep", mail.crlf(deep)), ("bare", bare), ("single", mail.message(body=mail.EICAR + "\n"))):
            with self.subTest(name):
                self.assertFound(daemon, octets, "Eicar-Test-Signature")

    def test_many_members_are_shown_whole_in_batches(self):
        daemon = self.daemon()
        members = {f"text-{i:04}.txt": f"This is text {i}, and nothing else.\n".encode() for i in range(1000)}
        document = {"[Content_Types].xml": b"<Types/>", **{f"ppt/slides/slide{i}.xml": f"<slide n='{i}'/>".encode() for i in range(400)}}
        for name, each in (("texts.zip", members), ("slides.pptx", document)):
            with self.subTest(name):
                self.assertTrue(self.summary(daemon, attached(name, zipped(each))).startswith("Passed CLEAN"), daemon.summaries()[-1])
                last = {**each, "zzz.txt": b"in the last one: " + MARKER}
                self.assertFound(daemon, attached(name + ".lz", lzip(zipped(last))), "Marker.Test")

    def test_large_parts_are_shown_in_batches(self):
        daemon = self.daemon(limits={"memory": "64 MiB", "scan": 200, "message": 280})
        filler = {f"data-{i}.bin": random.Random(i).randbytes(3 << 20) for i in range(6)}
        self.assertTrue(self.summary(daemon, attached("data.tar", tarred(filler))).startswith("Passed CLEAN"), daemon.summaries()[-1])
        self.assertFound(daemon, attached("data.tar.lz", lzip(tarred({**filler, "zzz": MARKER}))), "Marker.Test")

    def test_a_limit_is_unchecked_and_says_which(self):
        filler = zipped({f"{i}.txt": f"text {i}".encode() for i in range(30)})
        for setting, said in (({"extracts": 20}, "open.extracts allows 20 parts"), ({"extract_bytes": 100}, "open.extract_bytes allows 100 bytes")):
            with self.subTest(setting):
                daemon = self.daemon(open=setting)
                self.assertTrue(self.summary(daemon, attached("a.zip", filler)).startswith("Passed UNCHECKED"), daemon.summaries()[-1])
                self.assertIn("Not shown to the virus scanners: " + said, daemon.log())
                self.assertFound(daemon, attached("e.com", mail.EICAR.encode()), "Eicar-Test-Signature")

    def test_a_part_above_the_engines_size_is_unchecked_with_its_path(self):
        daemon = self.daemon(scanners={"clamd": {"socket": self.clamd, "max_size": "1 MiB"}}, open={"minimum_quota": "100 MiB"})
        summary = self.summary(daemon, attached("a.lz", lzip(bytes(2 << 20))))
        self.assertTrue(summary.startswith("Passed UNCHECKED"), summary)
        self.assertIn("clamd: part 1/2/1: it has 2097152 bytes", daemon.log())

    def test_a_message_that_needs_more_than_all_memory_is_scanned_alone(self):
        daemon = self.daemon(limits={"memory": "6 MiB", "scan": 60, "message": 60}, open={"minimum_quota": "100 MiB"})
        self.assertTrue(self.summary(daemon, attached("a.lz", lzip(bytes(20 << 20)))).startswith("Passed CLEAN"), daemon.summaries()[-1])
        self.assertTrue(self.summary(daemon, mail.clean()).startswith("Passed CLEAN"))

    def test_plain_mail_goes_to_clamd_once(self):
        """What a message costs clamd: one look at plain text mail, with attachments one for the message and each part."""
        with Engine("clamd") as counting:
            daemon = self.tamis(self.sink, {"scanners": {"clamd": {"socket": counting.address, "method": "instream"}}, "policy": NO_RULES})
            received = b"Received: from a.example by b.example; Sun, 22 Nov 2026 15:00:00 +0000\r\n"
            for octets, looks in ((mail.clean(), 1), (attached("a.bin", b"something"), 3), (attached("a.zip", zipped({"a": b"1", "b": b"2"})), 4),
                                  (attached("a.doc", (SOURCE / "test/corpus/archives/no-macro.doc").read_bytes()), 3)):
                before = counting.requests
                self.summary(daemon, received + octets)
                self.assertEqual(counting.requests - before, looks)
