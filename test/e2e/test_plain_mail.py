"""Plain text mail: the rule says that clamd opens such texts by itself and is not shown them again. Proved here over a matrix of
structures with a real clamd: whatever text the rule leaves out, clamd finds a signature in it that matches only at its very first
byte, so it opened exactly this part."""
import base64
import concurrent.futures
import json
import os
import socket
import struct
import subprocess
import unittest

from e2e.lib import mail, servers
from e2e.lib.case import Case
from e2e.lib.process import folder
from e2e.lib.tamis import build_directory

MARK = b"zqj first bytes of a text vwx"
SIGNATURE = f"Head.Test:0:0:{MARK.hex()}\n"


def ask_clamd(path, octets):
    """Whether clamd finds the signature in these octets, as they are."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        connection.sendall(b"zINSTREAM\0" + struct.pack(">I", len(octets)) + octets + struct.pack(">I", 0))
        answer = b""
        while more := connection.recv(4096):
            answer += more
    assert answer in (b"stream: OK\0", b"stream: Head.Test.UNOFFICIAL FOUND\0"), answer
    return b"FOUND" in answer


def plain(text):
    return text + b"\n"


def quoted(text):
    """Every octet escaped, with soft line breaks."""
    escapes = [b"=%02X" % octet for octet in text + b"\r\n"]
    return b"=\n".join(b"".join(escapes[i:i + 20]) for i in range(0, len(escapes), 20)) + b"\n"


def mixed_quoted(text):
    return text[:7] + b"=\n" + text[7:].replace(b" ", b"=20") + b"\n"


def based(text, width=76):
    lines = base64.b64encode(text + b"\r\n")
    return b"".join(lines[i:i + width] + b"\n" for i in range(0, len(lines), width))


FIRST = {
    "received": b"Received: from a.example by b.example; Sun, 22 Nov 2026 15:00:00 +0000\n",
    "from": b"From: a@sender.example.org\n",
    "return-path": b"Return-Path: <a@sender.example.org>\n",
    "own": b"X-Own: something\n",
    "lower": b"received: from a.example by b.example; Sun, 22 Nov 2026 15:00:00 +0000\n",
    "long": b"Received: from a.example by b.example; Sun, 22 Nov 2026 15:00:00 +0000\n" + b"X-Long: " + b"word " * 180 + b"\n"
            + b"X-Fold: a\n" + (b" " + b"x" * 900 + b"\n") * 60,
    "none": b"",
}
USUAL = b"To: <bob@example.com>\nSubject: a subject\nDate: Sun, 22 Nov 2026 15:00:00 +0000\nMessage-ID: <1@sender.example.org>\n"
VERSION = b"MIME-Version: 1.0\n"
PLAIN, HTML = b"Content-Type: text/plain; charset=utf-8\n", b"Content-Type: text/html; charset=utf-8\n"


def encoding(name):
    return b"Content-Transfer-Encoding: " + name + b"\n"


# what a text may be declared and encoded as: fields, and how its octets are written
TEXTS = {
    "bare": (b"", plain),
    "plain": (PLAIN, plain),
    "us-ascii": (b"Content-Type: text/plain; charset=us-ascii\n", plain),
    "flowed": (b'Content-Type: text/plain; charset="iso-8859-15"; format=flowed; delsp=yes\n', plain),
    "folded": (b"Content-Type:\n text/plain;\n\tcharset=utf-8\n", plain),
    "upper": (b"CONTENT-TYPE: TEXT/PLAIN\n", plain),
    "7bit": (PLAIN + encoding(b"7bit"), plain),
    "8bit": (PLAIN + encoding(b"8bit"), plain),
    "binary": (PLAIN + encoding(b"binary"), plain),
    "none": (PLAIN + encoding(b"none"), plain),
    "x-unknown": (PLAIN + encoding(b"x-unknown"), plain),
    "quoted": (PLAIN + encoding(b"quoted-printable"), quoted),
    "half-quoted": (PLAIN + encoding(b"quoted-printable"), mixed_quoted),
    "quoted-upper": (PLAIN + encoding(b"Quoted-Printable"), mixed_quoted),
    "base64": (PLAIN + encoding(b"base64"), based),
    "base64-narrow": (PLAIN + encoding(b"base64"), lambda text: based(text, 3)),
    "base64-wide": (PLAIN + encoding(b"BASE64"), lambda text: based(text, 900)),
    "base64-unpadded": (PLAIN + encoding(b"base64"), lambda text: base64.b64encode(text + b" more\r\n").rstrip(b"=") + b"\n"),
    "base64-footer": (PLAIN + encoding(b"base64"), lambda text: based(text) + b"_______\nlist footer\n"),
    "quoted-raw": (PLAIN + encoding(b"quoted-printable"), lambda text: text + b" http://x.example/?a=b&c=d\n"),
    "quoted-blanks": (PLAIN + encoding(b"quoted-printable"), lambda text: text[:9] + b"=  \n" + text[9:] + b"   \n"),
    "html": (HTML, plain),
    "html-8bit": (HTML + encoding(b"8bit"), plain),
    "html-quoted": (HTML + encoding(b"quoted-printable"), quoted),
    "html-base64": (HTML + encoding(b"base64"), based),
    "other-fields": (b"Content-ID: <x@y>\nContent-Language: de\n" + PLAIN + b"Content-Disposition: inline\n", plain),
    "only-other-fields": (b"Content-ID: <x@y>\n", plain),
    "only-encoding": (encoding(b"7bit"), plain),
    "named": (b"Content-Type: text/plain; name=a.txt\n", plain),
    "attachment": (PLAIN + b"Content-Disposition: attachment\n", plain),
    "csv": (b"Content-Type: text/csv\n", plain),
    "calendar": (b"Content-Type: text/calendar; method=REQUEST\n", plain),
    "delivery-status": (b"Content-Type: message/delivery-status\n", plain),
    "rfc822-headers": (b"Content-Type: text/rfc822-headers\n", plain),
    "utf-16": (b"Content-Type: text/plain; charset=utf-16le\n" + encoding(b"base64"), lambda text: based(text.decode().encode("utf-16le"))),
    "two-types": (PLAIN + HTML, plain),
    "two-encodings": (PLAIN + encoding(b"7bit") + encoding(b"base64"), plain),
    "leading-blank": (PLAIN, lambda text: b"\n" + text + b"\n"),
    "no-line-end": (PLAIN, lambda text: text),
    "forwarded": (b"Content-Type: message/rfc822\n", lambda text: b"From: a@b\nSubject: inner\n\n" + text + b"\n"),
}
SUBTYPES = (b"mixed", b"alternative", b"related", b"report", b"signed", b"digest", b"parallel", b"x-own", b"form-data", b"encrypted")


def part(text, octets):
    fields, write = TEXTS[text]
    return fields + b"\n" + write(octets)


def multipart(subtype, parts, boundary=b"=_b1", preamble=b"", epilogue=b"", closed=True, parameter=None):
    head = b"Content-Type: multipart/" + subtype + b"; " + (parameter or b'boundary="%s"' % boundary) + b"\n\n" + preamble
    body = b"".join(b"--" + boundary + b"\n" + each + (b"" if each.endswith(b"\n") else b"\n") for each in parts)
    return head + body + (b"--" + boundary + b"--\n" if closed else b"") + epilogue


def structures():
    """name, message with the mark at the beginning of one text"""
    head = FIRST["received"] + b"From: a@sender.example.org\n" + USUAL
    for first, octets in FIRST.items():
        yield f"first field {first}, bare", octets + USUAL + b"\n" + plain(MARK)
        yield f"first field {first}, plain", octets + USUAL + VERSION + part("plain", MARK)
        yield f"first field {first}, base64", octets + USUAL + VERSION + part("base64", MARK)
        yield f"first field {first}, multipart", octets + USUAL + VERSION + multipart(b"alternative", [part("plain", MARK), part("html", b"<p>x</p>")])
        yield f"only that field {first}", octets + b"\n" + plain(MARK)
    for text in TEXTS:
        yield f"single {text}", head + VERSION + part(text, MARK)
        yield f"single {text} without version", head + part(text, MARK)
        for place in range(3):
            parts = [part("plain", b"first"), part("html", b"<p>second</p>"), part("plain", b"third")]
            parts[place] = part(text, MARK)
            yield f"mixed {place} {text}", head + VERSION + multipart(b"mixed", parts)
            yield f"alternative {place} {text}", head + VERSION + multipart(b"alternative", parts)
    for subtype in SUBTYPES:
        for place in range(2):
            parts = [part("plain", b"first"), part("html", b"<p>second</p>")]
            parts[place] = part("plain" if place == 0 else "html-quoted", MARK)
            yield f"{subtype.decode()} {place}", head + VERSION + multipart(subtype, parts)
            for outer in (b"mixed", b"related", b"alternative", b"signed", b"report"):
                inner = multipart(subtype, parts, boundary=b"inner")
                yield f"{outer.decode()} / {subtype.decode()} {place}", head + VERSION + multipart(outer, [inner, part("plain", b"behind")])
                yield f"{outer.decode()} / second {subtype.decode()} {place}", head + VERSION + multipart(outer, [part("plain", b"before"), inner])
    for depth in range(1, 8):
        inner = part("plain", MARK)
        for level in range(depth):
            inner = multipart(b"mixed", [inner], boundary=b"level%d" % level)
        yield f"depth {depth}", head + VERSION + inner
    for count in (1, 10, 20, 30):
        yield f"last of {count}", head + VERSION + multipart(b"mixed", [part("plain", b"text %d" % i) for i in range(count - 1)] + [part("plain", MARK)])
    two = [part("plain", b"first"), part("html", b"<p>second</p>")]
    yield "preamble", head + VERSION + multipart(b"mixed", two, preamble=MARK + b" !!\n")
    yield "epilogue", head + VERSION + multipart(b"mixed", two, epilogue=MARK + b" !!\n")
    yield "usual preamble", head + VERSION + multipart(b"mixed", [part("plain", MARK)], preamble=b"This is a multi-part message in MIME format.\n")
    yield "unclosed", head + VERSION + multipart(b"mixed", [part("plain", MARK)], closed=False)
    for name, boundary, parameter in (("unquoted", b"abc", b"boundary=abc"), ("folded", b"abc", b'\n\tboundary="abc"'), ("upper", b"abc", b'BOUNDARY="abc"'),
                                      ("outlook", b"----=_NextPart_000_0001_01D8.1", b'boundary="----=_NextPart_000_0001_01D8.1"'),
                                      ("with blank", b"a b", b'boundary="a b"'), ("behind others", b"abc", b'type="text/html"; boundary="abc"; charset=utf-8'),
                                      ("rfc 2231", b"abc", b"boundary*0=a; boundary*1=bc"), ("two", b"abc", b"boundary=xyz; boundary=abc")):
        yield f"boundary {name}", head + VERSION + multipart(b"alternative", [part("plain", MARK), part("html", b"x")], boundary, parameter=parameter)
    long = MARK + b"\n" + b"and so on, line after line\n" * 10000
    yield "long", head + VERSION + part("plain", long)
    yield "long base64", head + VERSION + part("base64", long)
    yield "too long", head + VERSION + part("plain", long * 3)
    yield "with an attachment", head + VERSION + multipart(b"mixed", [part("plain", MARK), b"Content-Type: application/pdf; name=a.pdf\n" + encoding(b"base64") + b"\n" + based(b"%PDF-1.4 nothing")])


# what real mail looks like: for these clamd must not be asked twice
ORDINARY = {"first field received, bare", "first field from, bare", "single plain", "single 8bit", "single quoted", "single base64", "single html",
            "alternative 0 plain", "alternative 1 html", "alternative 1 html-quoted", "alternative 0 base64", "related / alternative 0",
            "mixed / alternative 1", "usual preamble", "boundary outlook", "long"}


class PlainMail(Case):
    release_only = True      # about clamd, not about our memory
    limit = 900

    def setUp(self):
        clamd = servers.Clamd(SIGNATURE)
        self.addCleanup(clamd.process.stop)
        self.clamd = clamd.socket
        self.home = folder("plain")
        os.chmod(self.home, 0o755)

    def opened(self, name, octets):
        file = self.home / f"{abs(hash(name))}.eml"
        file.write_bytes(octets)
        file.chmod(0o644)
        done = subprocess.run([build_directory() / "tamis", "open", "--json", file], capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, (name, done.stderr))
        return json.loads(done.stdout)

    def judge(self, item):
        name, octets = item
        octets = mail.crlf(octets)
        parts = self.opened(name, octets)["parts"]
        left_out = [each for each in parts if each.get("scanned") == "within the message"]
        others = [each for each in parts if each.get("scanned") == "not at all" or (each["size"] and "scanned" not in each)]
        return name, bool(left_out), ask_clamd(self.clamd, octets), [each["path"] for each in others if not each["types"][0].startswith("multipart/")]

    def test_what_is_left_out_is_what_clamd_opens(self):
        matrix = list(structures())
        self.assertEqual(len({name for name, _ in matrix}), len(matrix))
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            results = list(pool.map(self.judge, matrix))
        self.assertEqual([name for name, left_out, found, _ in results if left_out and not found], [], "left out, and clamd does not open it")
        self.assertEqual([(name, others) for name, _, _, others in results if others], [], "neither shown nor left out")
        left_out = {name for name, is_left_out, _, _ in results if is_left_out}
        self.assertEqual(ORDINARY - left_out, set(), "ordinary mail for which clamd would be asked twice")
        print(f"plain mail: {len(results)} structures, {len(left_out)} left to clamd, {sum(found for _, _, found, _ in results)} opened by clamd")


if __name__ == "__main__":
    unittest.main()
