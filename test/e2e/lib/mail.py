"""mail - sample messages, all with CRLF line ends"""
import base64
import itertools

EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-" + "STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
_number = itertools.count(1)


def message(body="Hello,\nthis is an ordinary message.\n", subject="greetings", sender="alice@sender.example.org",
            to="bob@example.com", extra="", message_id=None):
    """A complete message as octets; `body` and `extra` (header lines) with LF or CRLF."""
    number = next(_number)
    message_id = message_id or f"<m{number}.{id(body) % 99991}@sender.example.org>"
    head = (f"From: Alice <{sender}>\nTo: <{to}>\nSubject: {subject}\nMessage-ID: {message_id}\n"
            f"Date: Sun, 22 Nov 2026 15:00:00 +0000\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n{extra}")
    return crlf(head + "\n" + body)


def crlf(text):
    octets = text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def clean(**options):
    return message(**options)


def eicar(**options):
    return message(body=f"This is the test virus:\n\n{EICAR}\n", subject="infected sample", **options)


def gtube(**options):
    return message(body=f"This is the test spam:\n\n{GTUBE}\n", subject="spam sample", **options)


def eight_bit(**options):
    return message(body="Grüße aus Köln: größer, 日本語\n", subject="eight bit", extra="Content-Transfer-Encoding: 8bit\n", **options)


def large(octets, **options):
    """A message of about this many octets of plain lines."""
    line = "0123456789" * 7 + "\n"
    return message(body=line * (octets // 72), subject="large", **options)


def attached(attachments, text="See attached.\n", **options):
    """A multipart message with a text and attachments, each (name, type, octets)."""
    lines = ["--=_b", "Content-Type: text/plain; charset=utf-8", "", text.rstrip("\n")]
    for name, kind, content in attachments:
        lines += ["--=_b", f'Content-Type: {kind}; name="{name}"', "Content-Transfer-Encoding: base64",
                  f'Content-Disposition: attachment; filename="{name}"', "", base64.encodebytes(content).decode().rstrip("\n")]
    plain = message(body="\n".join([*lines, "--=_b--", ""]), subject="with attachments", **options)
    return plain.replace(b"Content-Type: text/plain; charset=utf-8\r\n", b"Content-Type: multipart/mixed; boundary=\"=_b\"\r\n", 1)


def header_of(octets):
    return octets.partition(b"\r\n\r\n")[0] + b"\r\n"


def body_of(octets):
    return octets.partition(b"\r\n\r\n")[2]


def fields(octets):
    """The header fields as raw octets each, folded lines included."""
    found = []
    for line in header_of(octets).split(b"\r\n")[:-1]:
        if line[:1] in (b" ", b"\t") and found:
            found[-1] += b"\r\n" + line
        else:
            found.append(line)
    return found
