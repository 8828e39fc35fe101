#!/usr/bin/env python3
"""make.py DIRECTORY - writes the corpus of ambiguous messages: every structure with every encoding, EICAR planted.

The mechanisms are those of docs/opening-mime.md. Deterministic: the same names and bytes on every run; `make.py --manifest` prints
one line for each structure with the SHA-256 of all its messages, which must agree with the file `manifest` beside this program.
Messages are as the receiver hands them on: CRLF line ends, no NUL; what needs other bytes lies in a base64 message.
"""
import base64
import binascii
import hashlib
import os
import sys

# in two pieces, so that this file is not itself what it plants
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-" + r"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").encode()
B64 = base64.b64encode(EICAR)
CTE = b"Content-Transfer-Encoding: "
TYPE = b"Content-Type: application/octet-stream\n"


def qp(data, upper=True):
    return b"".join((b"=%02X" if upper else b"=%02x") % c for c in data)


def wrap(data, width):
    return b"\n".join(data[i:i + width] for i in range(0, len(data), width))


def uu(data):
    lines = [binascii.b2a_uu(data[i:i + 45]) for i in range(0, len(data), 45)]
    return b"begin 644 eicar.com\n" + b"".join(lines) + b"`\nend\n"


def yenc(data):
    body = b""
    for c in data:
        c = (c + 42) % 256
        body += b"=" + bytes([(c + 64) % 256]) if c in (0, 10, 13, 61) else bytes([c])
    return b"=ybegin line=128 size=%d name=eicar.com\n%s\n=yend size=%d\n" % (len(data), body, len(data))


def hqx(data):
    alphabet = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
    head = b"\x09eicar.com\0TEXTttxt\0\0" + len(data).to_bytes(4, "big") + b"\0\0\0\0"
    raw = head + binascii.crc_hqx(head + b"\0\0", 0).to_bytes(2, "big")
    raw += data + binascii.crc_hqx(data + b"\0\0", 0).to_bytes(2, "big") + b"\0\0"
    raw = raw.replace(b"\x90", b"\x90\0")
    bits = "".join(f"{c:08b}" for c in raw)
    bits += "0" * (-len(bits) % 6)
    text = bytes(alphabet[int(bits[i:i + 6], 2)] for i in range(0, len(bits), 6))
    return b"(This file must be converted with BinHex 4.0)\n\n:" + wrap(text, 63) + b":\n"


ENCODINGS = {
    "7bit": (b"", EICAR),
    "8bit": (CTE + b"8bit\n", EICAR),
    "binary": (CTE + b"binary\n", EICAR),
    "base64": (CTE + b"base64\n", wrap(B64, 76)),
    "base64-upper": (CTE + b"BASE64\n", wrap(B64, 76)),
    "base64-folded": (CTE + b"\n base64\n", wrap(B64, 76)),
    "base64-lines-of-1": (CTE + b"base64\n", wrap(B64, 1)),
    "base64-blanks": (CTE + b"base64\n", b" ".join(B64[i:i + 3] for i in range(0, len(B64), 3))),
    "base64-one-line": (CTE + b"base64\n", B64),
    "base64-no-padding": (CTE + b"base64\n", B64.rstrip(b"=")),
    "base64-junk": (CTE + b"base64\n", b"!".join(B64[i:i + 5] for i in range(0, len(B64), 5))),
    "base64-junk-first": (CTE + b"base64\n", b"!*&-" + B64),
    "base64-8bit-junk": (CTE + b"base64\n", B64[:10] + b"\xe9\xff" + B64[10:]),
    "base64-padding-inside": (CTE + b"base64\n", base64.b64encode(EICAR[:20]) + base64.b64encode(EICAR[20:])),
    "base64-padding-lines": (CTE + b"base64\n", b"\n".join(base64.b64encode(EICAR[i:i + 10]) for i in range(0, 68, 10))),
    "base64-padding-first": (CTE + b"base64\n", b"====\n" + B64),
    "base64-one-pad": (CTE + b"base64\n", b"QQ=" + B64),
    "base64-behind-padding": (CTE + b"base64\n", base64.b64encode(b"harmless") + b"\n" + B64),
    "qp": (CTE + b"quoted-printable\n", wrap(qp(EICAR), 75).replace(b"\n", b"=\n")),
    "qp-lower": (CTE + b"quoted-printable\n", qp(EICAR, False)),
    "qp-plain": (CTE + b"Quoted-Printable\n", EICAR.replace(b"=", b"=3D")),
    "qp-soft-breaks": (CTE + b"quoted-printable\n", b"=\n".join(bytes([c]) for c in EICAR)),
    "qp-soft-blanks": (CTE + b"quoted-printable\n", b"= \t\n".join(bytes([c]) for c in EICAR)),
    "qp-bad-escape": (CTE + b"quoted-printable\n", b"=".join([EICAR[:1], EICAR[1:]])),
    "uuencode": (b"", uu(EICAR)),
    "x-uuencode": (CTE + b"x-uuencode\n", uu(EICAR)),
    "uuencode-base64": (b"", b"begin-base64 644 eicar.com\n" + B64 + b"\n====\n"),
    "yenc": (b"", yenc(EICAR)),
    "binhex": (b"", hqx(EICAR)),
    "x-binhex": (CTE + b"x-binhex40\n", hqx(EICAR)),
    "cte-twice": (CTE + b"base64\n" + CTE + b"7bit\n", B64),
    "cte-twice-reversed": (CTE + b"7bit\n" + CTE + b"base64\n", B64),
    "cte-qp-then-base64": (CTE + b"quoted-printable\n" + CTE + b"base64\n", B64),
    "cte-comment": (CTE + b"(x) base64 (y)\n", B64),
    "cte-comment-inside": (CTE + b"base(x)64\n", B64),
    "cte-word": (CTE + b"=?us-ascii?q?base64?=\n", B64),
    "cte-quoted": (CTE + b"\"base64\"\n", B64),
    "cte-semicolon": (CTE + b"base64;\n", B64),
    "cte-parameter": (CTE + b"base64; x=y\n", B64),
    "cte-x-base64": (CTE + b"x-base64\n", B64),
    "cte-blank-inside": (CTE + b"base 64\n", B64),
    "cte-7bit-base64": (CTE + b"7bit base64\n", B64),
    "cte-unknown": (CTE + b"foo\n", B64),
    "cte-unknown-qp": (CTE + b"quoted/printable\n", qp(EICAR)),
    "cte-blank-colon": (b"Content-Transfer-Encoding : base64\n", B64),
    "cte-tab-colon": (b"Content-Transfer-Encoding\t: base64\n", B64),
    "cte-blank-name": (b" Content-Transfer-Encoding: base64\n", B64),
    "cte-8bit-name": (b"Content-Transfer-Encoding\xa0: base64\n", B64),
}


def entity(encoding, kind=TYPE):
    head, body = encoding
    return kind + head + b"\n" + body + b"\n"


def multi(header, *parts, boundary=b"b", close=b"--b--\n", lead=b""):
    out = b"MIME-Version: 1.0\n" + header + b"\n" + lead
    for part in parts:
        out += b"--" + boundary + b"\n" + part
    return out + close


HARMLESS = b"Content-Type: text/plain\n\nharmless\n"
STRUCTURES = {}


def structure(function):
    STRUCTURES[function.__name__.replace("_", "-")] = function
    return function


def header_cases(prefix, headers, boundary=b"b"):
    """structures that differ only in how the multipart's header is written; the payload lies behind --boundary"""
    for name, header in headers.items():
        STRUCTURES[prefix + name] = lambda e, header=header: multi(
            header + b"\n", HARMLESS, entity(e), boundary=boundary, close=b"--" + boundary + b"--\n")


MULTI = b"Content-Type: multipart/mixed; "
header_cases("header-", {
    "plain": MULTI + b"boundary=b", "quoted": MULTI + b"boundary=\"b\"", "first-of-two": MULTI + b"boundary=b; boundary=c",
    "last-of-two": MULTI + b"boundary=c; boundary=b", "upper-name": MULTI + b"BOUNDARY=b",
    "two-fields-first": MULTI + b"boundary=b\n" + MULTI + b"boundary=c",
    "two-fields-last": MULTI + b"boundary=c\n" + MULTI + b"boundary=b",
    "text-then-multipart": b"Content-Type: text/plain\n" + MULTI + b"boundary=b",
    "multipart-then-text": MULTI + b"boundary=b\nContent-Type: text/plain",
    "comment": MULTI + b"boundary=b (comment)", "comment-before": b"Content-Type: (x) multipart/mixed; boundary=b",
    "comment-in-type": b"Content-Type: multipart(x)/mixed; boundary=b", "comment-hides": MULTI + b"(boundary=b; ) boundary=c",
    "comment-shows": MULTI + b"(boundary=c; ) boundary=b", "nested-comment": MULTI + b"bound(a(b)c)ary=b; boundary=c",
    "unclosed-comment": MULTI + b"(boundary=c; boundary=b", "word": MULTI + b"boundary=\"=?us-ascii?q?b?=\"",
    "word-partly": MULTI + b"boundary==?us-ascii?q?b?=", "word-type": b"Content-Type: =?us-ascii?q?multipart/mixed?=; boundary=b",
    "rfc2231": MULTI + b"boundary*=us-ascii''b", "rfc2231-percent": MULTI + b"boundary*=us-ascii''%62",
    "rfc2231-and-plain": MULTI + b"boundary=c; boundary*=us-ascii''b", "plain-and-rfc2231": MULTI + b"boundary=b; boundary*=us-ascii''c",
    "pieces": MULTI + b"boundary*0=b", "pieces-and-plain": MULTI + b"boundary=c; boundary*0=b",
    "unclosed-quote": MULTI + b"boundary=\"b", "quote-inside": MULTI + b"boundary=b\"\"", "escaped": MULTI + b"boundary=\"\\b\"",
    "text-behind-quote": MULTI + b"boundary=\"b\"c", "no-semicolon": b"Content-Type: multipart/mixed boundary=b",
    "comma": b"Content-Type: multipart/mixed, boundary=b", "blank-before-equals": MULTI + b"boundary =b",
    "blank-behind-equals": MULTI + b"boundary= b", "folded": MULTI + b"\n boundary=b", "folded-value": MULTI + b"boundary=\n b",
    "folded-quoted": MULTI + b"boundary=\"\n b\"", "trailing-blank": MULTI + b"boundary=\"b \"", "leading-blank": MULTI + b"boundary=\" b\"",
    "missing": b"Content-Type: multipart/mixed", "other": MULTI + b"boundary=nowhere", "empty-and-b": MULTI + b"boundary=; boundary=b",
    "no-subtype": b"Content-Type: multipart; boundary=b", "odd-subtype": b"Content-Type: multipart/xyzzy; boundary=b",
    "blank-in-type": b"Content-Type: multipart / mixed; boundary=b", "text-with-boundary": b"Content-Type: text/plain; boundary=b",
    "no-type-slash": b"Content-Type: multipart mixed; boundary=b", "junk-parameter": MULTI + b"xyzzy; boundary=b",
    "broken-parameter": MULTI + b"x=\"a; boundary=b", "percent-broken": MULTI + b"x*=utf-8''%zz; boundary=b",
    "other-name": MULTI + b"xboundary=c; boundary=b", "tab": b"Content-Type:\tmultipart/mixed;\tboundary=b",
    "no-blank": b"Content-Type:multipart/mixed;boundary=b", "blank-colon": b"Content-Type : multipart/mixed; boundary=b",
    "8bit-name": b"Content-Type\xa0: multipart/mixed; boundary=b", "garbage-line": b"garbage\n" + MULTI + b"boundary=b",
    "blank-line": b"X: y\n \n" + MULTI + b"boundary=b", "continuation-first": b"X:\n \n\t\n" + MULTI + b"boundary=b",
    "base64-of-multipart": MULTI + b"boundary=b\nContent-Transfer-Encoding: base64",
    "qp-of-multipart": MULTI + b"boundary=b\nContent-Transfer-Encoding: quoted-printable",
    "many-parameters": MULTI + b"".join(b"x%d=y; " % i for i in range(300)) + b"boundary=b",
    "no-mime-version": MULTI + b"boundary=b",
})
header_cases("long-", {"boundary": MULTI + b"boundary=" + b"l" * 80, "truncated": MULTI + b"boundary=" + b"l" * 90}, b"l" * 80)
header_cases("unquoted-specials-", {"boundary": MULTI + b"boundary=--=_b/x"}, b"--=_b/x")
header_cases("empty-", {"boundary": MULTI + b"boundary=\"\"", "boundary-bare": MULTI + b"boundary="}, b"")
header_cases("dashes-", {"boundary": MULTI + b"boundary=\"--b\""}, b"--b")
header_cases("blank-inside-", {"boundary": MULTI + b"boundary=\"b b\"", "bare": MULTI + b"boundary=b b"}, b"b b")
header_cases("blank-cut-", {"bare": MULTI + b"boundary=b b"}, b"b")


@structure
def single(e):
    return b"MIME-Version: 1.0\n" + entity(e)


@structure
def single_text(e):
    return b"MIME-Version: 1.0\n" + entity(e, b"Content-Type: text/plain\n")


@structure
def without_mime_version(e):
    return entity(e)


@structure
def type_twice(e):
    return b"Content-Type: text/plain\n" + entity(e)


@structure
def unclosed(e):
    return multi(MULTI + b"boundary=b\n", HARMLESS, entity(e), close=b"")


@structure
def behind_closing(e):
    return multi(MULTI + b"boundary=b\n", HARMLESS) + b"--b\n" + entity(e) + b"--b--\n"


@structure
def in_epilogue(e):
    return multi(MULTI + b"boundary=b\n", HARMLESS) + entity(e)


@structure
def in_preamble(e):
    return multi(MULTI + b"boundary=b\n", HARMLESS, lead=entity(e))


def delimiter_case(name, line, close=b"--b--\n"):
    STRUCTURES[name] = lambda e: (b"MIME-Version: 1.0\n" + MULTI + b"boundary=b\n\n--b\n" + HARMLESS + line + b"\n" + entity(e) + close)


for case, text in {"blank": b"--b ", "tab": b"--b\t", "prefix": b"--bx", "leading-blank": b" --b", "single-dash": b"-b",
                   "closing-text": b"--b--x", "closing-dash": b"--b-", "closing-blanks": b"--b-- ", "triple": b"---b",
                   "upper": b"--B", "comment": b"--b (x)", "formfeed": b"--b\x0c", "vertical": b"\x0b--b"}.items():
    delimiter_case("delimiter-" + case, text)


@structure
def inner_reuses_outer(e):
    inner = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + HARMLESS + b"--b\n" + entity(e) + b"--b--\n"
    return multi(MULTI + b"boundary=b\n", inner)


@structure
def inner_prefix_of_outer(e):
    inner = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + HARMLESS + b"--b\n" + entity(e) + b"--b--\n"
    return multi(MULTI + b"boundary=bb\n", inner, boundary=b"bb", close=b"--bb--\n")


@structure
def outer_prefix_of_inner(e):
    inner = b"Content-Type: multipart/mixed; boundary=bb\n\n--bb\n" + HARMLESS + b"--bb\n" + entity(e) + b"--bb--\n"
    return multi(MULTI + b"boundary=b\n", inner)


@structure
def nested_multiparts(e):
    inner = entity(e)
    for depth in range(20):
        inner = b"Content-Type: multipart/mixed; boundary=n%dx\n\n--n%dx\n%s--n%dx--\n" % (depth, depth, inner, depth)
    return b"MIME-Version: 1.0\n" + inner


def message(e):
    return b"From: a@example.org\nSubject: inner\nMIME-Version: 1.0\n" + entity(e)


@structure
def nested_message(e):
    return multi(MULTI + b"boundary=b\n", b"Content-Type: message/rfc822\n\n" + message(e))


@structure
def nested_global(e):
    return multi(MULTI + b"boundary=b\n", b"Content-Type: message/global\n\n" + message(e))


@structure
def nested_base64(e):
    return multi(MULTI + b"boundary=b\n", b"Content-Type: message/rfc822\n" + CTE + b"base64\n\n"
                 + wrap(base64.b64encode(message(e)), 76) + b"\n")


@structure
def nested_qp(e):
    return multi(MULTI + b"boundary=b\n", b"Content-Type: message/rfc822\n" + CTE + b"quoted-printable\n\n"
                 + message(e).replace(b"=", b"=3D"))


@structure
def digest(e):
    return multi(b"Content-Type: multipart/digest; boundary=b\n", b"\n" + message(e))


def raw_case(name, change):
    """a message with bytes the receiver would not let through, in a base64 message"""
    def make(e):
        inner = change(multi(MULTI + b"boundary=b\n", HARMLESS, entity(e)).replace(b"\n", b"\r\n"))
        return multi(MULTI + b"boundary=b\n", b"Content-Type: message/rfc822\n" + CTE + b"base64\n\n"
                     + wrap(base64.b64encode(inner), 76) + b"\n")
    STRUCTURES["raw-" + name] = make


raw_case("nul-in-name", lambda m: m.replace(b"Content-Type: multipart", b"Content-\0Type: multipart"))
raw_case("nul-before-colon", lambda m: m.replace(b"Content-Type: multipart", b"Content-Type\0: multipart"))
raw_case("nul-in-type", lambda m: m.replace(b"multipart/mixed", b"multi\0part/mixed"))
raw_case("nul-in-boundary", lambda m: m.replace(b"boundary=b", b"bound\0ary=b"))
raw_case("lf", lambda m: m.replace(b"\r\n", b"\n"))
raw_case("cr", lambda m: m.replace(b"\r\n", b"\r"))
raw_case("cr-header", lambda m: m.replace(b"1.0\r\n", b"1.0\r", 1))
raw_case("cr-separator", lambda m: m.replace(b"\r\n\r\n", b"\r\r", 1))
raw_case("crcrlf", lambda m: m.replace(b"\r\n", b"\r\r\n"))
raw_case("lfcr", lambda m: m.replace(b"\r\n", b"\n\r"))
raw_case("cr-delimiter", lambda m: m.replace(b"\r\n--b\r\n", b"\r--b\r"))
raw_case("lf-delimiter", lambda m: m.replace(b"\r\n--b\r\n", b"\n--b\n"))
raw_case("nul-delimiter", lambda m: m.replace(b"\r\n--b\r\n", b"\r\n\0--b\r\n"))
raw_case("nul-behind-delimiter", lambda m: m.replace(b"\r\n--b\r\n", b"\r\n--b\0\r\n"))
raw_case("nul-first", lambda m: b"\0" + m)
raw_case("blank-separator", lambda m: m.replace(b"\r\n\r\n", b"\r\n \r\n\r\n", 1))
raw_case("separator-blank-only", lambda m: m.replace(b"\r\n\r\n", b"\r\n \t\r\n"))


def cases():
    for kind in sorted(STRUCTURES):
        for encoding in sorted(ENCODINGS):
            yield f"{kind}.{encoding}.eml", STRUCTURES[kind](ENCODINGS[encoding])


def received(name, message_bytes):
    """as the receiver normalises it"""
    head = b"From: a@example.org\nTo: b@example.net\nDate: Mon, 1 Jan 2024 00:00:00 +0000\nSubject: " + name.encode() + b"\n"
    return (head + message_bytes).replace(b"\n", b"\r\n")


def all_cases():
    for name, message_bytes in cases():
        yield name, received(name, message_bytes)


def manifest():
    """structure to digest"""
    digests = {}
    for case_name, data in all_cases():
        digests.setdefault(case_name.split(".")[0], hashlib.sha256()).update(data)
    return {structure_name: digest.hexdigest() for structure_name, digest in digests.items()}


if __name__ == "__main__":
    if sys.argv[1:] == ["--manifest"]:
        print("".join(f"{structure_name} {digest}\n" for structure_name, digest in manifest().items()), end="")
    else:
        os.makedirs(sys.argv[1], exist_ok=True)
        for case_name, data in all_cases():
            with open(os.path.join(sys.argv[1], case_name), "wb") as file:
                file.write(data)
