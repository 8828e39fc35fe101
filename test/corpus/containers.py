"""containers - writers of archive and document formats for the samples and the bombs, byte by byte

Only what the tests need of each format, and every field in the caller's hands. Deterministic; nothing here is malicious.
"""
import struct
import zlib


# --- RAR ---------------------------------------------------------------------------------------------------------------
def rar4_block(kind, flags, body, data=b""):
    head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
    return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head + data


def rar4(members, encrypted=(), hidden=False):
    """RAR 4, stored; `members` is [(name bytes, data)], `encrypted` the names whose data are said to be encrypted."""
    out = bytearray(b"Rar!\x1a\x07\x00") + rar4_block(0x73, 0x80 if hidden else 0, bytes(6))
    for name, data in members:
        flags = 0x8000 | (0x04 if name in encrypted else 0)
        body = struct.pack("<IIBIIBBHI", len(data), len(data), 3, zlib.crc32(data), 0x52000000, 29, 0x30, len(name), 0o100644) + name
        out += rar4_block(0x74, flags, body, data)
    return out + rar4_block(0x7B, 0x4000, b"")


def vint(value):
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def rar5_block(kind, flags, body, extra=b"", data=None):
    flags |= (1 if extra else 0) | (2 if data is not None else 0)
    head = vint(kind) + vint(flags) + (vint(len(extra)) if extra else b"") + (vint(len(data)) if data is not None else b"") + body + extra
    head = vint(len(head)) + head
    return struct.pack("<I", zlib.crc32(head)) + head + (data or b"")


def rar5(members, encrypted=(), hidden=False):
    out = bytearray(b"Rar!\x1a\x07\x01\x00")
    if hidden:
        return out + rar5_block(4, 0, vint(0) + vint(0) + b"\x0f" + bytes(16)) + bytes(range(200))
    out += rar5_block(1, 0, vint(0))
    for name, data in members:
        extra = b""
        if name in encrypted:
            crypt = vint(1) + vint(0) + vint(0) + b"\x0f" + bytes(16) + bytes(16)
            extra = vint(len(crypt)) + crypt
        body = vint(4) + vint(len(data)) + vint(0o100644) + struct.pack("<I", zlib.crc32(data)) + vint(0) + vint(1) + vint(len(name)) + name
        out += rar5_block(2, 0, body, extra, data)
    return out + rar5_block(5, 0, vint(0))


# --- cab, lha, cpio, ar, tar, rpm --------------------------------------------------------------------------------------
def cab(members):
    """Microsoft cabinet with one stored folder."""
    data = b"".join(content for _, content in members)
    blocks = bytearray()
    count = 0
    for at in range(0, len(data), 32768):
        chunk = data[at:at + 32768]
        blocks += struct.pack("<IHH", 0, len(chunk), len(chunk)) + chunk
        count += 1
    files, offset = bytearray(), 0
    for name, content in members:
        files += struct.pack("<IIHHHH", len(content), offset, 0, 0x5000, 0, 0x20) + name + b"\0"
        offset += len(content)
    first_file = 36 + 8
    first_data = first_file + len(files)
    size = first_data + len(blocks)
    return (struct.pack("<4sIIIIIBBHHHHH", b"MSCF", 0, size, 0, first_file, 0, 3, 1, 1, len(members), 0, 0, 0)
            + struct.pack("<IHH", first_data, count, 0) + files + blocks)


def crc16(data):
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def lha(members):
    """LHA, header level 0, stored."""
    out = bytearray()
    for name, data in members:
        name = name[:200]
        body = b"-lh0-" + struct.pack("<IIIBB", len(data), len(data), 0x50000000, 0x20, 0) + bytes([len(name)]) + name + struct.pack("<H", crc16(data))
        out += bytes([len(body), sum(body) & 0xFF]) + body + data
    return out + b"\0"


def newc(members, mode=0o100644):
    out = bytearray()
    for number, (name, data) in enumerate(list(members) + [(b"TRAILER!!!", b"")], 1):
        size = len(name) + 1
        fields = (number, mode if name != b"TRAILER!!!" else 0, 0, 0, 1, 0, len(data), 0, 0, 0, 0, size, 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


def ar(members):
    out = bytearray(b"!<arch>\n")
    for name, data in members:
        out += b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (name[:16], 0, 0, 0, 0o100644, len(data)) + data + b"\n" * (len(data) % 2)
    return out


def tar_header(name, size, kind=b"0", link=b"", prefix=b"", size_field=None):
    head = bytearray(512)
    head[0:100] = name[:100].ljust(100, b"\0")
    head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    head[124:136] = size_field if size_field is not None else b"%011o\0" % size
    head[136:148], head[148:156], head[156:157] = b"00000000000\0", b" " * 8, kind
    head[157:257] = link[:100].ljust(100, b"\0")
    head[257:265] = b"ustar\x0000"
    head[345:500] = prefix[:155].ljust(155, b"\0")
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


def tar_member(name, data, kind=b"0", link=b""):
    out = b""
    if len(name) > 100:
        out = tar_header(b"././@LongLink", len(name) + 1, b"L") + name + b"\0"
        out += bytes(-len(out) % 512)
    out += tar_header(name, len(data), kind, link) + data
    return out + bytes(-len(out) % 512)


def tar(members):
    return b"".join(tar_member(name, data) for name, data in members) + bytes(1024)


def rpm(payload):
    lead = struct.pack(">4sBBHH66sHH16s", b"\xed\xab\xee\xdb", 3, 0, 0, 1, b"sample-1-1", 1, 5, b"")
    empty = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", 1, 4) + struct.pack(">IIII", 1000, 4, 0, 1) + struct.pack(">I", 1)
    signature = empty + bytes(-len(empty) % 8)
    return lead + signature + empty + payload


# --- zip ---------------------------------------------------------------------------------------------------------------
def zip_archive(members, store=False):
    """`members` is [(name bytes, data)]; every name as it is."""
    out, directory = bytearray(), bytearray()
    for name, data in members:
        compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = data if store else compressor.compress(data) + compressor.flush()
        name = name[:65535]
        common = struct.pack("<HHHHHIIIHH", 20, 0x800, 0 if store else 8, 0, 0x5000, zlib.crc32(data), len(packed), len(data), len(name), 0)
        directory += b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + name
        out += b"PK\3\4" + common + name + packed
    many = min(len(members), 65535)
    return out + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, many, many, len(directory), len(out), 0)


# --- OLE2 --------------------------------------------------------------------------------------------------------------
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound(tree, change=None):
    """A compound file; `tree` is {name: bytes or a dict}; streams below 4096 bytes lie in the mini stream. `change(fat,
    directory, mini_fat)` may spoil the tables before they are written."""
    entries = [["Root Entry", 5, b"", FREE, FREE, FREE]]

    def add(folder, number):
        before = FREE
        for name in sorted(folder, key=lambda name: (len(name), name.upper()), reverse=True):  # a list along the right links
            content = folder[name]
            mine = len(entries)
            entries.append([name, 1 if isinstance(content, dict) else 2, content, FREE, before, FREE])
            before = mine
            if isinstance(content, dict):
                add(content, mine)
        entries[number][5] = before

    def chain(table, count):
        first = len(table)
        table += [first + i + 1 for i in range(count - 1)] + [END]
        return first

    add(tree, 0)
    fat, mini_fat, body, mini, places = [], [], bytearray(), bytearray(), {}
    for number, (_, kind, content, *_) in enumerate(entries):
        if kind != 2 or not content:
            continue
        if len(content) < 4096:
            places[number] = chain(mini_fat, (len(content) + 63) // 64)
            mini += content + bytes(-len(content) % 64)
        else:
            places[number] = chain(fat, (len(content) + 511) // 512)
            body += content + bytes(-len(content) % 512)
    if mini:
        places[0], entries[0][2] = chain(fat, (len(mini) + 511) // 512), bytes(mini)
        body += mini + bytes(-len(mini) % 512)
    directory = []
    for number, (name, kind, content, left, right, child) in enumerate(entries):
        wide = name.encode("utf-16-le")[:62] + b"\0\0"
        directory.append(bytearray(wide.ljust(64, b"\0") + struct.pack("<HBBIII", len(wide), kind, 1, left, right, child) + bytes(36)
                                   + struct.pack("<IQ", places.get(number, END if kind == 2 else 0), len(content) if kind != 1 else 0)))
    while len(directory) % 4:
        directory.append(bytearray(bytes(68) + b"\xff" * 12 + bytes(48)))
    directory_at = chain(fat, len(directory) // 4)
    mini_sectors = (len(mini_fat) + 127) // 128
    mini_fat_at = chain(fat, mini_sectors) if mini_sectors else END
    fat_sectors = 1
    while (len(fat) + fat_sectors + 127) // 128 > fat_sectors:
        fat_sectors += 1
    assert fat_sectors <= 109
    fat_at = len(fat)
    fat += [FAT] * fat_sectors
    if change:
        change(fat, directory, mini_fat)
    fat += [FREE] * (fat_sectors * 128 - len(fat))
    mini_fat += [FREE] * (mini_sectors * 128 - len(mini_fat))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, fat_sectors, directory_at, 0, 4096, mini_fat_at, mini_sectors, END, 0)
    head += struct.pack("<109I", *([fat_at + i for i in range(fat_sectors)] + [FREE] * (109 - fat_sectors)))
    tables = b"".join(bytes(entry) for entry in directory) + struct.pack("<%dI" % len(mini_fat), *mini_fat)
    return head + body + tables + struct.pack("<%dI" % len(fat), *fat)


def vba_compress(data):
    """MS-OVBA compression with literals only."""
    out = b"\1"
    for at in range(0, len(data), 3600):
        chunk = data[at:at + 3600]
        tokens = b"".join(b"\0" + chunk[i:i + 8] for i in range(0, len(chunk), 8))
        out += struct.pack("<H", 0xB000 | len(tokens) - 1) + tokens
    return out


def vba_record(kind, data):
    return struct.pack("<HI", kind, len(data)) + data


CACHE = b"performancecache"  # a compiled form that nobody can read


def vba_lines(*lengths):
    """A compiled form as far as its table of lines: the length of each line's code."""
    table = b"".join(struct.pack("<IHHI", 0, length, 0, 0) for length in lengths)
    return bytes(20) + b"\x01\x16\xff\xfe\xca" + struct.pack("<H", len(lengths)) + table + bytes(sum(lengths) + 10)


def vba_project(modules, compiled=CACHE):
    """The folder VBA of a project; `modules` is {name: source}, or None for a source that was wiped out."""
    listing = vba_record(1, struct.pack("<I", 1)) + vba_record(3, struct.pack("<H", 1252)) + vba_record(4, b"Project")
    listing += struct.pack("<HIIH", 9, 4, 1, 1) + vba_record(15, struct.pack("<H", len(modules)))
    folder = {}
    for name, source in modules.items():
        listing += vba_record(0x19, name.encode()) + vba_record(0x1A, name.encode()) + vba_record(0x32, name.encode("utf-16-le"))
        listing += vba_record(0x31, struct.pack("<I", len(compiled))) + vba_record(0x21, b"") + vba_record(0x2B, b"")
        folder[name] = compiled + (bytes(200) if source is None else vba_compress(source.encode()))
    folder["dir"] = vba_compress(listing + vba_record(0x10, b""))
    folder["_VBA_PROJECT"] = b"\xcc\x61\xff\xff\0\0\0"
    return folder


def native(label, path, data):
    """\\x01Ole10Native of an embedded file."""
    inner = struct.pack("<H", 2) + label + b"\0" + path + b"\0" + struct.pack("<HHI", 0, 3, len(path) + 1) + path + b"\0"
    inner += struct.pack("<I", len(data)) + data
    return struct.pack("<I", len(inner)) + inner


def biff(records):
    return b"".join(struct.pack("<HH", kind, len(data)) + data for kind, data in records)


# --- TNEF --------------------------------------------------------------------------------------------------------------
def tnef_attribute(level, kind, data, wrong=0):
    return struct.pack("<BII", level, kind, len(data)) + data + struct.pack("<H", (sum(data) + wrong) & 0xFFFF)


def mapi(properties):
    out = struct.pack("<I", len(properties))
    for kind, number, data in properties:
        out += struct.pack("<HHII", kind, number, 1, len(data)) + data + bytes(-len(data) % 4)
    return out


def tnef(attachments, body=b"", wrong=0):
    """winmail.dat; `attachments` is [(short name bytes, long name str, data)]."""
    out = bytearray(struct.pack("<IH", 0x223E9F78, 1))
    if body:
        out += tnef_attribute(1, 0x0002800C, body)
    for title, long_name, data in attachments:
        out += tnef_attribute(2, 0x00069002, bytes(14)) + tnef_attribute(2, 0x00018010, title + b"\0")
        out += tnef_attribute(2, 0x0006800F, data, wrong)
        if long_name:
            out += tnef_attribute(2, 0x00069005, mapi([(0x1F, 0x3707, (long_name + "\0").encode("utf-16-le"))]))
    return out


def tnef_properties():
    """winmail.dat whose attachments lie in MAPI properties, twice, and in an embedded message; with bodies of every kind."""
    import packers
    inner = tnef([(b"inner.exe", "", b"MZ inner")])
    begin = tnef_attribute(2, 0x00069002, bytes(14))
    out = struct.pack("<IH", 0x223E9F78, 1)
    rtf = packers.compressed_rtf(b"{\\rtf1 body}")
    out += tnef_attribute(1, 0x00069003, mapi([(0x102, 0x1009, rtf), (0x1F, 0x1000, "caf\u00e9".encode("utf-16-le"))]))
    out += begin + tnef_attribute(2, 0x00018010, b"twice.exe\0") + tnef_attribute(2, 0x0006800F, b"MZ first") + tnef_attribute(2, 0x0006800F, b"MZ second")
    out += tnef_attribute(2, 0x00069005, mapi([(0x102, 0x3701, b"MZ third")]))
    out += begin + tnef_attribute(2, 0x00069005, mapi([(0x1E, 0x3707, b"only.exe\0"), (0x102, 0x3701, b"MZ in a property")]))
    return out + begin + tnef_attribute(2, 0x00069005, mapi([(0x0D, 0x3701, bytes(16) + inner)]))
