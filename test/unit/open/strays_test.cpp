#include "scanners/worker/open/strays.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using mail::AnomalyKind;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

bool has(const mail::Part& part, const char* kind) { return std::ranges::find(part.kinds, kind) != part.kinds.end(); }

std::string program() {  // as much of a PE32 program as is needed to be one
    std::string out = "MZ" + std::string(58, '\0') + little(128, 4) + std::string(64, '\0');
    out +=
        std::string("PE\0\0", 4) + little(0x14c, 2) + little(1, 2) + std::string(12, '\0') + little(0xe0, 2) + little(0x102, 2);
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
    SECTION("a zip archive before an image") {
        const auto zip = make_zip({{.name = "a.txt", .data = "hello"}});
        image.replace(0, zip.size(), zip);
    }
    CHECK(has_anomaly(open_bytes(image).contents, AnomalyKind::polyglot));
}

namespace {

std::string pdf(std::string_view stream = "hello") {
    return "%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\n2 0 obj\n<</Length " + std::to_string(stream.size()) + ">>\nstream\n" +
           std::string(stream) +
           "\nendstream\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer\n<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n";
}

std::string random_bytes(std::size_t count, unsigned seed = 7) {
    std::string out;
    for (unsigned x = seed; out.size() < count;) out.push_back(static_cast<char>((x = x * 1103515245 + 12345) >> 16U));
    return out;
}

struct Inner {
    const char* kind;
    std::string bytes;
};
std::vector<Inner> inner_files() {
    const std::vector<Member> one = {{"inside.txt", "hello inside"}};
    return {{"zip", make_zip({{.name = "inside.txt", .data = "hello inside"}})},
            {"7z", pack("7zip", "none", one)},
            {"tar", pack("ustar", "none", one)},
            {"gz", gzip("hello inside", "inside.txt")},
            {"xz", pack("raw", "xz", one)},
            {"bz2", pack("raw", "bzip2", one)},
            {"rar", of_corpus("archives/stored.rar5")},
            {"rar", of_corpus("archives/stored.rar4")},
            {"cab", of_corpus("archives/stored.cab")},
            {"cdf-ms", of_corpus("archives/no-macro.doc")},
            {"pdf", pdf()}};
}

}  // namespace

TEST_CASE("a second file outside of what a format owns is opened and makes the file ambiguous") {
    struct Row {
        const char* name;
        std::string before, behind;
    };
    const auto row =
        GENERATE(Row{"one byte", std::string(1, '\1'), ""}, Row{"a text", "some words, and then\n", ""},
                 Row{"HTML", "<html><body>hello</body></html>\n", ""},
                 Row{"a tar archive", pack("ustar", "none", {{"a.txt", "hello"}}), ""},
                 Row{"a gzip file", gzip("hello, hello"), ""}, Row{"a tag of a sound", "ID3\3\0\0\0\0\0\0"s, ""},
                 Row{"a picture", "GIF89a\1\0\1\0\0\0\0;"s, ""}, Row{"other data", random_bytes(5000), random_bytes(300, 9)});
    for (const auto& inner : inner_files()) {
        INFO(inner.kind << " behind " << row.name);
        const std::string kind = inner.kind, name = row.name;
        if (kind == "gz" && name == "a gzip file") continue;  // two members of one file
        if (kind == "pdf" && (name == "one byte" || name == "a text" || name == "other data"))
            continue;  // a PDF with junk before it
        const auto out = open_bytes(row.before + inner.bytes + row.behind);
        CHECK(out.contents.is_ambiguous());
        if (kind == "pdf") continue;  // near the beginning the file itself is one
        CHECK(
            std::ranges::any_of(out.contents.parts, [&](const auto& part) { return part.parent != 0 && has(part, inner.kind); }));
    }
}

TEST_CASE("a second file within a range that a format owns is at most a part") {
    for (const auto& inner : inner_files()) {
        INFO(inner.kind);
        const std::vector<Member> stored = {{"first." + std::string(inner.kind), inner.bytes}, {"b.txt", "hello"}};
        for (const auto& outer :
             {make_zip({{.name = "first.bin", .data = inner.bytes}, {.name = "b.txt", .data = "hello"}}),
              pack("ustar", "none", stored), gzip(pack("pax", "none", stored)), pack("7zip", "none", stored, "compression=store"),
              pack("newc", "none", stored), pdf(inner.bytes)})
            CHECK_FALSE(open_bytes(outer).contents.is_ambiguous());
    }
}

TEST_CASE("innocent bytes behind the content are no second file") {
    const std::string tail = GENERATE("\n\n\n"s, std::string(5000, '\0'), random_bytes(100'000), "some words"s);
    for (const auto& front : {pdf(), "GIF89a\1\0\1\0\0\0\0;"s, program(), of_corpus("archives/no-macro.doc")})
        CHECK_FALSE(open_bytes(front + tail).contents.is_ambiguous());
}

TEST_CASE("numbers that look like marks are no files") {
    std::string all;
    for (int i = 0; i < 200; ++i)
        for (const auto mark :
             {"PK\3\4"sv, "PK\5\6"sv, "Rar!\x1a\7\0"sv, "7z\xbc\xaf\x27\x1c"sv, "MSCF\0\0\0\0"sv, "\x1f\x8b\x08"sv,
              "\xfd"
              "7zXZ\0"sv,
              "MZ"sv, "%PDF-1.4"sv, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "\x60\xea"sv, "-lh5-"sv, "ustar"sv})
            all += std::string(mark) + random_bytes(40, static_cast<unsigned>(i));
    const auto out = open_bytes(std::string(1, '\1') + all);
    CHECK_FALSE(out.contents.is_ambiguous());
    CHECK(out.contents.parts.size() == 1);
}

TEST_CASE("a zip archive whose beginning lies in something else is seen by its end") {
    auto zip = make_zip({{.name = "inside.txt", .data = "hello inside"}});
    const auto directory = zip.find("PK\1\2");
    // the member within the tag of a sound, the directory behind it
    zip.replace(directory + 42, 4, little(10, 4));
    zip.replace(zip.rfind("PK\5\6") + 16, 4, little(147, 4));
    const auto out = open_bytes("ID3\3\0\0\0\0\0\x7f"s + zip.substr(0, directory) + std::string(127 - directory, '\0') +
                                std::string(10, '\1') + zip.substr(directory));
    CHECK(out.contents.is_ambiguous());
}

TEST_CASE("a theme within a document's sectors is its own affair, an archive behind them is not") {
    const auto document = of_corpus("archives/no-macro.doc");
    CHECK_FALSE(open_bytes(document).contents.is_ambiguous());
    CHECK(open_bytes(document + make_zip({{.name = "a.exe", .data = "MZ"}})).contents.is_ambiguous());
    CHECK(open_bytes(document + std::string(4096, '\0') + make_zip({{.name = "a.exe", .data = "MZ"}})).contents.is_ambiguous());
}

TEST_CASE("files in a notebook are parts") {
    const std::string file = make_zip({{.name = "inside.txt", .data = "hello inside"}});
    const auto notebook = "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3"s + std::string(500, '\0') +
                          "\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac" + little(file.size(), 8) +
                          std::string(12, '\0') + file + std::string(40, '\0');
    const auto out = open_bytes(notebook);
    CHECK_FALSE(out.contents.is_ambiguous());
    CHECK(part_named(out.contents, "inside.txt") != nullptr);
}

TEST_CASE("looking for second files is linear") {
    const auto marks =
        GENERATE("PK\3\4\x14\0\0\0\0\0"s, "PK\5\6"s, "%PDF-1.4 "s, "\x60\xea\x28\0\x28\x0b\1\2\x10\0\2"s, "MZ"s, "Rar!\x1a\7\0"s);
    std::string all(1, '\1');
    while (all.size() < 2'000'000) all += marks;
    Limits limits;
    const auto out = open_bytes(all, {}, limits);
    CHECK(out.contents.limit.empty());  // of time, too
}

TEST_CASE("ordinary files are not") {
    CHECK(open_bytes(program()).contents.anomalies.empty());
    CHECK(open_bytes("%PDF-1.4\n1 0 obj\n%%EOF\n").contents.anomalies.empty());
    CHECK(open_bytes(make_zip({{.name = "[Content_Types].xml", .data = "<x/>"}, {.name = "word/document.xml", .data = "<x/>"}}))
              .contents.anomalies.empty());
}

TEST_CASE("a mark that is passed over is passed over once") {
    // a tar header in a range that a format carries: neither opened, nor found again and again
    const auto archive = pack("ustar", "none", {{"a.txt", "hello"}});
    const auto out = open_bytes("RIFF" + little(archive.size() + 4, 4) + "WAVE" + archive);
    CHECK(out.contents.limit.empty());
    CHECK_FALSE(out.contents.is_ambiguous());
}

TEST_CASE("a file that begins in a picture and ends behind it is a second one") {
    const auto archive = pack("7zip", "none", {{"inside.exe", "MZ hello"}}, "compression=store");
    const auto within = GENERATE_COPY(as<std::size_t>{}, archive.size() / 2, 10U);
    const auto out = open_bytes("RIFF" + little(4 + within, 4) + "WAVE" + archive);
    CHECK(out.contents.is_ambiguous());
    CHECK(part_named(out.contents, "inside.exe") != nullptr);
}

TEST_CASE("a picture that is broken owns nothing") {
    const auto jpeg = "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0\x43\0"s + std::string(64, '\x10') + "\xff\xd9"s;
    CHECK_FALSE(open_bytes(jpeg).contents.is_ambiguous());
    CHECK_FALSE(open_bytes(jpeg.substr(0, 60)).contents.is_ambiguous());
    CHECK(open_bytes(jpeg.substr(0, 60) + pdf() + jpeg.substr(60)).contents.is_ambiguous());
}

TEST_CASE("a text that names the mark of a format is no such file") {
    CHECK_FALSE(open_bytes("offset 7: **ACE** is an archive of WinAce, and behind it stand versions\n").contents.is_ambiguous());
    const auto header = "\x12\x34\x1f\0\0\0\x90**ACE**\x14\x14\2\0"s + std::string(40, '\0');
    CHECK(open_bytes("words, and then " + header).contents.is_ambiguous());
}
