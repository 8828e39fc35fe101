#include "scanners/worker/open/appended.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::open;
using namespace tamis::open::samples;
using mail::AnomalyKind;

namespace {

bool has(const mail::Part& part, const char* kind) { return std::ranges::find(part.kinds, kind) != part.kinds.end(); }

std::string program() {  // as much of a PE32 program as is needed to be one
    std::string out = "MZ" + std::string(58, '\0') + little(128, 4) + std::string(64, '\0');
    out += std::string("PE\0\0", 4) + little(0x14c, 2) + little(1, 2) + std::string(12, '\0') + little(0xe0, 2) + little(0x102, 2);
    return out + little(0x10b, 2) + std::string(700, '\0');
}

}  // namespace

TEST_CASE("an archive behind a program is opened, and that is usual") {
    for (const char* format : {"zip", "7zip"}) {
        INFO(format);
        const auto out = open_bytes(program() + pack(format, "none", {{"inside.txt", "hello"}}), "setup.exe");
        CHECK(has(out.contents.parts[0], "exe-ms"));
        CHECK(has(out.contents.parts[0], format[0] == 'z' ? "zip" : "7z"));
        CHECK(part_named(out.contents, "inside.txt") != nullptr);
        CHECK_FALSE(out.contents.is_ambiguous());
    }
}

TEST_CASE("an archive behind a document or a picture is a polyglot, and is opened") {
    const std::string front = GENERATE(std::string("%PDF-1.4\n1 0 obj\n"), std::string("GIF89a\1\0\1\0\0\0\0;"),
                                       std::string("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16), std::string(1000, '\1'));
    const auto out = open_bytes(front + make_zip({{.name = "inside.exe", .data = "MZ"}}));
    CHECK(has_anomaly(out.contents, AnomalyKind::polyglot));
    CHECK(has(out.contents.parts[0], "zip"));
    CHECK(part_named(out.contents, "inside.exe") != nullptr);
    CHECK(out.contents.is_ambiguous());
}

TEST_CASE("a large one too") {
    std::string front = "%PDF-1.4\n";
    for (unsigned i = 0, x = 7; i < 400'000; ++i) front.push_back(static_cast<char>((x = x * 1103515245 + 12345) >> 16U));
    const auto inner = front + make_zip({{.name = "inside.exe", .data = "MZ"}});
    const auto out = open_bytes(pack("pax", "none", {{"a.pdf", inner}}));
    CHECK(part_named(out.contents, "inside.exe") != nullptr);
    CHECK(out.contents.is_ambiguous());
}

TEST_CASE("a file that is two kinds at once is a polyglot") {
    auto image = pack("iso9660", "none", {{"a.txt", "hello"}});
    SECTION("a program and an image") { image.replace(0, program().size(), program()); }
    SECTION("a PDF and an image") { image.replace(0, 9, "%PDF-1.4\n"); }
    CHECK(has_anomaly(open_bytes(image).contents, AnomalyKind::polyglot));
}

TEST_CASE("ordinary files are not") {
    CHECK(open_bytes(program()).contents.anomalies.empty());
    CHECK(open_bytes("%PDF-1.4\n1 0 obj\n%%EOF\n").contents.anomalies.empty());
    CHECK(open_bytes(make_zip({{.name = "[Content_Types].xml", .data = "<x/>"}, {.name = "word/document.xml", .data = "<x/>"}})).contents.anomalies.empty());
}
