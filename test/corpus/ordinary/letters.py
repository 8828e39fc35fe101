"""letters - ordinary messages: every usual mail program with every usual shape of a message, and the mail of machines

all_letters yields (name, octets) with CRLF line ends; SEALED holds the names of those that are encrypted.
"""
import base64
import dataclasses
import gzip
import pathlib
import quopri
import struct
import zlib
from email.header import Header

import containers as c
from members import documents, mails, objects, polyglots

OFFICE = pathlib.Path(__file__).resolve().parent.parent / "office"
LETTERS = {}
SEALED = set()
DATE = "Sun, 22 Nov 2026 15:00:00 +0100"

# what people write, in the charsets that they write it in
TONGUES = [
    ("us-ascii", "Hello Bob,\n\nplease find the figures below.\nFrom now on we meet on Mondays.\n\nKind regards\nAnn\n"),
    ("utf-8", "Sehr geehrte Damen und Herren,\n\nanbei die gewünschten Unterlagen für Ihr Büro. Größe: 5 €.\n\nMit freundlichen Grüßen\nAnn Müller\n"),
    ("iso-8859-1", "Bonjour,\n\nla réunion est reportée à mardi, à 10 h. Où ? À l'hôtel.\n\nAmitiés\nAnne\n"),
    ("iso-8859-15", "Hei,\n\nmaksu 5 € on myöhässä. Ystävällisin terveisin\nÅke\n"),
    ("windows-1252", "Hola:\n\nel precio es de 5 € — “gracias” por todo. Mañana más.\n\nSaludos\nAna\n"),
    ("iso-8859-2", "Dobrý den,\n\nposílám slíbené podklady. Příště víc.\n\nS pozdravem\nŽaneta\n"),
    ("windows-1250", "Szia,\n\na szerződés módosítása kész. Üdvözlettel\nŐrs\n"),
    ("koi8-r", "Здравствуйте!\n\nВысылаю документы по договору. Встреча завтра.\n\nС уважением,\nАнна\n"),
    ("windows-1251", "Доброе утро!\n\nСчёт во вложении. До свидания.\nИван\n"),
    ("koi8-u", "Добрий день!\n\nНадсилаю рахунок.\nОлена\n"),
    ("iso-8859-7", "Καλημέρα,\n\nσας στέλνω τα έγγραφα.\nΆννα\n"),
    ("windows-1253", "Καλησπέρα,\n\nη συνάντηση είναι αύριο.\nΓιώργος\n"),
    ("windows-1254", "Merhaba,\n\nbelgeler ektedir. Görüşmek üzere\nŞule\n"),
    ("iso-8859-8", "שלום,\n\nמצורפים המסמכים.\nחנה\n"),
    ("windows-1256", "السلام عليكم\n\nتجدون المستندات في المرفق.\nآنا\n"),
    ("utf-8", "مرحبا،\n\nالاجتماع غدا صباحا.\nليلى\n"),
    ("iso-2022-jp", "お世話になっております。\n\n資料をお送りします。ご確認ください。\n田中\n"),
    ("shift_jis", "お疲れ様です。\n\n表示能力の資料です。\n佐藤\n"),
    ("euc-jp", "こんにちは。\n\n明日の会議についてです。\n鈴木\n"),
    ("utf-8", "お世話になります。\n\n見積書を添付いたします。\n高橋\n"),
    ("gb2312", "您好：\n\n附件是合同，请查收。\n王\n"),
    ("gbk", "各位同事：\n\n會議改到明天上午。\n李\n"),
    ("gb18030", "你好，\n\n发票见附件。\n张\n"),
    ("big5", "您好：\n\n附件是報價單，請查收。\n陳\n"),
    ("euc-kr", "안녕하세요.\n\n자료를 보내드립니다.\n김\n"),
    ("ks_c_5601-1987", "안녕하세요.\n\n회의는 내일입니다.\n박\n"),
    ("iso-2022-kr", "안녕하세요.\n\n첨부 파일을 확인하세요.\n이\n"),
    ("tis-620", "สวัสดีครับ\n\nเอกสารอยู่ในไฟล์แนบ\nสมชาย\n"),
    ("windows-1258", "Chào anh,\n\ngui anh tài liu.\nLan\n"),
    ("windows-1257", "Labdien,\n\npielikumā rēķins.\nJānis\n"),
    ("utf-8", "नमस्ते,\n\nदस्तावेज़ संलग्न है।\nअनु\n"),
    ("utf-8", "Hi all,\n\n😀 see you at 10:00 – don’t forget the cake!\n\n> quoted = 100 %\n>> and more\n\n-- \nAnn\n"),
]
PYTHON = {"ks_c_5601-1987": "cp949", "windows-1258": "cp1258"}


def encode(text, charset):
    return text.encode(PYTHON.get(charset, charset), "replace")


def crlf(octets):
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def letter(name, text, sealed=False):
    assert name not in LETTERS, name
    LETTERS[name] = crlf(text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
    if sealed:
        SEALED.add(name)


def word(text, charset="utf-8", how="B"):
    """A header value, encoded where it must be"""
    if text.isascii():
        return text
    try:
        octets = encode(text, charset)
    except LookupError:
        charset, octets = "utf-8", text.encode()
    if how == "Q":
        return f"=?{charset}?Q?{''.join(chr(o) if chr(o).isalnum() and o < 128 else f'={o:02X}' for o in octets)}?="
    if len(octets) > 40:
        return Header(text, "utf-8").encode(linesep="\n")
    return f"=?{charset}?B?{base64.b64encode(octets).decode()}?="


@dataclasses.dataclass
class Program:
    """The habits of one mail program"""
    name: str
    boundary: str
    fields: str = ""                       # header lines of its own
    mime: str = "1.0"
    lead: str = ""                         # what stands before the first part
    names: str = "both"                    # 2231, 2047, raw, both
    text: str = "auto"                     # encoding of texts: auto, base64, quoted-printable, 8bit
    order: str = "usual"                   # or "type-first"
    charset_quoted: bool = False
    flowed: bool = False


PROGRAMS = [
    Program("outlook", "----=_NextPart_{i:03d}_0011_01DA4798.5C2B8A10", "X-Mailer: Microsoft Outlook 16.0\nThread-Index: AQHaR5hcK4oQ\nContent-Language: de\n", lead="This is a multipart message in MIME format.\n",
            names="2047", text="quoted-printable", charset_quoted=True),
    Program("outlook-express", "----=_NextPart_{i:03d}_00A1_01C4A0B2.E1F2C3D0", "X-Priority: 3\nX-MSMail-Priority: Normal\nX-Mailer: Microsoft Outlook Express 6.00.2900.2180\nX-MimeOLE: Produced By Microsoft MimeOLE V6.00.2900.2180\n",
            lead="This is a multi-part message in MIME format.\n\n", names="raw2047", text="quoted-printable", charset_quoted=True),
    Program("exchange", "_{i:03d}_AM0PR01MB1234ABCDEF0123456789AM0PR01MB1234eurp_", "Thread-Topic: Figures\nThread-Index: AQHaR5hcK4oQ\nAccept-Language: de-DE, en-US\nContent-Language: de-DE\nX-MS-Has-Attach: yes\nX-MS-TNEF-Correlator:\nx-originating-ip: [192.0.2.1]\n",
            names="2047", text="base64", charset_quoted=True),
    Program("apple-mail", "Apple-Mail=_3F2504E0-4F89-41D3-9A0C-0305E82C330{i}", "X-Mailer: Apple Mail (2.3774.300.61.1.2)\n", mime="1.0 (Mac OS X Mail 16.0 \\(3774.300.61.1.2\\))", lead="\n", names="2231", text="quoted-printable", order="type-first"),
    Program("iphone", "Apple-Mail-1B4E28BA-2FA1-11D2-883F-0016D3CCA42{i}", "X-Mailer: iPhone Mail (21C66)\n", names="2231", text="quoted-printable", order="type-first"),
    Program("gmail", "000000000000a1b2c{i}060f0a1b2c", "X-Received: by 2002:a17:906:1 with SMTP id a1\nX-Google-DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\n        d=1e100.net; s=20230601; bh=abc=; b=abc==\n", names="2047", text="auto", charset_quoted=True),
    Program("thunderbird", "------------0aBcDeFgHiJkLmNoPqRsTuV{i}", "User-Agent: Mozilla Thunderbird\nContent-Language: de-DE\n", lead="This is a multi-part message in MIME format.\n", names="both", text="8bit", flowed=True),
    Program("mutt", "7AUc2qLy4jB3hD{i}Z", "User-Agent: Mutt/2.2.9 (2022-11-12)\nContent-Disposition: inline\n", lead="\n", names="2231", text="8bit"),
    Program("kmail", "nextPart{i}234567.abcDEF", "User-Agent: KMail/5.20\n", lead="This is a multi-part message in MIME format.\n\n", names="2231", text="quoted-printable", charset_quoted=True),
    Program("evolution", "=-A1b2C3d4E5f6G7h8I9j{i}", "X-Mailer: Evolution 3.46.4\n", lead="\n", names="2231", text="quoted-printable", charset_quoted=True, order="type-first"),
    Program("roundcube", "=_8f14e45fceea167a5a36dedd4bea254{i}", "User-Agent: Roundcube Webmail/1.6.1\n", names="2231", text="quoted-printable", flowed=True),
    Program("horde", "=_aBcDeFgHiJkLmNoPqRsTuV{i}", "User-Agent: Horde Application Framework 5\n", lead="This message is in MIME format.\n\n", names="both", text="8bit", flowed=True),
    Program("squirrelmail", "----=_2024011510000{i}_12345", "User-Agent: SquirrelMail/1.4.23\nX-Priority: 3 (Normal)\nImportance: Normal\n", names="raw2047", text="8bit"),
    Program("notes", "=_mixed 0035F1A{i}C1258AA6_=", "X-Mailer: HCL Notes Release 12.0.2\nX-MIMETrack: Serialize by Router on X/Y(Release 12)\n", lead="--0__=This is a multipart message in MIME format.\n".replace("--0__=", ""), names="2047", text="base64", charset_quoted=True),
    Program("claws", "MP_/aB.cDeFgHiJkLmNoPqRsT{i}", "X-Mailer: Claws Mail 4.1.1 (GTK 3.24.38; x86_64-pc-linux-gnu)\n", names="2231", text="quoted-printable"),
    Program("zimbra", "----=_Part_{i}_1234567.1705309200000", "X-Mailer: Zimbra 8.8.15_GA_4484 (ZimbraWebClient - GC120 (Win)/8.8.15_GA_4481)\n", names="2047", text="quoted-printable"),
    Program("yahoo", "----=_Part_1234{i}_99.1705309200000", "References: <1.ref@mail.yahoo.com>\nX-Mailer: WebService/1.1.21952 YMailNorrin\n", names="2047", text="base64"),
    Program("android", "--_com.samsung.android.email_12345678900{i}", "X-Priority: 3\n", names="2047", text="base64", charset_quoted=True),
    Program("thebat", "----------0A1B2C3D4E5F6{i}", "X-Mailer: The Bat! (v9.5) Professional\nX-Priority: 3 (Normal)\n", names="2047", text="8bit"),
    Program("foxmail", "----=_001_NextPart12345678{i}_=----", "X-Mailer: Foxmail 7.2.25.228[cn]\nX-Priority: 3\nX-Has-Attach: yes\n", lead="This is a multi-part message in MIME format.\n\n", names="raw2047", text="base64"),
    Program("qq", "----=_NextPart_65A4F1C{i}_12345678_1234ABCD", "X-Mailer: QQMail 2.x\nX-QQ-MIME: TCMime 1.0 by Tencent\nX-Priority: 3\n", lead="This is a multi-part message in MIME format.\n\n", names="raw2047", text="base64", charset_quoted=True),
    Program("becky", "------_65A4F1C{i}0000000012AB_MULTIPART_MIXED_", "X-Mailer: Becky! ver. 2.81.05 [ja]\n", names="raw2047", text="8bit"),
    Program("nhn", "----Boundary_(ID_aBcD{i})", "X-Mailer: Naver Works\n", names="raw2047", text="base64", charset_quoted=True),
    Program("alpine", "-123456789-12345678{i}-1705309200=:12345", "User-Agent: Alpine 2.26\n", lead="  This message is in MIME format.  The first part should be readable text,\n  while the remaining parts are likely unreadable without MIME-aware tools.\n\n", names="raw2047", text="8bit", flowed=True),
    Program("gnus", "=-=-={i}", "User-Agent: Gnus/5.13 (Gnus v5.13)\n", names="raw2047", text="quoted-printable"),
    Program("phpmailer", "b{i}_YWJjZGVmZ2hpamtsbW5v", "X-Mailer: PHPMailer 6.8.0 (https://github.com/PHPMailer/PHPMailer)\n", lead="This is a multi-part message in MIME format.\n\n", names="raw2047", text="quoted-printable"),
    Program("javamail", "----=_Part_{i}_2007328737.1705309200000", "", names="2047", text="quoted-printable"),
    Program("nodemailer", "--_NmP-1234567890abcdef-Part_{i}", "", names="both", text="quoted-printable"),
    Program("python", "==============={i}234567890123456789==", "", names="2231", text="base64", charset_quoted=True),
    Program("mailkit", "=-aB0cD1eF2gH3iJ4kL5mN{i}Q==", "", names="2047", text="quoted-printable"),
    Program("sendgrid", "c0ffee1234567890abcdef{i}", "X-SG-EID: abc=\nX-Entity-ID: abc==\n", names="raw2047", text="quoted-printable"),
    Program("eudora", "=====================_1234567{i}==_", "X-Mailer: QUALCOMM Windows Eudora Version 7.1.0.9\n", names="raw2047", text="8bit", charset_quoted=True),
]
TITLES = {"utf-8": "Übersicht 日本", "iso-2022-jp": "資料", "shift_jis": "見積書", "euc-jp": "議事録", "gb2312": "合同", "gbk": "报告", "gb18030": "发票", "big5": "報價單", "euc-kr": "자료",
          "ks_c_5601-1987": "회의", "koi8-r": "Договор", "windows-1251": "Счёт", "iso-8859-7": "έγγραφο", "iso-8859-1": "réunion à Genève", "windows-1256": "مستند", "iso-8859-8": "מסמך"}


def attachments():
    files = {"pdf": ("application/pdf", objects.pdf()), "jpg": ("image/jpeg", polyglots.JPEG), "png": ("image/png", polyglots.png()),
             "zip": ("application/zip", objects.zip_of(b"notes.txt", objects.HARMLESS)), "csv": ("text/csv", b"a;b;c\r\n1;2;3\r\n"), "txt": ("text/plain", objects.HARMLESS)}
    for path in sorted(OFFICE.iterdir()):
        kinds = {"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                 "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "odt": "application/vnd.oasis.opendocument.text", "rtf": "application/rtf"}
        files[path.suffix[1:]] = (kinds[path.suffix[1:]], path.read_bytes())
    return files


FILES = attachments()


def named(parameter, name, program, charset):
    if name.isascii():
        return f'{parameter}="{name}"' if program.names != "2231" or " " in name else f"{parameter}={name}"
    percent = "".join(chr(o) if chr(o).isalnum() and o < 128 or o in b".-_" else f"%{o:02X}" for o in name.encode())
    extended = f"{parameter}*=UTF-8''{percent}"
    if len(extended) > 60:
        extended = ";\n ".join(f"{parameter}*{i}*={'UTF-8' + chr(39) * 2 if i == 0 else ''}{piece}" for i, piece in enumerate(cut(percent, 50)))
    encoded = f'{parameter}="{word(name, charset)}"'
    if program.names in ("2047", "raw2047"):
        return encoded
    return extended if program.names == "2231" or parameter == "filename" else encoded


def cut(percent, size):
    out = [""]
    at = 0
    while at < len(percent):
        step = 3 if percent[at] == "%" else 1
        if len(out[-1]) + step > size:
            out.append("")
        out[-1] += percent[at:at + step]
        at += step
    return out


def text_part(program, kind, text, charset):
    octets = encode(text, charset)
    encoding = program.text
    if all(o < 128 for o in octets):
        encoding = "7bit"
    elif encoding == "auto":
        encoding = "base64" if sum(o > 127 for o in octets) * 6 > len(octets) else "quoted-printable"
    if charset in ("iso-2022-jp", "iso-2022-kr") and kind == "plain":
        encoding = "7bit"
    coded = octets
    if encoding == "base64":
        coded = base64.encodebytes(octets.replace(b"\n", b"\r\n"))
    elif encoding == "quoted-printable":
        coded = quopri.encodestring(octets)
    quote = '"' if program.charset_quoted else ""
    flowed = "; format=flowed" if program.flowed and kind == "plain" else ""
    head = [f"Content-Type: text/{kind}; charset={quote}{charset}{quote}{flowed}", f"Content-Transfer-Encoding: {encoding}"]
    return ("\n".join(head) + "\n\n").encode() + coded


def html(text, charset, picture=False):
    body = "".join(f"<p class=\"x\">{line}</p>\n" for line in text.split("\n") if line)
    image = '<img src="cid:picture1@example.org" width=3D"16">\n'.replace("3D", "") if picture else ""
    return f'<html><head><meta http-equiv="Content-Type" content="text/html; charset={charset}"></head><body style="margin:0">\n{body}{image}<a href="https://example.org/?a=b&amp;c=d">link</a></body></html>\n'


def file_part(program, name, kind, data, charset, inline=False, cid=""):
    place = "inline" if inline else "attachment"
    head = f"Content-Type: {kind};\n {named('name', name, program, charset)}\nContent-Transfer-Encoding: base64\nContent-Disposition: {place};\n {named('filename', name, program, charset)}"
    if program.name in ("exchange", "outlook"):
        head += f"; size={len(data)};\n\tcreation-date=\"Sun, 22 Nov 2026 14:00:00 GMT\";\n\tmodification-date=\"Sun, 22 Nov 2026 14:00:00 GMT\""
    if program.name in ("apple-mail",):
        head = head.replace(f"Content-Type: {kind};\n", f"Content-Type: {kind};\n\tx-unix-mode=0644;\n")
    if cid:
        head += f"\nContent-ID: <{cid}>"
    return head.encode("utf-8", "surrogateescape") + b"\n\n" + base64.encodebytes(data)


def multipart(program, kind, parts, level, more=""):
    boundary = program.boundary.format(i=level)
    quote = "" if program.name in ("mutt2",) else '"'
    out = f"Content-Type: multipart/{kind};\n\tboundary={quote}{boundary}{quote}{more}\n\n{program.lead if level == 1 else ''}".encode()
    for each in parts:
        out += b"--" + boundary.encode() + b"\n" + each + (b"" if each.endswith(b"\n") and program.name not in ("exchange", "gmail") else b"\n")
    return out + b"--" + boundary.encode() + b"--\n"


def top(program, subject, charset, entity, number, extra=""):
    who = word("Ann Müller" if charset in ("utf-8", "iso-8859-1", "windows-1252", "iso-8859-15") else "Ann", charset, "Q")
    lines = [f"From: {who} <ann@example.org>", "To: Bob <bob@example.net>", f"Subject: {word(subject, charset)}", f"Date: {DATE}", f"Message-ID: <{program.name}.{number}@example.org>"]
    head, _, body = entity.partition(b"\n\n")
    mime = f"MIME-Version: {program.mime}"
    own = (program.fields + extra).rstrip("\n").split("\n") if program.fields + extra else []
    if b"multipart/" in head:
        own = [line for line in own if not line.startswith("Content-Disposition")]
    content = head.decode("utf-8", "surrogateescape").split("\n")
    lines = content + [mime] + lines + own if program.order == "type-first" else lines + own + [mime] + content
    return "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n\n" + body


SHAPES = ("plain", "alternative", "attachment", "two-attachments", "pictures", "html", "forward")


def by_programs():
    for number, program in enumerate(PROGRAMS):
        for place, shape in enumerate(SHAPES):
            charset, text = TONGUES[(number * len(SHAPES) + place) % len(TONGUES)]
            title = TITLES.get(charset, "report")
            plain, rich = text_part(program, "plain", text, charset), text_part(program, "html", html(text, charset), charset)
            kinds = sorted(FILES)
            extension = kinds[(number + place) % len(kinds)]
            kind, data = FILES[extension]
            attached = file_part(program, f"{title} {number}.{extension}", kind, data, charset)
            if shape == "plain":
                entity = plain
            elif shape == "html":
                entity = rich
            elif shape == "alternative":
                entity = multipart(program, "alternative", [plain, rich], 1)
            elif shape == "attachment":
                entity = multipart(program, "mixed", [multipart(program, "alternative", [plain, rich], 2), attached], 1)
            elif shape == "two-attachments":
                other = kinds[(number + place + 3) % len(kinds)]
                entity = multipart(program, "mixed", [plain, attached, file_part(program, f"second file.{other}", *FILES[other], charset)], 1)
            elif shape == "pictures":
                shown = text_part(program, "html", html(text, charset, True), charset)
                picture = file_part(program, "image001.png", "image/png", polyglots.png(), charset, True, "picture1@example.org")
                entity = multipart(program, "related", [multipart(program, "alternative", [plain, shown], 2), picture], 1, ';\n\ttype="multipart/alternative"')
            else:
                inner = top(program, "inner", charset, multipart(program, "mixed", [plain, attached], 3), 1000 + number)
                entity = multipart(program, "mixed", [plain, b"Content-Type: message/rfc822\nContent-Disposition: attachment; filename=\"Fwd.eml\"\n\n" + inner], 1)
            letter(f"{program.name}-{shape}-{charset}", top(program, title, charset, entity, number))
        reply = "On Sun, 22 Nov 2026 at 14:00, Bob <bob@example.net> wrote:\n> Hello Ann,\n>\n> From what I know = nothing.\n>> -----Original Message-----\n>> From: Ann\n>> Subject: x\n\nYes.\n-- \nAnn\n"
        letter(f"{program.name}-reply", top(program, "Re: figures", "us-ascii", text_part(program, "plain", reply, "us-ascii"), number, "In-Reply-To: <1@example.net>\nReferences: <0@example.net>\n <1@example.net>\n"))


# --- mail of machines ---------------------------------------------------------------------------------------------------
TOP = f"From: Ann <ann@example.org>\nTo: bob@example.net\nSubject: s\nDate: {DATE}\nMessage-ID: <1@example.org>\nMIME-Version: 1.0\n"
ROBOT = TOP.replace("Ann <ann@example.org>", "Mail Delivery System <MAILER-DAEMON@mx.example.org>")
TEXT = "Content-Type: text/plain; charset=us-ascii\n\nHello Bob,\n\nsee below.\n"
DSN = ("Content-Description: Delivery report\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\nX-Postfix-Queue-ID: 4TDabc\nArrival-Date: Sun, 22 Nov 2026 15:00:00 +0100\n\n"
       "Final-Recipient: rfc822; x@example.net\nOriginal-Recipient: rfc822;x@example.net\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; mail.example.net\nDiagnostic-Code: smtp; 550 5.1.1 unknown\n")
ORIGINAL = ("Return-Path: <ann@example.org>\nReceived: from a.example.org (a.example.org [192.0.2.1])\n\tby mx.example.org (Postfix) with ESMTPS id 4TDabc;\n\tSun, 22 Nov 2026 15:00:00 +0100 (CET)\n"
            "From: Ann <ann@example.org>\nTo: x@example.net\nSubject: figures\nDate: Sun, 22 Nov 2026 15:00:00 +0100\nMessage-ID: <orig@example.org>\nMIME-Version: 1.0\n")
FOOTER = "_______________________________________________\nlist mailing list -- list@lists.example.org\nTo unsubscribe send an email to list-leave@lists.example.org\nhttps://lists.example.org/listinfo/list\n"
LIST = "List-Id: <list.lists.example.org>\nList-Unsubscribe: <https://lists.example.org/u>,\n <mailto:list-leave@lists.example.org>\nPrecedence: list\nSender: list-bounces@lists.example.org\n"


def parts(kind, boundary, *each, more="", lead="", close=""):
    return (f'Content-Type: multipart/{kind}; boundary="{boundary}"{more}\n\n{lead}' + "".join(f"--{boundary}\n{one}\n" for one in each) + f"--{boundary}--\n{close}")


def b64(octets, width=76):
    text = base64.b64encode(octets).decode()
    return "\n".join(text[i:i + width] for i in range(0, len(text), width)) + "\n"


def binary(kind, name, octets, *headers, encoding="base64", width=76):
    more = "".join(line + "\n" for line in headers)
    return f'Content-Type: {kind}; name="{name}"\n{more}Content-Disposition: attachment; filename="{name}"\nContent-Transfer-Encoding: {encoding}\n\n{b64(octets, width)}'


def lists():
    letter("mailman2-footer-text", TOP + LIST + "Content-Type: text/plain; charset=utf-8\n\nHello list\n" + FOOTER)
    letter("mailman2-footer-part", TOP + LIST + parts("mixed", "===============0123456789==", parts("alternative", "000000000000abc", TEXT, "Content-Type: text/html\n\n<p>x</p>\n"),
           "Content-Type: text/plain; charset=\"us-ascii\"\nMIME-Version: 1.0\nContent-Transfer-Encoding: 7bit\nContent-Disposition: inline\n\n" + FOOTER))
    letter("mailman3-footer-part", TOP + LIST + parts("mixed", "===============9876543210==", TEXT, "Content-Type: text/plain; charset=\"us-ascii\"\nContent-Disposition: inline\nContent-Transfer-Encoding: 7bit\n\n" + FOOTER))
    letter("footer-behind-base64", TOP + LIST + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + b64("Grüße an alle\n".encode() * 9) + FOOTER)
    letter("footer-behind-base64-in-part", TOP + LIST + parts("mixed", "bb1", "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + b64("Grüße an alle\n".encode() * 9) + FOOTER))
    letter("footer-behind-quoted-printable", TOP + LIST + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\nGr=C3=BC=C3=9Fe\n" + FOOTER + "http://lists.example.org/?id=12&x=y\n")
    letter("footer-behind-closing-delimiter", TOP + LIST + parts("alternative", "bb2", TEXT, "Content-Type: text/html\n\n<p>x</p>\n", close="\n" + FOOTER))
    letter("ezmlm", TOP + "Mailing-List: contact list-help@example.org; run by ezmlm\nDelivered-To: mailing list list@example.org\n" + "Content-Type: text/plain\n\nHello\n\n---------------------------------------------------------------------\nTo unsubscribe, e-mail: x\n")
    letter("majordomo", TOP + "Sender: owner-list@vger.example.org\nX-Mailing-List: linux\n\n[PATCH 1/2] x\n\n---\n a.c | 2 +-\n 1 file changed\n\ndiff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-x\n+y\n-- \n2.39.2\n")
    for count in (1, 5, 30):
        inner = [f"Content-Type: message/rfc822\nMIME-Version: 1.0\n\nFrom: a{i}@example.org\nSubject: {i}\nDate: {DATE}\nMessage-ID: <d{i}@example.org>\nContent-Type: text/plain\n\ntext {i}\n" for i in range(count)]
        letter(f"digest-mime-{count}", TOP + LIST + parts("mixed", "===============1==", "Content-Type: text/plain\nContent-Description: list Digest\n\nToday's Topics:\n", parts("digest", "===============2==", *inner),
               "Content-Type: text/plain\nContent-Description: Digest Footer\n\n" + FOOTER))
    letter("digest-default-type", TOP + LIST + parts("digest", "dd", *[f"\nFrom: a@example.org\nSubject: {i}\nMessage-ID: <x{i}@example.org>\n\ntext {i}" for i in range(4)]))
    letter("digest-plain", TOP + LIST + "Content-Type: text/plain\n\nToday's Topics:\n\n   1. one\n\n----------------------------------------------------------------------\n\nMessage: 1\nDate: Sun, 22 Nov 2026\nFrom: a@example.org\nSubject: one\n"
           "Message-ID: <1@example.org>\nContent-Type: text/plain; charset=utf-8\n\nHello\n\n------------------------------\n\nMessage: 2\nFrom: b@example.org\nSubject: two\nContent-Type: multipart/alternative; boundary=\"000abc\"\n\nHi\n\n------------------------------\n\n" + FOOTER)
    letter("groups-io", TOP + LIST + parts("alternative", "RsJ1aBcDeF2gHiJkLmNo", TEXT, "Content-Type: text/html; charset=\"utf-8\"\nContent-Transfer-Encoding: quoted-printable\n\n<div width=3D\"1px\">_._,_._,_</div>\n"))
    letter("google-groups", TOP + LIST + "X-Google-Group-Id: 1\n" + parts("alternative", "000000000000f0a", TEXT + "\n-- \nYou received this message because\n", "Content-Type: text/html; charset=\"UTF-8\"\n\n<div>x</div>\n"))


def newsletters():
    long_html = "<table>" + "".join(f'<tr><td style="color:#{i:06x}"><a href="https://news.example.org/c?u=abc{i}&amp;id=9f{i}&amp;e=1">Angebot {i} für 5 €</a></td></tr>' for i in range(120)) + "</table>"
    coded = quopri.encodestring(long_html.encode()).decode()
    for name, boundary, extra in (("mailchimp", "_----------=_MCPart_123456789", "X-Mailer: Mailchimp Mailer - **CIDabc**\n"), ("sendgrid", "5f0c1e2d3b4a59687", "X-SG-ID: x=\n"), ("mailjet", "=-Abc+Def/Ghi", "X-MJ-Mid: 1\n"),
                                  ("cleverreach", "b1_abc.def", "Precedence: bulk\n"), ("amazon-ses", "----=_Part_1_2.3", "X-SES-Outgoing: 2026.11.22-54.240.1.1\nFeedback-ID: 1.eu-west-1.abc=:AmazonSES\n"),
                                  ("salesforce", "ABC123=_?:", "x-job: 1_2\n"), ("sap", "SAP_BCS_boundary=1", ""), ("inxmail", "----=_Part_12345_67890.1", "")):
        letter(f"newsletter-{name}", TOP + extra + "List-Unsubscribe: <https://x.example.org/u?a=b>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n" + parts("alternative", boundary, TEXT,
               "Content-Type: text/html; charset=\"utf-8\"\nContent-Transfer-Encoding: quoted-printable\n\n" + coded))
    letter("newsletter-html-only-8bit", TOP + "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + long_html.replace("</tr>", "</tr>\n") + "\n")
    letter("newsletter-long-line", TOP + "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n" + long_html + "\n")
    letter("newsletter-raw-equals", TOP + "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n<a href=\"https://x.example.org/?id=zz&u=9x\">Gr=C3=BC=C3=9Fe</a>\n")
    letter("newsletter-boundary-with-equals", TOP + "Content-Type: multipart/alternative; boundary====abc===\n\n".replace("====abc===", "==abc==") + "--=abc==\n" + TEXT + "\n--=abc==\nContent-Type: text/html\n\n<p>x</p>\n--=abc==--\n")
    letter("newsletter-unquoted-boundary", TOP + "Content-Type: multipart/alternative; boundary=----=_Part_1_2\n\n------=_Part_1_2\n" + TEXT + "\n------=_Part_1_2\nContent-Type: text/html\n\n<p>x</p>\n------=_Part_1_2--\n")
    letter("delimiter-with-blanks", TOP + 'Content-Type: multipart/alternative; boundary="bb3"\n\n--bb3  \n' + TEXT + "\n--bb3 \nContent-Type: text/html\n\n<p>x</p>\n--bb3-- \n")
    letter("base64-without-padding", TOP + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + base64.b64encode("Grüße\nund mehr!".encode()).decode().rstrip("=") + "\n")
    letter("base64-one-long-line", TOP + "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + base64.b64encode(long_html.encode()).decode() + "\n")
    letter("base64-lines-of-60", TOP + "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + b64(long_html.encode(), 60))
    letter("base64-chunks-padded-each", TOP + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n" + b64(b"The first line of the text.\n") + b64(b"The second one.\n"))
    letter("no-mime-version", TOP.replace("MIME-Version: 1.0\n", "") + parts("alternative", "bb4", TEXT, "Content-Type: text/html\n\n<p>x</p>\n"))
    letter("qp-multipart-encoding", TOP + "Content-Transfer-Encoding: quoted-printable\n" + parts("alternative", "bb5", TEXT, "Content-Type: text/html\n\n<p>x</p>\n"))
    letter("8bit-multipart-encoding", TOP + "Content-Transfer-Encoding: 8bit\n" + parts("mixed", "bb6", TEXT, TEXT))
    letter("amp-email", TOP + parts("alternative", "bb7", TEXT, "Content-Type: text/x-amp-html; charset=utf-8\n\n<!doctype html><html ⚡4email></html>\n", "Content-Type: text/html\n\n<p>x</p>\n"))
    letter("utf8-header", TOP.replace("Subject: s", "Subject: Grüße aus Köln") + "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nGrüße\n")
    letter("closing-missing", TOP + parts("mixed", "bb8", TEXT, TEXT).replace("--bb8--\n", ""))
    letter("charset-quoted-twice", TOP + "Content-Type: text/plain; charset=\"UTF-8\"; format=\"flowed\"; delsp=\"yes\"\n\nHello \nBob\n")


def bounces():
    said = "Content-Description: Notification\nContent-Type: text/plain; charset=us-ascii\n\nThis is the mail system at host mx.example.org.\n\n<x@example.net>: host mail.example.net[192.0.2.9] said: 550 5.1.1 unknown\n"
    pdf = parts("mixed", "orig", TEXT, binary("application/pdf", "figures.pdf", objects.pdf()))
    for name, body in (("text", "Content-Type: text/plain; charset=utf-8\n\nHello\n"), ("attachment", pdf), ("html", "Content-Type: text/html\n\n<p>x</p>\n")):
        letter(f"bounce-postfix-{name}", ROBOT + "Auto-Submitted: auto-replied\n" + parts("report", "4TDabc.1705309200/mx.example.org", said, DSN, "Content-Description: Undelivered Message\nContent-Type: message/rfc822\n\n" + ORIGINAL + body,
               more="; report-type=delivery-status", lead="This is a MIME-encapsulated message.\n\n"))
        letter(f"bounce-exim-{name}", ROBOT + "Auto-Submitted: auto-replied\nX-Failed-Recipients: x@example.net\nContent-Type: text/plain; charset=us-ascii\n\nThis message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered.\n\n"
               "  x@example.net\n    all relevant MX records point to non-existent hosts\n\n------ This is a copy of the message, including all the headers. ------\n\n" + ORIGINAL + body)
        letter(f"bounce-exim-mime-{name}", ROBOT + parts("report", "1700000000-eximdsn-123456789", TEXT, DSN, "Content-Type: message/rfc822\n\n" + ORIGINAL + body, more="; report-type=delivery-status"))
        letter(f"bounce-qmail-{name}", ROBOT.replace("MIME-Version: 1.0\n", "") + "\nHi. This is the qmail-send program at mx.example.org.\nI'm afraid I wasn't able to deliver your message.\n\n<x@example.net>:\nSorry, no mailbox here. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n"
               + ORIGINAL + body)
        letter(f"bounce-exchange-{name}", ROBOT + "X-MS-Exchange-Message-Is-Ndr:\nContent-Language: en-US\n" + parts("report", "05ac0d7a-1234-4f9e-a1b2-abc", parts("alternative", "_000_ndr_", TEXT, "Content-Type: text/html; charset=\"us-ascii\"\nContent-Transfer-Encoding: quoted-printable\n\n<p>Your message to x@example.net couldn't be delivered.</p>\n"),
               DSN, "Content-Type: message/rfc822\n\n" + ORIGINAL + body, more=";\n\treport-type=delivery-status"))
    letter("bounce-sendmail", ROBOT + parts("report", "u0ABCDEF.1705309200/mx.example.org", "\nThe original message was received at Sun, 22 Nov 2026 15:00:00 +0100\nfrom a [192.0.2.1]\n\n   ----- The following addresses had permanent fatal errors -----\n<x@example.net>\n",
           DSN, "Content-Type: text/rfc822-headers\n\n" + ORIGINAL, more="; report-type=delivery-status", lead="This is a MIME-encapsulated message\n\n"))
    letter("bounce-gmail", ROBOT + parts("report", "000000000000abcdef", parts("related", "000000000000abcdee", parts("alternative", "000000000000abcded", TEXT, "Content-Type: text/html; charset=\"UTF-8\"\n\n<p>x</p>\n"),
           binary("image/png", "icon.png", polyglots.png(), "Content-ID: <icon.png>")), DSN, "Content-Type: message/rfc822\n\n" + ORIGINAL + "Content-Type: text/plain\n\nHello\n", more="; report-type=delivery-status"))
    letter("bounce-headers-only", ROBOT + parts("report", "rr1", said, DSN, "Content-Type: text/rfc822-headers\n\n" + ORIGINAL, more="; report-type=delivery-status"))
    letter("bounce-utf8", ROBOT + parts("report", "rr2", said, DSN.replace("message/delivery-status", "message/global-delivery-status"), "Content-Type: message/global\nContent-Transfer-Encoding: 8bit\n\n" + ORIGINAL + "Content-Type: text/plain; charset=utf-8\n\nGrüße\n", more="; report-type=delivery-status"))
    letter("delayed", ROBOT + parts("report", "rr3", said, DSN.replace("failed", "delayed").replace("5.1.1", "4.4.1"), "Content-Type: text/rfc822-headers\n\n" + ORIGINAL, more="; report-type=delivery-status"))
    letter("bounce-notes", ROBOT + parts("report", "==IFJRGLKFGIR123UHRUHIHD", TEXT, DSN, "Content-Type: message/rfc822\n\n" + ORIGINAL + "Content-Type: text/plain\n\nHello\n", more="; report-type=delivery-status"))
    letter("out-of-office", TOP + "Auto-Submitted: auto-replied\nX-Auto-Response-Suppress: All\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nIch bin bis 1. Dezember nicht im Büro.\n")
    for reader, kind in (("outlook", "displayed"), ("thunderbird", "displayed"), ("exchange", "deleted")):
        letter(f"receipt-{reader}", TOP + parts("report", f"mdn-{reader}", TEXT, f"Content-Type: message/disposition-notification\n\nReporting-UA: {reader}\nFinal-Recipient: rfc822;bob@example.net\nOriginal-Message-ID: <1@example.org>\nDisposition: manual-action/MDN-sent-manually; {kind}\n",
               *(["Content-Type: text/rfc822-headers\n\n" + ORIGINAL] if reader == "thunderbird" else []), more=";\n\treport-type=disposition-notification"))


def reports():
    xml = b"<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<feedback><report_metadata><org_name>example.org</org_name></report_metadata>" + b"<record><row><source_ip>192.0.2.1</source_ip><count>2</count></row></record>" * 30 + b"</feedback>\n"
    name = "example.org!example.net!1700000000!1700086399"
    zipped = objects.zip_of(name.encode() + b".xml", xml)
    gz = gzip.compress(xml, mtime=0)
    letter("dmarc-google", TOP + "Content-Type: application/zip; name=\"" + name + ".zip\"\nContent-Disposition: attachment; filename=\"" + name + ".zip\"\nContent-Transfer-Encoding: base64\n\n" + b64(zipped))
    letter("dmarc-yahoo", TOP + parts("mixed", "=_aggregate", "Content-Type: text/plain\n\nThis is an aggregate report\n", binary("application/gzip", name + ".xml.gz", gz)))
    letter("dmarc-microsoft", TOP + parts("mixed", "_mpm_abc=_", parts("related", "_rv_abc=_", parts("alternative", "_av_abc=_", "Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: base64\n\n" + b64(b"This is a DMARC aggregate report\n"), "Content-Type: text/html; charset=us-ascii\nContent-Transfer-Encoding: base64\n\n" + b64(b"<div>x</div>"))),
           binary("application/gzip", name + ".xml.gz", gz)))
    letter("dmarc-plain-xml", TOP + parts("mixed", "dm1", TEXT, binary("text/xml", name + ".xml", xml)))
    letter("dmarc-x-zip", TOP + parts("mixed", "dm2", TEXT, binary("application/x-zip-compressed", name + ".zip", zipped)))
    letter("tls-report", TOP + parts("report", "tls1", TEXT, binary("application/tlsrpt+gzip", "example.org!example.net!1!2!x.json.gz", gzip.compress(b'{"organization-name":"x"}', mtime=0)), more="; report-type=\"tlsrpt\""))
    letter("tls-report-json", TOP + parts("report", "tls2", TEXT, binary("application/tlsrpt+json", "r.json", b'{"organization-name":"x"}'), more="; report-type=tlsrpt"))
    for body in ("rfc822", "headers"):
        kind = "message/rfc822" if body == "rfc822" else "text/rfc822-headers"
        letter(f"arf-{body}", TOP + parts("report", "arf1", TEXT, "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: SomeGenerator/1.0\nVersion: 1\n", f"Content-Type: {kind}\n\n" + ORIGINAL + "Content-Type: text/html\n\n<p>spam</p>\n", more="; report-type=feedback-report"))
    letter("arf-dmarc-failure", TOP + parts("report", "arf2", TEXT, "Content-Type: message/feedback-report\n\nFeedback-Type: auth-failure\nAuth-Failure: dmarc\nVersion: 1\n", "Content-Type: message/rfc822\n\n" + ORIGINAL + parts("mixed", "in1", TEXT, binary("application/pdf", "a.pdf", objects.pdf())), more="; report-type=feedback-report"))
    letter("spamassassin-report", TOP + parts("mixed", "----------=_65A4F1C0.12345678", "Content-Type: text/plain; charset=utf-8\nContent-Disposition: inline\n\nSpam detection software has identified this as spam.\n", "Content-Type: message/rfc822; x-spam-type=original\nContent-Description: original message before SpamAssassin\nContent-Disposition: attachment\n\n" + ORIGINAL + "Content-Type: text/plain\n\nBuy\n"))
    letter("logwatch", TOP + "Content-Type: text/plain; charset=\"UTF-8\"\n\n ################### Logwatch 7.5.6 ####################\n        Processing Initiated: Sun\n\n --------------------- Postfix Begin ------------------------\n\n    1.234M  Bytes accepted\n\n ---------------------- Postfix End -------------------------\n")
    letter("cron", TOP.replace("MIME-Version: 1.0\n", "") + "X-Cron-Env: <SHELL=/bin/sh>\n\n/etc/cron.daily/x:\nsomething\n")
    letter("nagios", TOP.replace("MIME-Version: 1.0\n", "") + "\n***** Nagios *****\n\nNotification Type: PROBLEM\nState: CRITICAL\n")
    letter("gitlab", TOP + parts("alternative", "--==_mimepart_65a4f1c0_1234", TEXT, "Content-Type: text/html; charset=UTF-8\nContent-Transfer-Encoding: quoted-printable\n\n<p>merged = yes</p>\n".replace("= yes", "=3D yes")))
    letter("jenkins", TOP + parts("mixed", "----=_Part_5_6.7", TEXT, binary("text/plain", "build.log", objects.HARMLESS), binary("application/gzip", "log.txt.gz", gzip.compress(objects.HARMLESS, mtime=0))))


def calendars():
    event = "BEGIN:VCALENDAR\nPRODID:-//X//Y//EN\nVERSION:2.0\nMETHOD:{method}\nBEGIN:VEVENT\nUID:1@example.org\nORGANIZER:mailto:ann@example.org\nATTENDEE;RSVP=TRUE:mailto:bob@example.net\nDTSTART:20261201T090000Z\nDTEND:20261201T100000Z\nSUMMARY:Besprechung\nEND:VEVENT\nEND:VCALENDAR\n"
    for method in ("REQUEST", "REPLY", "CANCEL", "COUNTER", "PUBLISH"):
        text = event.format(method=method)
        letter(f"invitation-outlook-{method.lower()}", TOP + "Content-Class: urn:content-classes:calendarmessage\n" + parts("alternative", "_000_AM0PR_", "Content-Type: text/plain; charset=\"utf-8\"\nContent-Transfer-Encoding: base64\n\n" + b64("Grüße\n".encode()),
               "Content-Type: text/html; charset=\"utf-8\"\nContent-Transfer-Encoding: quoted-printable\n\n<p>x</p>\n", f"Content-Type: text/calendar; charset=\"utf-8\"; method={method}\nContent-Transfer-Encoding: base64\n\n" + b64(text.encode())))
        letter(f"invitation-google-{method.lower()}", TOP + parts("mixed", "000000000000cal", parts("alternative", "000000000000ca2", TEXT, "Content-Type: text/html; charset=\"UTF-8\"\n\n<p>x</p>\n",
               f"Content-Type: text/calendar; charset=\"UTF-8\"; method={method}\nContent-Transfer-Encoding: 7bit\n\n" + text), binary("application/ics", "invite.ics", text.encode())))
    letter("invitation-alone", TOP + "Content-Type: text/calendar; method=REQUEST; charset=UTF-8\n\n" + event.format(method="REQUEST"))
    card = "BEGIN:VCARD\nVERSION:3.0\nN:Müller;Ann\nFN:Ann Müller\nEMAIL:ann@example.org\nPHOTO;ENCODING=b;TYPE=PNG:" + base64.b64encode(polyglots.png()).decode()[:70] + "\nEND:VCARD\n"
    letter("vcard-attached", TOP + parts("mixed", "vc1", TEXT, "Content-Type: text/x-vcard; charset=utf-8; name=\"ann.vcf\"\nContent-Disposition: attachment; filename=\"ann.vcf\"\nContent-Transfer-Encoding: 8bit\n\n" + card))
    letter("vcard-base64", TOP + parts("mixed", "vc2", TEXT, binary("text/vcard", "ann.vcf", card.encode())))
    letter("voice-message", TOP + parts("mixed", "vm1", TEXT, binary("audio/wav", "msg0001.WAV", polyglots.WAV)))
    letter("fax", TOP + parts("mixed", "fx1", TEXT, binary("image/tiff", "fax.tif", b"II*\0\x08\0\0\0\0\0\0\0\0\0"), binary("application/pdf", "fax.pdf", objects.pdf())))
    letter("mms", TOP + parts("related", "mm1", "Content-Type: application/smil; name=\"start.smil\"\nContent-ID: <start>\n\n<smil><body/></smil>\n", TEXT, binary("image/jpeg", "IMG_0001.jpg", polyglots.JPEG), more='; start="<start>"; type="application/smil"'))


def sealed_and_signed():
    signature = "-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCgAdFiEEabcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMN\nOPQR=\n=abcd\n-----END PGP SIGNATURE-----\n"
    for program in ("thunderbird", "mutt", "apple-mail", "kmail"):
        letter(f"pgp-mime-signed-{program}", TOP + parts("signed", f"sig-{program}", parts("mixed", f"in-{program}", TEXT, binary("application/pdf", "a.pdf", objects.pdf())),
               "Content-Type: application/pgp-signature; name=\"OpenPGP_signature.asc\"\nContent-Description: OpenPGP digital signature\nContent-Disposition: attachment; filename=\"OpenPGP_signature.asc\"\n\n" + signature, more='; micalg="pgp-sha256"; protocol="application/pgp-signature"',
               lead="This is an OpenPGP/MIME signed message (RFC 4880 and 3156)\n"))
    letter("pgp-clear-signed", TOP + "Content-Type: text/plain; charset=us-ascii\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nHello Bob\n- -- \nAnn\n" + signature)
    letter("pgp-public-key", TOP + parts("mixed", "pk1", TEXT, "Content-Type: application/pgp-keys; name=\"OpenPGP_0xABCD.asc\"\nContent-Disposition: attachment; filename=\"OpenPGP_0xABCD.asc\"\n\n-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxjMEZ\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"))
    letter("pgp-autocrypt", TOP + "Autocrypt: addr=ann@example.org; keydata=\n xjMEZabcdefghijklmnopqrstuvwxyz\n abcd=\nContent-Type: text/plain\n\nHello\n")
    hidden = documents.packet(1, b"\3" + bytes(8) + b"\1" + bytes(range(40))) + documents.packet(18, b"\1" + bytes(range(200)))
    armor = documents.armored(hidden).decode()
    letter("pgp-mime-encrypted", TOP + parts("encrypted", "en1", "Content-Type: application/pgp-encrypted\nContent-Description: PGP/MIME version identification\n\nVersion: 1\n", "Content-Type: application/octet-stream; name=\"encrypted.asc\"\nContent-Disposition: inline; filename=\"encrypted.asc\"\n\n" + armor,
           more='; protocol="application/pgp-encrypted"'), sealed=True)
    letter("pgp-inline-encrypted", TOP + "Content-Type: text/plain\n\n" + armor, sealed=True)
    letter("pgp-attached-encrypted", TOP + parts("mixed", "en2", TEXT, binary("application/octet-stream", "letter.pdf.gpg", hidden)), sealed=True)
    certificate = documents.signed(b"")
    for kind in ("application/pkcs7-signature", "application/x-pkcs7-signature"):
        for program, boundary in (("outlook", "----=_NextPart_000_0011_01DA4798.5C2B8A1F"), ("thunderbird", "------------ms030201"), ("apple-mail", "Apple-Mail=_AA")):
            letter(f"smime-signed-{program}-{'x-' if 'x-' in kind else ''}", TOP + parts("signed", boundary, parts("alternative", "inner-" + boundary[-6:], TEXT, "Content-Type: text/html\n\n<p>x</p>\n"), binary(kind, "smime.p7s", certificate), more=f'; protocol="{kind}"; micalg=sha-256',
                   lead="This is a cryptographically signed message in MIME format.\n\n"))
    body = TEXT.replace("\n", "\r\n").encode()
    letter("smime-opaque-signed", TOP + "Content-Type: application/pkcs7-mime; smime-type=signed-data; name=\"smime.p7m\"\nContent-Disposition: attachment; filename=\"smime.p7m\"\nContent-Transfer-Encoding: base64\n\n" + b64(documents.signed(body)))
    letter("smime-opaque-signed-x", TOP + "Content-Type: application/x-pkcs7-mime; name=\"smime.p7m\"\nContent-Transfer-Encoding: base64\n\n" + b64(documents.indefinite(body)))
    letter("smime-certificates", TOP + parts("mixed", "ce1", TEXT, binary("application/pkcs7-mime; smime-type=certs-only", "smime.p7c", certificate)))
    letter("smime-encrypted", TOP + "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=\"smime.p7m\"\nContent-Disposition: attachment; filename=\"smime.p7m\"\nContent-Transfer-Encoding: base64\n\n" + b64(documents.enveloped(body)), sealed=True)
    letter("smime-encrypted-old-type", TOP + "Content-Type: application/x-pkcs7-mime; name=\"smime.p7m\"\nContent-Transfer-Encoding: base64\n\n" + b64(documents.enveloped(body)), sealed=True)
    letter("certificate-attached", TOP + parts("mixed", "ce2", TEXT, binary("application/x-x509-ca-cert", "ca.cer", documents.der(0x30, documents.der(0x30, bytes(60)) + documents.der(3, bytes(30))))))
    letter("public-key-pem", TOP + "Content-Type: text/plain\n\n-----BEGIN CERTIFICATE-----\n" + b64(bytes(range(100))) + "-----END CERTIFICATE-----\n")


def outlook_tnef():
    rtf = struct.pack("<III", 40 + 12, 40, 0x414C454D) + bytes(4) + b"{\\rtf1\\ansi hello}".ljust(40, b" ")
    plain = documents.TNEF + documents.MESSAGE_CLASS + documents.properties(1, [(0x1E, 0x37, b"Subject\0"), (0x102, 0x1009, rtf)])
    letter("winmail-body-only", TOP + parts("mixed", "wm1", TEXT, binary("application/ms-tnef", "winmail.dat", plain)))
    with_pdf = plain + documents.attachment("FIGURES.PDF", documents.file_data(objects.pdf()), documents.properties(2, [(0x1F, 0x3707, "Figures 2026.pdf\0".encode("utf-16-le"))]))
    letter("winmail-pdf", TOP + parts("mixed", "wm2", TEXT, binary("application/ms-tnef", "winmail.dat", with_pdf)))
    docx = FILES["docx"][1]
    letter("winmail-docx", TOP + parts("mixed", "wm3", TEXT, binary("application/ms-tnef", "winmail.dat", plain + documents.attachment("LETTER.DOCX", documents.file_data(docx)))))
    letter("winmail-invitation", TOP + parts("mixed", "wm4", TEXT, binary("application/ms-tnef", "winmail.dat", documents.TNEF + c.tnef_attribute(1, 0x00078008, b"IPM.Microsoft Schedule.MtgReq\0") + documents.properties(1, [(0x1E, 0x37, b"Talk\0")]))))
    letter("winmail-octet-stream", TOP + parts("mixed", "wm5", TEXT, binary("application/octet-stream", "winmail.dat", with_pdf)))
    letter("winmail-forwarded-message", TOP + parts("mixed", "wm6", TEXT, binary("application/ms-tnef", "winmail.dat", documents.embedded("notes.txt", objects.HARMLESS))))
    letter("msg-attached", TOP + parts("mixed", "wm7", TEXT, binary("application/vnd.ms-outlook", "mail.msg", documents.ole(documents.msg("notes.txt", objects.HARMLESS)))))


def others():
    eml = mails.inner("notes.txt", objects.HARMLESS)
    letter("eml-as-octet-stream", TOP + parts("mixed", "ot1", TEXT, binary("application/octet-stream", "mail.eml", eml)))
    letter("eml-in-zip", TOP + parts("mixed", "ot2", TEXT, binary("application/zip", "mails.zip", objects.zip_of(b"mail.eml", eml))))
    letter("mbox-attached", TOP + parts("mixed", "ot3", TEXT, binary("application/mbox", "folder.mbox", mails.mbox("notes.txt", objects.HARMLESS))))
    letter("mht-attached", TOP + parts("mixed", "ot4", TEXT, binary("message/rfc822", "page.mht", mails.mht("picture.png", polyglots.png()))))
    letter("mht-as-doc", TOP + parts("mixed", "ot5", TEXT, binary("application/msword", "page.doc", mails.mht("picture.png", polyglots.png()))))
    letter("uuencoded", TOP.replace("MIME-Version: 1.0\n", "") + "\nSee the file:\n\nbegin 644 notes.txt\n" + "".join(base64_uu(objects.HARMLESS)) + "`\nend\n\n-- \nAnn\n")
    letter("ten-pictures", TOP + parts("mixed", "ot6", TEXT, *[binary("image/jpeg", f"IMG_{i:04}.JPG", polyglots.JPEG) for i in range(10)]))
    letter("deep-forwards", TOP + forwards(6))
    letter("appledouble", TOP + parts("mixed", "ot7", TEXT, parts("appledouble", "ot8", binary("application/applefile", "a.pdf", b"\0\5\x16\7\0\2\0\0" + bytes(16) + b"\0\1\0\0\0\x09\0\0\0\x26\0\0\0\x20" + bytes(32)), binary("application/pdf", "a.pdf", objects.pdf()))))
    letter("attachment-zero-bytes", TOP + parts("mixed", "ot9", TEXT, binary("application/octet-stream", "empty.txt", b"")))
    letter("text-begins-like-uuencode", TOP + "Content-Type: text/plain\n\nbegin 644 is what a uuencoded file begins with\nand then it goes on\nend\n")
    letter("text-about-mime", TOP + "Content-Type: text/plain\n\nA message looks like this:\n\n    Content-Type: multipart/mixed; boundary=\"x\"\n\n    --x\n    Content-Type: text/plain\n\n    hello\n    --x--\n")
    letter("text-about-pdf", TOP + "Content-Type: text/plain\n\nThe file begins with %PDF-1.4 and that is wrong.\nMZ is the mark of programs, PK of zip.\n")
    letter("text-program-source", TOP + parts("mixed", "ota", TEXT, "Content-Type: text/x-csrc; name=a.c\nContent-Disposition: attachment; filename=a.c\n\nint main(void) { return 0; }\n", "Content-Type: text/x-python; name=a.tex\nContent-Disposition: attachment; filename=a.tex\n\n\\documentclass{article}\n"))
    letter("format-flowed-dashes", TOP + "Content-Type: text/plain; format=flowed\n\n--\n--- cut ---\n-- \nAnn\n")
    letter("old-forward", TOP + "Content-Type: text/plain\n\n---------- Forwarded message ---------\nFrom: Ann <ann@example.org>\nDate: Sun, Nov 22, 2026\nSubject: x\nTo: <bob@example.net>\n\nHello\n\n-----Original Message-----\nFrom: X\nSent: Monday\nTo: Y\nSubject: Z\n\nHi\n")
    letter("big-text", TOP + "Content-Type: text/plain\n\n" + "An ordinary line of ordinary length, as people write them every day.\n" * 4000)


def base64_uu(data):
    import binascii
    for at in range(0, len(data), 45):
        yield binascii.b2a_uu(data[at:at + 45], backtick=True).decode()


def forwards(levels):
    out = parts("mixed", "fw0", TEXT, binary("application/pdf", "a.pdf", objects.pdf()))
    for level in range(1, levels):
        out = parts("mixed", f"fw{level}", TEXT, "Content-Type: message/rfc822\n\n" + TOP + out)
    return out


for each in (by_programs, lists, newsletters, bounces, reports, calendars, sealed_and_signed, outlook_tnef, others):
    each()


def all_letters():
    return sorted(LETTERS.items())
