#include "scanners/worker/open/ole.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using mail::PartFlag;

namespace {

Opened of(const char* name) { return open_bytes(of_corpus(std::string("archives/") + name), name); }
bool has(const mail::Part& part, const char* kind) { return std::ranges::find(part.kinds, kind) != part.kinds.end(); }

}  // namespace

TEST_CASE("macros are found and judged") {
    struct Row {
        const char* file;
        mail::Macros want;
    };
    const auto row = GENERATE(values<Row>({
        {"macro.doc", {true, true, true, "Macros/VBA/ThisDocument"}},
        {"quiet-macro.doc", {true, false, false, "Macros/VBA/Module1"}},
        {"vbaProject.bin", {true, true, true, "VBA/ThisWorkbook"}},
        {"excel4.xls", {true, true, false, "Workbook"}},
        {"no-macro.doc", {}},
    }));
    INFO(row.file);
    const auto out = of(row.file);
    CHECK(out.contents.parts[0].macros == row.want);
    CHECK(out.contents.anomalies.empty());
    CHECK(has(out.contents.parts[0], "cdf-ms"));
}

TEST_CASE("modules of attributes alone are no macros, unless their compiled form is code") {
    for (const auto* file : {"sheet-zero.xls", "sheet-none.xls", "sheet-empty.xls", "sheet-blank.xls"}) {
        INFO(file);
        CHECK(of(file).contents.parts[0].macros == mail::Macros{});
    }
    for (const auto* file : {"stomped-attributes.xls", "stomped-wiped.xls", "stomped-empty.xls", "stomped-unreadable.xls"}) {
        INFO(file);
        CHECK(of(file).contents.parts[0].macros == mail::Macros{true, false, true, "_VBA_PROJECT_CUR/VBA/ThisWorkbook"});
    }
    CHECK(of("stomped-unlisted.xls").contents.parts[0].macros.present);
    // the same inside an OOXML document
    const auto out = open_bytes(make_zip({{.name = "[Content_Types].xml", .data = "<x/>"},
                                          {.name = "xl/workbook.xml", .data = "<x/>"},
                                          {.name = "xl/vbaProject.bin", .data = of_corpus("archives/sheet-empty.xls")}}));
    CHECK_FALSE(out.contents.parts[0].macros.present);
}

TEST_CASE("macros of a project inside an OOXML document are the document's") {
    const auto bytes = make_zip({{.name = "[Content_Types].xml", .data = "<x/>"},
                                 {.name = "word/document.xml", .data = "<x/>"},
                                 {.name = "word/vbaProject.bin", .data = of_corpus("archives/vbaProject.bin")}});
    const auto out = open_bytes(bytes, "harmless.7z");  // the name does not matter
    CHECK(out.contents.parts[0].macros == mail::Macros{true, true, true, "word/vbaProject.bin"});
    CHECK_FALSE(has(*part_named(out.contents, "word/vbaProject.bin"), "exe"));
}

TEST_CASE("Excel 4 macro sheets of a workbook") {
    const auto out = open_bytes(make_zip({{.name = "[Content_Types].xml", .data = "<x/>"},
                                          {.name = "xl/workbook.xml", .data = "<x/>"},
                                          {.name = "xl/macrosheets/sheet1.xml", .data = "<x/>"}}));
    CHECK(out.contents.parts[0].macros.present);
    CHECK(out.contents.parts[0].macros.stream == "xl/macrosheets/sheet1.xml");
}

TEST_CASE("macros of an OpenDocument file") {
    const auto of = [](std::string script) {
        return open_bytes(make_zip({{.name = "mimetype", .data = "application/vnd.oasis.opendocument.text"},
                                    {.name = "content.xml", .data = "<x/>"},
                                    {.name = std::move(script), .data = "<x/>"}}));
    };
    const auto out = of("Basic/Standard/Module1.xml");
    CHECK(has(out.contents.parts[0], "odt"));
    CHECK(out.contents.parts[0].macros.present);
    CHECK(out.contents.parts[0].macros.stream == "Basic/Standard/Module1.xml");
    CHECK(of("Scripts/python/a.py").contents.parts[0].macros.present);
    CHECK_FALSE(of("Pictures/Basic/x.png").contents.parts[0].macros.present);
}

TEST_CASE("encrypted documents are told") {
    const auto* file = GENERATE("encrypted.doc", "encrypted.xls", "encrypted.docx");
    INFO(file);
    const auto out = of(file);
    CHECK(out.contents.parts[0].has(PartFlag::encrypted));
    CHECK(out.contents.parts[0].has(PartFlag::undecipherable));
}

TEST_CASE("files inside documents become parts") {
    SECTION("a packaged object") {
        const auto out = of("embedded.doc");
        REQUIRE(part_named(out.contents, "invoice.exe") != nullptr);
        CHECK(part_named(out.contents, "invoice.exe")->size == 11);
        CHECK(part_named(out.contents, "C:\\tmp\\invoice.exe") != nullptr);
    }
    SECTION("objects in records of a presentation, compressed or not") {
        const auto out = of("objects.ppt");
        CHECK(has(out.contents.parts[0], "ppt"));
        CHECK(part_named(out.contents, "packed.exe") != nullptr);
        CHECK(part_named(out.contents, "plain.exe") != nullptr);
        CHECK_FALSE(out.contents.is_undecipherable());
    }
    SECTION("a record of a presentation that is cut") {
        auto presentation = of_corpus("archives/objects.ppt");
        const auto record = presentation.find(std::string("\x10\0\x11\x10", 4));
        REQUIRE(record != std::string::npos);
        presentation[record + 12] = 'x';  // no zlib stream begins so: its two bytes are passed over, what follows is damaged
        presentation[record + 14] = '\xff';
        CHECK(open_bytes(presentation, "objects.ppt").contents.is_undecipherable());
    }
    SECTION("an attachment of an Outlook message") {
        const auto out = of("message.msg");
        REQUIRE(part_named(out.contents, "attached \xe6\x97\xa5.exe") != nullptr);
        CHECK(has(out.contents.parts[0], "msg"));
    }
    SECTION("the cabinet of an installer") {
        const auto out = of("cabinet.msi");
        CHECK(has(out.contents.parts[0], "msi"));
        CHECK(part_named(out.contents, "hello.txt") != nullptr);
    }
}

TEST_CASE("damaged documents are undecipherable") {
    const auto whole = of_corpus("archives/macro.doc");
    SECTION("cut") { CHECK(open_bytes(whole.substr(0, whole.size() / 2)).contents.is_undecipherable()); }
    SECTION("every byte of the header once") {
        for (std::size_t i = 8; i < 120; ++i) {
            auto spoiled = whole;
            spoiled[i] = static_cast<char>(spoiled[i] ^ 0xff);
            const auto out = open_bytes(spoiled);
            CHECK(out.contents.limit.empty());
        }
    }
}
