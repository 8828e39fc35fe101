"""office - documents made by LibreOffice, driven through its own interface: one process, every format that it writes

Needs libreoffice-{writer,calc,impress,draw,math}-nogui and python3-uno.
"""
import pathlib
import shutil
import subprocess
import tempfile
import time

CALC, CHART, MATH, DRAW = ("47BBB4CB-CE4C-4E80-a591-42d9ae74950f", "12DCAE26-281F-416F-a234-c3086127382e", "078B7ABA-54FC-457F-8551-6147e776a997",
                           "4BAB8970-8A3B-45B3-991c-cbeeac6bd5e3")
WORDS = ("Sehr geehrte Damen und Herren, anbei die Unterlagen zu unserem Gespräch. ", "The quarterly figures are better than expected; see the table below. ",
         "Les réunions auront lieu le mardi à 10 heures. ", "Η συνάντηση είναι αύριο το πρωί. ", "Встреча состоится завтра утром. ", "会議は明日の朝です。")
WRITER = [("odt", "writer8"), ("ott", "writer8_template"), ("fodt", "OpenDocument Text Flat XML"), ("doc", "MS Word 97"), ("dot", "MS Word 97 Vorlage"),
          ("docx", "MS Word 2007 XML"), ("iso.docx", "Office Open XML Text"), ("dotx", "MS Word 2007 XML Template"), ("docm", "MS Word 2007 XML VBA"),
          ("rtf", "Rich Text Format"), ("html", "HTML (StarWriter)"), ("xhtml", "XHTML Writer File"), ("epub", "EPUB"), ("txt", "Text"),
          ("utf8.txt", "Text (encoded)", "UTF8,LF"), ("utf16.txt", "Text (encoded)", "UNICODE,CRLF"), ("2003.xml", "MS Word 2003 XML"), ("uot", "UOF text"),
          ("png", "writer_png_Export"), ("jpg", "writer_jpg_Export"), ("pdf", "writer_pdf_Export")]
CALC_FORMATS = [("ods", "calc8"), ("ots", "calc8_template"), ("fods", "OpenDocument Spreadsheet Flat XML"), ("xls", "MS Excel 97"), ("xlt", "MS Excel 97 Vorlage/Template"),
                ("xlsx", "Calc MS Excel 2007 XML"), ("xlsm", "Calc MS Excel 2007 VBA XML"), ("xltx", "Calc MS Excel 2007 XML Template"),
                ("iso.xlsx", "Calc Office Open XML"), ("2003.xml", "MS Excel 2003 XML"), ("csv", "Text - txt - csv (StarCalc)", "44,34,76"),
                ("utf16.csv", "Text - txt - csv (StarCalc)", "9,34,65535"), ("dif", "DIF"), ("slk", "SYLK"), ("html", "HTML (StarCalc)"),
                ("xhtml", "XHTML Calc File"), ("uos", "UOF spreadsheet"), ("png", "calc_png_Export"), ("pdf", "calc_pdf_Export")]
IMPRESS = [("odp", "impress8"), ("otp", "impress8_template"), ("fodp", "OpenDocument Presentation Flat XML"), ("ppt", "MS PowerPoint 97"), ("pot", "MS PowerPoint 97 Vorlage"),
           ("pps", "MS PowerPoint 97 AutoPlay"), ("pptx", "Impress MS PowerPoint 2007 XML"), ("pptm", "Impress MS PowerPoint 2007 XML VBA"),
           ("potx", "Impress MS PowerPoint 2007 XML Template"), ("ppsx", "Impress MS PowerPoint 2007 XML AutoPlay"), ("iso.pptx", "Impress Office Open XML"),
           ("odg", "impress8_draw"), ("html", "impress_html_Export"), ("svg", "impress_svg_Export"), ("png", "impress_png_Export"), ("jpg", "impress_jpg_Export"),
           ("gif", "impress_gif_Export"), ("bmp", "impress_bmp_Export"), ("tif", "impress_tif_Export"), ("emf", "impress_emf_Export"), ("wmf", "impress_wmf_Export"),
           ("eps", "impress_eps_Export"), ("webp", "impress_webp_Export"), ("xhtml", "XHTML Impress File"), ("uop", "UOF presentation"), ("pdf", "impress_pdf_Export")]
DRAW_FORMATS = [("odg", "draw8"), ("otg", "draw8_template"), ("fodg", "OpenDocument Drawing Flat XML"), ("html", "draw_html_Export"), ("svg", "draw_svg_Export"),
                ("png", "draw_png_Export"), ("jpg", "draw_jpg_Export"), ("gif", "draw_gif_Export"), ("bmp", "draw_bmp_Export"), ("tif", "draw_tif_Export"),
                ("emf", "draw_emf_Export"), ("wmf", "draw_wmf_Export"), ("eps", "draw_eps_Export"), ("webp", "draw_webp_Export"), ("xhtml", "XHTML Draw File"), ("pdf", "draw_pdf_Export")]
MATH_FORMATS = [("odf", "math8"), ("mml", "MathML XML (Math)"), ("pdf", "math_pdf_Export")]
# each of them for the export of a PDF; a document that anybody can open is not encrypted, whatever it forbids
PDF_OPTIONS = {"pdfa1": {"SelectPdfVersion": 1}, "pdfa2": {"SelectPdfVersion": 2}, "pdfa3": {"SelectPdfVersion": 3}, "tagged": {"UseTaggedPDF": True},
               "ua": {"PDFUACompliance": True}, "hybrid": {"IsAddStream": True}, "forms": {"ExportFormFields": True, "FormsType": 0}, "15": {"SelectPdfVersion": 15},
               "bookmarks": {"ExportBookmarks": True, "ExportNotes": True}, "lossless": {"UseLosslessCompression": True}, "watermark": {"Watermark": "DRAFT"},
               "restricted": {"RestrictPermissions": True, "PermissionPassword": "owner", "Printing": 0}}
PDF_SEALED = {"password": {"EncryptFile": True, "DocumentOpenPassword": "secret"},
              "passwords": {"EncryptFile": True, "DocumentOpenPassword": "secret", "RestrictPermissions": True, "PermissionPassword": "owner"}}


class Office:
    def __init__(self):
        import uno                                             # first: without it nothing is started
        self.uno = uno
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="ordinary-office-"))
        pipe = self.home.name
        self.process = subprocess.Popen(["soffice", "--headless", "--norestore", "--nologo", "--nodefault", f"-env:UserInstallation=file://{self.home}/profile",
                                         f"--accept=pipe,name={pipe};urp;"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                                        env={"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"})
        local = uno.getComponentContext()
        resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
        end = time.monotonic() + 300
        while True:
            try:
                self.context = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
                break
            except Exception:                                  # not listening yet
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.3)
        self.desktop = self.service("com.sun.star.frame.Desktop")

    def service(self, name):
        return self.context.ServiceManager.createInstanceWithContext(name, self.context)

    def values(self, **named):
        out = []
        for name, value in named.items():
            each = self.uno.createUnoStruct("com.sun.star.beans.PropertyValue")
            each.Name, each.Value = name, value
            out.append(each)
        return tuple(out)

    def new(self, kind):
        return self.desktop.loadComponentFromURL(f"private:factory/{kind}", "_blank", 0, self.values(Hidden=True))

    def store(self, document, path, filter_name, options=None, data=None, password=None):
        named = {"FilterName": filter_name}
        if options:
            named["FilterOptions"] = options
        if data:
            named["FilterData"] = self.uno.Any("[]com.sun.star.beans.PropertyValue", self.values(**data))
        if password and "2007" in filter_name:
            keys = []
            for key, value in (("OOXPassword", password), ("CryptoType", "Standard")):
                each = self.uno.createUnoStruct("com.sun.star.beans.NamedValue")
                each.Name, each.Value = key, value
                keys.append(each)
            named["EncryptionData"] = self.uno.Any("[]com.sun.star.beans.NamedValue", tuple(keys))
        elif password:
            named["Password"] = password
        document.storeToURL(path.as_uri(), self.values(**named))

    def picture(self, path):
        return self.service("com.sun.star.graphic.GraphicProvider").queryGraphic(self.values(URL=path.as_uri()))

    def size(self, width, height):
        each = self.uno.createUnoStruct("com.sun.star.awt.Size")
        each.Width, each.Height = width, height
        return each

    def place(self, x, y):
        each = self.uno.createUnoStruct("com.sun.star.awt.Point")
        each.X, each.Y = x, y
        return each

    def stop(self):
        try:
            self.desktop.terminate()
        except Exception:                                      # the bridge ends with it
            pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)


def letter(office, pictures):
    document = office.new("swriter")
    document.Text.setString("Letter\n\n" + "".join(WORDS) + "\n\nKind regards\nAnn\n")
    return document


def report(office, pictures):
    """Headings, a table, footnotes, pictures, a header and a footer"""
    document = office.new("swriter")
    text = document.Text
    cursor = text.createTextCursor()
    for number in range(12):
        cursor.ParaStyleName = "Heading 1"
        text.insertString(cursor, f"Chapter {number}", False)
        text.insertControlCharacter(cursor, 0, False)
        cursor.ParaStyleName = "Standard"
        text.insertString(cursor, "".join(WORDS) * 6, False)
        note = document.createInstance("com.sun.star.text.Footnote")
        text.insertTextContent(cursor, note, False)
        note.setString("A note.")
        text.insertControlCharacter(cursor, 0, False)
    for picture in pictures:
        shape = document.createInstance("com.sun.star.text.TextGraphicObject")
        shape.Graphic = office.picture(picture)
        text.insertTextContent(cursor, shape, False)
        shape.Width, shape.Height = 6000, 4000
    table = document.createInstance("com.sun.star.text.TextTable")
    table.initialize(4, 3)
    text.insertTextContent(cursor, table, False)
    for name in table.getCellNames():
        table.getCellByName(name).setString("cell " + name)
    style = document.StyleFamilies.getByName("PageStyles").getByIndex(0)
    style.HeaderIsOn = style.FooterIsOn = True
    style.HeaderText.setString("Report")
    document.DocumentProperties.Title = "Report"
    return document


def objects(office, pictures):
    """A text with an embedded spreadsheet, a chart, a formula and a drawing"""
    document = office.new("swriter")
    text = document.Text
    cursor = text.createTextCursor()
    text.insertString(cursor, "".join(WORDS), False)
    for identity in (CALC, CHART, MATH, DRAW):
        embedded = document.createInstance("com.sun.star.text.TextEmbeddedObject")
        embedded.CLSID = identity
        text.insertTextContent(cursor, embedded, False)
        inside = embedded.ExtendedControlOverEmbeddedObject
        inside.changeState(1)                                  # running: else it is stored without contents
        if identity == CALC and hasattr(inside.Component, "Sheets"):
            inside.Component.Sheets.getByIndex(0).getCellByPosition(0, 0).setValue(42)
        if identity == MATH and hasattr(inside.Component, "Formula"):
            inside.Component.Formula = "E = m c^2"
    return document


def form(office, pictures):
    document = office.new("swriter")
    document.Text.setString("Please fill in:\n")
    for number, kind in enumerate(("TextField", "CheckBox", "ListBox", "CommandButton")):
        shape = document.createInstance("com.sun.star.drawing.ControlShape")
        shape.setSize(office.size(5000, 800))
        shape.setPosition(office.place(2000, 3000 + number * 1200))
        shape.Control = document.createInstance(f"com.sun.star.form.component.{kind}")
        document.DrawPage.add(shape)
    return document


def sheet(office, pictures):
    document = office.new("scalc")
    page = document.Sheets.getByIndex(0)
    for row in range(40):
        page.getCellByPosition(0, row).setString(f"row {row}")
        page.getCellByPosition(1, row).setValue(row * 1.5)
        page.getCellByPosition(2, row).setFormula(f"=B{row + 1}*2")
    return document


def charts(office, pictures):
    document = sheet(office, pictures)
    page = document.Sheets.getByIndex(0)
    where = office.uno.createUnoStruct("com.sun.star.awt.Rectangle")
    where.X, where.Y, where.Width, where.Height = 8000, 1000, 12000, 8000
    page.Charts.addNewByName("chart", where, (page.getCellRangeByName("A1:C20").RangeAddress,), True, True)
    shape = document.createInstance("com.sun.star.drawing.GraphicObjectShape")
    page.DrawPage.add(shape)
    shape.Graphic = office.picture(pictures[0])
    shape.setSize(office.size(5000, 4000))
    document.Sheets.insertNewByName("second", 1)
    return document


def wide(office, pictures):
    """Two thousand cells in five sheets, with styles"""
    document = office.new("scalc")
    for number in range(4):
        document.Sheets.insertNewByName(f"Tabelle {number} ü", number)
    for number in range(document.Sheets.Count):
        rows = tuple(tuple(float(row * column) if column % 2 else f"text {row}" for column in range(10)) for row in range(40))
        document.Sheets.getByIndex(number).getCellRangeByPosition(0, 0, 9, 39).setDataArray(rows)
        document.Sheets.getByIndex(number).getCellRangeByName("A1:J1").CharWeight = 150.0
    return document


def add_shapes(office, document, page, pictures):
    for number, kind in enumerate(("Rectangle", "Ellipse", "Line", "Text", "GraphicObject")):
        shape = document.createInstance(f"com.sun.star.drawing.{kind}Shape")
        page.add(shape)
        shape.setSize(office.size(6000, 3000))
        shape.setPosition(office.place(1000 + number * 3000, 2000 + number * 2000))
        if kind == "GraphicObject":
            shape.Graphic = office.picture(pictures[number % len(pictures)])
        elif kind != "Line":
            shape.setString(WORDS[number])


def slides(office, pictures):
    document = office.new("simpress")
    for number in range(3):
        page = document.DrawPages.insertNewByIndex(number)
        add_shapes(office, document, page, pictures)
    return document


def slides_with_objects(office, pictures):
    document = office.new("simpress")
    page = document.DrawPages.getByIndex(0)
    for number, identity in enumerate((CALC, CHART)):
        shape = document.createInstance("com.sun.star.drawing.OLE2Shape")
        page.add(shape)
        shape.CLSID = identity
        shape.setSize(office.size(8000, 5000))
        shape.setPosition(office.place(1000 + number * 9000, 3000))
    return document


def drawing(office, pictures):
    document = office.new("sdraw")
    add_shapes(office, document, document.DrawPages.getByIndex(0), pictures)
    return document


def plan(office, pictures):
    document = office.new("sdraw")
    page = document.DrawPages.getByIndex(0)
    for number in range(60):
        shape = document.createInstance("com.sun.star.drawing.RectangleShape")
        page.add(shape)
        shape.setSize(office.size(900, 600))
        shape.setPosition(office.place(500 + number % 10 * 1500, 500 + number // 10 * 1500))
    return document


def formula(office, pictures):
    document = office.service("com.sun.star.comp.Math.FormulaDocument")     # without a window: its view needs one
    document.initNew()
    document.Formula = "x = {-b +- sqrt{b^2 - 4 a c}} over {2 a}"
    return document


SOURCES = [(letter, WRITER), (report, WRITER), (objects, WRITER), (form, WRITER), (sheet, CALC_FORMATS), (charts, CALC_FORMATS), (wide, CALC_FORMATS), (slides, IMPRESS),
           (slides_with_objects, IMPRESS), (drawing, DRAW_FORMATS), (plan, DRAW_FORMATS), (formula, MATH_FORMATS)]
SEALED = {"swriter": [("odt", "writer8"), ("docx", "MS Word 2007 XML"), ("doc", "MS Word 97")], "scalc": [("ods", "calc8"), ("xlsx", "Calc MS Excel 2007 XML"), ("xls", "MS Excel 97")],
          "simpress": [("odp", "impress8"), ("pptx", "Impress MS PowerPoint 2007 XML")]}


def make(folder, pictures, say=print):
    """Writes every document into the folder; returns the names of those that are encrypted"""
    office, sealed = Office(), set()

    def keep(document, name, *arguments, **options):
        try:
            office.store(document, folder / name, *arguments, **options)
        except Exception as trouble:                           # a format that this build does not write
            say(f"not written: {name}: {str(trouble)[:100]}")
            return False
        return True

    try:
        for source, formats in SOURCES:
            try:
                document = source(office, pictures)
            except Exception as trouble:
                say(f"not made: office-{source.__name__}: {str(trouble)[:200]}")
                continue
            for extension, *how in formats:
                keep(document, f"office-{source.__name__}.{extension}", *how)
            document.close(True)
        document = report(office, pictures)
        for name, data in PDF_OPTIONS.items():
            keep(document, f"office-report-{name}.pdf", "writer_pdf_Export", data=data)
        for name, data in PDF_SEALED.items():
            if keep(document, f"office-report-{name}.pdf", "writer_pdf_Export", data=data):
                sealed.add(f"office-report-{name}.pdf")
        document.close(True)
        for source, kind in ((letter, "swriter"), (charts, "scalc"), (slides, "simpress")):
            document = source(office, pictures)
            for extension, filter_name in SEALED[kind]:
                if keep(document, f"office-password.{extension}", filter_name, password="secret"):
                    sealed.add(f"office-password.{extension}")
            document.close(True)
    finally:
        office.stop()
    return sealed
