"""documents - office documents, PDF, TNEF, CMS and OpenPGP that hold a file"""
import base64
import binascii
import bz2
import hashlib
import struct
import zlib

import containers as c

from . import objects as o
from .archives import deflate, entry, octets, zip_of
from .kinds import by_program, enter

# --- OLE2 --------------------------------------------------------------------------------------------------------------
SHEET = c.biff([(0x809, struct.pack("<HHIII", 0x600, 5, 0, 0, 6)), (0x0A, b"")])
WORD = struct.pack("<HH", 0xA5EC, 0xC1) + bytes(5000)


def ole(tree, change=None):
    return bytes(c.compound(tree, change))


def slides(records):
    return b"".join(struct.pack("<HHI", version, kind, len(data)) + data for version, kind, data in records)


enter("ole-word-native", "doc", lambda n, d: ole({"WordDocument": WORD, "ObjectPool": {"_1": {"\x01Ole10Native": c.native(octets(n), b"C:\\x", d)}}}), core=True)
enter("ole-word-package", "doc", lambda n, d: ole({"WordDocument": WORD, "ObjectPool": {"_1": {"Package": d}}}))
enter("ole-word-contents", "doc", lambda n, d: ole({"WordDocument": WORD, "ObjectPool": {"_1": {"CONTENTS": d}}}))
enter("ole-word-any-stream", "doc", lambda n, d: ole({"WordDocument": WORD, "Whatever": d}))
enter("ole-word-in-table", "doc", lambda n, d: ole({"WordDocument": WORD, "1Table": bytes(512) + zip_of([entry(octets(n), d, 8, deflate(d))]) + bytes(5000)}))
enter("ole-excel-native", "xls", lambda n, d: ole({"Workbook": SHEET + bytes(5000), "MBD0001": {"\x01Ole10Native": c.native(octets(n), b"C:\\x", d)}}))
enter("ole-excel-embedded-workbook", "xls", lambda n, d: ole({"Workbook": SHEET + bytes(5000), "MBD0001": {"Workbook": SHEET, "\x01Ole10Native": c.native(octets(n), b"x", d)}}))
enter("ole-powerpoint-object", "ppt", lambda n, d: ole({"Current User": bytes(60), "PowerPoint Document": slides([
    (0xF, 1000, bytes(5000)), (0x10, 0x1011, struct.pack("<I", 9) + zlib.compress(ole({"\x01Ole10Native": c.native(octets(n), b"C:\\x", d)})))])}))
enter("ole-powerpoint-object-plain", "ppt", lambda n, d: ole({"Current User": bytes(60), "PowerPoint Document": slides([
    (0xF, 1000, bytes(5000)), (0, 0x1011, ole({"\x01Ole10Native": c.native(octets(n), b"C:\\x", d)}))])}))
enter("ole-alone-native", "bin", lambda n, d: ole({"\x01Ole10Native": c.native(octets(n), b"C:\\x", d)}))
enter("ole-native-no-head", "bin", lambda n, d: ole({"\x01Ole10Native": struct.pack("<I", len(d)) + d}))
enter("ole-behind-last-sector", "doc", lambda n, d: ole({"WordDocument": WORD}) + zip_of([entry(octets(n), d, 8, deflate(d))]))
enter("ole-msi-cabinet", "msi", lambda n, d: ole({"\u4840\u3fff\u43e4\u41ec\u45e4\u44ac\u4831": bytes(100), "Data.cab": bytes(c.cab([(octets(n), d)]))}))
enter("ole-msi-binary", "msi", lambda n, d: ole({"\u4840\u3fff\u43e4\u41ec\u45e4\u44ac\u4831": bytes(100), "Binary.x": d}))
enter("ole-unreachable-stream", "doc", lambda n, d: ole({"WordDocument": WORD, "ObjectPool": {"_1": {"\x01Ole10Native": c.native(octets(n), b"x", d)}}},
                                                        lambda fat, directory, mini: directory[0].__setitem__(slice(76, 80), b"\1\0\0\0")))


def msg(name, data, inner=None):
    attach = {"__properties_version1.0": bytes(64), "__substg1.0_3707001F": name.encode("utf-16-le")}
    attach["__substg1.0_3701000D" if inner else "__substg1.0_37010102"] = inner or data
    return {"__properties_version1.0": bytes(64), "__substg1.0_0037001F": "Subject".encode("utf-16-le"), "__substg1.0_1000001F": "Hello".encode("utf-16-le"),
            "__attach_version1.0_#00000000": attach}


enter("msg-attachment", "msg", lambda n, d: ole(msg(n, d)), core=True)
enter("msg-in-msg", "msg", lambda n, d: ole(msg("inner.msg", b"", msg(n, d))))
enter("msg-html-body", "msg", lambda n, d: ole({"__properties_version1.0": bytes(64), "__substg1.0_0037001F": "s".encode("utf-16-le"), "__substg1.0_10130102": d}))


# --- OOXML, ODF, other documents ----------------------------------------------------------------------------------------
def ooxml(kind, *members):
    main = {"word": b"word/document.xml", "xl": b"xl/workbook.xml", "ppt": b"ppt/presentation.xml"}[kind]
    types = b"<?xml version='1.0'?><Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'><Default Extension='xml' ContentType='application/xml'/></Types>"
    rels = b"<?xml version='1.0'?><Relationships><Relationship Id='r1' Type='officeDocument' Target='%s'/></Relationships>" % main
    listed = [(b"[Content_Types].xml", types), (b"_rels/.rels", rels), (main, b"<?xml version='1.0'?><w:document>hello</w:document>"), *members]
    return zip_of([entry(name, data, 8, deflate(data)) for name, data in listed])


enter("docx-ole-object", "docx", lambda n, d: ooxml("word", (b"word/embeddings/oleObject1.bin", ole({"\x01Ole10Native": c.native(octets(n), b"C:\\x", d)}))), core=True)
enter("docx-embedding", "docx", lambda n, d: ooxml("word", (b"word/embeddings/" + octets(n), d)))
enter("docx-media", "docx", lambda n, d: ooxml("word", (b"word/media/image1.png", d)))
enter("docx-printer-settings", "xlsx", lambda n, d: ooxml("xl", (b"xl/printerSettings/printerSettings1.bin", d)))
enter("docx-lzma", "docx", lambda n, d: by_program(["sh", "-c", "mkdir word && mv \"$0\" word/ && touch '[Content_Types].xml' && 7z a -bd -y -tzip -mm=LZMA out.docx '[Content_Types].xml' word", "{}"], n, d, "out.docx"))
enter("xlsx-in-docx", "docx", lambda n, d: ooxml("word", (b"word/embeddings/sheet.xlsx", ooxml("xl", (b"xl/embeddings/" + octets(n), d)))))
enter("pptx-ole-object", "pptx", lambda n, d: ooxml("ppt", (b"ppt/embeddings/oleObject1.bin", ole({"\x01Ole10Native": c.native(octets(n), b"C:\\x", d)}))))


def odf(kind, *members):
    mime = b"application/vnd.oasis.opendocument." + kind
    listed = [(b"mimetype", mime), (b"content.xml", b"<?xml version='1.0'?><office:document-content/>"), *members]
    return zip_of([entry(name, data) if name == b"mimetype" else entry(name, data, 8, deflate(data)) for name, data in listed])


enter("odt-object", "odt", lambda n, d: odf(b"text", (b"Object 1", ole({"\x01Ole10Native": c.native(octets(n), b"C:\\x", d)}))), core=True)
enter("odt-picture", "odt", lambda n, d: odf(b"text", (b"Pictures/" + octets(n), d)))
enter("fodt-binary-data", "fodt", lambda n, d: b"<?xml version='1.0' encoding='UTF-8'?>\n<office:document xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0' office:mimetype='application/vnd.oasis.opendocument.text'><office:body><draw:object-ole><office:binary-data>"
      + base64.encodebytes(d) + b"</office:binary-data></draw:object-ole></office:body></office:document>\n")


def rtf_object(name, data):
    native = c.native(octets(name), b"C:\\x", data)
    head = struct.pack("<III", 0x501, 2, 8) + b"Package\0" + struct.pack("<II", 0, 0) + native
    return b"{\\rtf1\\ansi hello {\\object\\objemb{\\*\\objclass Package}{\\*\\objdata " + binascii.hexlify(head) + b"}}}\n"


enter("rtf-object", "rtf", rtf_object)
enter("svg-data-uri", "svg", lambda n, d: b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><a href='data:application/octet-stream;base64," + base64.b64encode(d) + b"'/></svg>")


# --- PDF ---------------------------------------------------------------------------------------------------------------
def ascii85(data):
    return base64.a85encode(data) + b"~>"


def run_length(data):
    return b"".join(bytes([len(data[i:i + 128]) - 1]) + data[i:i + 128] for i in range(0, len(data), 128)) + b"\x80"


enter("pdf-attachment", "pdf", lambda n, d: o.pdf_with_attachment(octets(n), d), core=True)
enter("pdf-attachment-plain", "pdf", lambda n, d: o.pdf_with_attachment(octets(n), d, b"", d))
enter("pdf-attachment-hex", "pdf", lambda n, d: o.pdf_with_attachment(octets(n), d, b"/ASCIIHexDecode", binascii.hexlify(d) + b">"))
enter("pdf-attachment-85", "pdf", lambda n, d: o.pdf_with_attachment(octets(n), d, b"/ASCII85Decode", ascii85(d)))
enter("pdf-attachment-85-flate", "pdf", lambda n, d: o.pdf_with_attachment(octets(n), d, b"[/ASCII85Decode/FlateDecode]", ascii85(zlib.compress(d))))
enter("pdf-attachment-run-length", "pdf", lambda n, d: o.pdf_with_attachment(octets(n), d, b"/RunLengthDecode", run_length(d)))
enter("pdf-attachment-flate-twice", "pdf", lambda n, d: o.pdf_with_attachment(octets(n), d, b"[/FlateDecode/FlateDecode]", zlib.compress(zlib.compress(d))))
enter("pdf-attachment-name-escaped", "pdf", lambda n, d: o.pdf_with_attachment(octets(n), d, b"/Fl#61teDecode", zlib.compress(d)))
enter("pdf-attachment-lzw", "pdf", lambda n, d: o.pdf_with_attachment(octets(n), d, b"/LZWDecode", lzw(d)))
enter("pdf-prefix-text", "pdf", lambda n, d: o.FILLER[:500] + o.pdf_with_attachment(octets(n), d))
enter("pdf-behind-end", "pdf", lambda n, d: o.pdf() + zip_of([entry(octets(n), d, 8, deflate(d))]))
enter("pdf-between-objects", "pdf", lambda n, d: o.pdf().replace(b"2 0 obj", zip_of([entry(octets(n), d, 8, deflate(d))]) + b"\n2 0 obj", 1))
enter("pdf-two-revisions", "pdf", lambda n, d: o.pdf_with_attachment(octets(n), d) + o.pdf()[len(b"%PDF-1.7\n"):])
enter("pdf-objects-in-stream", "pdf", lambda n, d: by_qpdf(n, d, "--object-streams=generate"))
enter("pdf-password", "pdf", lambda n, d: by_qpdf(n, d, "--encrypt", "secret", "owner", "256", "--"), sealed=True)
enter("pdf-password-rc4", "pdf", lambda n, d: pdf_rc4(n, d, b"secret"), sealed=True)
enter("pdf-owner-password-rc4", "pdf", lambda n, d: pdf_rc4(n, d, b""))
for bits, extra in (("128", ("--use-aes=y",)), ("256", ())):
    enter(f"pdf-owner-password-{bits}", "pdf", lambda n, d, bits=bits, extra=extra: by_qpdf(n, d, "--encrypt", "", "owner", bits, *extra, "--"))


def by_qpdf(name, data, *switches):
    return by_program(["qpdf", "--allow-weak-crypto", *switches, "in.pdf", "out.pdf"], "in.pdf", o.pdf_with_attachment(octets(name), data), "out.pdf")


def lzw(data):
    """The codes of PDF's LZW, nine bits wide: the table is cleared before it would need more"""
    codes, out = [256], 0
    for number, octet in enumerate(data):
        if number and number % 200 == 0:
            codes.append(256)
        codes.append(octet)
    codes.append(257)
    for code in codes:
        out = out << 9 | code
    bits = len(codes) * 9
    return (out << -bits % 8).to_bytes((bits + 7) // 8, "big")


PAD = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def rc4(key, data):
    state, out, j = list(range(256)), bytearray(), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) & 255
        state[i], state[j] = state[j], state[i]
    i = j = 0
    for octet in data:
        i = (i + 1) & 255
        j = (j + state[i]) & 255
        state[i], state[j] = state[j], state[i]
        out.append(octet ^ state[(state[i] + state[j]) & 255])
    return bytes(out)


def pdf_rc4(name, data, password):
    """The oldest encryption, revision 2 with 40 bits; with an empty password everybody can open it"""
    identity = b"0123456789abcdef"
    owner = rc4(hashlib.md5(b"owner".ljust(32, b"\0")[:5] + PAD[:27]).digest()[:5], (password + PAD)[:32])
    key = hashlib.md5((password + PAD)[:32] + owner + struct.pack("<i", -4) + identity).digest()[:5]
    user = rc4(key, PAD)
    of_object = hashlib.md5(key + struct.pack("<I", 4)[:3] + b"\0\0").digest()[:10]
    packed = rc4(of_object, zlib.compress(data))
    body = b"<</Type/EmbeddedFile/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(packed), packed)
    return o.pdf([body, b"<</Type/Filespec/F(%s)/EF<</F 4 0 R>>>>" % octets(name)], b"/Names<</EmbeddedFiles<</Names[(%s) 5 0 R]>>>>" % octets(name),
                 b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>/ID[<%s><%s>]" % tuple(map(binascii.hexlify, (owner, user, identity, identity))))


# --- TNEF --------------------------------------------------------------------------------------------------------------
TNEF = struct.pack("<IH", 0x223E9F78, 1)
RENDER = c.tnef_attribute(2, 0x00069002, bytes(14))
MESSAGE_CLASS = c.tnef_attribute(1, 0x00078008, b"IPM.Microsoft Mail.Note\0")


def attachment(name, *attributes):
    return RENDER + c.tnef_attribute(2, 0x00018010, octets(name) + b"\0") + b"".join(attributes)


def file_data(data):
    return c.tnef_attribute(2, 0x0006800F, data)


def properties(level, entries):
    return c.tnef_attribute(level, 0x00069005 if level == 2 else 0x00069003, c.mapi(entries))


IMESSAGE = bytes.fromhex("0703020000000000c000000000000046")
ISTORAGE = bytes.fromhex("0b00000000000000c000000000000046")


def embedded(name, data):
    inner = TNEF + MESSAGE_CLASS + attachment(name, file_data(data))
    return TNEF + attachment("inner", properties(2, [(0x0D, 0x3701, IMESSAGE + inner), (3, 0x3705, struct.pack("<I", 5))]))


enter("tnef", "dat", lambda n, d: TNEF + MESSAGE_CLASS + attachment(n, file_data(d)), core=True, ordinary=True)
enter("tnef-second-data", "dat", lambda n, d: TNEF + attachment(n, file_data(b"hello"), file_data(d)))
enter("tnef-first-of-two-data", "dat", lambda n, d: TNEF + attachment(n, file_data(d), file_data(b"hello")))
enter("tnef-property-data", "dat", lambda n, d: TNEF + attachment(n, properties(2, [(0x102, 0x3701, d)])))
enter("tnef-property-beside-data", "dat", lambda n, d: TNEF + attachment(n, file_data(b"hello"), properties(2, [(0x102, 0x3701, d)])))
enter("tnef-embedded-message", "dat", embedded)
enter("tnef-ole-object", "dat", lambda n, d: TNEF + attachment("object", properties(2, [(0x0D, 0x3701, ISTORAGE + ole({"\x01Ole10Native": c.native(octets(n), b"x", d)}))])))
enter("tnef-body", "dat", lambda n, d: TNEF + c.tnef_attribute(1, 0x0002800C, d))
enter("tnef-html-body", "dat", lambda n, d: TNEF + properties(1, [(0x102, 0x1013, d)]))
enter("tnef-rtf-body", "dat", lambda n, d: TNEF + properties(1, [(0x102, 0x1009, struct.pack("<III", len(d) + 12, len(d), 0x414C454D) + bytes(4) + d)]))
enter("tnef-no-render-data", "dat", lambda n, d: TNEF + file_data(d))
enter("tnef-wrong-sum", "dat", lambda n, d: TNEF + attachment(n, c.tnef_attribute(2, 0x0006800F, d, 1)))
enter("tnef-behind-junk", "dat", lambda n, d: TNEF + attachment("a.txt", file_data(b"hello")) + b"\7junk" + attachment(n, file_data(d)))


# --- CMS ---------------------------------------------------------------------------------------------------------------
def der(tag, content):
    size = len(content)
    head = bytes([size]) if size < 128 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + head + content


def ber(tag, content):
    return bytes([tag, 0x80]) + content + b"\0\0"


def oid(text):
    first, second, *rest = map(int, text.split("."))
    out = bytes([first * 40 + second])
    for number in rest:
        digits = [number & 127]
        while number > 127:
            number >>= 7
            digits.append(number & 127 | 128)
        out += bytes(reversed(digits))
    return der(6, out)


DATA, SIGNED, ENVELOPED, DIGESTED, ENCRYPTED = (oid(f"1.2.840.113549.1.7.{i}") for i in (1, 2, 3, 5, 6))
COMPRESSED, AUTHENTICATED, ZLIB = oid("1.2.840.113549.1.9.16.1.9"), oid("1.2.840.113549.1.9.16.1.2"), oid("1.2.840.113549.1.9.16.3.8")
AES, SHA = oid("2.16.840.1.101.3.4.1.42"), oid("2.16.840.1.101.3.4.2.1")


def entity(name, data):
    return (f"Content-Type: application/octet-stream; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n"
            "Content-Transfer-Encoding: base64\r\n\r\n").encode() + base64.encodebytes(data).replace(b"\n", b"\r\n")


def chunked(data, size=13):
    return ber(0x24, b"".join(der(4, data[i:i + size]) for i in range(0, len(data), size)))


def signed(content, octet_string=None):
    body = der(2, b"\1") + der(0x31, der(0x30, SHA)) + der(0x30, DATA + der(0xA0, octet_string or der(4, content))) + der(0x31, b"")
    return der(0x30, SIGNED + der(0xA0, der(0x30, body)))


def compressed(content):
    body = der(2, b"\0") + der(0x30, ZLIB) + der(0x30, DATA + der(0xA0, der(4, zlib.compress(content))))
    return der(0x30, COMPRESSED + der(0xA0, der(0x30, body)))


def enveloped(content):
    info = der(0xA2, der(2, b"\4") + der(0x30, der(4, b"key")) + der(0x30, AES) + der(4, bytes(40)))
    hidden = bytes(octet ^ 0x5A for octet in content)
    body = der(2, b"\2") + der(0x31, info) + der(0x30, DATA + der(0x30, AES + der(4, bytes(16))) + der(0x80, hidden))
    return der(0x30, ENVELOPED + der(0xA0, der(0x30, body)))


def digested(content):
    body = der(2, b"\0") + der(0x30, SHA) + der(0x30, DATA + der(0xA0, der(4, content))) + der(4, hashlib.sha256(content).digest())
    return der(0x30, DIGESTED + der(0xA0, der(0x30, body)))


def authenticated(content):
    body = der(2, b"\0") + der(0x31, b"") + der(0x30, SHA) + der(0x30, DATA + der(0xA0, der(4, content))) + der(4, bytes(20))
    return der(0x30, AUTHENTICATED + der(0xA0, der(0x30, body)))


def indefinite(content):
    body = der(2, b"\1") + der(0x31, der(0x30, SHA)) + ber(0x30, DATA + ber(0xA0, chunked(content))) + der(0x31, b"")
    return ber(0x30, SIGNED + ber(0xA0, ber(0x30, body)))


def pem(label, data):
    return b"-----BEGIN %s-----\n" % label + base64.encodebytes(data) + b"-----END %s-----\n" % label


for form, make in (("signed", signed), ("chunked", lambda d: signed(d, chunked(d))), ("indefinite", indefinite), ("compressed", compressed), ("digested", digested),
                   ("authenticated", authenticated), ("signed-twice", lambda d: signed(signed(d))), ("compressed-signed", lambda d: compressed(signed(d))),
                   ("chunk-of-chunks", lambda d: signed(d, ber(0x24, chunked(d[:40]) + der(0x24, der(4, d[40:60]) + der(4, d[60:])))))):
    enter(f"cms-{form}", "p7m", lambda n, d, make=make: make(entity(n, d)), core=form in ("signed", "compressed"))
    enter(f"cms-{form}-bare", "p7m", lambda n, d, make=make: make(d))
enter("cms-enveloped", "p7m", lambda n, d: enveloped(entity(n, d)), sealed=True)
for label in (b"PKCS7", b"CMS", b"PKCS #7 SIGNED DATA"):
    enter(f"cms-pem-{label.decode().split()[0].lower()}{'-signed' if b' ' in label else ''}", "pem", lambda n, d, label=label: pem(label, signed(entity(n, d))))
enter("cms-pem-behind-text", "p7m", lambda n, d: b"Some words before.\n" + pem(b"CMS", signed(entity(n, d))))
enter("cms-junk-behind", "p7m", lambda n, d: signed(b"hello") + signed(entity(n, d)))
enter("cms-data", "p7m", lambda n, d: der(0x30, DATA + der(0xA0, der(4, entity(n, d)))))
enter("cms-multipart", "p7m", lambda n, d: signed(b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x\r\n" + entity(n, d) + b"\r\n--x--\r\n"))
enter("time-stamped-data", "tsd", lambda n, d: der(0x30, oid("1.2.840.113549.1.9.16.1.31") + der(0xA0, der(0x30, der(2, b"\1") + der(4, d) + der(0x30, b"")))))


# --- OpenPGP -----------------------------------------------------------------------------------------------------------
def packet(tag, body, old=False, partial=None):
    if old:
        return bytes([0x80 | tag << 2 | 2]) + struct.pack(">I", len(body)) + body
    out = bytes([0xC0 | tag])
    if partial:
        size = 1 << partial
        while len(body) > size:
            out += bytes([0xE0 | partial]) + body[:size]
            body = body[size:]
    return out + (bytes([len(body)]) if len(body) < 192 else b"\xff" + struct.pack(">I", len(body))) + body


def literal(name, data, **options):
    label = octets(name)
    return packet(11, b"b" + bytes([len(label)]) + label + bytes(4) + data, **options)


def crc24(data):
    crc = 0xB704CE
    for octet in data:
        crc ^= octet << 16
        for _ in range(8):
            crc = crc << 1 ^ (0x1864CFB if crc & 0x800000 else 0)
    return (crc & 0xFFFFFF).to_bytes(3, "big")


def armored(data, label=b"MESSAGE", extra=b""):
    return b"-----BEGIN PGP %s-----\n%s\n" % (label, extra) + base64.encodebytes(data) + b"=" + base64.b64encode(crc24(data)) + b"\n-----END PGP %s-----\n" % label


def one_pass(name, data):
    signature = packet(2, bytes([4, 0, 1, 8, 0, 0, 0, 0, 0, 0]) + bytes(30))
    return packet(4, bytes([3, 0, 8, 1]) + bytes(8) + b"\1") + literal(name, data) + signature


PGP = {
    "literal": literal,
    "literal-old": lambda n, d: literal(n, d, old=True),
    "literal-partial": lambda n, d: literal(n, d + b" " * 1100, partial=9),
    "literal-indeterminate": lambda n, d: b"\xaf" + literal(n, d, old=True)[5:],
    "zip": lambda n, d: packet(8, b"\1" + deflate(literal(n, d))),
    "zlib": lambda n, d: packet(8, b"\2" + zlib.compress(literal(n, d))),
    "bzip2": lambda n, d: packet(8, b"\3" + bz2.compress(literal(n, d))),
    "zlib-indeterminate": lambda n, d: b"\xa3\2" + zlib.compress(literal(n, d)),
    "uncompressed": lambda n, d: packet(8, b"\0" + literal(n, d)),
    "signed": one_pass,
    "signed-zlib": lambda n, d: packet(8, b"\2" + zlib.compress(one_pass(n, d))),
    "marker-first": lambda n, d: packet(10, b"PGP") + literal(n, d),
    "old-signature-first": lambda n, d: packet(2, bytes([4, 0, 1, 8, 0, 0, 0, 0, 0, 0]) + bytes(30), old=True) + literal(n, d),
    "two-literals": lambda n, d: literal("a.txt", o.FILLER) + literal(n, d),
}
for form, make in PGP.items():
    enter(f"pgp-{form}", "gpg", make, core=form == "zlib")
    enter(f"pgp-{form}-armored", "asc", lambda n, d, make=make: armored(make(n, d)))
enter("pgp-armored-with-fields", "asc", lambda n, d: armored(PGP["zlib"](n, d), extra=b"Version: x\nComment: y\n"))
enter("pgp-armored-as-file", "asc", lambda n, d: armored(PGP["zlib"](n, d), b"ARMORED FILE"))
enter("pgp-armored-behind-text", "txt", lambda n, d: b"Some words before.\n\n" + armored(PGP["zlib"](n, d)) + b"\nand behind\n")
enter("pgp-symmetric", "gpg", lambda n, d: packet(3, bytes([4, 9, 3, 8]) + bytes(8) + b"\x60") + packet(18, b"\1" + bytes(octet ^ 0x5A for octet in d)), sealed=True)
enter("pgp-public-key", "gpg", lambda n, d: packet(1, b"\3" + bytes(8) + b"\1" + bytes(40)) + packet(18, b"\1" + bytes(octet ^ 0x5A for octet in d)), sealed=True)
enter("pgp-symmetric-armored", "asc", lambda n, d: armored(packet(3, bytes([4, 9, 3, 8]) + bytes(8) + b"\x60") + packet(18, b"\1" + bytes(octet ^ 0x5A for octet in d))), sealed=True)
