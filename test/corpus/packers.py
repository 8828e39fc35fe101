"""packers - writers of old compressions and small carriers for the samples: no tool of Debian makes them any more

Each mirrors what its decoder does, so that the samples use every kind of code. Deterministic; nothing here is malicious.
"""
import struct
import zlib

import containers as c


class LowBits:
    """Bits into bytes, the lowest of each byte first."""

    def __init__(self):
        self.out, self.held, self.count = bytearray(), 0, 0

    def put(self, value, width):
        self.held |= value << self.count
        self.count += width
        while self.count >= 8:
            self.out.append(self.held & 255)
            self.held >>= 8
            self.count -= 8

    def put_code(self, code, width, inverted):
        for bit in reversed(range(width)):
            self.put((code >> bit & 1) ^ inverted, 1)

    def done(self):
        return bytes(self.out) + (bytes([self.held & 255]) if self.count else b"")


def matches(data, window, shortest, longest):
    """(None, byte) or (distance, length), greedy."""
    at, seen = 0, {}
    while at < len(data):
        key, best = data[at:at + shortest], 0
        before = seen.get(key)
        if len(key) == shortest and before is not None and at - before <= window:
            while best < longest and at + best < len(data) and data[before + best] == data[at + best]:
                best += 1
        step = best if best >= shortest else 1
        yield (at - before, best) if best >= shortest else (None, data[at])
        for i in range(at, at + step):
            seen[data[i:i + shortest]] = i
        at += step


def zoo_lzw(data):
    bits, widest = LowBits(), 13
    state = {}

    def clear():
        state.update(table={bytes([i]): i for i in range(256)}, next=258, width=9, seen=258, first=True)

    def emit(code):
        bits.put(code, state["width"])
        if code == 256:
            return clear()
        if state["first"]:
            state["first"] = False
        elif state["seen"] < 1 << widest:
            state["seen"] += 1
            if state["seen"] >= 1 << state["width"] and state["width"] < widest:
                state["width"] += 1

    clear()
    emit(256)
    word = b""
    for byte in data:
        longer = word + bytes([byte])
        if longer in state["table"]:
            word = longer
            continue
        emit(state["table"][word])
        if state["next"] < 1 << widest:
            state["table"][longer] = state["next"]
            state["next"] += 1
        else:
            emit(256)
        word = bytes([byte])
    emit(state["table"][word])
    emit(257)
    return bits.done()


def zoo(members):
    """`members` is [(name, data, method)]; method 0 stored, 1 LZW."""
    out = bytearray(b"ZOO 2.10 Archive.\x1a\0\0" + struct.pack("<IIiBB", 0xFDC4A7DC, 34, -34, 2, 0))
    out = out.ljust(34, b"\0")
    for name, data, method in list(members) + [(b"", b"", 0)]:
        packed = zoo_lzw(data) if method == 1 else data
        size, at = 51, len(out)
        is_end = not name
        head = struct.pack("<IBBIIHHHIIBBBBIH", 0xFDC4A7DC, 1, method, 0 if is_end else at + size + len(packed), 0 if is_end else at + size, 0, 0,
                           c.crc16(data), len(data), len(packed), 2, 0, 0, 0, 0, 0) + name[:12].ljust(13, b"\0")
        out += head + (b"" if is_end else packed)
    return bytes(out)


def shrink(data):
    """zip method 1, with wider codes and partial clearing as the table fills."""
    bits, widest = LowBits(), 13
    table, parents, names, state = {bytes([i]): i for i in range(256)}, {}, {}, {"next": 256, "width": 9}

    def slot():
        return next((code for code in range(state["next"] + 1, 1 << widest) if code not in parents), None)

    def add(before, byte):
        code = state["next"] = slot()
        is_known = before[0] < 256 or before[0] in parents
        parents[code] = before[0]
        names[code] = before[1] + byte
        if is_known:  # else its own beginning is forgotten: the decoder adds a string of no use
            table.setdefault(names[code], code)

    def forget():
        bits.put(256, state["width"])
        bits.put(2, state["width"])
        inner = set(parents.values())
        for code in [code for code in parents if code not in inner]:
            if table.get(names[code]) == code:
                del table[names[code]]
            del parents[code]
        state["next"] = 256

    at, before = 0, None
    while at < len(data):
        if slot() is None:
            forget()
        end = at + 1
        while end < len(data) and data[at:end + 1] in table:
            end += 1
        word = data[at:end]
        code = table[word]
        while code >= 1 << state["width"]:
            bits.put(256, state["width"])
            bits.put(1, state["width"])
            state["width"] += 1
        bits.put(code, state["width"])
        if before is not None:
            add(before, word[:1])
        before = (code, word)
        at = end
    return bits.done()


def implode(data):
    """zip method 6 with a window of 8 KiB and a code for literals; every word of a code has the same length."""
    bits = LowBits()
    bits.out += bytes([15]) + b"\xf7" * 16 + (bytes([3]) + b"\xf5" * 4) * 2
    for distance, what in matches(data, 8000, 4, 64):
        if distance is None:
            bits.put(1, 1)
            bits.put_code(what, 8, 1)
            continue
        bits.put(0, 1)
        bits.put((distance - 1) & 127, 7)
        bits.put_code((distance - 1) >> 7, 6, 1)
        bits.put_code(what - 3, 6, 1)
    return bits.done()


def reduce(data):
    """zip method 2, without follower sets."""
    out = bytearray(192)
    for distance, what in matches(data, 500, 4, 300):
        if distance is None:
            out += bytes([what, 0]) if what == 144 else bytes([what])
            continue
        length, back = what - 3, distance - 1
        out += bytes([144, back >> 8 << 7 | min(length, 127)])
        if length >= 127:
            out += bytes([length - 127])
        out += bytes([back & 255])
    return bytes(out)


def zip_of(members):
    """[(name, packed, method, flags, data)]"""
    out, central = bytearray(), bytearray()
    for name, packed, method, flags, data in members:
        common = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 0x5000, zlib.crc32(data), len(packed), len(data), len(name), 0)
        central += b"PK\1\2" + struct.pack("<H", 20) + common + struct.pack("<HHHII", 0, 0, 0, 0, len(out)) + name
        out += b"PK\3\4" + common + name + packed
    return bytes(out + central + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(central), len(out), 0))


def arc(members):
    """`members` is [(name, packed, method, data)]."""
    out = bytearray()
    for name, packed, method, data in members:
        out += bytes([0x1A, method]) + name[:12].ljust(13, b"\0") + struct.pack("<IHHHI", len(packed), 0, 0, c.crc16(data), len(data)) + packed
    return bytes(out) + b"\x1a\0"


def arc_runs(data):
    """ARC's run lengths."""
    out, at = bytearray(), 0
    while at < len(data):
        run = 1
        while run < 255 and at + run < len(data) and data[at + run] == data[at]:
            run += 1
        out += b"\x90\0" if data[at] == 0x90 else bytes([data[at]])
        if run > 3 and data[at] != 0x90:
            out += bytes([0x90, run])
            at += run
        else:
            at += 1
    return bytes(out)


def squeeze(data):
    """ARC method 4: a complete tree over the bytes there are and the end, as balanced as they come."""
    leaves = sorted(set(data)) + [256]
    nodes, codes = [], {}

    def grow(symbols, code):
        if len(symbols) == 1:
            codes[symbols[0]] = code
            return -(symbols[0] + 1)
        mine = len(nodes)
        nodes.append(None)
        half = len(symbols) // 2
        nodes[mine] = (grow(symbols[:half], code + [0]), grow(symbols[half:], code + [1]))
        return mine

    grow(leaves, [])
    bits = LowBits()
    for symbol in list(data) + [256]:
        for bit in codes[symbol]:
            bits.put(bit, 1)
    return struct.pack("<H", len(nodes)) + b"".join(struct.pack("<hh", *node) for node in nodes) + bits.done()


def flagged(data, window, shortest, longest, is_literal_one, copy):
    """Eight items behind a byte of flags, the lowest first."""
    out, group, flags, count = bytearray(), bytearray(), 0, 0
    place = 0
    for distance, what in matches(data, window, shortest, longest):
        literal = distance is None
        flags |= (literal == is_literal_one) << count
        group += bytes([what]) if literal else copy(place, distance, what)
        place += 1 if literal else what
        count += 1
        if count == 8:
            out += bytes([flags]) + group
            group, flags, count = bytearray(), 0, 0
    return out, group, flags, count, place


def szdd(data, last=b"t"):
    def copy(place, distance, length):
        at = (4096 - 16 + place - distance) % 4096
        return bytes([at & 255, at >> 8 << 4 | length - 3])
    out, group, flags, _, _ = flagged(data, 4000, 4, 18, True, copy)
    return b"SZDD\x88\xf0\x27\x33A" + last + struct.pack("<I", len(data)) + out + (bytes([flags]) + group if group else b"")


def compressed_rtf(data):
    def copy(place, distance, length):
        at = (207 + place - distance) % 4096
        return struct.pack(">H", at << 4 | length - 2)
    out, group, flags, count, place = flagged(data, 4000, 4, 17, False, copy)
    end = (207 + place) % 4096
    out += bytes([flags | 1 << count]) + group + struct.pack(">H", end << 4)
    return struct.pack("<II", len(out) + 12, len(data)) + b"LZFu" + struct.pack("<I", 0) + bytes(out)


def onenote(files):
    out = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3" + bytes(1008)
    for data in files:
        out += b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac" + struct.pack("<QIQ", len(data), 0, 0) + data + bytes(-len(data) % 8)
        out += b"\x22\xa7\xfb\x71\x79\x0f\x0b\x4a\xbb\x13\x89\x92\x56\x42\x6b\x24"
    return out


def active_mime(data):
    return b"ActiveMime\0\0\x01\xf0\x04\0\0\0\xff\xff\xff\xff\0\0\x07\xf0" + bytes(4) + struct.pack("<H", 4) + bytes(18) + zlib.compress(data)


def apple(entries, double=False):
    head = struct.pack(">II16sH", 0x00051607 if double else 0x00051600, 0x00020000, b"", len(entries))
    at, table, body = len(head) + 12 * len(entries), b"", b""
    for kind, data in entries:
        table += struct.pack(">III", kind, at + len(body), len(data))
        body += data
    return head + table + body
