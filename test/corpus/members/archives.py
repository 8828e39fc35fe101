"""archives - containers of files: archives, compressed files, disk images"""
import binascii
import bz2
import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import zipfile
import zlib

import containers as c

from . import objects as o
from .kinds import by_program, container, enter

# --- zip: the writer with every field in its hands ---------------------------------------------------------------------
def deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def zip_lzma(data):
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    return struct.pack("<BBHBI", 9, 20, 5, 0x5D, 1 << 16) + lzma.compress(data, lzma.FORMAT_RAW, filters=filters)


def entry(name, data, method=0, packed=None, flags=0, local_name=None, extra=b"", local=None, central=None):
    """One member; `local` and `central` change fields of one of its two headers"""
    packed = data if packed is None else packed
    base = {"name": name, "method": method, "flags": flags, "crc": zlib.crc32(data), "packed": len(packed), "size": len(data), "extra": extra}
    return ({**base, "name": local_name or name, **(local or {})}, packed, {**base, **(central or {})})


def zip_of(entries, comment=b"", before=b"", gap=b"", after=b"", directory=True):
    out, central = bytearray(before), bytearray()
    for head, packed, listed in entries:
        at = len(out)
        for part, start, tail in ((head, b"PK\3\4", b""), (listed, b"PK\1\2\x14\0", struct.pack("<HHHII", 0, 0, 0, 0o100644 << 16, at))):
            block = start + struct.pack("<HHHIIIIHH", 20, part["flags"], part["method"], 0x5A21 << 16 | 0x6000, part["crc"], part["packed"] & 0xFFFFFFFF,
                                        part["size"] & 0xFFFFFFFF, len(part["name"]), len(part["extra"])) + tail + part["name"] + part["extra"]
            if tail:
                central += block
            else:
                out += block
        out += packed + gap
    if directory:
        at = len(out)
        out += central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(entries), len(entries), len(central), at, len(comment)) + comment
    return bytes(out + after)


def octets(name):
    return name.encode()


enter("zip-stored", "zip", lambda n, d: zip_of([entry(octets(n), d)]), core=True, ordinary=True)
enter("zip-deflate", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d))]), core=True, ordinary=True)
enter("zip-bzip2", "zip", lambda n, d: zip_of([entry(octets(n), d, 12, bz2.compress(d))]), ordinary=True)
enter("zip-lzma", "zip", lambda n, d: zip_of([entry(octets(n), d, 14, zip_lzma(d))]), core=True, ordinary=True)
enter("zip-xz", "zip", lambda n, d: zip_of([entry(octets(n), d, 95, lzma.compress(d))]), ordinary=True)
enter("zip-zstd", "zip", lambda n, d: zip_of([entry(octets(n), d, 93, zstd(d))]), ordinary=True)
enter("zip-zstd-20", "zip", lambda n, d: zip_of([entry(octets(n), d, 20, zstd(d))]))
for method in ("PPMd", "Deflate64", "LZMA", "BZip2"):
    enter(f"zip-7z-{method.lower()}", "zip", lambda n, d, method=method: by_program(["7z", "a", "-bd", "-y", "-tzip", f"-mm={method}", "out.zip", "{}"], n, d, "out.zip"),
          ordinary=True)
for method, number in (("shrink", 1), ("reduce", 3), ("implode", 6), ("dcl-implode", 10), ("terse", 18), ("lz77", 19), ("mp3", 94), ("jpeg", 96), ("wavpack", 97)):
    enter(f"zip-says-{method}", "zip", lambda n, d, number=number: zip_of([entry(octets(n), d, number, deflate(d))]), sealed=True)
enter("zip-zipcrypto", "zip", lambda n, d: by_program(["7z", "a", "-bd", "-y", "-tzip", "-psecret", "-mem=ZipCrypto", "out.zip", "{}"], n, d, "out.zip"), sealed=True)
enter("zip-aes", "zip", lambda n, d: by_program(["7z", "a", "-bd", "-y", "-tzip", "-psecret", "-mem=AES256", "out.zip", "{}"], n, d, "out.zip"), sealed=True)


@container("zip64", "zip", ordinary=True)
def zip64(name, data):
    extra = struct.pack("<HHQQ", 1, 16, len(data), len(data))
    far = {"packed": 0xFFFFFFFF, "size": 0xFFFFFFFF, "extra": extra}
    return zip_of([entry(octets(name), data, local=far, central=far)])


@container("zip64-end-records", "zip")
def zip64_end(name, data):
    plain = zip_of([entry(octets(name), data, 8, deflate(data))])
    end = plain.rindex(b"PK\5\6")
    count, size, at = struct.unpack_from("<HII", plain, end + 10)
    big = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, at)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    return plain[:end] + big + locator + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)


@container("zip-streamed", "zip", ordinary=True)
def zip_streamed(name, data):
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.got = bytearray()

        def writable(self):
            return True

        def write(self, chunk):
            self.got += chunk
            return len(chunk)
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return bytes(pipe.got)


enter("zip-prefix-byte", "zip", lambda n, d: b"\0" + zip_of([entry(octets(n), d, 8, deflate(d))]))
enter("zip-prefix-text", "zip", lambda n, d: o.FILLER + zip_of([entry(octets(n), d, 8, deflate(d))]))
enter("zip-prefix-adjusted", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d))], before=o.FILLER))
enter("zip-spanning-mark", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d))], before=b"PK00"))
enter("zip-spanned-mark", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d))], before=b"PK\7\x08"))
enter("zip-suffix", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d))], after=b"and some more"))
enter("zip-comment", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d))], comment=b"made by hand"), ordinary=True)
enter("zip-in-comment", "zip", lambda n, d: zip_of([entry(b"a.txt", o.FILLER)], comment=zip_of([entry(octets(n), d, 8, deflate(d))])))
enter("zip-no-directory", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d))], directory=False))
enter("zip-two-end-records", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d))]) + zip_of([entry(b"a.txt", o.FILLER)]))
enter("zip-hidden-between", "zip", lambda n, d: zip_of([entry(b"a.txt", o.FILLER), entry(b"b.txt", o.FILLER)],
                                                      gap=zip_of([entry(octets(n), d, 8, deflate(d))], directory=False)))
enter("zip-methods-differ", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d), central={"method": 0})]))
enter("zip-methods-differ-back", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d), local={"method": 0})]))
enter("zip-said-encrypted", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d), central={"flags": 1})]))
enter("zip-said-encrypted-local", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d), local={"flags": 1})]))
enter("zip-said-directory", "zip", lambda n, d: zip_of([entry(octets(n) + b"/", d, 8, deflate(d))]))
enter("zip-size-zero", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d), central={"size": 0})]))
enter("zip-wrong-crc", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d), central={"crc": 1}, local={"crc": 1})]))
enter("zip-empty-name", "zip", lambda n, d: zip_of([entry(b"", d, 8, deflate(d))]))
enter("zip-nul-name", "zip", lambda n, d: zip_of([entry(b"a.txt\0" + octets(n), d, 8, deflate(d))]))
enter("zip-deflate-stored-block", "zip", lambda n, d: zip_of([entry(octets(n), d, 8, b"\x01" + struct.pack("<HH", len(d), len(d) ^ 0xFFFF) + d)]))
enter("zip-of-200", "zip", lambda n, d: zip_of([entry(b"t%d.txt" % i, b"text %d " % i * 20) for i in range(200)] + [entry(octets(n), d, 14, zip_lzma(d))]), ordinary=True)
enter("zip-after-600-kB", "zip", lambda n, d: zip_of([entry(b"t%d.txt" % i, o.FILLER * 12) for i in range(20)] + [entry(octets(n), d, 8, deflate(d))]), ordinary=True)
enter("zip-after-6-MB", "zip", lambda n, d: zip_of([entry(b"t%d.txt" % i, o.FILLER * 100, 8, deflate(o.FILLER * 100)) for i in range(20)] + [entry(octets(n), d, 95, lzma.compress(d))]))
enter("jar", "jar", lambda n, d: zip_of([entry(b"META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\r\n\r\n", extra=b"\xfe\xca\0\0"), entry(octets(n), d, 8, deflate(d))]))
enter("epub", "epub", lambda n, d: zip_of([entry(b"mimetype", b"application/epub+zip"), entry(b"OEBPS/" + octets(n), d, 8, deflate(d))]))
enter("kmz", "kmz", lambda n, d: zip_of([entry(b"doc.kml", b"<?xml version='1.0'?><kml/>"), entry(b"files/" + octets(n), d, 8, deflate(d))]))
enter("apk", "apk", lambda n, d: zip_of([entry(b"AndroidManifest.xml", b"\3\0\x08\0"), entry(b"assets/" + octets(n), d, 8, deflate(d))]))


# --- 7z ----------------------------------------------------------------------------------------------------------------
def seven(*switches):
    return lambda n, d: by_program(["7z", "a", "-bd", "-y", "-t7z", *switches, "out.7z", "{}"], n, d, "out.7z")


for method in ("Copy", "LZMA", "LZMA2", "BZip2", "PPMd", "Deflate", "Deflate64"):
    enter(f"7z-{method.lower()}", "7z", seven(f"-m0={method}"), core=method in ("LZMA", "BZip2", "PPMd"), ordinary=method != "Deflate64")
for method in ("BCJ", "BCJ2", "PPC", "ARM", "ARMT", "ARM64", "SPARC", "IA64", "RISCV", "Delta:4"):
    enter(f"7z-{method.lower().replace(':', '-')}", "7z", seven(f"-mf={method}"), core=method in ("PPC", "Delta:4"), ordinary=method not in ("ARM64", "RISCV"))
enter("7z-delta-copy", "7z", seven("-m0=Delta:2", "-m1=Copy"))
enter("7z-swap4", "7z", seven("-m0=Swap4", "-m1=LZMA2"))
enter("7z-bcj-bzip2", "7z", seven("-m0=BCJ", "-m1=BZip2"))
enter("7z-bcj-delta-lzma", "7z", seven("-m0=BCJ", "-m1=Delta:1", "-m2=LZMA2"))
enter("7z-plain-header", "7z", seven("-mhc=off"), ordinary=True)
enter("7z-encrypted", "7z", seven("-psecret"), sealed=True)
enter("7z-encrypted-names", "7z", seven("-psecret", "-mhe=on"), sealed=True)
enter("7z-prefix-program", "exe", lambda n, d: o.program(b"stub") + seven()(n, d))
enter("7z-prefix-mp3", "7z", lambda n, d: b"ID3\3\0\0\0\0\0\0" + seven()(n, d))
enter("7z-prefix-byte", "7z", lambda n, d: b"\0" + seven("-m0=BZip2")(n, d))
enter("7z-suffix", "7z", lambda n, d: seven()(n, d) + o.FILLER)

# --- rar (stored: there is no free writer), lha, arj, arc, zoo ----------------------------------------------------------
enter("rar4", "rar", lambda n, d: bytes(c.rar4([(octets(n), d)])), core=True, ordinary=True)
enter("rar5", "rar", lambda n, d: bytes(c.rar5([(octets(n), d)])), core=True, ordinary=True)
enter("rar4-encrypted", "rar", lambda n, d: bytes(c.rar4([(octets(n), d)], encrypted=(octets(n),))), sealed=True)
enter("rar5-encrypted", "rar", lambda n, d: bytes(c.rar5([(octets(n), d)], encrypted=(octets(n),))), sealed=True)
for version, maker in (("rar4", c.rar4), ("rar5", c.rar5)):
    enter(f"{version}-prefix-byte", "rar", lambda n, d, maker=maker: b"\0" + bytes(maker([(octets(n) + ".gz".encode(), gzip.compress(d))])))
    enter(f"{version}-prefix-program", "exe", lambda n, d, maker=maker: o.program(b"stub") + bytes(maker([(octets(n), d)])))
    enter(f"{version}-prefix-text", "rar", lambda n, d, maker=maker: o.FILLER + bytes(maker([(octets(n) + b".gz", gzip.compress(d))])))
    enter(f"{version}-suffix", "rar", lambda n, d, maker=maker: bytes(maker([(octets(n), d)])) + o.FILLER)
    enter(f"{version}-second-archive", "rar", lambda n, d, maker=maker: bytes(maker([(b"a.txt", o.FILLER)])) + bytes(maker([(octets(n), d)])))
    enter(f"{version}-of-200", "rar", lambda n, d, maker=maker: bytes(maker([(b"t%d.txt" % i, b"text %d " % i * 20) for i in range(200)] + [(octets(n), d)])), ordinary=True)


def lha_header(method, name, packed, data, level):
    if level == 0:
        body = method + struct.pack("<IIIBB", len(packed), len(data), 0x5A216000, 0x20, 0) + bytes([len(name)]) + name + struct.pack("<H", c.crc16(data))
        return bytes([len(body), sum(body) & 0xFF]) + body
    if level == 1:
        body = method + struct.pack("<IIIBB", len(packed), len(data), 0x5A216000, 0x20, 1) + bytes([len(name)]) + name + struct.pack("<HBH", c.crc16(data), 0x55, 0)
        return bytes([len(body), sum(body) & 0xFF]) + body
    extended = struct.pack("<HBHHB", 5, 0, 0, len(name) + 3, 1) + name + struct.pack("<H", 0)  # the first holds the header's own sum
    size = 24 + len(extended)
    padding = b"\0" if size % 256 == 0 else b""
    head = bytearray(struct.pack("<H", size + len(padding)) + method + struct.pack("<IIIBBHB", len(packed), len(data), 0x65000000, 0x20, 2, c.crc16(data), 0x55) + extended + padding)
    head[27:29] = struct.pack("<H", c.crc16(head))
    return bytes(head)


def lha(name, data, method=b"-lh0-", level=0):
    return lha_header(method, name, data, data, level) + data + b"\0"


for level in (0, 1, 2):
    enter(f"lha-level-{level}", "lzh", lambda n, d, level=level: lha(octets(n), d, level=level), core=level == 0, ordinary=True)
enter("lha-lz4", "lzs", lambda n, d: lha(octets(n), d, b"-lz4-"))
enter("lha-pm0", "pma", lambda n, d: lha(octets(n), d, b"-pm0-"))
for method in ("5", "6", "7"):
    enter(f"lha-lh{method}", "lzh", lambda n, d, method=method: by_program(["jlha", f"ao{method}", "out.lzh", "{}"], n, d, "out.lzh"), ordinary=True)
enter("lha-name-japanese", "lzh", lambda n, d: lha("見積書.".encode("shift_jis") + octets(n).rpartition(b".")[2], d), ordinary=True)
enter("lha-name-level-2-japanese", "lzh", lambda n, d: lha("資料.".encode("shift_jis") + octets(n).rpartition(b".")[2], d, level=2), ordinary=True)
enter("lha-name-utf8", "lzh", lambda n, d: lha("übersicht.".encode() + octets(n).rpartition(b".")[2], d), ordinary=True)
enter("lha-wrong-sum", "lzh", lambda n, d: lha(octets(n), d)[:1] + b"\0" + lha(octets(n), d)[2:])
enter("lha-wrong-crc", "lzh", lambda n, d: lha(octets(n), d).replace(struct.pack("<H", c.crc16(d)), b"\1\2", 1))
enter("lha-prefix-program", "exe", lambda n, d: o.program(b"stub") + lha(octets(n), d))
enter("lha-unknown-method", "lzh", lambda n, d: lha(octets(n), d, b"-lh9-"), sealed=True)

for method in ("0", "1", "4"):
    enter(f"arj-m{method}", "arj", lambda n, d, method=method: by_program(["arj", "a", f"-m{method}", "-y", "out.arj", "{}"], n, d, "out.arj"))
enter("arj-garbled", "arj", lambda n, d: by_program(["arj", "a", "-gsecret", "-y", "out.arj", "{}"], n, d, "out.arj"), sealed=True)
enter("arj-prefix-program", "exe", lambda n, d: o.program(b"stub") + by_program(["arj", "a", "-y", "out.arj", "{}"], n, d, "out.arj"))
enter("arj-prefix-byte", "arj", lambda n, d: b"\0" + by_program(["arj", "a", "-y", "out.arj", "{}"], n, d, "out.arj"))
enter("arc-stored", "arc", lambda n, d: b"\x1a\x02" + octets(n)[:12].ljust(13, b"\0") + struct.pack("<IHHHI", len(d), 0x5A21, 0x6000, c.crc16(d), len(d)) + d + b"\x1a\0")
enter("arc-program", "arc", lambda n, d: by_program(["arc", "a", "out.arc", "{}"], n, d, "out.arc"))


@container("zoo-stored", "zoo")
def zoo(name, data):
    text = b"ZOO 2.10 Archive.\x1a"
    head = text.ljust(20, b"\0") + struct.pack("<IIiBB", 0xFDC4A7DC, 42, -42, 2, 0) + bytes(8)
    at = len(head)
    member = struct.pack("<IBBIIHHHIIBBBBHI13s", 0xFDC4A7DC, 1, 0, at + 56, at + 56 - 1, 0x5A21, 0x6000, c.crc16(data), len(data), len(data), 2, 0, 0, 0, 0, 0,
                         octets(name)[:12].ljust(13, b"\0"))
    member = member.ljust(56, b"\0")
    last = struct.pack("<IBBII", 0xFDC4A7DC, 1, 0, 0, 0).ljust(56, b"\0")
    member = member[:6] + struct.pack("<II", at + 56 + len(data), at + 56) + member[14:]
    return head + member + data + last


# known to libmagic, and no free program writes them: the beginning of each, then the object
FAMOUS = {"ace": b"\x12\x34\x1f\x00\x00\x00\x90**ACE**\x14\x14\x02\x00", "sit": b"SIT!\0\1\0\0\1\0rLau\x01\0\0\0", "sitx": b"StuffIt (c)1997-2002 Aladdin Systems, Inc.",
          "alz": b"ALZ\1\x0a\0\0\0BLZ\1", "egg": b"EGGA\0\1\0\0\0\0\0\0\0\0\x22\x82\xe2\x08", "lrz": b"LRZI\0\6" + bytes(18), "zpq": b"zPQ\1\1\0", "hap": b"\x91\x33HF",
          "sqz": b"HLSQZ1", "uha": b"UHA\1", "dms": b"DMS!\0\0\0\0"}
for kind, magic in FAMOUS.items():
    enter(f"famous-{kind}", kind, lambda n, d, magic=magic: magic + bytes(40) + zlib.compress(d) + bytes(60), sealed=True)


# --- tar, cpio, ar, deb, rpm --------------------------------------------------------------------------------------------
def python_tar(kind):
    def make(name, data):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1700000000
            archive.addfile(info, io.BytesIO(data))
        return out.getvalue()
    return make


def tar_with(head, data):
    """The header's sum is set; then the data and the end of the archive"""
    head = bytearray(head)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512) + bytes(1024)


def tar_base256(name, data):
    return tar_with(c.tar_header(octets(name), 0, size_field=b"\x80" + len(data).to_bytes(11, "big")), data)


def tar_v7(name, data):
    head = bytearray(c.tar_header(octets(name), len(data)))
    head[257:265] = bytes(8)
    return tar_with(head, data)


def pax(records):
    out = b""
    for key, value in records:
        line = b" %s=%s\n" % (key, value)
        size = len(line) + 1
        while len(b"%d" % size) + len(line) != size:
            size += 1
        out += b"%d%s" % (size, line)
    return out


def tar_pax_size(name, data, size=0):
    """The size in the pax header is the true one, the other is another"""
    records = pax([(b"size", b"%d" % len(data))])
    return c.tar_member(b"PaxHeader", records, b"x") + tar_with(c.tar_header(octets(name), size), data)


def tar_of(name, data, kind=b"0", link=b""):
    return c.tar_member(octets(name), data, kind, link) + bytes(1024)


enter("tar-v7", "tar", tar_v7, ordinary=True)
enter("tar-ustar", "tar", python_tar(tarfile.USTAR_FORMAT), core=True, ordinary=True)
enter("tar-gnu", "tar", python_tar(tarfile.GNU_FORMAT), ordinary=True)
enter("tar-pax", "tar", python_tar(tarfile.PAX_FORMAT), ordinary=True)
enter("tar-gnu-long-name", "tar", lambda n, d: python_tar(tarfile.GNU_FORMAT)("d/" * 80 + n, d), ordinary=True)
enter("tar-pax-long-name", "tar", lambda n, d: python_tar(tarfile.PAX_FORMAT)("é/" * 80 + n, d), ordinary=True)
enter("tar-base256", "tar", tar_base256, core=True)
enter("tar-pax-size", "tar", tar_pax_size)
enter("tar-pax-size-larger", "tar", lambda n, d: tar_pax_size(n, d, len(d) + 512))
enter("tar-pax-global", "tar", lambda n, d: c.tar_member(b"g", pax([(b"comment", b"x" * 40)]), b"g") + tar_of(n, d), ordinary=True)
enter("tar-size-with-blanks", "tar", lambda n, d: tar_with(c.tar_header(octets(n), 0, size_field=b"%11o " % len(d)), d), ordinary=True)
enter("tar-second-behind-end", "tar", lambda n, d: tar_of("a.txt", o.FILLER) + tar_of(n, d))
enter("tar-second-behind-much", "tar", lambda n, d: tar_of("a.txt", o.FILLER) + bytes(9216) + tar_of(n, d))
enter("tar-no-end", "tar", lambda n, d: tar_of(n, d)[:-1024])
enter("tar-old-sparse", "tar", lambda n, d: sparse(n, d))
# a hard link may bring its data along (pax does that); kinds that nobody knows are files
for kind in (b"7", b"1", b"D", b"Z", b"\0"):
    enter(f"tar-kind-{kind.decode() if kind != bytes(1) else 'nul'}", "tar", lambda n, d, kind=kind: tar_of(n, d, kind, b"target" if kind == b"1" else b""))
enter("tar-wrong-sum", "tar", lambda n, d: tar_of("a.txt", o.FILLER)[:-1024] + tar_of(n, d).replace(b"ustar\0", b"ustar ", 1))
enter("tar-behind-junk", "tar", lambda n, d: tar_of("a.txt", o.FILLER)[:-1024] + b"junk".ljust(512, b"j") + tar_of(n, d))


def sparse(name, data):
    """GNU's old sparse format: a hole of 512 octets before nothing, the data first"""
    head = bytearray(c.tar_header(octets(name), len(data), b"S"))
    head[257:265] = b"ustar  \0"
    head[345:500] = bytes(155)
    head[386:410] = b"%011o\0%011o\0" % (0, len(data))
    head[483:495] = b"%011o\0" % len(data)
    return tar_with(head, data)


def cpio_binary(name, data, order="<", trailer=True):
    def one(label, content):
        swapped = (lambda value: struct.pack(order + "HH", value >> 16, value & 0xFFFF))
        head = struct.pack(order + "HHHHHHHH", 0o070707, 0, 1, 0o100644, 0, 0, 1, 0) + swapped(1700000000) + struct.pack(order + "H", len(label) + 1) + swapped(len(content))
        return head + label + b"\0" + b"\0" * ((len(label) + 1) % 2) + content + b"\0" * (len(content) % 2)
    return one(octets(name), data) + one(b"TRAILER!!!", b"")


def cpio_odc(name, data):
    def one(label, content):
        return b"070707" + b"%06o%06o%06o%06o%06o%06o%06o%011o%06o%011o" % (0, 1, 0o100644, 0, 0, 1, 0, 1700000000, len(label) + 1, len(content)) + label + b"\0" + content
    return one(octets(name), data) + one(b"TRAILER!!!", b"")


def newc(name, data):
    return bytes(c.newc([(octets(name), data)]))


enter("cpio-newc", "cpio", newc, core=True, ordinary=True)
enter("cpio-crc", "cpio", lambda n, d: newc(n, d).replace(b"070701", b"070702"))
enter("cpio-odc", "cpio", cpio_odc, ordinary=True)
enter("cpio-binary", "cpio", cpio_binary, ordinary=True)
enter("cpio-binary-swapped", "cpio", lambda n, d: cpio_binary(n, d, ">"))
enter("cpio-second-behind-trailer", "cpio", lambda n, d: newc("a.txt", o.FILLER) + newc(n, d))
enter("ar", "a", lambda n, d: bytes(c.ar([(octets(n)[:15] + b"/", d)])), ordinary=True)
enter("ar-bsd", "a", lambda n, d: bytes(c.ar([(b"#1/%d" % len(octets(n)), octets(n) + d)])), ordinary=True)
enter("ar-gnu-long", "a", lambda n, d: bytes(c.ar([(b"//", b"a-rather-long-" + octets(n) + b"/\n"), (b"/0", d)])), ordinary=True)


def deb(suffix, pack):
    return lambda n, d: bytes(c.ar([(b"debian-binary", b"2.0\n"), (b"control.tar.gz", gzip.compress(tar_of("control", b"Package: x\n"))),
                                    (b"data.tar" + suffix, pack(tar_of(n, d)))]))


enter("deb-gz", "deb", deb(b".gz", gzip.compress), ordinary=True)
enter("deb-xz", "deb", deb(b".xz", lzma.compress), core=True, ordinary=True)
enter("deb-zst", "deb", deb(b".zst", lambda d: zstd(d)), ordinary=True)
enter("deb-plain", "deb", deb(b"", bytes), ordinary=True)
enter("rpm-plain", "rpm", lambda n, d: bytes(c.rpm(newc(n, d))), ordinary=True)
enter("rpm-gz", "rpm", lambda n, d: bytes(c.rpm(gzip.compress(newc(n, d)))), core=True, ordinary=True)
enter("rpm-xz", "rpm", lambda n, d: bytes(c.rpm(lzma.compress(newc(n, d)))), ordinary=True)
enter("rpm-zst", "rpm", lambda n, d: bytes(c.rpm(zstd(newc(n, d)))), ordinary=True)
enter("rpm-lzma", "rpm", lambda n, d: bytes(c.rpm(lzma.compress(newc(n, d), lzma.FORMAT_ALONE))))


# --- one file compressed ------------------------------------------------------------------------------------------------
def zstd(data):
    return by_program(["zstd", "-q", "-c", "{}"], "file", data, "-")


def gz(data, flags=0, extra=b""):
    return b"\x1f\x8b\x08" + bytes([flags]) + bytes(4) + b"\0\3" + extra + deflate(data) + struct.pack("<II", zlib.crc32(data), len(data))


def lzip(data, size=None):
    filters = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 3, "lp": 0, "pb": 2}]
    alone = lzma.compress(data, lzma.FORMAT_ALONE, filters=filters)
    raw = alone[13:]
    return b"LZIP\1\x10" + raw + struct.pack("<IQQ", zlib.crc32(data), len(data), len(raw) + 26)


def unix_pack(data):
    """Unix pack (gzip reads it): Huffman codes that are all of 8 bits, 255 octets and the end; an octet must be free"""
    symbols = bytes(octet for octet in range(256) if octet != next(iter(set(range(256)) - set(data)), 255))
    return b"\x1f\x1e" + struct.pack(">I", len(data)) + b"\x08" + bytes(7) + b"\xfe" + symbols + bytes(symbols.find(octet) & 255 for octet in data) + b"\xff"


def bz(data):
    return bz2.compress(data)


enter("gz", "gz", lambda n, d: gz(d), core=True, ordinary=True)
enter("gz-name", "gz", lambda n, d: gz(d, 8, octets(n) + b"\0"), ordinary=True)
enter("gz-all-fields", "gz", lambda n, d: gz(d, 0x1C, b"\4\0AB\0\0" + octets(n) + b"\0" + b"comment\0"), ordinary=True)
enter("gz-empty-first", "gz", lambda n, d: gz(b"") + gz(d))
enter("gz-behind-junk", "gz", lambda n, d: gz(o.FILLER) + b"junk" + gz(d))
enter("gz-wrong-crc", "gz", lambda n, d: gz(d)[:-8] + bytes(8))
enter("gz-no-trailer", "gz", lambda n, d: gz(d)[:-8])
enter("gz-padded", "gz", lambda n, d: gz(d) + bytes(512), ordinary=True)
enter("bz2", "bz2", lambda n, d: bz(d), core=True, ordinary=True)
enter("bz2-two-streams", "bz2", lambda n, d: bz(b"") + bz(d))
enter("xz", "xz", lambda n, d: lzma.compress(d), core=True, ordinary=True)
enter("xz-crc32", "xz", lambda n, d: lzma.compress(d, check=lzma.CHECK_CRC32), ordinary=True)
enter("xz-sha256", "xz", lambda n, d: lzma.compress(d, check=lzma.CHECK_SHA256), ordinary=True)
enter("xz-no-check", "xz", lambda n, d: lzma.compress(d, check=lzma.CHECK_NONE))
enter("xz-delta", "xz", lambda n, d: lzma.compress(d, filters=[{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2}]))
enter("xz-x86", "xz", lambda n, d: lzma.compress(d, filters=[{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2}]))
enter("xz-two-streams", "xz", lambda n, d: lzma.compress(b"") + bytes(8) + lzma.compress(d))
enter("lzma", "lzma", lambda n, d: lzma.compress(d, lzma.FORMAT_ALONE), core=True, ordinary=True)


@container("lzma-known-size", "lzma", ordinary=True)
def lzma_known_size(name, data):
    alone = lzma.compress(data, lzma.FORMAT_ALONE)
    return alone[:5] + struct.pack("<Q", len(data)) + alone[13:]


enter("lzip", "lz", lambda n, d: lzip(d), core=True, ordinary=True)
enter("lzip-two-members", "lz", lambda n, d: lzip(b"") + lzip(d))
enter("zstd", "zst", lambda n, d: zstd(d), core=True, ordinary=True)
enter("zstd-skippable-first", "zst", lambda n, d: b"\x50\x2a\x4d\x18" + struct.pack("<I", 5) + b"hello" + zstd(d))
enter("zstd-two-frames", "zst", lambda n, d: zstd(b"") + zstd(d))
enter("zstd-raw-block", "zst", lambda n, d: b"\x28\xb5\x2f\xfd\x00\x58" + struct.pack("<I", len(d) << 3 | 1)[:3] + d)
enter("lz4", "lz4", lambda n, d: by_program(["lz4", "-q", "-c", "{}"], n, d, "-"), core=True, ordinary=True)
enter("lz4-legacy", "lz4", lambda n, d: by_program(["lz4", "-q", "-l", "-c", "{}"], n, d, "-"))
enter("lz4-skippable-first", "lz4", lambda n, d: b"\x50\x2a\x4d\x18" + struct.pack("<I", 5) + b"hello" + by_program(["lz4", "-q", "-c", "{}"], n, d, "-"))
enter("lzop", "lzo", lambda n, d: by_program(["lzop", "-c", "{}"], n, d, "-"), core=True, ordinary=True)
enter("compress", "Z", lambda n, d: by_program(["compress", "-f", "-c", "{}"], n, d, "-"), core=True, ordinary=True)
enter("pack", "z", lambda n, d: unix_pack(d))
enter("freeze", "F", lambda n, d: b"\x1f\x9f" + bytes(6) + zlib.compress(d), sealed=True)
enter("zlib-alone", "zz", lambda n, d: zlib.compress(d))
enter("brotli", "br", lambda n, d: by_program(["brotli", "-c", "{}"], n, d, "-"))
enter("ms-compress-szdd", "ex_", lambda n, d: b"SZDD\x88\xf0\x27\x33A\0" + struct.pack("<I", len(d)) + b"".join(b"\xff" + d[i:i + 8] for i in range(0, len(d), 8)))
enter("ms-compress-kwaj", "ex_", lambda n, d: b"KWAJ\x88\xf0\x27\xd1" + struct.pack("<HHH", 0, 14, 0) + d)
enter("snappy", "sz", lambda n, d: b"\xff\x06\0\0sNaPpY" + b"\x01" + struct.pack("<I", len(d) + 4)[:3] + bytes(4) + d)

for method, pack in (("gz", gz), ("bz2", bz), ("xz", lzma.compress), ("zst", zstd), ("lz", lzip), ("lzma", lambda d: lzma.compress(d, lzma.FORMAT_ALONE))):
    enter(f"tar-{method}", f"tar.{method}", lambda n, d, pack=pack: pack(tar_of(n, d)), core=method == "gz", ordinary=True)
    enter(f"cpio-{method}", f"cpio.{method}", lambda n, d, pack=pack: pack(newc(n, d)))


# --- cab, iso, xar, wim, disk images ------------------------------------------------------------------------------------
@container("cab-mszip", "cab", ordinary=True)
def cab_mszip(name, data):
    blocks = b""
    parts = [data[i:i + 32768] for i in range(0, len(data), 32768)] or [b""]
    for part in parts:
        packed = b"CK" + deflate(part)
        blocks += struct.pack("<IHH", 0, len(packed), len(part)) + packed
    files = struct.pack("<IIHHHH", len(data), 0, 0, 0x5A21, 0x6000, 0x20) + octets(name) + b"\0"
    at = 36 + 8 + len(files)
    return (struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, at + len(blocks), 0, 44, 0, 3, 1, 1, 1, 0, 0, 0) + struct.pack("<IHH", at, len(parts), 1) + files + blocks)


enter("cab-stored", "cab", lambda n, d: bytes(c.cab([(octets(n), d)])), core=True, ordinary=True)
enter("cab-gcab", "cab", lambda n, d: by_program(["gcab", "-c", "-z", "out.cab", "{}"], n, d, "out.cab"), ordinary=True)
enter("cab-prefix-program", "exe", lambda n, d: o.program(b"stub") + cab_mszip(n, d))
enter("cab-prefix-byte", "cab", lambda n, d: b"\0" + cab_mszip(n, d))
enter("cab-suffix", "cab", lambda n, d: cab_mszip(n, d) + cab_mszip("second-" + n, d))
enter("cab-says-lzx", "cab", lambda n, d: bytes(c.cab([(octets(n), d)])).replace(struct.pack("<HH", 1, 0), struct.pack("<HH", 1, 0x1503), 1), sealed=True)
enter("iso", "iso", lambda n, d: by_program(["genisoimage", "-quiet", "-o", "out.iso", "{}"], n, d, "out.iso"))
enter("iso-joliet", "iso", lambda n, d: by_program(["genisoimage", "-quiet", "-J", "-R", "-o", "out.iso", "{}"], n, d, "out.iso"))
enter("iso-udf", "iso", lambda n, d: by_program(["genisoimage", "-quiet", "-udf", "-o", "out.iso", "{}"], n, d, "out.iso"))


def xar(style, pack):
    def make(name, data):
        packed = pack(data)
        toc = (f'<?xml version="1.0" encoding="UTF-8"?>\n<xar><toc><checksum style="sha1"><offset>0</offset><size>20</size></checksum><file id="1">'
               f"<name>{name}</name><type>file</type><mode>0644</mode><data><archived-checksum style=\"sha1\">{hashlib.sha1(packed).hexdigest()}</archived-checksum>"
               f'<extracted-checksum style="sha1">{hashlib.sha1(data).hexdigest()}</extracted-checksum><encoding style="{style}"/><size>{len(data)}</size>'
               f"<offset>20</offset><length>{len(packed)}</length></data></file></toc></xar>\n").encode()
        small = zlib.compress(toc)
        return struct.pack(">4sHHQQI", b"xar!", 28, 1, len(small), len(toc), 1) + small + hashlib.sha1(small).digest() + packed
    return make


enter("xar-gzip", "xar", xar("application/x-gzip", zlib.compress), core=True, ordinary=True)
enter("xar-bzip2", "xar", xar("application/x-bzip2", bz), ordinary=True)
enter("xar-stored", "xar", xar("application/octet-stream", bytes), ordinary=True)
enter("xar-xz", "xar", xar("application/x-xz", lzma.compress))
enter("xar-lzma", "xar", xar("application/x-lzma", lambda d: lzma.compress(d, lzma.FORMAT_ALONE)))


def wim(*switches):
    def make(name, data):
        return by_program(["sh", "-c", "mkdir in && mv \"$0\" in/ && wimlib-imagex capture in out.wim --no-acls " + " ".join(switches), "{}"], name, data, "out.wim")
    return make


for method in ("none", "XPRESS", "LZX", "LZMS"):
    enter(f"wim-{method.lower()}", "wim", wim(f"--compress={method}"))
enter("wim-esd", "esd", wim("--solid"))
enter("wim-pipable", "wim", wim("--pipable"))


def fat(name, data):
    """A FAT12 floppy with one file, which begins at the first cluster"""
    boot = b"\xeb\x3c\x90MSDOS5.0" + struct.pack("<HBHBHHBHHHII", 512, 1, 1, 2, 224, 2880, 0xF0, 9, 18, 2, 0, 0) + bytes([0, 0, 0x29]) + bytes(4) + b"NO NAME    FAT12   "
    boot = boot.ljust(510, b"\0") + b"\x55\xaa"
    table = bytearray(9 * 512)
    clusters = max(1, (len(data) + 511) // 512)
    for number in range(clusters + 2):
        value = 0xFF0 if number == 0 else 0xFFF if number in (1, clusters + 1) else number + 1
        at = number * 3 // 2
        pair = table[at] | table[at + 1] << 8
        pair = pair & 0xF | value << 4 if number % 2 else pair & 0xF000 | value
        table[at:at + 2] = struct.pack("<H", pair & 0xFFFF)
    stem, _, ending = octets(name).upper().partition(b".")
    listed = stem[:8].ljust(8) + ending[:3].ljust(3) + b"\x20" + bytes(14) + struct.pack("<HI", 2, len(data))
    image = boot + bytes(table) * 2 + listed.ljust(224 * 32, b"\0") + data
    return image + bytes(-len(image) % 512) + bytes(20 * 512)


def vhd(name, data):
    image = fat(name, data)
    footer = b"conectix" + struct.pack(">IIQI4sI4sQQHBBI", 2, 0x10000, 0xFFFFFFFFFFFFFFFF, 0, b"win ", 0x60001, b"Wi2k", len(image), len(image), 80, 2, 18, 2)
    footer += bytes(4) + bytes(16) + b"\0"
    footer = footer.ljust(512, b"\0")
    return image + footer[:64] + struct.pack(">I", ~sum(footer) & 0xFFFFFFFF) + footer[68:]


enter("fat-image", "img", fat)
enter("vhd-fixed", "vhd", vhd)
enter("vhdx", "vhdx", lambda n, d: b"vhdxfile" + "Microsoft".encode("utf-16-le").ljust(65528, b"\0") + zlib.compress(d), sealed=True)
enter("vmdk", "vmdk", lambda n, d: b"KDMV" + struct.pack("<III", 1, 3, 0).ljust(508, b"\0") + bytes(512) + zlib.compress(d), sealed=True)
enter("qcow2", "qcow2", lambda n, d: b"QFI\xfb\0\0\0\2" + bytes(504) + zlib.compress(d), sealed=True)
enter("squashfs", "sqfs", lambda n, d: b"hsqs" + struct.pack("<IIIIHHHHHH", 1, 1700000000, 131072, 0, 1, 17, 0, 1, 4, 0).ljust(92, b"\0") + zlib.compress(d), sealed=True)
enter("cramfs", "img", lambda n, d: b"\x45\x3d\xcd\x28" + struct.pack("<III", 4096, 0, 0) + b"Compressed ROMFS" + bytes(44) + zlib.compress(d), sealed=True)
enter("dmg", "dmg", lambda n, d: zlib.compress(d) + b"koly" + struct.pack(">II", 4, 512).ljust(508, b"\0"), sealed=True)
enter("chm", "chm", lambda n, d: b"ITSF\3\0\0\0\x60\0\0\0\1\0\0\0" + bytes(64) + b"ITSP" + zlib.compress(d), sealed=True)


@container("macbinary", "bin")
def macbinary(name, data):
    head = bytearray(128)
    label = octets(name)[:63]
    head[1], head[2:2 + len(label)], head[65:73], head[83:87] = len(label), label, b"APPLaplt", struct.pack(">I", len(data))
    head[122], head[123] = 129, 129
    head[124:126] = struct.pack(">H", binascii.crc_hqx(bytes(head[:124]), 0))
    return bytes(head) + data + bytes(-len(data) % 128)


def apple(magic):
    def make(name, data):
        label = octets(name)
        return struct.pack(">II", magic, 0x20000) + bytes(16) + struct.pack(">HIIIIII", 2, 3, 50, len(label), 1, 50 + len(label), len(data)) + label + data
    return make


enter("applesingle", "as", apple(0x00051600))
