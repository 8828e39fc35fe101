"""texts - files written as text: uuencode, xxencode, yEnc, BinHex"""
import base64
import binascii

from . import objects as o
from .archives import octets
from .kinds import enter

WORDS = b"some words\r\n" * 6
UU = b" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_"
XX = b"+-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
HQX = b"!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"


def uu_lines(data, blank=b"`", ends=b"\r\n"):
    out = b""
    for at in range(0, len(data), 45):
        out += binascii.b2a_uu(data[at:at + 45]).rstrip(b"\n").replace(b" ", blank) + ends
    return out


def uu(name, data, begin=b"begin 644 ", end=b"`\r\nend\r\n", blank=b"`", before=b"", ends=b"\r\n"):
    return before + begin + octets(name) + ends + uu_lines(data, blank, ends) + end


def xx(name, data):
    return b"begin 644 " + octets(name) + b"\r\n" + uu_lines(data, b" ").translate(bytes(XX[UU.index(i)] if i in UU else i for i in range(256))) + b"+\r\nend\r\n"


def yenc(name, data, size=True, part=False, end=True):
    body = b""
    for octet in data:
        value = (octet + 42) % 256
        body += b"=" + bytes([(value + 64) % 256]) if value in (0, 9, 10, 13, 46, 61) else bytes([value])
    lines = b"\r\n".join(body[i:i + 128] for i in range(0, len(body), 128)) if b"=" not in body[127::128] else body
    head = b"=ybegin " + (b"part=1 total=1 " if part else b"") + b"line=128 " + (b"size=%d " % len(data) if size else b"") + b"name=" + octets(name) + b"\r\n"
    return head + (b"=ypart begin=1 end=%d\r\n" % len(data) if part else b"") + lines + b"\r\n" + (b"=yend size=%d\r\n" % len(data) if end else b"")


def hqx(name, data, intro=True):
    label = octets(name)[:31]
    head = bytes([len(label)]) + label + b"\0TEXTttxt\0\0" + len(data).to_bytes(4, "big") + b"\0\0\0\0"
    raw = head + binascii.crc_hqx(head + b"\0\0", 0).to_bytes(2, "big") + data + binascii.crc_hqx(data + b"\0\0", 0).to_bytes(2, "big") + b"\0\0"
    raw = raw.replace(b"\x90", b"\x90\0")
    bits = int.from_bytes(raw, "big") << (-len(raw) * 8 % 6)
    count = (len(raw) * 8 + 5) // 6
    text = b":" + bytes(HQX[bits >> 6 * (count - 1 - i) & 63] for i in range(count)) + b":"
    lines = b"\r\n".join(text[i:i + 64] for i in range(0, len(text), 64)) + b"\r\n"
    return (b"(This file must be converted with BinHex 4.0)\r\n\r\n" if intro else b"") + lines


enter("uu", "uue", uu, core=True)
for mode in (b"64", b"0644", b"00644", b"100644", b"0100644"):
    enter(f"uu-mode-{len(mode)}", "uue", lambda n, d, mode=mode: uu(n, d, b"begin " + mode + b" "))
enter("uu-behind-words", "uue", lambda n, d: uu(n, d, before=WORDS))
enter("uu-behind-empty-lines", "uue", lambda n, d: uu(n, d, before=b"\r\n\r\n"))
enter("uu-blanks", "uue", lambda n, d: uu(n, d, blank=b" ", end=b" \r\nend\r\n"))
enter("uu-no-end", "uue", lambda n, d: uu(n, d, end=b""))
enter("uu-end-without-zero", "uue", lambda n, d: uu(n, d, end=b"end\r\n"))
enter("uu-upper-begin", "uue", lambda n, d: uu(n, d, b"BEGIN 644 "))
enter("uu-blanks-in-begin", "uue", lambda n, d: uu(n, d, b"begin  644  "))
enter("uu-lf", "uue", lambda n, d: uu(n, d, end=b"`\nend\n", ends=b"\n"))
enter("uu-second-file", "uue", lambda n, d: uu("a.txt", b"hello") + uu(n, d))
enter("uu-base64", "uue", lambda n, d: b"begin-base64 644 " + octets(n) + b"\r\n" + base64.encodebytes(d).replace(b"\n", b"\r\n") + b"====\r\n")
enter("uu-base64-behind-words", "uue", lambda n, d: WORDS + b"begin-base64 644 " + octets(n) + b"\r\n" + base64.encodebytes(d).replace(b"\n", b"\r\n") + b"====\r\n")
enter("uu-base64-encoded-name", "uue", lambda n, d: b"begin-base64-encoded 644 " + base64.b64encode(octets(n)) + b"\r\n" + base64.encodebytes(d).replace(b"\n", b"\r\n") + b"====\r\n")
for charset in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
    enter(f"uu-in-{charset}", "txt", lambda n, d, charset=charset: uu(n, d).decode("latin-1").encode(charset))
enter("uu-in-html", "html", lambda n, d: b"<html><body><pre>\r\n" + uu(n, d).replace(b"&", b"&") + b"</pre></body></html>\r\n")
enter("xx", "xxe", xx)
enter("yenc", "yenc", yenc, core=True)
enter("yenc-no-size", "yenc", lambda n, d: yenc(n, d, size=False))
enter("yenc-part", "yenc", lambda n, d: yenc(n, d, part=True))
enter("yenc-no-end", "yenc", lambda n, d: yenc(n, d, end=False))
enter("yenc-behind-words", "yenc", lambda n, d: WORDS + yenc(n, d))
enter("binhex", "hqx", hqx, core=True)
enter("binhex-no-intro", "hqx", lambda n, d: hqx(n, d, False))
enter("binhex-no-intro-behind-words", "hqx", lambda n, d: WORDS + hqx(n, d, False))
enter("base64-file", "b64", lambda n, d: base64.encodebytes(d).replace(b"\n", b"\r\n"))
