"""objects - what lies inside: EICAR, which the signature wants at the beginning of a file, and a marker that may stand anywhere"""
import struct
import zlib

import containers as c

# both in two pieces, so that this file is not itself what it makes
EICAR = (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-" + r"STANDARD-ANTIVIRUS-TEST-FILE!$H+H*").encode()
MARKER = b"TAMIS-EVIL-" + b"MARKER-1234"
SIGNATURES = f"Eicar-Test-Signature:0:0:{EICAR.hex()}\nMarker.Test:0:*:{MARKER.hex()}\n"

FILLER = b"".join(b"%d. An ordinary line of an ordinary text, number %d.\r\n" % (i, i * 7919) for i in range(60))
HARMLESS = b"Nothing evil here.\r\n" + FILLER


def program(content=b""):
    """A small PE program with one section that holds `content`."""
    section = content + bytes(-len(content) % 512 or (0 if content else 512))
    dos = b"MZ" + bytes(58) + struct.pack("<I", 0x80) + bytes(64)
    coff = struct.pack("<HHIIIHH", 0x14C, 1, 0x65000000, 0, 0, 0xE0, 0x102)
    optional = struct.pack("<HBBIIIIIIIIIHHHHHHIIIIHHIIIIII", 0x10B, 14, 0, len(section), 0, 0, 0x1000, 0x1000, 0x2000, 0x400000, 0x1000, 512,
                           6, 0, 0, 0, 6, 0, 0, 0x3000, 512, 0, 3, 0, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16) + bytes(128)
    table = struct.pack("<8sIIIIIIHHI", b".text", len(section), 0x1000, len(section), 512, 0, 0, 0, 0, 0x60000020)
    head = dos + b"PE\0\0" + coff + optional + table
    return head + bytes(512 - len(head)) + section


def theme():
    """A zip as Word puts it into its documents"""
    return bytes(c.zip_archive([(b"[Content_Types].xml", b"<?xml version='1.0'?><Types/>"), (b"theme/theme/theme1.xml", b"<a:theme/>" * 30)]))


def word(content=b"", children=None):
    """A Word document (OLE2) with a theme in its table stream; `content` in its text"""
    table = bytes(700) + theme()
    return bytes(c.compound({"WordDocument": struct.pack("<HH", 0xA5EC, 0xC1) + bytes(1532) + content + bytes(4096), "1Table": table + bytes(5000 - len(table)),
                             "\x05SummaryInformation": bytes(4096), **(children or {})}))


def embedding_word(name, data):
    return word(children={"ObjectPool": {"_1": {"\x01Ole10Native": c.native(name, b"C:\\" + name, data), "\x03ObjInfo": bytes(6)}}})


def pdf(objects=(), catalogue=b"", trailer=b"", version=b"1.7", end=b""):
    """A PDF with one page and a right cross-reference table; `objects` are bodies of the objects from 4 on"""
    content = b"BT /F1 12 Tf 72 700 Td (An ordinary page) Tj ET"
    bodies = [b"<</Type/Catalog/Pages 2 0 R" + catalogue + b">>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
              b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>/Contents %d 0 R>>"
              % (4 + len(objects)), *objects, b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)]
    out, places = bytearray(b"%PDF-" + version + b"\n%\xe2\xe3\xcf\xd3\n"), []
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1) + b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n" % (len(bodies) + 1, trailer, at)
    return bytes(out + end)


def stream(data, keys=b"", filters=b"/FlateDecode"):
    packed = zlib.compress(data) if filters == b"/FlateDecode" else data
    named = b"/Filter" + filters if filters else b""
    return b"<<%s%s/Length %d>>stream\n%s\nendstream" % (keys, named, len(packed), packed)


def pdf_with_attachment(name, data, filters=b"/FlateDecode", packed=None):
    where = b"/Names<</EmbeddedFiles<</Names[(%s) 5 0 R]>>>>" % name
    body = stream(data, b"/Type/EmbeddedFile") if packed is None else stream(packed, b"/Type/EmbeddedFile", filters)
    return pdf([body, b"<</Type/Filespec/F(%s)/EF<</F 4 0 R>>>>" % name], where)


def zip_members(members):
    return bytes(c.zip_archive(members))


def zip_of(name, data):
    return zip_members([(name, data)])


OBJECTS = {
    "eicar": ("eicar.com", EICAR),
    "text": ("readme.txt", FILLER + MARKER + b"\r\n" + FILLER),
    "exe": ("setup.exe", program(b"code " * 40 + MARKER)),
    "doc": ("letter.doc", word(MARKER)),
    "doc-embeds": ("letter.doc", embedding_word(b"eicar.com", EICAR)),
    "pdf": ("paper.pdf", pdf(catalogue=b"/X(" + MARKER + b")")),
    "pdf-attaches": ("paper.pdf", pdf_with_attachment(b"eicar.com", EICAR)),
    "exe-with-zip": ("setup.exe", program(MARKER) + zip_of(b"data.txt", FILLER)),
    "exe-zip-eicar": ("setup.exe", program(b"stub") + zip_of(b"eicar.com", EICAR)),
}
