#!/usr/bin/env python3
"""make.py - writes the samples beside it again; they are committed so that the unit tests need no tool

Those of real programs (lzop, gcab, jlha, rpmbuild, 7z) are only renewed where that program is installed.
"""
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import containers as c  # noqa: E402
import packers as p  # noqa: E402

TEXT = b"hello, hello, hello, hello\n" * 40
LONG = b"".join(b"%d bottles of beer on wall %d, take %x down\n" % (i * i, i % 7, i * 7919) for i in range(700))  # larger than most windows
NOISE = bytes(zlib.crc32(b"%d" % i) & 255 for i in range(3000)) * 4  # many codes, and copies far back
EVIL = 'Sub AutoOpen()\r\n  Shell "calc.exe"\r\nEnd Sub\r\n'
QUIET = "Function Add(a, b)\r\n  Add = a + b\r\nEnd Function\r\n"
SHEET = 'Attribute VB_Name = "ThisWorkbook"\r\nAttribute VB_Base = "0{00020819-0000-0000-C000-000000000046}"\r\nAttribute VB_Exposed = True\r\n'
SPEC = "Name: sample\nVersion: 1\nRelease: 1\nSummary: s\nLicense: none\nBuildArch: noarch\n%description\ns\n%install\nmkdir -p %{buildroot}/x; echo hello > %{buildroot}/x/hello.txt\n%files\n/x/hello.txt\n"


def samples():
    two = [(b"hello.txt", TEXT), (b"dir/second.bin", bytes(range(256)))]
    yield "stored.rar4", c.rar4(two)
    yield "member-encrypted.rar4", c.rar4(two, encrypted=(b"dir/second.bin",))
    yield "hidden.rar4", c.rar4(two, hidden=True)
    yield "stored.rar5", c.rar5(two)
    yield "member-encrypted.rar5", c.rar5(two, encrypted=(b"hello.txt",))
    yield "hidden.rar5", c.rar5(two, hidden=True)
    yield "stored.cab", c.cab(two)
    yield "stored.lha", c.lha(two)
    yield "plain.rpm", c.rpm(c.newc(two))
    yield "winmail.dat", c.tnef([(b"REPORT~1.EXE", "r\u00e9port \u65e5\u672c.exe", b"MZ attachment"), (b"plain.txt", "", TEXT)], b"The body\0")
    yield "wrong-sum.tnef", c.tnef([(b"a.txt", "", TEXT)], wrong=1)
    yield "macro.doc", c.compound({"WordDocument": bytes(600), "Macros": {"VBA": c.vba_project({"ThisDocument": EVIL, "Module1": QUIET})}})
    yield "quiet-macro.doc", c.compound({"WordDocument": bytes(600), "Macros": {"VBA": c.vba_project({"Module1": QUIET})}})
    for name, compiled in {"zero": bytes(16), "none": b"", "empty": c.vba_lines(), "blank": c.vba_lines(0, 0)}.items():
        yield f"sheet-{name}.xls", c.compound({"Workbook": bytes(600), "_VBA_PROJECT_CUR": {"VBA": c.vba_project({"ThisWorkbook": SHEET, "Sheet1": SHEET}, compiled)}})
    for name, source, compiled in [("attributes", SHEET, c.vba_lines(0, 40)), ("wiped", None, c.vba_lines(30)), ("empty", "", c.vba_lines(12)),
                                   ("unreadable", SHEET, c.CACHE)]:
        yield f"stomped-{name}.xls", c.compound({"Workbook": bytes(600), "_VBA_PROJECT_CUR": {"VBA": c.vba_project({"ThisWorkbook": source}, compiled)}})
    hidden = c.vba_project({"ThisWorkbook": SHEET}, b"")
    hidden["Module1"] = c.vba_compress(EVIL.encode())  # not in the list of modules
    yield "stomped-unlisted.xls", c.compound({"Workbook": bytes(600), "_VBA_PROJECT_CUR": {"VBA": hidden}})
    yield "vbaProject.bin", c.compound({"VBA": c.vba_project({"ThisWorkbook": EVIL.replace("AutoOpen", "Workbook_Open")}), "PROJECT": b"ID=x"})
    yield "no-macro.doc", c.compound({"WordDocument": bytes(600), "\x05SummaryInformation": bytes(100)})
    yield "encrypted.doc", c.compound({"WordDocument": bytes(10) + b"\x00\x01" + bytes(600)})
    sheet = (0x85, bytes(4) + b"\0\1" + b"\6\0Macro1")
    start = (0x18, b"\x20\0\0\1\0\0" + bytes(8) + b"\0\1")
    yield "excel4.xls", c.compound({"Workbook": c.biff([(0x809, bytes(16)), sheet, start, (0x0A, b"")])})
    yield "encrypted.xls", c.compound({"Workbook": c.biff([(0x809, bytes(16)), (0x2F, bytes(54)), (0x0A, b"")])})
    yield "encrypted.docx", c.compound({"EncryptedPackage": bytes(900), "EncryptionInfo": bytes(200)})
    yield "embedded.doc", c.compound({"WordDocument": bytes(600), "ObjectPool": {"_1": {
        "\x01Ole10Native": c.native(b"invoice.exe", b"C:\\tmp\\invoice.exe", b"MZ embedded"), "\x03ObjInfo": bytes(6)}}})
    objects = [c.compound({"\x01Ole10Native": c.native(name, b"C:\\" + name, b"MZ " + name)}) for name in (b"packed.exe", b"plain.exe")]
    records = [(0x0F, 1000, bytes(200)), (0x10, 0x1011, struct.pack("<I", len(objects[0])) + zlib.compress(objects[0])), (0, 0x1011, bytes(objects[1]))]
    yield "objects.ppt", c.compound({"Current User": bytes(60), "PowerPoint Document": b"".join(struct.pack("<HHI", *head, len(data)) + data for *head, data in records)})
    yield "message.msg", c.compound({"__properties_version1.0": bytes(64), "__substg1.0_0037001F": "Subject".encode("utf-16-le"),
                                     "__attach_version1.0_#00000000": {"__substg1.0_37010102": b"MZ attached",
                                                                       "__substg1.0_3707001F": "attached \u65e5.exe".encode("utf-16-le")}})
    yield "cabinet.msi", c.compound({"\u4840\u3fff\u43e4\u41ec\u45e4\u44ac\u4831": bytes(100), "Data.cab": c.cab(two)})
    for name, members in {"all-methods.zoo": [(b"hello.txt", TEXT, 0), (b"long.txt", LONG, 1), (b"noise.bin", NOISE, 1)]}.items():
        yield name, p.zoo(members)
    old = [("shrink", 1, 0, p.shrink), ("reduce", 2, 0, p.reduce), ("implode", 6, 6, p.implode)]
    for name, method, flags, pack in old:
        yield name + ".zip", p.zip_of([(b"hello.txt", pack(TEXT), method, flags, TEXT), (b"long.txt", pack(LONG), method, flags, LONG),
                                       (b"noise.bin", pack(NOISE), method, flags, NOISE)])
    yield "methods.arc", p.arc([(b"HELLO.TXT", TEXT, 2, TEXT), (b"RUNS.TXT", p.arc_runs(TEXT + bytes(700)), 3, TEXT + bytes(700)),
                                (b"SQUEEZED.TXT", p.squeeze(p.arc_runs(LONG[:4000] + bytes(500))), 4, LONG[:4000] + bytes(500))])
    yield "hello.tx_", p.szdd(LONG[:9000])
    yield "body.lzfu", p.compressed_rtf(b"{\\rtf1\\ansi\\deff0{\\fonttbl{\\f0 Courier;}}" + LONG[:9000] + b"}")
    yield "files.one", p.onenote([b"MZ attached", TEXT])
    yield "editdata.mso", p.active_mime(c.compound({"WordDocument": bytes(600)}))
    yield "single.applefile", p.apple([(3, b"tool.exe"), (9, bytes(32)), (1, TEXT)])
    yield "double.applefile", p.apple([(9, bytes(32)), (2, bytes(286))], double=True)
    yield "several-data.tnef", c.tnef_properties()


def tools():
    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)
        (here / "hello.txt").write_bytes(TEXT)
        (here / "long.txt").write_bytes(LONG)
        (here / "sample.spec").write_text(SPEC)
        (here / "folder").mkdir()
        (here / "folder" / "hello.txt").write_bytes(TEXT)
        (here / "folder" / "long.txt").write_bytes(LONG)
        (here / "index.html").write_text("<html><body>an index</body></html>")
        (here / "help.hhp").write_text("[OPTIONS]\nCompiled file=tool.chm\nDefault topic=index.html\nTitle=t\n\n[FILES]\nindex.html\nhello.txt\nlong.txt\n")
        both = ["hello.txt", "long.txt"]
        commands = {
            "tool.lzo": ["lzop", "-o", "tool.lzo", "hello.txt"],
            "tool.cab": ["gcab", "-c", "-z", "tool.cab", "hello.txt"],
            "tool.lha": ["jlha", "a", "tool.lha", "hello.txt"],
            "tool.rpm": ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}", "--define", f"_rpmdir {folder}", "sample.spec"],
            "member-encrypted.7z": ["7z", "a", "-bd", "-y", "-psecret", "member-encrypted.7z", "hello.txt"],
            "hidden.7z": ["7z", "a", "-bd", "-y", "-psecret", "-mhe=on", "hidden.7z", "hello.txt"],
        }
        commands |= {f"method-{m}.arj": ["arj", "a", "-y", f"-m{m}", f"method-{m}.arj", *both[:2 if m else 1]] for m in range(5)}
        commands["garbled.arj"] = ["arj", "a", "-y", "-gsecret", "garbled.arj", "hello.txt"]
        commands |= {f"lh{m}-level{m - 5}.lha": ["jlha", f"a{m - 5}o{m}", f"lh{m}-level{m - 5}.lha", *both] for m in (5, 6, 7)}
        commands["tool.chm"] = ["chmcmd-3.2.2", "help.hhp"]
        commands["crunched.arc"] = ["arc", "an", "crunched.arc", *both]
        commands["squashed.arc"] = ["arc", "anq", "squashed.arc", *both]
        for method in ("none", "XPRESS", "LZX", "LZMS"):
            commands[f"{method.lower()}.wim"] = ["wimlib-imagex", "capture", "folder", f"{method.lower()}.wim", f"--compress={method}", "--no-acls"]
        commands["solid.esd"] = ["wimlib-imagex", "capture", "folder", "solid.esd", "--solid", "--no-acls"]
        for method in ("Deflate64", "LZMA", "PPMd", "xz", "BZip2"):
            commands[f"{method.lower()}.zip"] = ["7z", "a", "-bd", "-y", "-tzip", f"-mm={method}", f"{method.lower()}.zip", *both]
        for name, switches in {"bzip2": ["-m0=BZip2"], "ppmd": ["-m0=PPMd"], "deflate": ["-m0=Deflate"], "deflate64": ["-m0=Deflate64"],
                               "delta": ["-m0=Delta:4", "-m1=LZMA2"], "ppc": ["-m0=PPC", "-m1=LZMA2"], "sparc": ["-m0=SPARC", "-m1=LZMA2"],
                               "arm": ["-m0=ARM", "-m1=LZMA2"], "arm64": ["-m0=ARM64", "-m1=LZMA2"], "bcj2": ["-mf=BCJ2"],
                               "bcj-bzip2": ["-m0=BCJ", "-m1=BZip2"]}.items():
            commands[f"{name}.7z"] = ["7z", "a", "-bd", "-y", *switches, f"{name}.7z", *both]
        for name, command in commands.items():
            if not shutil.which(command[0]):
                print(f"{name}: {command[0]} is not installed, the old one stays")
                continue
            subprocess.run(command, cwd=here, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            made = here / name if (here / name).exists() else next(here.glob("noarch/*.rpm"))
            shutil.copyfile(made, HERE / name)


for sample, content in samples():
    (HERE / sample).write_bytes(content)
if "--tools" in sys.argv:
    tools()
