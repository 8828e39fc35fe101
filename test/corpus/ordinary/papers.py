"""papers - documents of real programs: LibreOffice, Ghostscript, ImageMagick, archivers, pandoc, Python's libraries

make(folder) writes them all and returns the names of those that are encrypted. A program that is not installed is told, and
what it would have made is missing; `run` installs PACKAGES first.
"""
import pathlib
import random
import shutil
import sqlite3
import subprocess

import containers as c
from members import archives, documents, mails, objects, polyglots
from members.kinds import CONTAINERS, Missing

PACKAGES = ("libreoffice-writer-nogui libreoffice-calc-nogui libreoffice-impress-nogui libreoffice-draw-nogui libreoffice-math-nogui python3-uno fonts-dejavu-core "
            "ghostscript imagemagick librsvg2-bin pandoc python3-openpyxl python3-docx gnupg 7zip p7zip-full zip unzip arj jlha-utils gcab genisoimage lzop lz4 zstd "
            "ncompress wimtools qpdf cpio binutils sqlite3 bzip2 xz-utils openssl brotli").split()
PICTURE_FORMATS = ("png", "jpg", "gif", "bmp", "tif", "webp", "ico", "pcx", "ppm", "pgm", "pbm", "pnm", "tga", "xpm", "xbm", "psd", "miff", "dcx", "sgi", "ras", "svg",
                   "jp2", "mng", "fits", "xwd", "dpx", "viff", "hdr", "exr", "txt", "uil", "html", "wbmp", "pict", "cin", "avs", "mpc", "ps2", "ps3", "epdf", "pdfa", "otb", "palm", "pgx", "rgf", "sun")
GHOST_DEVICES = {"pdf": ["pdfwrite"], "14.pdf": ["pdfwrite", "-dCompatibilityLevel=1.4"], "small.pdf": ["pdfwrite", "-dPDFSETTINGS=/ebook"], "a.pdf": ["pdfwrite", "-dPDFA=2"],
                 "plain.pdf": ["pdfwrite", "-dCompressPages=false"], "ps": ["ps2write"], "eps": ["eps2write", "-dLastPage=1"], "txt": ["txtwrite"], "g4.tif": ["tiffg4"], "24.tif": ["tiff24nc"], "jpg": ["jpeg"],
                 "png": ["png16m"], "pcl": ["ljet4"], "px": ["pxlcolor"], "xps": ["xpswrite"], "bmp": ["bmp16m"], "fax": ["faxg3"]}
MARKDOWN = """---
title: Notes
author: Ann
---

# First

Some *words* and a [link](https://example.org/?a=b&c=d), Grüße, 日本語.

| a | b |
|---|---|
| 1 | 2 |

1. one
2. two

```python
print("hello")
```

$x^2 + y^2 = z^2$ and a note[^1].

![picture](PICTURE)

[^1]: the note
"""


class Papers:
    def __init__(self, folder, say):
        self.folder, self.say, self.sealed = folder, say, set()

    def run(self, name, argv, sealed=False, **options):
        """argv makes the file `name` in the folder"""
        if not shutil.which(argv[0]):
            self.say(f"not made: {name}: {argv[0]} is not installed")
            return
        done = subprocess.run([str(word) for word in argv], cwd=self.folder, capture_output=True, timeout=120, **options)
        if done.returncode != 0 or not (self.folder / name).exists():
            self.say(f"not made: {name}: {argv[0]} ended with {done.returncode}: {(done.stdout + done.stderr)[-120:]!r}")
            (self.folder / name).unlink(missing_ok=True)
        elif sealed:
            self.sealed.add(name)


def pictures(folder):
    chance = random.Random(1)
    out = []
    for name, size in (("photo.jpg", "320x200"), ("logo.png", "64x64"), ("diagram.gif", "120x80")):
        path = folder / name
        subprocess.run(["convert", "-seed", str(chance.randrange(1000)), "-size", size, "plasma:", str(path)], check=True, timeout=120)
        out.append(path)
    return out


def by_ghostscript(papers):
    source = papers.folder / "ghost.ps.in"
    source.write_text("%!PS-Adobe-3.0\n/Helvetica findfont 20 scalefont setfont\n3 { 72 700 moveto (An ordinary page) show 100 100 200 150 rectstroke showpage } repeat\n")
    for extension, (device, *switches) in GHOST_DEVICES.items():
        papers.run(f"ghost.{extension}", ["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", f"-sDEVICE={device}", *switches, f"-sOutputFile=ghost.{extension}", source.name])
    papers.run("ghost-password.pdf", ["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=pdfwrite", "-sOwnerPassword=owner", "-sUserPassword=secret", "-dEncryptionR=3", "-dKeyLength=128",
                                      "-sOutputFile=ghost-password.pdf", source.name], sealed=True)
    papers.run("ghost-owner.pdf", ["gs", "-q", "-dNOPAUSE", "-dBATCH", "-dSAFER", "-sDEVICE=pdfwrite", "-sOwnerPassword=owner", "-dEncryptionR=3", "-dKeyLength=128",
                                   "-sOutputFile=ghost-owner.pdf", source.name])
    source.unlink()


def by_imagemagick(papers):
    for extension in PICTURE_FORMATS:
        papers.run(f"magick.{extension}", ["convert", "photo.jpg", "-resize", "64x40", f"magick.{extension}"])
    papers.run("magick-animated.gif", ["convert", "-delay", "10", "photo.jpg", "-resize", "40x25", "logo.png", "magick-animated.gif"])
    papers.run("magick-pages.tif", ["convert", "photo.jpg", "logo.png", "magick-pages.tif"])
    papers.run("magick-progressive.jpg", ["convert", "photo.jpg", "-interlace", "Plane", "-set", "comment", "holiday", "magick-progressive.jpg"])


def by_archivers(papers):
    """Every archive of a few ordinary files, and the containers of the members with harmless contents"""
    few = papers.folder / "few"
    few.mkdir()
    for name in ("office-letter.docx", "office-sheet.xlsx", "office-report.pdf", "office-report.odt", "office-objects.doc", "ghost.pdf", "photo.jpg"):
        if (papers.folder / name).exists():
            shutil.copy(papers.folder / name, few)
    (few / "notes.txt").write_bytes(objects.FILLER)
    (few / "Übersicht.csv").write_text("a;b\n1;2\n", encoding="latin-1")
    for name, argv in {"zip": ["zip", "-qr", "few.zip", "few"], "stored.zip": ["zip", "-qr0", "few.stored.zip", "few"], "streamed.zip": ["sh", "-c", "zip -qr - few > few.streamed.zip"],
                       "7z": ["7z", "a", "-bd", "few.7z", "few"], "ppmd.7z": ["7z", "a", "-bd", "-m0=PPMd", "few.ppmd.7z", "few"], "lzma.zip": ["7z", "a", "-bd", "-tzip", "-mm=LZMA", "few.lzma.zip", "few"],
                       "d64.zip": ["7z", "a", "-bd", "-tzip", "-mm=Deflate64", "few.d64.zip", "few"], "tar": ["tar", "cf", "few.tar", "few"], "tar.gz": ["tar", "czf", "few.tar.gz", "few"],
                       "tar.bz2": ["tar", "cjf", "few.tar.bz2", "few"], "tar.xz": ["tar", "cJf", "few.tar.xz", "few"], "tar.zst": ["tar", "--zstd", "-cf", "few.tar.zst", "few"],
                       "v7.tar": ["tar", "-H", "v7", "-cf", "few.v7.tar", "few"], "pax.tar": ["tar", "-H", "pax", "-cf", "few.pax.tar", "few"], "ustar.tar": ["tar", "-H", "ustar", "-cf", "few.ustar.tar", "few"],
                       "cpio": ["sh", "-c", "find few | cpio -o -H newc > few.cpio"], "a": ["sh", "-c", "ar rc few.a few/*.txt few/*.pdf"], "cab": ["sh", "-c", "gcab -c -z few.cab few/*.txt few/*.docx"],
                       "lzh": ["sh", "-c", "jlha a few.lzh few/*"], "tgz": ["tar", "czf", "few.tgz", "few/ghost.pdf", "few/notes.txt"],
                       "pdf.gz": ["sh", "-c", "gzip -c ghost.pdf > few.pdf.gz"], "copy.7z": ["7z", "a", "-bd", "-m0=Copy", "few.copy.7z", "few/ghost.pdf", "few/notes.txt"], "txt.bz2": ["sh", "-c", "bzip2 -c few/notes.txt > few.txt.bz2"], "txt.xz": ["sh", "-c", "xz -c few/notes.txt > few.txt.xz"],
                       "txt.zst": ["sh", "-c", "zstd -qc few/notes.txt > few.txt.zst"], "txt.Z": ["sh", "-c", "compress -c few/notes.txt > few.txt.Z"], "ps.gz": ["sh", "-c", "gzip -c ghost.ps > few.ps.gz"],
                       "1000.zip": ["sh", "-c", "mkdir many && for i in $(seq 1000); do echo \"text $i\" > many/$i.txt; done && zip -qr few.1000.zip many && rm -r many"],
                       "comment.zip": ["sh", "-c", "echo made for Bob | zip -qz -r few.comment.zip few/notes.txt"]}.items():
        papers.run(f"few.{name}", argv)
    for name, argv in {"password.zip": ["zip", "-qr", "-P", "secret", "few.password.zip", "few"], "password.7z": ["7z", "a", "-bd", "-psecret", "few.password.7z", "few"],
                       "names.7z": ["7z", "a", "-bd", "-psecret", "-mhe=on", "few.names.7z", "few"], "aes.zip": ["7z", "a", "-bd", "-tzip", "-psecret", "-mem=AES256", "few.aes.zip", "few"]}.items():
        papers.run(f"few.{name}", argv, sealed=True)
    shutil.rmtree(few)
    for each in CONTAINERS.values():
        if each.ordinary:
            try:
                (papers.folder / f"container-{each.name}.{each.extension}").write_bytes(each.make("notes.txt", objects.HARMLESS))
            except Missing as program:
                papers.say(f"not made: {each.name}: {program} is not installed")


def by_gpg(papers):
    home = papers.folder / ".gpg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"]
    subprocess.run([*gpg, "--quick-gen-key", "ann@example.org", "ed25519", "sign", "never"], capture_output=True, timeout=120)
    subprocess.run([*gpg, "--quick-gen-key", "bob@example.net", "rsa2048", "encrypt", "never"], capture_output=True, timeout=120)
    (papers.folder / "plain.txt").write_bytes(objects.HARMLESS)
    for name, switches in {"signed.gpg": ["-s"], "signed.asc": ["-s", "-a"], "clear.asc": ["--clear-sign"], "detached.sig": ["-b"], "detached.asc": ["-b", "-a"],
                           "stored.gpg": ["--store"], "signed-plain.gpg": ["-s", "-z", "0"], "signed-bzip2.gpg": ["-s", "--compress-algo", "bzip2"]}.items():
        papers.run(f"gpg-{name}", [*gpg, *switches, "-o", f"gpg-{name}", "plain.txt"])
    for name in ("key.asc", "key.gpg"):
        papers.run(f"gpg-{name}", [*gpg, *(["-a"] if name.endswith("asc") else []), "-o", f"gpg-{name}", "--export", "ann@example.org"])
    for name, switches in {"symmetric.gpg": ["-c"], "symmetric.asc": ["-c", "-a"], "encrypted.gpg": ["-e", "-r", "bob@example.net"], "encrypted.asc": ["-e", "-a", "-r", "bob@example.net"]}.items():
        papers.run(f"gpg-{name}", [*gpg, *(["--passphrase", "secret"] if "symmetric" in name else []), *switches, "-o", f"gpg-{name}", "plain.txt"], sealed=True)
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], capture_output=True, timeout=30)
    shutil.rmtree(home, ignore_errors=True)


def by_pandoc(papers):
    source = papers.folder / "pandoc.md"
    source.write_text(MARKDOWN.replace("PICTURE", "logo.png"))
    for extension in ("docx", "odt", "pptx", "epub", "rtf", "html", "tex", "rst", "org", "txt", "ipynb", "fb2", "opml", "man", "mediawiki", "json", "docbook.xml", "jats.xml", "texi", "icml"):
        kind = {"docbook.xml": "docbook", "jats.xml": "jats", "txt": "plain", "texi": "texinfo", "tex": "latex"}.get(extension, extension)
        papers.run(f"pandoc.{extension}", ["pandoc", "-s", "-t", kind, "-o", f"pandoc.{extension}", source.name])
    papers.run("pandoc-slides.html", ["pandoc", "-s", "-t", "slidy", "-o", "pandoc-slides.html", source.name])


def by_libraries(papers):
    try:
        import openpyxl
        from openpyxl.chart import BarChart, Reference
        book = openpyxl.Workbook()
        for row in range(30):
            book.active.append([f"row {row}", row, row * 2.5])
        chart = BarChart()
        chart.add_data(Reference(book.active, min_col=2, min_row=1, max_row=20))
        book.active.add_chart(chart, "E5")
        book.create_sheet("zweites Blatt")
        book.save(papers.folder / "openpyxl.xlsx")
        book.template = True
        book.save(papers.folder / "openpyxl.xltx")
    except ImportError:
        papers.say("not made: openpyxl.xlsx: python3-openpyxl is not installed")
    try:
        import docx
        document = docx.Document()
        document.add_heading("Report", 0)
        document.add_paragraph("An ordinary paragraph.")
        document.add_picture(str(papers.folder / "logo.png"))
        table = document.add_table(rows=2, cols=2)
        table.cell(0, 0).text = "cell"
        document.save(papers.folder / "python.docx")
    except ImportError:
        papers.say("not made: python.docx: python3-docx is not installed")
    with sqlite3.connect(papers.folder / "data.sqlite") as database:
        database.execute("create table t (a integer primary key, b text)")
        database.executemany("insert into t (b) values (?)", [(f"text {i}",) for i in range(200)])


def by_hand():
    """{name: octets} of documents written byte by byte after those of real programs"""
    docx = (pathlib.Path(__file__).resolve().parent.parent / "office" / "text.docx").read_bytes()
    xlsx = {b"[Content_Types].xml": b"<?xml version='1.0'?><Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'><Override PartName='/xl/workbook.xml' "
            b"ContentType='application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml'/></Types>", b"_rels/.rels": b"<?xml version='1.0'?><Relationships/>",
            b"xl/workbook.xml": b"<?xml version='1.0'?><workbook/>"}
    packed = (lambda members: archives.zip_of([archives.entry(name, data, 8, archives.deflate(data)) for name, data in members.items()]))
    pdf = objects.pdf()
    return {
        "word-with-theme.doc": objects.word(b"An ordinary text. "),
        "word-with-ole.doc": objects.embedding_word(b"notes.txt", objects.HARMLESS),
        "word-with-picture.doc": objects.word(children={"Data": bytes(68) + polyglots.png() + polyglots.JPEG + bytes(5000)}),
        "word-with-pdf.doc": objects.word(children={"ObjectPool": {"_1": {"CONTENTS": pdf, "\x01CompObj": bytes(100)}}}),
        "excel-with-docx.xls": documents.ole({"Workbook": documents.SHEET + bytes(5000), "MBD0001": {"Package": docx}}),
        "attached-docx.pdf": objects.pdf_with_attachment(b"letter.docx", docx),
        "attached-docx-plain.pdf": objects.pdf_with_attachment(b"letter.docx", docx, b"", docx),
        "attached-zip-plain.pdf": objects.pdf_with_attachment(b"notes.zip", b"", b"", objects.zip_of(b"notes.txt", objects.HARMLESS)),
        "scan-jpeg.pdf": objects.pdf([objects.stream(polyglots.JPEG, b"/Type/XObject/Subtype/Image/Width 1/Height 1/BitsPerComponent 8/ColorSpace/DeviceGray", b"/DCTDecode")]),
        "updated.pdf": pdf + b"6 0 obj\n<</Type/Metadata>>\nendobj\nxref\n6 1\n%010d 00000 n \ntrailer\n<</Size 7/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
                       % (len(pdf), int(pdf.rpartition(b"startxref\n")[2].split()[0]), len(pdf) + 42),
        "newline-behind.pdf": pdf + b"\r\n\r\n",
        "zeros-behind.pdf": pdf + bytes(900),
        "newline-before.pdf": b"\r\n" + pdf,
        "stored-pdf.zip": archives.zip_of([archives.entry(b"bill.pdf", pdf)]),
        "stored-pdfs-and-docx.zip": archives.zip_of([archives.entry(b"bill.pdf", pdf), archives.entry(b"letter.docx", docx), archives.entry(b"other.pdf", pdf)]),
        "stored-zip.zip": archives.zip_of([archives.entry(b"inner.zip", objects.zip_of(b"notes.txt", objects.HARMLESS))]),
        "stored-doc.zip": archives.zip_of([archives.entry(b"letter.doc", objects.word(b"An ordinary text. "))]),
        "pdf-first.tar": archives.tar_of("bill.pdf", pdf),
        "pdf-first.tar.gz": archives.gz(archives.tar_of("bill.pdf", pdf)),
        "zip-first.tar": archives.tar_of("notes.zip", objects.zip_of(b"notes.txt", objects.HARMLESS)),
        "zip-in.cpio": archives.newc("notes.zip", objects.zip_of(b"notes.txt", objects.HARMLESS)),
        "pdf-in.rar": bytes(c.rar4([(b"bill.pdf", pdf)])),
        "zip-in.rar": bytes(c.rar5([(b"notes.zip", objects.zip_of(b"notes.txt", objects.HARMLESS))])),
        "pdf-in.cab": bytes(c.cab([(b"bill.pdf", pdf)])),
        "pdf-in.lzh": archives.lha(b"bill.pdf", pdf),
        "backslashes.xlsx": packed({name.replace(b"/", b"\\").lower() if b"Types" not in name else name.lower(): data for name, data in xlsx.items()}),
        "trash.xlsx": packed({**xlsx, b"[trash]/0000.dat": b"\xff\xff\xff\xff" + bytes(60)}),
        "printer-settings.xlsx": packed({**xlsx, b"xl/printerSettings/printerSettings1.bin": "Printer".encode("utf-16-le").ljust(64, b"\0") + b"\1\4\3\6\xdc\0" + bytes(900)}),
        "thumbnail.docx": packed({**xlsx, b"docProps/thumbnail.jpeg": polyglots.JPEG}),
        "thousand.zip": objects.zip_members([(b"text%d.txt" % i, b"text %d\r\n" % i * 20) for i in range(1000)]),
        "many-slides.pptx": packed({name.replace(b"xl/workbook", b"ppt/presentation"): data.replace(b"spreadsheetml.sheet", b"presentationml.presentation").replace(b"/xl/workbook", b"/ppt/presentation")
                                    for name, data in xlsx.items()} | {b"ppt/slides/slide%d.xml" % i: b"<?xml version='1.0'?><p:sld>slide %d</p:sld>" % i for i in range(200)}
                                   | {b"ppt/slides/_rels/slide%d.xml.rels" % i: b"<?xml version='1.0'?><Relationships/>" for i in range(200)} | {b"ppt/media/image%d.png" % i: polyglots.png() for i in range(30)}),
        "photo-exif.jpg": polyglots.JPEG[:2] + b"\xff\xe1" + (200).to_bytes(2, "big") + b"Exif\0\0II*\0\x08\0\0\0" + bytes(184) + polyglots.JPEG[2:],
        "photo-and-video.jpg": polyglots.JPEG + b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\x01\x08mdat" + bytes(256),
        "zeros-behind.jpg": polyglots.JPEG + bytes(64),
        "song.mp3": polyglots.MP3, "voice.wav": polyglots.WAV, "picture.png": polyglots.png(), "picture.gif": polyglots.GIF, "picture.bmp": polyglots.BMP,
        "notes-about-pdf.txt": b"A PDF begins with %PDF-1.7 and a zip with PK, a program with MZ.\r\n" + objects.FILLER,
        "ffff.dat": b"\xff\xff\xff\xff" + bytes(range(256)) * 4,
        "ffff-only.dat": b"\xff" * 512,
        "counter.bin": bytes(range(256)) * 30,
        "random.dat": random.Random(7).randbytes(60000),
        "zeros.bin": bytes(4096),
        "invoice.xml": b"<?xml version='1.0' encoding='UTF-8'?>\n<Invoice xmlns='urn:x'><Total>12.50</Total></Invoice>\n",
        "data.json": b'{"a": [1, 2, 3], "b": "text"}\n',
        "calendar.ics": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\nBEGIN:VEVENT\r\nUID:1@example.org\r\nDTSTART:20261122T150000Z\r\nSUMMARY:Talk\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        "card.vcf": b"BEGIN:VCARD\r\nVERSION:3.0\r\nN:Muster;Ann\r\nFN:Ann Muster\r\nEMAIL:ann@example.org\r\nEND:VCARD\r\n",
        "route.gpx": b"<?xml version='1.0'?>\n<gpx version='1.1'><trk><name>walk</name></trk></gpx>\n",
        "patch.diff": b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n",
        "utf16.txt": "Grüße, 日本語, ordinary text.\r\n".encode("utf-16") * 1,
        "greek.txt": "Καλημέρα κόσμε, αυτό είναι ένα κείμενο.\r\n".encode("iso-8859-7") * 20,
        "japanese.txt": "お世話になっております。資料をお送りします。\r\n".encode("shift_jis") * 20,
        "mail.eml": mails.inner("notes.txt", objects.HARMLESS),
        "page.mht": mails.mht("picture.png", polyglots.png()),
    }


def by_openssl(papers):
    run = (lambda *argv: subprocess.run(["openssl", *argv], cwd=papers.folder, capture_output=True, timeout=60, check=True))
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "certificate.pem", "-subj", "/CN=Ann", "-days", "365")
    run("x509", "-in", "certificate.pem", "-outform", "DER", "-out", "certificate.cer")
    for name, switches in {"smime.p7s": ["-sign", "-binary", "-outform", "DER"], "opaque.p7m": ["-sign", "-nodetach", "-outform", "DER"], "opaque-stream.p7m": ["-sign", "-nodetach", "-stream", "-outform", "DER"],
                           "opaque.pem": ["-sign", "-nodetach", "-outform", "PEM"]}.items():
        papers.run(f"cms-{name}", ["openssl", "cms", *switches, "-in", "plain.txt", "-signer", "certificate.pem", "-inkey", "key.pem", "-out", f"cms-{name}"])
    papers.run("cms-certificates.p7b", ["openssl", "crl2pkcs7", "-nocrl", "-certfile", "certificate.pem", "-out", "cms-certificates.p7b"])
    papers.run("cms-encrypted.p7m", ["openssl", "cms", "-encrypt", "-aes256", "-outform", "DER", "-in", "plain.txt", "-out", "cms-encrypted.p7m", "certificate.pem"], sealed=True)
    (papers.folder / "key.pem").unlink()


def make(folder, say=print, office=True):
    papers = Papers(pathlib.Path(folder).resolve(), say)
    drawn = pictures(papers.folder)
    for name, octets in by_hand().items():
        (papers.folder / name).write_bytes(octets)
    by_libraries(papers)
    by_ghostscript(papers)
    if office:
        try:
            from . import office as libre
            papers.sealed |= libre.make(papers.folder, drawn, say)
        except (ImportError, FileNotFoundError) as trouble:
            say(f"LibreOffice's documents are missing: {trouble}")
    by_imagemagick(papers)
    by_pandoc(papers)
    by_gpg(papers)
    by_openssl(papers)
    by_archivers(papers)
    return papers.sealed
