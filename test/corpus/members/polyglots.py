"""polyglots - one file that is two: a guest before, between or behind a host of another format"""
import gzip
import struct
import zlib

import containers as c

from . import objects as o
from .archives import cab_mszip, deflate, entry, gz, lha, octets, seven, tar_of, zip_of
from .kinds import by_program, enter


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png():
    rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(48)) for y in range(16))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
JPEG = (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0\x43\0" + b"\x10" * 64 + b"\xff\xc0\0\x0b\x08\0\1\0\1\1\1\x11\0\xff\xc4\0\x14\0\1" + bytes(15)
        + b"\x03\xff\xc4\0\x14\x10\1" + bytes(16) + b"\xff\xda\0\x08\1\1\0\0?\0\x37\xff\xd9")
BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 70, 0, 0, 54, 40, 2, 2, 1, 24, 0, 16, 2835, 2835, 0, 0) + bytes(16)
MP3 = b"ID3\3\0\0\0\0\0\x0aTIT2\0\0\0\0\0\0" + (b"\xff\xfb\x90\x64" + bytes(413)) * 4
WAV = b"RIFF" + struct.pack("<I4s4sIHHIIHH4sI", 36 + 800, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", 800) + b"\x80" * 800
HTML = b"<!DOCTYPE html>\r\n<html><head><title>t</title></head><body>\r\n" + b"<p>An ordinary line.</p>\r\n" * 40 + b"</body></html>\r\n"
XML = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<list>" + b"<item>ordinary</item>\r\n" * 40 + b"</list>\r\n"
RTF = b"{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Times;}}\\pard " + b"An ordinary line.\\par\r\n" * 40 + b"}\r\n"
HOSTS = {
    "text": ("txt", o.FILLER), "html": ("html", HTML), "xml": ("xml", XML), "rtf": ("rtf", RTF), "pdf": ("pdf", o.pdf()), "png": ("png", png()), "gif": ("gif", GIF),
    "jpeg": ("jpg", JPEG), "bmp": ("bmp", BMP), "mp3": ("mp3", MP3), "wav": ("wav", WAV), "exe": ("exe", o.program(b"stub")), "doc": ("doc", o.word()),
    "tar": ("tar", tar_of("a.txt", o.FILLER)), "gz": ("gz", gz(o.FILLER)), "zip": ("zip", zip_of([entry(b"a.txt", o.FILLER, 8, deflate(o.FILLER))])),
    "zeros": ("dat", bytes(700)), "byte": ("dat", b"\0"),
}
GUESTS = {
    "zip": lambda n, d: zip_of([entry(octets(n), d, 8, deflate(d))]),
    "rar4": lambda n, d: bytes(c.rar4([(octets(n) + b".gz", gzip.compress(d))])),
    "rar5": lambda n, d: bytes(c.rar5([(octets(n) + b".gz", gzip.compress(d))])),
    "7z": seven(),
    "cab": cab_mszip,
    "lha": lambda n, d: lha(octets(n) + b".gz", gzip.compress(d)),
    "arj": lambda n, d: by_program(["arj", "a", "-y", "out.arj", "{}"], n, d, "out.arj"),
    "pdf": lambda n, d: o.pdf_with_attachment(octets(n), d),
    "tar": lambda n, d: tar_of(n + ".gz", gzip.compress(d)),
    "gz": lambda n, d: gz(d),
    "ole": lambda n, d: o.embedding_word(octets(n), gzip.compress(d)),
}


def between(host, guest):
    middle = len(host) // 2
    return host[:middle] + guest + host[middle:]


PLACES = {"behind": lambda host, guest: host + guest, "before": lambda host, guest: guest + host, "between": between}

for host, (extension, body) in HOSTS.items():
    for guest, make in GUESTS.items():
        for place, join in PLACES.items():
            # nothing reads an OLE file, a gzip file or a tar that does not begin at the beginning; before others they are themselves
            if guest in ("gz", "tar", "ole") and place != "before":
                continue
            if host in ("zeros", "byte", "text") and place == "before" or host == guest:
                continue
            if host == "byte" and place == "between":
                continue
            enter(f"poly-{guest}-{place}-{host}", extension, lambda n, d, body=body, make=make, join=join: join(body, make(n, d)))
