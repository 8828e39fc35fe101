"""messages - ordinary mail of real programs, made by hand after their habits: none of it is ambiguous

all_cases yields (name, bytes) with CRLF line ends. NAMES: attachment names that must be found. QUOTES_A_MESSAGE: those
whose text holds another message's header, which is opened as one more reading. HABIT: the beginning of the names of messages
with bad habits.
"""
import base64
import quopri

QUOTES_A_MESSAGE = ("bounce-qmail", "bounce-exim")
HABIT = "habit-"  # what programs do that the standards do not allow: there are other readings, and they show nothing else
CASES = {}
NAMES = {}
TOP = "From: Ann <ann@example.org>\nTo: bob@example.net\nDate: Mon, 15 Jan 2024 10:00:00 +0100\nMessage-ID: <1@example.org>\n" \
      "MIME-Version: 1.0\n"
PDF = base64.encodebytes(b"%PDF-1.4\n" + bytes(range(256)) * 3).decode()


def case(name, text, names=(), top=TOP):
    CASES[name + ".eml"] = (top + text).encode("utf-8", "surrogateescape").replace(b"\n", b"\r\n")
    if names:
        NAMES[name + ".eml"] = names


def multi(kind, boundary, *parts, parameters="", quote="\"", close="", lead=""):
    out = f"Content-Type: multipart/{kind};\n\tboundary={quote}{boundary}{quote}{parameters}\n\n{lead}"
    for part in parts:
        out += f"--{boundary}\n{part}\n"
    return out + f"--{boundary}--\n{close}"


def part(kind, body, *headers):
    return f"Content-Type: {kind}\n" + "".join(header + "\n" for header in headers) + "\n" + body


def attachment(name_parameters, kind="application/pdf", type_parameters=""):
    return part(kind + type_parameters, PDF, "Content-Transfer-Encoding: base64", f"Content-Disposition: attachment;\n {name_parameters}")


QP = "Content-Transfer-Encoding: quoted-printable"
B64 = "Content-Transfer-Encoding: base64"
TEXT = part("text/plain; charset=us-ascii", "Hello Bob,\n\nsee below.\n")
HTML = part("text/html; charset=\"utf-8\"", quopri.encodestring("<html><p>Grüße = 100 %</p></html>\n".encode()).decode(), QP)


def encoded(text, charset="utf-8"):
    return base64.encodebytes(text.encode(charset)).decode()


case("plain", "\nHello\n")
case("plain-no-mime", "Subject: x\n\nHello\n", top="From: a@example.org\n")
case("plain-no-header-but-from", "From: x@example.org\n\nHello\n", top="")
case("plain-rfc2045-comment", "Content-Type: text/plain; charset=us-ascii (Plain text)\n\nHello\n")
case("plain-flowed", "Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\nContent-Transfer-Encoding: 8bit\n\n"
     "Grüße  \nBob\n-- \nAnn\n")
case("plain-8bit-word", "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8-bit\n\nGrüße\n")
case("plain-base64-japanese", f"Content-Type: text/plain; charset=iso-2022-jp\n{B64}\n\n{encoded('こんにちは', 'iso-2022-jp')}")
case("plain-begin-in-english", "Content-Type: text/plain\n\nWe begin 644 tests now\nbegin 644 is how uuencode begins\nend\n")
case("plain-with-dashes", "Content-Type: text/plain\n\n--\nbob\n-- \n--- cut here ---\n----8<----\n")
case("plain-diff", "Content-Type: text/plain\n\n--- a/file\n+++ b/file\n@@ -1 +1 @@\n-x\n+y\n")
case("plain-forwarded-header", "Content-Type: text/plain\n\n-------- Forwarded Message --------\nSubject: x\nDate: Mon, 1 Jan 2024\n"
     "From: a@example.org\nTo: b@example.net\n\nHello\n")
case("plain-quoted-printable-long", f"Content-Type: text/plain; charset=\"iso-8859-1\"\n{QP}\n\n"
     "Gr=FC=DFe, eine lange Zeile, die mit einem weichen Umbruch weitergeht, damit =\nsie passt=20\n=E4=F6=FC\n")
case("html-newsletter", f"Content-Type: text/html; charset=utf-8\n{QP}\nList-Unsubscribe: <mailto:u@example.org>\n\n"
     "<a href=3D\"https://example.org/?a=3Db&amp;c=3Dd\">=\nlink</a>\n")
case("dkim-lists-fields", "DKIM-Signature: v=1; a=rsa-sha256; d=example.org;\n\th=from:to:subject:mime-version:\n\t content-type:date;\n"
     "\tcontent-type: content-transfer-encoding; b=abc\n\nHello\n")
case("folded-references", "References: <1@example.org>\n <2@example.org>\n\t<3@example.org>\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\n =?utf-8?Q?_aus?=\n\nHello\n")
case("mbox-from-line", "\nHello\n", top="From ann@example.org Mon Jan 15 10:00:00 2024\n" + TOP)

case("outlook-mixed", multi("mixed", "----=_NextPart_000_0011_01DA4798.5C2B8A10",
     multi("alternative", "----=_NextPart_001_0012_01DA4798.5C2B8A10", TEXT, HTML),
     attachment("filename=\"Angebot 2024.pdf\"", type_parameters=";\n\tname=\"Angebot 2024.pdf\""),
     lead="This is a multipart message in MIME format.\n\n"), ["Angebot 2024.pdf"])
case("outlook-exchange", multi("related", "_004_AM0PR01MB1234ABCDEF_", multi("alternative", "_000_AM0PR01MB1234ABCDEF_", TEXT, HTML),
     part("image/png; name=\"image001.png\"", PDF, B64, "Content-Description: image001.png",
          "Content-Disposition: inline; filename=\"image001.png\"; size=1234;\n\tcreation-date=\"Mon, 15 Jan 2024 09:00:00 GMT\"",
          "Content-ID: <image001.png@01DA4798.5C2B8A10>"),
     parameters=";\n\ttype=\"multipart/alternative\""), ["image001.png"])
case("gmail-attachment", multi("mixed", "000000000000a1b2c3060f0a1b2c", multi("alternative", "000000000000a1b2c1060f0a1b2a", TEXT, HTML),
     attachment("filename=\"=?UTF-8?B?w5xiZXJzaWNodC5wZGY=?=\"", type_parameters="; name=\"=?UTF-8?B?w5xiZXJzaWNodC5wZGY=?=\"")),
     ["Übersicht.pdf"])
case("apple-mail", multi("alternative", "Apple-Mail=_3F2504E0-4F89-41D3-9A0C-0305E82C3301", TEXT,
     multi("mixed", "Apple-Mail=_1B4E28BA-2FA1-11D2-883F-0016D3CCA427", HTML,
           attachment("filename*=utf-8''%C3%9Cbersicht%20a%CC%88.pdf",
                      type_parameters=";\n\tx-unix-mode=0644;\n\tname=\"=?utf-8?Q?=C3=9Cbersicht_a=CC=88=2Epdf?=\""))), ["Übersicht a\u0308.pdf"])
case("apple-mail-mime-version-comment", "X: y\n" + multi("mixed", "Apple-Mail-1-123", TEXT, TEXT),
     top=TOP.replace("MIME-Version: 1.0", "Mime-Version: 1.0 (Mac OS X Mail 16.0 \\(3774.300.61.1.2\\))"))
case("thunderbird-german", multi("mixed", "------------0aBcDeFgHiJkLmNoPqRsTuVw", TEXT,
     attachment("filename*0*=UTF-8''Protokoll%20der%20Sitzung%20%C3%BCber%20die%20k%C3%BCnftige;\n filename*1*=%20Gr%C3%B6%C3%9Fe.pdf",
                type_parameters=";\n name=\"=?UTF-8?Q?Protokoll_der_Sitzung_=C3=BCber_die_k=C3=BCnftige_Gr=C3=B6?=\n =?UTF-8?Q?=C3=9Fe=2Epdf?=\""),
     lead="This is a multi-part message in MIME format.\n"), ["Protokoll der Sitzung über die künftige Größe.pdf"])
case("japanese-long-name", multi("mixed", "----=_Part_9_1.2", TEXT,
     attachment("filename*0*=ISO-2022-JP''%1B%24B%46%7C%4B%5C%38%6C%1B%28B;\n filename*1=\"-report.pdf\"")), ["日本語-report.pdf"])
case("japanese-encoded-words", multi("mixed", "b1", TEXT, attachment(
     "filename=\"=?ISO-2022-JP?B?GyRCRnxLXDhsGyhCLnBkZg==?=\"")), ["日本語.pdf"])
case("japanese-two-words", multi("mixed", "b1", TEXT, attachment("filename=\"=?UTF-8?B?5pel5pys?=\n =?UTF-8?B?6KqeLnBkZg==?=\"")), ["日本語.pdf"])
case("fallback-and-extended", multi("mixed", "b1", TEXT, attachment("filename=\"Uebersicht.pdf\"; filename*=UTF-8''%C3%9Cbersicht.pdf")),
     ["Uebersicht.pdf", "Übersicht.pdf"])
case("question-marks-fallback", multi("mixed", "b1", TEXT, attachment("filename=\"?????.pdf\";\n filename*=UTF-8''%E6%97%A5.pdf")), ["日.pdf"])
case("unquoted-name-with-blanks", multi("mixed", "b1", TEXT, attachment("filename=my report (final).pdf")), ["my report (final).pdf"])
case("name-with-semicolon", multi("mixed", "b1", TEXT, attachment("filename=\"a; b.pdf\"")), ["a; b.pdf"])
case("name-folded-in-quotes", multi("mixed", "b1", TEXT, attachment("filename=\"a very long\n name.pdf\"")), ["a very long name.pdf"])
case("name-utf8", multi("mixed", "b1", TEXT, attachment("filename=\"Übersicht.pdf\"")), ["Übersicht.pdf"])
case("name-only-in-type", multi("mixed", "b1", TEXT, part("application/pdf; name=x.pdf", PDF, B64)), ["x.pdf"])
case("javamail", multi("mixed", "----=_Part_12_1234567.1705309200000", TEXT, attachment("filename=x.pdf")), ["x.pdf"])
case("javamail-nested", multi("mixed", "----=_Part_1_11.22", multi("related", "----=_Part_2_33.44", multi("alternative", "----=_Part_3_55.66", TEXT, HTML))))
case("phpmailer", multi("mixed", "b1_YWJjZGVm", multi("alternative", "b2_YWJjZGVm", TEXT, HTML), attachment("filename=x.pdf"),
     lead="This is a multi-part message in MIME format.\n\n"))
case("swiftmailer", multi("alternative", "_=_swift_1705309200_abc123_=_", TEXT, HTML))
case("python-email", multi("mixed", "===============1234567890123456789==", TEXT, attachment("filename=\"x.pdf\"")))
case("lotus-notes", multi("related", "=_related 0035F1A2C1258AA6_=", multi("alternative", "=_alternative 0035F1A2C1258AA6_=", TEXT, HTML)))
case("sendgrid-unquoted", multi("alternative", "c0ffee1234567890abcdef", TEXT, HTML, quote="", parameters="; charset=utf-8"))
case("one-part", multi("mixed", "b1", TEXT))
case("type-upper", multi("MIXED", "b1", TEXT).replace("multipart/", "MULTIPART/").replace("boundary", "BOUNDARY"))
case("trailing-semicolon", multi("mixed", "b1", TEXT, parameters=";"))
case("empty-body", "Content-Type: text/plain\n\n")
case("empty-parts", multi("mixed", "b1", part("text/plain", ""), part("text/html", "")))
case("list-footer-behind-closing", multi("mixed", "b1", TEXT, HTML, close="_______________________________________________\n"
     "list mailing list\nlist@lists.example.org\nhttps://lists.example.org/listinfo/list\n"))
case("mailman-footer-part", multi("mixed", "===============88==", multi("alternative", "000000000000abc", TEXT, HTML), part(
     "text/plain; charset=\"us-ascii\"", "_______________\nlist mailing list\n", "MIME-Version: 1.0", "Content-Transfer-Encoding: 7bit",
     "Content-Disposition: inline")))
case("mailman-digest", multi("mixed", "===============99==", TEXT, multi("digest", "===============98==",
     "\nFrom: a@example.org\nSubject: one\nMessage-ID: <d1@example.org>\n\nfirst", "\nFrom: b@example.org\nSubject: two\n\nsecond")))
case("pgp-signed", multi("signed", "nextPart12.abc", TEXT, part("application/pgp-signature; name=\"signature.asc\"",
     "-----BEGIN PGP SIGNATURE-----\n\niQEzBAEBCAAdFiEE\n=abcd\n-----END PGP SIGNATURE-----\n", "Content-Description: OpenPGP digital signature"),
     parameters="; micalg=pgp-sha512; protocol=\"application/pgp-signature\"",
     lead="This is an OpenPGP/MIME signed message (RFC 4880 and 3156)\n"), ["signature.asc"])
case("pgp-inline-signed", "Content-Type: text/plain\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHello\n"
     "-----BEGIN PGP SIGNATURE-----\n\niQEz\n-----END PGP SIGNATURE-----\n")
case("smime-signed", multi("signed", "----AABBCCDD", TEXT, part("application/x-pkcs7-signature; name=\"smime.p7s\"", PDF, B64,
     "Content-Disposition: attachment; filename=\"smime.p7s\""), parameters="; protocol=\"application/x-pkcs7-signature\"; micalg=\"sha-256\"",
     lead="This is an S/MIME signed message\n\n"), ["smime.p7s"])
case("invitation", multi("alternative", "_000_cal_", TEXT, HTML, part("text/calendar; charset=\"utf-8\"; method=REQUEST",
     encoded("BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n"), B64)))
case("invitation-attached", multi("mixed", "cal1", TEXT, part("application/ics; name=\"invite.ics\"", PDF, B64,
     "Content-Disposition: attachment; filename=\"invite.ics\"")), ["invite.ics"])
DSN = part("message/delivery-status", "Reporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; x@example.net\nAction: failed\nStatus: 5.1.1\n")
RETURNED = "Return-Path: <ann@example.org>\nReceived: from a by b\nFrom: ann@example.org\nMessage-ID: <orig@example.org>\nSubject: x\n"
case("bounce-postfix", multi("report", "ABC123.1705309200/mx.example.org", part("text/plain; charset=us-ascii",
     "This is the mail system at host mx.example.org.\n\n<x@example.net>: unknown user\n", "Content-Description: Notification"), DSN,
     part("message/rfc822", RETURNED + "\nHello\n", "Content-Description: Undelivered Message"), parameters=";\n\treport-type=delivery-status",
     lead="This is a MIME-encapsulated message.\n\n"))
case("bounce-headers-only", multi("report", "r1", TEXT, DSN, part("text/rfc822-headers", RETURNED)))
case("bounce-qmail", "\nHi. This is the qmail-send program at mx.example.org.\n\n--- Below this line is a copy of the message.\n\n"
     + RETURNED + "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\nHello\n")
case("bounce-exim", "Auto-Submitted: auto-replied\n\nA message that you sent could not be delivered.\n\n------ This is a copy of the message. ------\n\n"
     + RETURNED + "Content-Type: multipart/mixed; boundary=\"x\"\n\n--x\nContent-Type: text/plain\n\nHello, cut\n")
case("read-receipt", multi("report", "mdn1", TEXT, part("message/disposition-notification",
     "Final-Recipient: rfc822;x@example.net\nDisposition: manual-action/MDN-sent-manually; displayed\n"),
     parameters="; report-type=disposition-notification"))
case("forwarded-message", multi("mixed", "f1", TEXT, part("message/rfc822; name=\"Fwd: x.eml\"", TOP + "Subject: inner\n"
     + multi("mixed", "f2", TEXT, attachment("filename=\"inner.pdf\"")), "Content-Disposition: attachment; filename=\"Fwd: x.eml\"")),
     ["inner.pdf", "Fwd: x.eml"])
case("forwarded-message-base64", multi("mixed", "f1", TEXT, part("message/rfc822", encoded(TOP + "Subject: inner\n\nHello\n"), B64)))
case("delivery-voicemail", multi("mixed", "v1", TEXT, part("audio/wav; name=\"msg.WAV\"", PDF, B64,
     "Content-Disposition: attachment; filename=\"msg.WAV\"")), ["msg.WAV"])
case("smartphone-image", multi("mixed", "--_com.android.email_123456789", part("text/plain; charset=utf-8", encoded("Gruß"), B64),
     part("image/jpeg; name=\"20240115_100000.jpg\"", PDF, B64,
          "Content-Disposition: attachment; filename=\"20240115_100000.jpg\"; size=123456")), ["20240115_100000.jpg"])
case("fax-tiff", "Content-Type: image/tiff; name=\"fax.tif\"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=\"fax.tif\"\n\n" + PDF,
     ["fax.tif"])
case("winmail", multi("mixed", "w1", TEXT, part("application/ms-tnef; name=\"winmail.dat\"", PDF, B64,
     "Content-Disposition: attachment; filename=\"winmail.dat\"")), ["winmail.dat"])
case("base64-long-lines", f"Content-Type: text/plain; charset=utf-8\n{B64}\n\n" + base64.b64encode(b"x" * 600).decode() + "\n")
case("base64-blank-lines", f"Content-Type: text/plain; charset=utf-8\n{B64}\n\n\n" + encoded("Hello") + "\n\n")
case("windows-1252", "Content-Type: text/plain; charset=\"Windows-1252\"\nContent-Transfer-Encoding: quoted-printable\n\n=93quoted=94 =80 5\n")
case("unknown-type", multi("mixed", "u1", TEXT, part("application/vnd.openxmlformats-officedocument.wordprocessingml.document;\n name=\"x.docx\"",
     PDF, B64, "Content-Disposition: attachment;\n filename=\"x.docx\"")), ["x.docx"])

# --- bad habits: every one in every structure that it can stand in --------------------------------------------------------
URL = "<p><a href=\"https://example.org/?a=zz&b=%20&c=~1&id=x\">link</a> 1+1=2, a = b</p>\n"
RAW_QP = part("text/html; charset=utf-8", URL, QP)
SOFT_QP = part("text/plain; charset=utf-8", "a line that goes on = \nhere =\t\nand here=20\n", QP)
LOWER_QP = part("text/plain; charset=utf-8", "gr=c3=bc=c3=9fe =e2=82=ac\n", QP)
FOOTERS = {
    "mailman": "_______________________________________________\nlist mailing list -- list@lists.example.org\n"
               "To unsubscribe send an email to list-leave@lists.example.org\nhttps://lists.example.org/listinfo/list\n",
    "words": "\n-- \nThis mail was sent by the intranet; please do not answer it.\n",
    "german": "\n--\nDiese Nachricht wurde auf Viren gepr\u00fcft.\n",
    "ad": "\n---\nGet your free mail at http://www.example.com/?utm_source=footer&utm_campaign=2024\n",
}


def unpadded(text):
    return base64.b64encode(text).decode().rstrip("=") + "\n"


def structures(name, *parts, names=()):
    """the parts alone, in a mixed and in a nested message"""
    if len(parts) == 1:
        case(HABIT + name + "-single", parts[0], names)
    case(HABIT + name + "-mixed", multi("mixed", "hb1", TEXT, *parts), names)
    case(HABIT + name + "-nested", multi("mixed", "hb1", multi("alternative", "hb2", TEXT, *parts), attachment("filename=\"x.pdf\"")), ("x.pdf",) + tuple(names))


structures("qp-raw-equals", RAW_QP)
structures("qp-soft-blanks", SOFT_QP)
structures("qp-lower-case", LOWER_QP)
for size in range(1, 5):
    body = b"Hello list, "[:8 + size]
    structures(f"base64-unpadded-{size}", part("text/plain; charset=utf-8", unpadded(body), B64))
    for footer, text in FOOTERS.items():
        structures(f"base64-footer-{footer}-{size}", part("text/plain; charset=utf-8", base64.encodebytes(body).decode() + text, B64))
structures("base64-junk", part("text/plain; charset=utf-8", ".\n" + encoded("the only line of it\n") + "*\n", B64))
structures("qp-control", part("text/plain; charset=utf-8", "see http://lists.example.org/?id=12&x=y\n", QP))
structures("base64-footer-pdf", attachment("filename=\"x.pdf\"") + FOOTERS["mailman"], names=("x.pdf",))
structures("base64-unpadded-pdf", part("application/pdf; name=x.pdf", unpadded(b"%PDF-1.4\n12345"), B64), names=("x.pdf",))
for number, word in enumerate(["8-bit", "8BIT", " 8bit ", "8bits", "7-bit", "8 bit", "utf-8", "none", "binary", "Binary", "8bit;"]):
    structures(f"encoding-word-{number}", part("text/plain; charset=utf-8", "Gr\u00fc\u00dfe\n", f"Content-Transfer-Encoding: {word}"))
structures("encoding-twice", part("text/plain", "Hello\n", "Content-Transfer-Encoding: 7bit", "Content-Transfer-Encoding: 8bit"))
structures("encoding-twice-same", part("text/plain", encoded("Hello"), B64, B64))
structures("qp-and-7bit", part("text/plain", "Hello\n", QP, "Content-Transfer-Encoding: 7bit"))
structures("8bit-label-on-qp", part("text/html; charset=utf-8", "<a href=3D\"x\">Gr=C3=BC=C3=9Fe</a> =\n", "Content-Transfer-Encoding: 8bit"))
structures("qp-label-on-8bit", part("text/plain; charset=utf-8", "Gr\u00fc\u00dfe = 1\n", QP))
structures("type-twice", part("text/plain; charset=utf-8", "Hello\n", "Content-Type: text/plain"))
structures("charset-twice", part("text/plain; charset=utf-8; charset=iso-8859-1", "Hello\n"))
structures("charset-twice-same", part("text/plain; charset=utf-8; charset=\"UTF-8\"", "Gr\u00fc\u00dfe\n"))
structures("names-twice-same", attachment("filename=\"x.pdf\"; filename=\"x.pdf\""), names=("x.pdf",))
structures("names-twice-case", attachment("filename=\"x.pdf\"; filename=\"X.PDF\""), names=("x.pdf",))
structures("names-jpg-jpeg", part("image/jpeg; name=\"photo.jpeg\"", PDF, B64, "Content-Disposition: attachment; filename=\"photo.jpg\""), names=("photo.jpg",))
structures("names-no-extension", part("application/pdf; name=\"Version 1.2\"", PDF, B64, "Content-Disposition: attachment; filename=\"Version 1.2.pdf\""),
           names=("Version 1.2.pdf",))
structures("parameters-folded", part("application/pdf;\n\tname=\n\t\"x.pdf\"", PDF, B64, "Content-Disposition:\n attachment;\n filename\n =\"x.pdf\""), names=("x.pdf",))
for number, boundary in enumerate(["----=_Part_12_345.678", "===============88==", "=_x", "--=/b?x", "a:b", "_004_[x]_", "----=_NextPart_000_0001"]):
    for kind in ("mixed", "alternative", "related"):
        case(f"{HABIT}boundary-unquoted-{number}-{kind}", multi(kind, boundary, TEXT, HTML, quote=""))
        case(f"{HABIT}boundary-twice-{number}-{kind}", multi(kind, boundary, TEXT, HTML, parameters=f"; boundary=\"{boundary}\""))
for outer, inner in [("Apple-Mail-1", "Apple-Mail-10"), ("Apple-Mail-1", "Apple-Mail-1-2"), ("b12", "b1")]:
    case(f"{HABIT}boundary-prefix-{outer}-{inner}", multi("mixed", outer, multi("alternative", inner, TEXT, HTML), attachment("filename=x.pdf")), ["x.pdf"])


def padded(text, boundary, which, blanks):
    """blanks behind some of the delimiter lines"""
    lines, seen = text.split("\n"), 0
    for i, line in enumerate(lines):
        if line.rstrip("-") == "--" + boundary.rstrip("-"):
            lines[i] += blanks if which(seen, line) else ""
            seen += 1
    return "\n".join(lines)


for blanks in (" ", "\t", "   "):
    for name, which in {"all": lambda i, _: True, "first": lambda i, _: i == 0, "second": lambda i, _: i == 1,
                        "closing": lambda i, line: line.endswith("pb1--")}.items():
        kind = {" ": "blank", "\t": "tab", "   ": "blanks"}[blanks]
        case(f"{HABIT}padded-{name}-{kind}", padded(multi("mixed", "pb1", TEXT, HTML, attachment("filename=x.pdf")), "pb1", which, blanks), ["x.pdf"])
        case(f"{HABIT}padded-{name}-{kind}-texts", padded(multi("alternative", "pb1", TEXT, HTML), "pb1", which, blanks))
for kind, boundary, quote in [("alternative", "bb", "\""), ("mixed", "----=_Part_1.2", "\""), ("mixed", "===88==", "\""), ("alternative", "bb", "")]:
    for number, parts in enumerate([(TEXT, part("text/html; charset=utf-8", "<b>hello</b>\n")), (TEXT, HTML), (TEXT, RAW_QP),
                                    (part("text/plain; charset=utf-8", encoded("Gr\u00fc\u00dfe"), B64), HTML)]):
        for encoding, lines in {"qp": QP, "base64": B64, "8bit": "Content-Transfer-Encoding: 8bit"}.items():
            case(f"{HABIT}{encoding}-on-{kind}-{boundary}{'-bare' if not quote else ''}-{number}", f"{lines}\n" + multi(kind, boundary, *parts, quote=quote))


def all_cases():
    return sorted((name.replace("/", "_"), data) for name, data in CASES.items())


if __name__ == "__main__":
    import os
    import sys
    os.makedirs(sys.argv[1], exist_ok=True)
    for case_name, data in all_cases():
        with open(os.path.join(sys.argv[1], case_name), "wb") as file:
            file.write(data)
