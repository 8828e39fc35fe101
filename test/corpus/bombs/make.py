#!/usr/bin/env python3
"""make.py DIRECTORY - writes the bomb collection: small files that want to become large, deep, many or endless

Deterministic, some megabytes in all, nothing in it is malicious but its size. Files ending in .eml are whole messages, the
others attachments. test/hostile/bombs_test.cpp opens each within 2 s of CPU and 64 MB.
"""
import base64
import bz2
import gzip
import lzma
import pathlib
import struct
import sys
import time
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import containers as c  # noqa: E402
import packers as p  # noqa: E402

MB = 1 << 20
ZEROS = bytes(MB)


def deflate(data, level=9):
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zeros_deflated(megabytes):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    megabyte = packer.compress(bytes(MB)) + packer.flush(zlib.Z_FULL_FLUSH)
    return megabyte * megabytes + b"\3\0"


def gz(data):
    return b"\x1f\x8b\x08\0\0\0\0\0\2\xff" + deflate(data) + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)


def zip_of(entries, directory_only=()):
    """[(name, packed, method, crc, size)], and [(name, index of the entry whose header it shares)]"""
    out, places, central, count = bytearray(), [], bytearray(), 0
    for name, packed, method, crc, size in entries:
        places.append((len(out), packed, method, crc, size))
        out += b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, method, 0, 0, crc, len(packed), size, len(name), 0) + name + packed
    rows = [(entry[0], place) for entry, place in zip(entries, places)] + [(name, places[index]) for name, index in directory_only]
    for name, (at, packed, method, crc, size) in rows:
        central += b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, method, 0, 0, crc, len(packed), size, len(name), 0, 0, 0, 0, 0, at) + name
        count += 1
    return out + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count & 0xFFFF, count & 0xFFFF, len(central), len(out), 0)


def zip_zeros(name, megabytes):
    crc = 0
    for _ in range(megabytes):
        crc = zlib.crc32(ZEROS, crc)
    return (name, zeros_deflated(megabytes), 8, crc, megabytes * MB)


def fifield(files):
    """Overlapping members as in Fifield 2019: each quotes the local header of the next one in a stored deflate block."""
    kernel_name, kernel_packed, _, kernel_crc, kernel_size = zip_zeros(b"00", 100)
    def local(name, packed_size, crc, size):
        return b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0, crc & 0xFFFFFFFF, packed_size, size, len(name), 0) + name
    kernel = local(kernel_name, len(kernel_packed), kernel_crc, kernel_size) + kernel_packed
    chain, rows = kernel, [(kernel_name, 0, len(kernel_packed), kernel_crc, kernel_size)]
    for number in range(1, files):
        name, head_size = b"%02d" % number, 30 + len(rows[0][0])
        packed_size = 5 + len(chain)
        size = head_size + rows[0][4]
        front = local(name, packed_size, 0, size) + struct.pack("<BHH", 0, head_size, head_size ^ 0xFFFF)
        rows = [(name, 0, packed_size, 0, size)] + [(n, at + len(front), p, k, s) for n, at, p, k, s in rows]
        chain = front + chain
    central = b""
    for name, at, packed, crc, size in rows:
        central += b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 8, 0, 0, crc & 0xFFFFFFFF, packed, min(size, 0xFFFFFFFF), len(name), 0, 0, 0, 0, 0, at) + name
    return chain + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(rows), len(rows), len(central), len(chain), 0)


def nested(pack, data, levels):
    for _ in range(levels):
        data = pack(data)
    return data


def quine_gzip():
    """A gzip whose data begin with a gzip of itself cannot be written in a few lines; a member that names its own container
    a thousand times does the same work for a reader."""
    data = gz(b"end")
    for _ in range(60):
        data = gz(data * 4)
    return data


def gnu_sparse(size):
    head = bytearray(c.tar_header(b"sparse.bin", 512, b"S"))
    head[257:265] = b"ustar  \0"
    def number(value, width):
        return b"\x80" + value.to_bytes(width - 1, "big") if value >= 8 ** (width - 1) else b"%0*o\0" % (width - 1, value)
    head[345:500] = bytes(155)
    head[386:398], head[398:410] = number(size - 512, 12), number(512, 12)
    head[483:495] = number(size, 12)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + bytes(512)


def pax_sparse(size):
    def record(key, value):
        line = b" %s=%s\n" % (key, value)
        length = len(line) + len(str(len(line)))
        return b"%d" % (length + (len(str(length)) - len(str(len(line))))) + line
    extra = record(b"GNU.sparse.major", b"0") + record(b"GNU.sparse.minor", b"1") + record(b"GNU.sparse.size", b"%d" % size)
    extra += record(b"GNU.sparse.map", b"%d,512" % (size - 512)) + record(b"GNU.sparse.name", b"pax.bin")
    return c.tar_member(b"PaxHeaders/x", extra, b"x") + c.tar_member(b"pax.bin", bytes(512))


def zstd_zeros(megabytes):
    """One frame of RLE blocks: 128 KiB of zeros in four bytes each."""
    out = b"\x28\xb5\x2f\xfd\0\x58"  # window 2 MiB
    block = 128 * 1024
    count = megabytes * MB // block
    for i in range(count):
        out += struct.pack("<I", (block << 3 | 1 << 1 | (i == count - 1)))[:3] + b"\0"
    return out


def lz4_zeros(blocks):
    body = b"\x1f\0\1\0" + b"\xff" * 16000 + b"\0\0"
    body = b"\x1f\x00\x01\x00" + b"\xff" * 16448 + b"\x10" + b"\x50" + bytes(5)
    head = b"\x04\x22\x4d\x18\x60\x70"
    return head + b"\x73" + (struct.pack("<I", len(body)) + body) * blocks + bytes(4)


def compress_zeros(codes):
    """LZW, .Z: each code is one longer than the last."""
    bits, out, width, following = 0, [], 9, 257
    value, filled, stream = 0, 0, bytearray()
    out = [0] + [min(257 + i, 65535) for i in range(codes)]
    for code in out:
        value |= code << filled
        filled += width
        while filled >= 8:
            stream.append(value & 0xFF)
            value >>= 8
            filled -= 8
        following += 1
        if following > (1 << width) and width < 16:
            width += 1
    return b"\x1f\x9d\x90" + bytes(stream) + bytes([value & 0xFF])


def lzop_zeros(blocks):
    size = 256 * 1024
    packed = b"\x12\0" + b"\x20" + bytes((size - 1 - 33) // 255) + bytes([(size - 1 - 33) % 255]) + b"\0\0" + b"\x11\0\0"
    head = b"\x89LZO\0\r\n\x1a\n" + struct.pack(">HHHBBIIIIB", 0x1040, 0x2080, 0x0940, 1, 5, 0, 0o100644, 0, 0, 0) + bytes(4)
    return head + (struct.pack(">II", size, len(packed)) + packed) * blocks + bytes(4)


def mail(headers, body=b""):
    return b"From: a@example.org\r\nTo: b@example.org\r\nSubject: bomb\r\nMIME-Version: 1.0\r\n" + headers + b"\r\n\r\n" + body


def deep_multipart(levels):
    out = bytearray(b"Content-Type: multipart/mixed; boundary=b0")
    for i in range(1, levels):
        out += b"\r\n\r\n--b%d\r\nContent-Type: multipart/mixed; boundary=b%d" % (i - 1, i)
    return mail(out, b"--b%d\r\n\r\ntext\r\n" % (levels - 1))


def deep_messages(levels):
    return mail(b"Content-Type: message/rfc822", b"Content-Type: message/rfc822\r\n\r\n" * levels + b"Subject: x\r\n\r\ntext\r\n")


def many_parts(count):
    return mail(b"Content-Type: multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n")


def attached(name, data):
    return mail(b"Content-Type: application/octet-stream; name=%s\r\nContent-Transfer-Encoding: base64" % name, base64.encodebytes(data))


def ole_with(change):
    return c.compound({"WordDocument": bytes(5000), "Macros": {"VBA": c.vba_project({"M": "Sub AutoOpen()\r\nEnd Sub\r\n"})}}, change)


def fat_loop(fat, directory, mini):
    fat[1] = 0


def mini_loop(fat, directory, mini):
    mini[:] = [0] * len(mini)


def tree_loop(fat, directory, mini):
    for entry in directory[1:]:
        entry[68:80] = struct.pack("<III", 0, 1, 0)


def huge_stream(fat, directory, mini):
    for entry in directory[1:]:
        entry[120:128] = struct.pack("<Q", 0x7FFFFFFF)


def vba_bomb(modules):
    """Each chunk of three bytes is a run of 4096; every module is its own stream."""
    run = b"\1" + (struct.pack("<H", 0xB003) + b"\2a\xff\x0f") * 60000
    folder = c.vba_project({"M%d" % i: "x" for i in range(modules)})
    for name in list(folder):
        if name.startswith("M"):
            folder[name] = b"performancecache" + run
    return c.compound({"VBA": folder})


def vba_dir_bomb():
    return c.compound({"VBA": {"dir": b"\1" + (struct.pack("<H", 0xB003) + b"\2a\xff\x0f") * 900000}})


def many_streams(count):
    return c.compound({"S%d" % i: b"MZ" for i in range(count)})


def same_stream(count):
    """Every entry of the directory is the same large object."""
    def change(fat, directory, mini):
        first = None
        for entry in directory[1:]:
            if first is None and struct.unpack_from("<Q", entry, 120)[0] >= 4096:
                first = bytes(entry[116:128])
        for entry in directory[1:]:
            entry[116:128] = first
    tree = {"A%d" % i: b"MZ" for i in range(count)}
    tree["Z" * 8] = b"MZ" + bytes(MB)
    return c.compound(tree, change)


def xar_bomb():
    toc = b"<xar><toc>" + b"<file>" * 100000
    return b"xar!" + struct.pack(">HHQQI", 28, 1, len(zlib.compress(toc)), len(toc), 0) + zlib.compress(toc)


def xar_entities():
    toc = b'<!DOCTYPE x [<!ENTITY a0 "ha">' + b"".join(b'<!ENTITY a%d "&a%d;&a%d;">' % (i, i - 1, i - 1) for i in range(1, 40)) + b"]><xar><toc>&a39;</toc></xar>"
    return b"xar!" + struct.pack(">HHQQI", 28, 1, len(zlib.compress(toc)), len(toc), 0) + zlib.compress(toc)


def xar_of(table):
    packed = zlib.compress(table, 9)
    return b"xar!" + struct.pack(">HHQQI", 28, 1, len(packed), len(table), 0) + packed + bytes(64)


def xar_links(count):
    """Members that are links to members that are links: libarchive compares each with every other."""
    files = b"".join(b'<file id="%d"><name>%d</name><type link="%d">hardlink</type></file>' % (i, i, count + i) for i in range(count))
    return xar_of(b'<?xml version="1.0"?><xar><toc>' + files + b"</toc></xar>")


def seven_zip_names(count):
    """One header that names very many empty files, packed by LZMA: all of them are read in one call."""
    bits = b"\xff" * (count // 8)
    def number(value):
        return b"\xf0" + value.to_bytes(4, "little")
    names = b"\0" * (2 * count)
    header = b"\x01\x05" + number(count) + b"\x0e" + number(len(bits)) + bits + b"\x11" + number(len(names) + 1) + b"\0" + names + b"\0\0"
    packer = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20}])
    packed = packer.compress(header) + packer.flush()
    pack_info = b"\x06\0\x01\x09" + number(len(packed)) + b"\0"
    coder = b"\x07\x0b\x01\0\x01\x23\x03\x01\x01\x05\x5d" + struct.pack("<I", 1 << 20) + b"\x0c" + number(len(header))
    coder += b"\x0a\x01" + struct.pack("<I", zlib.crc32(header)) + b"\0"
    encoded = b"\x17" + pack_info + coder + b"\0"
    start = struct.pack("<QQI", len(packed), len(encoded), zlib.crc32(encoded))
    return b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(start)) + start + packed + encoded


def shrink_clears():
    """Partial clears and nothing else: each looks at the whole table, and gives no byte."""
    bits = p.LowBits()
    bits.put(65, 9)
    for _ in range(200000):
        bits.put(256, 9)
        bits.put(2, 9)
    return p.zip_of([(b"a", bits.done(), 1, 0, b"A" * MB)])


def wim_of(blobs, chunk=32768, flags=0x20082, table=None):
    """`blobs` is [(resource bytes, plain size, resource flags)]"""
    out, rows = bytearray(208), b""
    for resource, size, kind in blobs:
        rows += len(resource).to_bytes(7, "little") + bytes([kind]) + struct.pack("<QQHI", len(out), size, 1, 1) + bytes(19) + bytes([len(rows) & 255])
        out += resource
    rows = table or rows
    head = b"MSWIM\0\0\0" + struct.pack("<IIII", 208, 0x10D00, flags, chunk) + bytes(16) + struct.pack("<HHI", 1, 1, 0)
    head += len(rows).to_bytes(7, "little") + b"\0" + struct.pack("<QQ", len(out), len(rows))
    out[:len(head)] = head
    return bytes(out) + rows


def bombs():
    yield "gzip-nested-1000.gz", nested(gz, b"end", 1000)
    yield "gzip-2g.gz", b"\x1f\x8b\x08\0\0\0\0\0\2\xff" + zeros_deflated(2048) + bytes(8)
    yield "gzip-members-50000.gz", gz(b"") * 50000
    yield "gzip-tree.gz", quine_gzip()
    yield "bzip2-nested.bz2", nested(bz2.compress, bz2.compress(bytes(40 * MB)), 3)
    yield "bzip2-1g.bz2", bz2.compress(bytes(40 * MB)) * 25
    yield "bzip2-empty-members.bz2", bz2.compress(b"") * 100000
    yield "xz-1g.xz", lzma.compress(bytes(64 * MB)) * 16
    yield "xz-empty-streams.xz", lzma.compress(b"") * 50000
    yield "lzma-64m.lzma", lzma.compress(bytes(64 * MB), format=lzma.FORMAT_ALONE)
    yield "lzma-window-4g.lzma", b"\x5d\xff\xff\xff\xff" + b"\xff" * 8 + lzma.compress(bytes(MB), format=lzma.FORMAT_ALONE)[13:]
    yield "zstd-2g.zst", zstd_zeros(2048)
    yield "zstd-empty-frames.zst", b"\x28\xb5\x2f\xfd\x20\0\1\0\0" * 100000
    yield "zstd-window-2g.zst", b"\x28\xb5\x2f\xfd\0\xa8" + zstd_zeros(64)[6:]
    yield "lz4-1g.lz4", lz4_zeros(256)
    yield "compress.Z", compress_zeros(60000)
    yield "lzop-1g.lzo", lzop_zeros(4096)
    yield "zip-flat-1g.zip", zip_of([zip_zeros(b"zeros", 1024)])
    yield "zip-ambiguous-1g.zip", zip_of([zip_zeros(b"zeros", 1024)]) + b"and more"
    yield "zip-fifield.zip", fifield(90)
    yield "zip-same-header-60000.zip", zip_of([zip_zeros(b"a", 10)], [(b"%d" % i, 0) for i in range(60000)])
    leaf = zip_of([zip_zeros(b"%d" % i, 100) for i in range(4)])
    for _ in range(5):
        leaf = zip_of([(b"lib %d.zip" % i, deflate(leaf), 8, zlib.crc32(leaf), len(leaf)) for i in range(16)])
    yield "zip-42.zip", leaf
    yield "zip-100000-members.zip", c.zip_archive([(b"%d" % i, b"") for i in range(100000)], store=True)
    yield "zip-100000-local-only.zip", c.zip_archive([(b"%d" % i, b"") for i in range(100000)], store=True).split(b"PK\1\2", 1)[0]
    yield "zip-nested-500.zip", nested(lambda data: c.zip_archive([(b"a.zip", data)]), b"end", 500)
    yield "zip-quine-header.zip", zip_of([(b"r.zip", b"", 0, 0, 0)])[:35] + zip_of([zip_zeros(b"r", 1)]) * 20
    yield "zip-ends-5000.zip", c.zip_archive([(b"a", b"x")]) + (b"PK\5\6" + bytes(18)) * 5000
    yield "zip-local-marks.zip", (b"PK\3\4" + bytes(26)) * 100000
    yield "ooxml.docx", zip_of([(b"[Content_Types].xml", deflate(b"<x/>"), 8, zlib.crc32(b"<x/>"), 4), zip_zeros(b"word/document.xml", 1024)])
    yield "ooxml-many.xlsx", c.zip_archive([(b"[Content_Types].xml", b"<x/>")] + [(b"xl/worksheets/sheet%d.xml" % i, b"<x/>") for i in range(30000)])
    yield "svgz.svgz", b"\x1f\x8b\x08\0\0\0\0\0\2\xff" + zeros_deflated(512) + bytes(8)
    yield "tar-100000-members.tar.gz", gz(b"".join(c.tar_header(b"%d" % i, 0) for i in range(100000)))
    yield "tar-sparse-8e.tar", gnu_sparse((1 << 63) - 1024) + bytes(1024)
    yield "tar-pax-sparse-8e.tar", pax_sparse((1 << 63) - 1024) + bytes(1024)
    yield "tar-size-8e.tar", c.tar_header(b"huge", 0, size_field=b"\x80" + ((1 << 63) - 1).to_bytes(11, "big")) + bytes(4096)
    yield "tar-long-name.tar", c.tar_header(b"././@LongLink", 100 * MB, b"L") + bytes(4096)
    yield "tar-nested-400.tar", nested(lambda data: c.tar([(b"a.tar", data)]), b"end", 400)
    yield "cpio-100000-members.cpio.gz", gz(c.newc([(b"%d" % i, b"") for i in range(100000)]))
    yield "cpio-huge.cpio", c.newc([(b"a", b"x")]).replace(b"%08X" % 1 + b"0" * 32, b"FFFFFFFF" + b"0" * 32)
    yield "ar-100000-members.a", c.ar([(b"%d" % i, b"") for i in range(100000)])
    yield "rar4-100000.rar", c.rar4([(b"%d" % i, b"") for i in range(100000)])
    yield "rar5-60000.rar", c.rar5([(b"%d" % i, b"") for i in range(60000)])
    yield "cab-60000.cab", c.cab([(b"%d" % i, b"") for i in range(60000)])
    yield "lha-100000.lha", c.lha([(b"%d" % i, b"") for i in range(100000)])
    yield "xar-deep.xar", xar_bomb()
    yield "xar-entities.xar", xar_entities()
    yield "tnef-attachments.dat", c.tnef([(b"%d" % i, "", b"") for i in range(60000)])
    yield "tnef-properties.dat", struct.pack("<IH", 0x223E9F78, 1) + c.tnef_attribute(1, 0x00069003, struct.pack("<I", 0xFFFFFFFF) + struct.pack("<HHI", 0x101E, 0x1000, 0xFFFFFFFF) + bytes(4 * MB))
    yield "ole-fat-loop.doc", ole_with(fat_loop)
    yield "ole-mini-loop.doc", ole_with(mini_loop)
    yield "ole-tree-loop.doc", ole_with(tree_loop)
    yield "ole-huge-streams.doc", ole_with(huge_stream)
    yield "ole-many-streams.doc", many_streams(12000)
    yield "ole-same-stream.doc", same_stream(5000)
    yield "vba-modules.doc", vba_bomb(12)
    yield "vba-dir.doc", vba_dir_bomb()
    yield "xar-links-9000.xar", xar_links(9000)
    yield "xar-links-200000.xar", xar_links(200000)
    yield "xar-table-1g.xar", b"xar!" + struct.pack(">HHQQI", 28, 1, 1 << 20, 1 << 30, 0) + zlib.compress(bytes(300 * MB))
    yield "7z-names-400000.7z", seven_zip_names(400000)
    yield "7z-names-8000000.7z", seven_zip_names(8000000)
    yield "zoo-30000.zoo", p.zoo([(b"%d" % i, b"", 0) for i in range(30000)])
    yield "arc-60000.arc", p.arc([(b"%d" % i, b"", 2, b"") for i in range(60000)])
    yield "arc-runs.arc", p.arc([(b"A", b"a" + b"\x90\xff" * (4 * MB), 3, b"a" * 10)])
    yield "zip-shrink-clears.zip", shrink_clears()
    yield "zip-deflate64-empty.zip", p.zip_of([(b"a", b"\0\0\0\xff\xff" * (MB // 2), 9, 0, b"x")])
    yield "zip-deflate64-fixed.zip", p.zip_of([(b"a", b"\x02\x08\x20\x80\0" * (MB // 2), 9, 0, b"x")])
    yield "onenote-60000.one", p.onenote([b"x"] * 60000)
    yield "tnef-rtf.dat", struct.pack("<IIII", 4 * MB + 12, 1 << 30, 0x75465A4C, 0) + b"\xff" * (4 * MB)
    yield "szdd-4g.ex_", b"SZDD\x88\xf0\x27\x33A\0" + b"\xff" * 4 + b"\0\xff\xff" * MB
    yield "wim-blobs-60000.wim", wim_of([(b"x", 1, 0)] * 60000)
    yield "wim-same-blob.wim", wim_of([(bytes(4 * MB), 4 * MB, 0)], table=((4 * MB).to_bytes(7, "little") + b"\0" + struct.pack("<QQHI", 208, 4 * MB, 1, 1) + bytes(20)) * 9000)
    yield "wim-loop.wim", wim_of([(struct.pack("<II", 8, 0) + (struct.pack("<QIIQ", 104, 16, 0, 8) + bytes(80)) * 30000 + bytes(8), 8 + 104 * 30000 + 8, 2)])
    yield "mime-deep-10000.eml", deep_multipart(10000)
    yield "mime-messages-10000.eml", deep_messages(10000)
    yield "mime-parts-50000.eml", many_parts(50000)
    yield "mime-header-8m.eml", mail(b"X-Long: " + b"a" * (8 * MB))
    yield "mime-fields-200000.eml", mail(b"\r\n".join(b"X-%d: y" % i for i in range(200000)))
    yield "mime-parameters.eml", mail(b"Content-Type: text/plain" + b"".join(b";\r\n name*%d=a" % i for i in range(30000)))
    yield "mime-base64-gzip.eml", attached(b"a.gz", b"\x1f\x8b\x08\0\0\0\0\0\2\xff" + zeros_deflated(400) + bytes(8))
    yield "mime-fifield.eml", attached(b"a.zip", fifield(60))


def main():
    into = pathlib.Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    for name, content in bombs():
        (into / name).write_bytes(content)
        if "-v" in sys.argv:
            print(f"{time.process_time():7.2f} {len(content):9} {name}", flush=True)


main()
