"""generate - random messages for the comparison with other readers: ordinary structures, many spellings, some damage

messages(seed, count) yields (name, bytes); the same for the same seed. CRLF line ends and no NUL, as the receiver hands
them on.
"""
import base64
import quopri
import random
import urllib.parse

NAMES = ["report.pdf", "invoice 2024.docx", "Übersicht größer.xlsx", "日本語の長いファイル名です.zip", "a'b.txt", "semi;colon.exe",
         "quote\"d.js", "back\\slash.vbs", "percent%20.scr", "no-extension", "x.tar.gz", "(paren).bat", "naïve café.pdf"]
TYPES = ["application/octet-stream", "application/pdf", "text/plain", "text/html", "image/png", "application/zip"]
TEXTS = ["Hello world.", "Grüße aus Köln = 100 %", "A line\nanother line\n\nlast", "-- \nsignature", "From the start\n.dot", "x" * 300]


def word(name, rng):
    charset = rng.choice(["utf-8", "UTF-8", "iso-8859-1"])
    try:
        raw = name.encode(charset)
    except UnicodeEncodeError:
        raw, charset = name.encode(), "utf-8"
    if rng.random() < 0.5:
        return f"=?{charset}?B?{base64.b64encode(raw).decode()}?="
    return f"=?{charset}?Q?" + "".join(f"={c:02X}" if c > 126 or chr(c) in " ?=_\"()<>@,;:\\/[]." else chr(c) for c in raw) + "?="


def parameter(key, name, rng):
    """one parameter, in a spelling of the day"""
    ascii_name = name.isascii()
    quoted = name.replace("\\", "\\\\").replace("\"", "\\\"")
    encoded = urllib.parse.quote(name, safe="")
    spellings = [
        lambda: f"{key}*=utf-8''{encoded}", lambda: f"{key}*=UTF-8'en-US'{encoded}",
        lambda: f"{key}=\"{word(name, rng)}\"", lambda: f"{key}={word(name, rng)}",
        lambda: f"{key}*0*=utf-8''{encoded[:len(encoded) // 2 // 3 * 3] if '%' not in encoded else encoded}; {key}*1*="
                f"{encoded[len(encoded) // 2 // 3 * 3:] if '%' not in encoded else ''}",
        lambda: f"{key}=\"fallback{name[name.rfind('.'):] if '.' in name and ascii_name else ''}\"; {key}*=utf-8''{encoded}",
    ]
    if ascii_name:
        half = len(quoted) // 2 if "\\" not in quoted else 0
        spellings += [lambda: f"{key}=\"{quoted}\"", lambda: f"{key.upper()} = \"{quoted}\"",
                      lambda: f"{key}*0=\"{quoted[:half]}\";\n\t{key}*1=\"{quoted[half:]}\""]
        if not set(name) & set(" ;\"\\()'%"):
            spellings += [lambda: f"{key}={name}", lambda: f"\n {key}={name}"]
    else:
        spellings += [lambda: f"{key}=\"{quoted}\""]  # RFC 6532
    return rng.choice(spellings)()


def body(rng, mode):
    if rng.random() < 0.6:
        data = rng.choice(TEXTS).encode()
    else:
        data = bytes(rng.randrange(256) for _ in range(rng.choice([1, 2, 3, 57, 200, 1000])))
    if mode == "base64":
        text = base64.encodebytes(data)
        damage = rng.random()
        if damage < 0.05:
            text = text.rstrip(b"=\n")
        elif damage < 0.1:
            text += b"-- \nappended by a list server\n"
        elif damage < 0.15:
            text = text.replace(b"\n", b" \n")
        elif damage < 0.2:
            text = text[:5] + b"!" + text[5:]
        return text
    if mode == "quoted-printable":
        text = quopri.encodestring(data)
        if rng.random() < 0.1:
            text += b"=zz = \nx"
        return text
    return data if all(c < 127 and c >= 32 or c == 10 for c in data) else rng.choice(TEXTS).encode()


def leaf(rng):
    mode = rng.choice(["", "7bit", "8bit", "base64", "base64", "quoted-printable", "BASE64", "Quoted-Printable"])
    kind = rng.choice(TYPES)
    head = f"Content-Type: {kind}"
    name = rng.choice(NAMES)
    if rng.random() < 0.4:
        head += f"; {parameter('name', name, rng)}"
    if rng.random() < 0.2:
        head += rng.choice(["; charset=utf-8", "; charset=\"us-ascii\" (plain)", "; format=flowed", ";"])
    head += "\n"
    if mode:
        head += f"Content-Transfer-Encoding: {mode}\n"
    if rng.random() < 0.6:
        head += f"Content-Disposition: {rng.choice(['attachment', 'inline'])}; {parameter('filename', name, rng)}\n"
    if rng.random() < 0.2:
        head += f"Content-Description: {word(name, rng)}\n"
    return head.encode() + b"\n" + body(rng, mode.lower())


def entity(rng, depth):
    choice = rng.random()
    if depth > 4 or choice < 0.45:
        return leaf(rng)
    if choice < 0.55:
        inner = b"From: a@example.org\nSubject: inner\n" + entity(rng, depth + 1)
        return b"Content-Type: message/rfc822\n\n" + inner
    boundary = rng.choice(["b%d", "----=_Part_%d", "=_%d/x", "b %d x", "'%d'", "%d+%%"]) % rng.randrange(10 ** 6)
    quote = "\"" if rng.random() < 0.8 or set(boundary) & set(" '/=") else ""
    subtype = rng.choice(["mixed", "alternative", "related", "digest", "signed", "report"])
    out = f"Content-Type: multipart/{subtype}; boundary={quote}{boundary}{quote}\n\n".encode()
    if rng.random() < 0.3:
        out += b"This is a multi-part message in MIME format.\n"
    mark = b"--" + boundary.encode()
    for _ in range(rng.randrange(1, 4)):
        part = entity(rng, depth + 1)
        if subtype == "digest" and rng.random() < 0.5:
            part = b"\nFrom: x@example.org\n" + part
        out += mark + b"\n" + part + b"\n"
    end = rng.random()
    if end < 0.9:
        out += mark + b"--\n"
    if end < 0.2:
        out += b"_______\nlist footer\n"
    return out


def damage(data, rng):
    """a few lines lost, doubled or changed"""
    lines = data.split(b"\n")
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(lines))
        kind = rng.randrange(7)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[at])
        elif kind == 2:
            lines[at] += b" "
        elif kind == 3:
            lines[at] = lines[at].replace(b"\"", b"", 1)
        elif kind == 4:
            lines[at] = b" " + lines[at]
        elif kind == 5:
            lines[at] = lines[at].replace(b";", b"; x=\"y\";", 1)
        else:
            lines.insert(at, b"")
        if not lines:
            lines = [b""]
    return b"\n".join(lines)


def messages(seed, count):
    rng = random.Random(seed)
    for number in range(count):
        data = b"From: a@example.org\nTo: b@example.net\nMIME-Version: 1.0\n" + entity(rng, 0)
        kind = "plain"
        if number % 3 == 2:
            data, kind = damage(data, rng), "damaged"
        yield f"{kind}-{number:04}.eml", data.replace(b"\r", b"").replace(b"\0", b"").replace(b"\n", b"\r\n")
