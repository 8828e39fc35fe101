"""mails - how a file lies in a message; every function makes a whole message with CRLF from (name, octets)"""
import base64
import quopri

from . import texts
from .archives import deflate, entry, octets, zip_of

WRAPPINGS = {}
TOP = "From: A <a@sender.example.org>\r\nTo: u@example.com\r\nSubject: member\r\nDate: Sun, 22 Nov 2026 15:00:00 +0000\r\nMIME-Version: 1.0\r\n"


def wrapping(name):
    def enter_it(function):
        WRAPPINGS[name] = function
        return function
    return enter_it


def b64(data):
    return base64.encodebytes(data).replace(b"\n", b"\r\n")


def qp(data):
    out, line = b"", b""
    for octet in data:
        token = bytes([octet]) if 33 <= octet <= 126 and octet != 61 else b"=%02X" % octet
        if len(line) + len(token) > 72:
            out, line = out + line + b"=\r\n", b""
        line += token
    return out + line + b"\r\n"


def top(extra=""):
    return (TOP + extra).encode()


def part(name, data, kind="application/octet-stream", encoding="base64", disposition="attachment"):
    coded = {"base64": b64, "quoted-printable": qp}.get(encoding, bytes)(data)
    return (f'Content-Type: {kind}; name="{name}"\r\nContent-Disposition: {disposition}; filename="{name}"\r\n'
            f"Content-Transfer-Encoding: {encoding}\r\n\r\n").encode() + coded


TEXT = b"Content-Type: text/plain; charset=utf-8\r\n\r\nhello"


def multipart(*parts, kind="mixed", boundary="BB", preamble=b"", epilogue=b"", extra=""):
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), each) for each in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"{extra}\r\n\r\n'.encode() + preamble + body + f"--{boundary}--\r\n".encode() + epilogue


def message(*parts, **options):
    return top() + multipart(TEXT, *parts, **options)


def plain(data):
    """Whether it can lie in a message as it is"""
    return all(octet in (9, 10, 13) or 32 <= octet for octet in data) and b"\r" not in data.replace(b"\r\n", b"") and b"\n" not in data.replace(b"\r\n", b"")


def inner(name, data):
    return top() + multipart(TEXT, part(name, data), boundary="INNER")


wrapping("attached")(lambda n, d: message(part(n, d)))
wrapping("attached-qp")(lambda n, d: message(part(n, d, encoding="quoted-printable")))
wrapping("attached-inline")(lambda n, d: message(part(n, d, disposition="inline")))
wrapping("attached-8bit")(lambda n, d: message(part(n, d, encoding="8bit")) if plain(d) else None)
wrapping("attached-no-encoding")(lambda n, d: message(b"Content-Type: application/octet-stream\r\n\r\n" + d) if plain(d) else None)
wrapping("attached-uuencode")(lambda n, d: message(part(n, texts.uu(n, d), encoding="x-uuencode")))
wrapping("attached-as-text")(lambda n, d: message(part(n, d, "text/plain")))
wrapping("attached-as-html")(lambda n, d: message(part(n, d, "text/html")))
wrapping("attached-as-picture")(lambda n, d: message(part(n, d, "image/png")))
wrapping("attached-as-rfc822")(lambda n, d: message(part(n, d, "message/rfc822")))
wrapping("whole-message")(lambda n, d: top() + part(n, d))
wrapping("whole-message-text")(lambda n, d: top("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n") + b64(d))
wrapping("text-of-message")(lambda n, d: top("Content-Type: text/plain\r\n\r\n") + d if plain(d) else None)
wrapping("no-header-fields")(lambda n, d: message(b"\r\n" + d) if plain(d) else None)
wrapping("first-no-header-fields")(lambda n, d: top() + multipart(b"\r\n" + d, TEXT) if plain(d) else None)
wrapping("one-odd-field")(lambda n, d: message(b"X-Odd: yes\r\n\r\n" + d) if plain(d) else None)
wrapping("preamble")(lambda n, d: message(preamble=d + b"\r\n") if plain(d) else None)
wrapping("epilogue")(lambda n, d: message(epilogue=d + b"\r\n") if plain(d) else None)
wrapping("preamble-part")(lambda n, d: message(preamble=part(n, d) + b"\r\n"))
wrapping("epilogue-uu")(lambda n, d: message(epilogue=texts.uu(n, d)))
wrapping("text-uu")(lambda n, d: message(b"Content-Type: text/plain\r\n\r\nsee this:\r\n" + texts.uu(n, d)))
wrapping("text-uu-mode-64")(lambda n, d: top("Content-Type: text/plain\r\n\r\n") + texts.uu(n, d, b"begin 64 "))
wrapping("text-uu-base64")(lambda n, d: message(b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(texts.uu(n, d, before=texts.WORDS))))
wrapping("text-uu-qp")(lambda n, d: message(b"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quopri.encodestring(texts.uu(n, d))))
wrapping("text-uu-utf-16")(lambda n, d: message(b"Content-Type: text/plain; charset=utf-16le\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                                               + b64(texts.uu(n, d).decode("latin-1").encode("utf-16-le"))))
wrapping("text-uu-utf-7")(lambda n, d: message(b"Content-Type: text/plain; charset=utf-7\r\n\r\n" + texts.uu(n, d).decode("latin-1").encode("utf-7")))
wrapping("text-yenc")(lambda n, d: message(b"Content-Type: text/plain\r\n\r\n" + texts.yenc(n, d)))
wrapping("text-binhex")(lambda n, d: message(part(n + ".hqx", texts.hqx(n, d), "application/mac-binhex40", "7bit")))
wrapping("text-binhex-no-intro")(lambda n, d: message(part(n + ".hqx", texts.hqx(n, d, False), "application/mac-binhex40", "7bit")))
wrapping("text-utf-16")(lambda n, d: message(b"Content-Type: text/plain; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                                            + b64(d.decode("latin-1").encode("utf-16"))) if plain(d) else None)
wrapping("text-utf-7")(lambda n, d: message(b"Content-Type: text/plain; charset=utf-7\r\n\r\n+" + base64.b64encode(d.decode("latin-1").encode("utf-16-be")).rstrip(b"=") + b"-") if plain(d) else None)
wrapping("rfc822")(lambda n, d: message(b"Content-Type: message/rfc822\r\n\r\n" + inner(n, d)))
wrapping("rfc822-base64")(lambda n, d: message(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(inner(n, d))))
wrapping("global-base64")(lambda n, d: message(b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(inner(n, d))))
wrapping("eml-octet-stream")(lambda n, d: message(part("mail.eml", inner(n, d))))
wrapping("eml-no-name")(lambda n, d: message(b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(inner(n, d))))
wrapping("eml-in-zip")(lambda n, d: message(part("mail.zip", zip_of([entry(b"mail.eml", inner(n, d), 8, deflate(inner(n, d)))]))))
wrapping("eml-any-name-in-zip")(lambda n, d: message(part("mail.zip", zip_of([entry(b"letter.dat", inner(n, d), 8, deflate(inner(n, d)))]))))
wrapping("mbox")(lambda n, d: message(part("folder.mbox", mbox(n, d))))
wrapping("mbox-as-text")(lambda n, d: message(part("folder", mbox(n, d), "text/plain")))
wrapping("mbox-as-type")(lambda n, d: message(part("folder", mbox(n, d), "application/mbox")))
wrapping("mht-named-doc")(lambda n, d: message(part("letter.doc", mht(n, d), "application/msword")))
wrapping("mht")(lambda n, d: message(part("page.mht", mht(n, d), "message/rfc822")))
wrapping("digest")(lambda n, d: message(multipart(b"\r\n" + inner(n, d), kind="digest", boundary="DIGEST")))
wrapping("bounce")(lambda n, d: message(b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed\r\nStatus: 5.0.0\r\nFinal-Recipient: rfc822; x@y.example\r\n",
                                       b"Content-Type: message/rfc822\r\n\r\n" + inner(n, d), kind="report", extra="; report-type=delivery-status"))
wrapping("bounce-old")(lambda n, d: top("Content-Type: text/plain\r\n\r\n") + b"Your mail could not be delivered.\r\n--- Below this line is a copy of the message.\r\n\r\n" + inner(n, d))
wrapping("18-deep")(lambda n, d: deep(n, d, 18))
wrapping("30-multiparts")(lambda n, d: many(n, d, 30))
wrapping("rfc822-and-multiparts")(lambda n, d: deep(n, d, 9, True))
wrapping("partial")(lambda n, d: message(b"Content-Type: message/partial; id=\"1@x\"; number=1; total=2\r\n\r\n" + inner(n, d)))
wrapping("related")(lambda n, d: top() + multipart(multipart(b"Content-Type: text/html\r\n\r\n<p>hi</p>", part(n, d, disposition="inline"), kind="related", boundary="RR")))
wrapping("alternative")(lambda n, d: message(part(n, d), kind="alternative"))
wrapping("unknown-multipart")(lambda n, d: message(part(n, d), kind="x-whatever"))
wrapping("appledouble")(lambda n, d: message(multipart(part(n, b"\0\5\x16\7\0\2\0\0" + bytes(18), "application/applefile"), part(n, d), kind="appledouble", boundary="APPLE")))
wrapping("signed")(lambda n, d: message(multipart(part(n, d), b"Content-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n\r\nabcd\r\n-----END PGP SIGNATURE-----\r\n",
                                                 kind="signed", boundary="SS", extra='; protocol="application/pgp-signature"; micalg=pgp-sha1')))
wrapping("two-names")(lambda n, d: message(part("a.txt", b"hello"), part(n, d), part("b.txt", b"hello")))
wrapping("after-300-parts")(lambda n, d: message(*[part(f"t{i}.txt", b"text %d" % i) for i in range(300)], part(n, d)))
wrapping("after-700-kB")(lambda n, d: message(part("big.txt", b"An ordinary line of text.\r\n" * 27000), part(n, d)))


def mbox(name, data):
    return b"From a@sender.example.org Sun Nov 22 15:00:00 2026\r\n" + top("Content-Type: text/plain\r\n\r\nfirst\r\n\r\n") \
        + b"From a@sender.example.org Sun Nov 22 15:00:01 2026\r\n" + inner(name, data)


def mht(name, data):
    return b"MIME-Version: 1.0\r\n" + multipart(b"Content-Type: text/html\r\nContent-Location: file:///C:/x.htm\r\n\r\n<html>hi</html>",
                                              b"Content-Location: file:///C:/" + octets(name) + b"\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64(data),
                                              kind="related", boundary="----=_NextPart_01")


def deep(name, data, levels, wrapped=False):
    out = inner(name, data)
    for level in range(levels):
        holder = b"Content-Type: message/rfc822\r\n\r\n" + out
        out = top() + (multipart(TEXT, holder, boundary=f"L{level:02}X") if wrapped else holder)
    return out


def many(name, data, levels):
    out = part(name, data)
    for level in range(levels):
        out = multipart(TEXT, out, boundary=f"M{level:02}X")
    return top() + out


# --- the matrix of structures: a text that begins with the object, in every place with every set of header fields --------
FIELDS = {
    "none": ("", bytes), "type": ("Content-Type: text/plain\r\n", bytes), "html": ("Content-Type: text/html; charset=utf-8\r\n", bytes), "7bit": ("Content-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n", bytes),
    "8bit": ("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n", bytes), "base64": ("Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n", b64),
    "qp": ("Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n", qp), "base64-alone": ("Content-Transfer-Encoding: base64\r\n", b64),
    "disposition": ("Content-Disposition: attachment; filename=a.txt\r\n", bytes), "id": ("Content-ID: <1@x>\r\n", bytes), "odd": ("X-Odd: yes\r\n", bytes),
    "calendar": ("Content-Type: text/calendar\r\n", bytes), "csv": ("Content-Type: text/csv; name=a.csv\r\n", bytes), "unknown": ("Content-Type: text/x-whatever\r\n", bytes),
    "no-slash": ("Content-Type: text\r\n", bytes), "broken": ("Content-Type: ;;;\r\n", bytes), "empty-type": ("Content-Type:\r\n", bytes),
}
PLACES = {
    "alone": lambda each: TOP.encode() + each, "alone-no-version": lambda each: TOP.encode().replace(b"MIME-Version: 1.0\r\n", b"") + each,
    "alone-few-fields": lambda each: b"Subject: s\r\n" + each,
    "mixed-first": lambda each: top() + multipart(each, TEXT), "mixed-last": lambda each: top() + multipart(TEXT, each), "mixed-only": lambda each: top() + multipart(each),
    "alternative": lambda each: top() + multipart(each, TEXT.replace(b"plain", b"html"), kind="alternative"), "alternative-last": lambda each: top() + multipart(TEXT, each, kind="alternative"),
    "related": lambda each: top() + multipart(each, kind="related"), "unknown": lambda each: top() + multipart(each, kind="x-whatever"), "signed": lambda each: top() + multipart(each, TEXT, kind="signed"),
    "report": lambda each: top() + multipart(TEXT, each, kind="report"), "parallel": lambda each: top() + multipart(TEXT, each, kind="parallel"),
    "nested": lambda each: top() + multipart(TEXT, multipart(TEXT, each, boundary="INNER")), "nested-thrice": lambda each: top() + multipart(multipart(multipart(each, boundary="C3"), boundary="B2"), boundary="A1"),
    "rfc822": lambda each: message(b"Content-Type: message/rfc822\r\n\r\n" + TOP.encode() + each), "rfc822-alone": lambda each: top("Content-Type: message/rfc822\r\n\r\n") + TOP.encode() + each,
    "rfc822-mixed": lambda each: message(b"Content-Type: message/rfc822\r\n\r\n" + top() + multipart(TEXT, each, boundary="INNER")),
    "digest": lambda each: message(multipart(b"\r\n" + TOP.encode() + each, kind="digest", boundary="DIGEST")),
    "no-close": lambda each: (top() + multipart(TEXT, each)).replace(b"--BB--\r\n", b""), "unquoted-boundary": lambda each: (top() + multipart(TEXT, each)).replace(b'"BB"', b"BB"),
    "no-version": lambda each: (top() + multipart(TEXT, each)).replace(b"MIME-Version: 1.0\r\n", b""), "long-boundary": lambda each: top() + multipart(TEXT, each, boundary="x" * 70),
    "boundary-equals": lambda each: top() + multipart(TEXT, each, boundary="=_a=b"), "preamble": lambda each: top() + multipart(TEXT, each, preamble=b"This is a multi-part message.\r\n"),
    "after-empty-part": lambda each: top() + multipart(b"\r\n", each), "after-large-part": lambda each: top() + multipart(TEXT + b"\r\nwords" * 30000, each),
}
MATRIX = {f"{place} {fields}": (lambda n, d, build=build, head=head, code=code: build(head.encode() + b"\r\n" + code(d)))
          for place, build in PLACES.items() for fields, (head, code) in FIELDS.items()}
