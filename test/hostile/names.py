#!/usr/bin/env python3
"""names.py PROBE - archives of every format with names that would do harm as paths, opened under strace

Passes when the probe finds members in each and, between its two marks, no file is opened, made, moved or removed and no
process is started.
"""
import os
import gzip
import io
import pathlib
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "corpus"))
import containers as c  # noqa: E402

NAMES = [
    b"../../../../tmp/tamis-was-here", b"/tmp/tamis-was-here", b"..\\..\\tamis-was-here", b"C:\\Windows\\tamis.exe", b"-rf", b"--help",
    b"$(touch tamis-was-here)", b"`touch tamis-was-here`", b"; touch tamis-was-here", b"| touch tamis-was-here", b"a\ntouch tamis-was-here\n",
    b"a\r\nb", b"%n%n%s%s", b"a.txt:ADS", b"file.txt::$DATA", b"con", b"NUL.txt", b"a" * 65000, b"dir/" * 8000 + b"x", b"\x1b[2J\x07.exe",
    "\u202egpj.exe".encode(), b"\xc0\xae\xc0\xae/x", b"\xff\xfe\xfd", "\uff0e\uff0e\uff0fx".encode(), b".", b"..", b"~root/x", b"a\0b.exe", b" ",
    b"/dev/tcp/127.0.0.1/1", b"/proc/self/mem", b"//x/y", b"'\"&<>", b"@file", b"*?[a-z]",
]
CALM = [name for name in NAMES if b"\0" not in name and len(name) < 200]  # for formats whose names are short or end at NUL


def pax(names):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as into:
        for name in names:
            for kind in (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
                member = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
                member.type, member.linkname, member.size = kind, "/tmp/tamis-was-here", 4 if kind == tarfile.REGTYPE else 0
                into.addfile(member, io.BytesIO(b"text"))
    return out.getvalue()


def with_7z(names):
    """7-Zip cannot be made to pack such names; they are written over harmless ones of the same length, as UTF-16."""
    with tempfile.TemporaryDirectory() as folder:
        plain = ["n%03d" % i + "x" * (len(name.decode("latin-1")) - 4) for i, name in enumerate(names)]
        for name in plain:
            (pathlib.Path(folder) / name).write_text("text")
        subprocess.run(["7z", "a", "-bd", "-y", "-mhc=off", "x.7z"] + plain, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        data = (pathlib.Path(folder) / "x.7z").read_bytes()
    for old, new in zip(plain, names):
        assert old.encode("utf-16-le") in data
        data = data.replace(old.encode("utf-16-le"), new.decode("latin-1").encode("utf-16-le"))
    offset, size = struct.unpack_from("<QQ", data, 12)
    start = struct.pack("<QQI", offset, size, zlib.crc32(data[32 + offset:32 + offset + size]))
    return data[:8] + struct.pack("<I", zlib.crc32(start)) + start + data[32:]


def xar(names):
    from xml.sax.saxutils import escape
    files = "".join('<file id="%d"><name>%s</name><type>file</type></file>' % (i, escape(re.sub("[^\x20-\x7e\u00a0-\uffff]", "?", n.decode("utf-8", "replace"))))
                    for i, n in enumerate(names, 1))
    toc = ('<?xml version="1.0" encoding="UTF-8"?><xar><toc><checksum style="none"></checksum>' + files + "</toc></xar>").encode()
    packed = zlib.compress(toc)
    return b"xar!" + struct.pack(">HHQQI", 28, 1, len(packed), len(toc), 0) + packed


def archives():
    members = [(name, b"text") for name in NAMES]
    calm = [(name, b"text") for name in CALM]
    yield "zip", c.zip_archive(members)
    yield "tar", c.tar([(name, b"text") for name in NAMES if b"\0" not in name])
    yield "tar-links", b"".join(c.tar_member(name, b"", kind, b"/tmp/tamis-was-here") for name in CALM for kind in b"1 2 3 4 5 6".split()) + bytes(1024)
    yield "pax", pax(CALM)
    yield "cpio", c.newc(calm)
    yield "cpio-links", c.newc([(name, b"/tmp/tamis-was-here") for name in CALM], 0o120777)
    yield "ar", c.ar([(name[:15].replace(b"/", b"\\").replace(b"\n", b"?") or b"x", b"text") for name in CALM])
    yield "rpm", c.rpm(c.newc(calm))
    yield "cab", c.cab(calm)
    yield "lha", c.lha(calm)
    yield "rar4", c.rar4(calm)
    yield "rar5", c.rar5(calm)
    yield "xar", xar(CALM)
    yield "tnef", c.tnef([(name[:200], name.decode("latin-1")[:200], b"text") for name in NAMES])
    yield "ole", c.compound({"ObjectPool": {"_%d" % i: {"\x01Ole10Native": c.native(name[:3000].replace(b"\0", b"?"), name[:3000].replace(b"\0", b"?"), b"text")}
                                            for i, name in enumerate(NAMES)}})
    yield "msg", c.compound({"__attach_%d" % i: {"__substg1.0_37010102": b"text", "__substg1.0_3707001F": name.decode("latin-1")[:1500].encode("utf-16-le")}
                             for i, name in enumerate(NAMES)})
    for number, name in enumerate(n for n in NAMES if b"\0" not in n):
        packed = bytearray(gzip.compress(b"text"))
        packed[3] |= 8
        yield "gzip-%d" % number, bytes(packed[:10]) + name + b"\0" + bytes(packed[10:])
    if subprocess.run(["sh", "-c", "command -v 7z"], stdout=subprocess.DEVNULL).returncode == 0:
        yield "7z", with_7z([name for name in CALM if 4 <= len(name) < 100])


def main():
    probe = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in ("archives", "empty"):
            (folder / name).mkdir()
        for name, content in archives():
            (folder / "archives" / name).write_bytes(content)
        run = subprocess.run(["strace", "-f", "-s", "200", "-o", folder / "trace", "-e", "trace=%file,%process,%network,memfd_create", probe,
                              folder / "archives"], cwd=folder / "empty", capture_output=True, text=True,
                             env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})  # it does not work under ptrace
        print(run.stdout)
        assert run.returncode == 0, f"the probe ended with {run.returncode}: {run.stderr}"
        lines = (folder / "trace").read_text(errors="replace").splitlines()
        begin, = (i for i, line in enumerate(lines) if "/mark/begin" in line)
        end, = (i for i, line in enumerate(lines) if "/mark/end" in line)
        calls = [line for line in lines[begin + 1:end] if "memfd_create" not in line]
        assert not calls, "calls while hostile names were read:\n" + "\n".join(calls[:20])
        left = list((folder / "empty").iterdir()) + list(pathlib.Path("/tmp").glob("tamis-was-here*"))
        assert not left, f"files appeared: {left}"
        print(f"{end - begin - 1} calls between the marks, all of them memfd_create; no file, no process")


main()
