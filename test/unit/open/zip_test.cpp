#include "scanners/worker/open/zip.h"

#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using mail::AnomalyKind;
using mail::PartFlag;

namespace {

ZipEntry deflated(std::string name, std::string_view text) {
    return {.name = std::move(name),
            .data = raw_deflate(text),
            .method = 8,
            .crc = crc32_of(text),
            .size = static_cast<std::uint32_t>(text.size())};
}
ZipEntry plain(std::string name, std::string text) { return {.name = std::move(name), .data = std::move(text)}; }

}  // namespace

TEST_CASE("a plain zip has one reading") {
    const auto out =
        open_bytes(make_zip({plain("a.txt", "hello"), deflated("dir/b.txt", "world\n"), plain("dir/", "")}), "x.zip");
    const auto& parts = out.contents.parts;
    REQUIRE(parts.size() == 4);
    CHECK(out.contents.anomalies.empty());
    CHECK(out.contents.limit.empty());
    CHECK(parts[0].kinds == std::vector<std::string>{"zip"});
    CHECK(parts[1].names == std::vector<std::string>{"a.txt"});
    CHECK(parts[1].container == "zip");
    CHECK(parts[1].path == "1/1");
    CHECK(parts[1].size == 5);
    CHECK(parts[2].size == 6);
    CHECK(parts[2].kinds == std::vector<std::string>{"asc"});
    CHECK(parts[3].has(PartFlag::directory));
    CHECK(out.shown.size() == 2);
    CHECK(parts[0].shown == mail::Shown::by_its_parts);
}

TEST_CASE("where local headers and central directory disagree both readings are there") {
    auto entry = plain("harmless.txt", "MZ");
    SECTION("two names") {
        entry.local_name = "evil.exe";
        const auto out = open_bytes(make_zip({entry}));
        CHECK(has_anomaly(out.contents, AnomalyKind::mismatched_archive));
        REQUIRE(part_named(out.contents, "harmless.txt") != nullptr);
        REQUIRE(part_named(out.contents, "evil.exe") != nullptr);
        CHECK(part_named(out.contents, "evil.exe")->has(PartFlag::alternate));
        CHECK(out.contents.is_ambiguous());
        CHECK(out.contents.parts[0].shown == mail::Shown::yes);
    }
    SECTION("a member that is not listed") {
        auto hidden = plain("hidden.exe", "MZ hidden");
        hidden.is_listed = false;
        const auto out = open_bytes(make_zip({entry, hidden, plain("last.txt", "last")}));
        CHECK(has_anomaly(out.contents, AnomalyKind::mismatched_archive));
        REQUIRE(part_named(out.contents, "hidden.exe") != nullptr);
        CHECK(part_named(out.contents, "hidden.exe")->size == 9);
        CHECK(part_named(out.contents, "last.txt") != nullptr);
    }
    SECTION("two archives one after the other") {
        const auto out = open_bytes(make_zip({plain("first.txt", "1")}) + make_zip({plain("second.txt", "2")}));
        CHECK(has_anomaly(out.contents, AnomalyKind::mismatched_archive));
        CHECK(part_named(out.contents, "second.txt") != nullptr);
    }
    SECTION("bytes before") {
        const auto out = open_bytes(make_zip({entry}, "GIF89a\1\0\1\0\0\0\0;"));
        CHECK(out.contents.is_ambiguous());
        CHECK(part_named(out.contents, "harmless.txt") != nullptr);
    }
    SECTION("an archive in the comment") {
        const auto out = open_bytes(make_zip({entry}, "", make_zip({plain("inner.exe", "MZ")})));
        CHECK(out.contents.is_ambiguous());
        CHECK(part_named(out.contents, "harmless.txt") != nullptr);
        CHECK(part_named(out.contents, "inner.exe") != nullptr);
    }
    SECTION("bytes after") {
        const auto out = open_bytes(make_zip({entry}) + "<script>alert(1)</script>");
        CHECK(out.contents.is_ambiguous());
    }
    SECTION("overlapping members") {
        auto second = plain("second.txt", "MZ");
        second.has_local = false;
        const auto out = open_bytes(make_zip({entry, second}));
        CHECK(out.contents.is_ambiguous());
        REQUIRE(part_named(out.contents, "second.txt") != nullptr);
        CHECK(part_named(out.contents, "second.txt")->has(PartFlag::undecipherable));
    }
}

TEST_CASE("a zip without its directory is read by its local headers, and is damaged") {
    const auto whole = make_zip({deflated("a.txt", "hello"), plain("b.txt", "second")});
    const auto out = open_bytes(whole.substr(0, whole.find("PK\x01\x02")));
    CHECK(has_anomaly(out.contents, AnomalyKind::bad_archive));
    CHECK(out.contents.parts[0].has(PartFlag::undecipherable));
    CHECK(out.shown.size() == 3);
    CHECK(part_named(out.contents, "a.txt") != nullptr);
    REQUIRE(part_named(out.contents, "b.txt") != nullptr);
    CHECK(part_named(out.contents, "b.txt")->size == 6);
}

TEST_CASE("streamed members end with their data descriptor") {
    auto first = deflated("a.txt", "streamed");
    const auto descriptor = "PK\x07\x08" + little(first.crc, 4) + little(first.data.size(), 4) + little(first.size, 4);
    first.flags = 8;
    first.gap = descriptor;
    auto bytes = make_zip({first, plain("b.txt", "second")});
    bytes.replace(14, 12, std::string(12, '\0'));  // the local header does not know yet
    const auto out = open_bytes(bytes);
    CHECK(out.contents.anomalies.empty());
    REQUIRE(part_named(out.contents, "a.txt") != nullptr);
    CHECK(part_named(out.contents, "a.txt")->size == 8);
    SECTION("also when the directory is missing") {
        const auto cut = open_bytes(bytes.substr(0, bytes.find("PK\x01\x02")));
        REQUIRE(part_named(cut.contents, "a.txt") != nullptr);
        CHECK(part_named(cut.contents, "a.txt")->size == 8);
        CHECK(part_named(cut.contents, "b.txt") != nullptr);
    }
}

TEST_CASE("encrypted members are known by name and flagged") {
    auto secret = plain("secret.doc", "0123456789abcdef");
    SECTION("the old way") { secret.flags = 1; }
    SECTION("AES") {
        secret.flags = 1;
        secret.method = 99;
        secret.crc = 1;
        secret.size = 4;
    }
    const auto out = open_bytes(make_zip({secret, plain("open.txt", "open")}));
    const auto* part = part_named(out.contents, "secret.doc");
    REQUIRE(part != nullptr);
    CHECK(part->has(PartFlag::encrypted));
    CHECK(part->has(PartFlag::undecipherable));
    CHECK(part->kinds.empty());  // not ".empty": nobody could look
    CHECK(out.contents.is_encrypted());
    CHECK_FALSE(part_named(out.contents, "open.txt")->has(PartFlag::encrypted));
    CHECK_FALSE(out.contents.is_ambiguous());
}

TEST_CASE("a member's method that nobody knows is undecipherable") {
    auto odd = plain("odd.bin", "????");
    odd.method = 9;  // deflate64
    odd.crc = 1;
    odd.size = 4;
    const auto out = open_bytes(make_zip({odd}));
    REQUIRE(part_named(out.contents, "odd.bin") != nullptr);
    CHECK(part_named(out.contents, "odd.bin")->has(PartFlag::undecipherable));
}

TEST_CASE("damaged members do not hide") {
    auto entry = deflated("a.txt", "hello hello hello hello");
    SECTION("no deflate stream") { entry.data = "\xff\xff\xff\xff"; }
    SECTION("cut") { entry.data.resize(3); }
    SECTION("wrong checksum") { entry.crc ^= 1; }
    const auto out = open_bytes(make_zip({entry, plain("b.txt", "b")}));
    CHECK(has_anomaly(out.contents, AnomalyKind::bad_archive));
    CHECK(out.contents.is_undecipherable());
    CHECK(part_named(out.contents, "b.txt") != nullptr);
}

TEST_CASE("names are decoded and kept raw") {
    const auto out =
        open_bytes(make_zip({plain("\x81.txt", "1"), plain("caf\xc3\xa9.txt", "2"), plain(std::string("a.txt\0.exe", 10), "3")}));
    CHECK(out.contents.parts[1].names == std::vector<std::string>{"\xc3\xbc.txt", "\x81.txt"});
    CHECK(out.contents.parts[2].names == std::vector<std::string>{"caf\xc3\xa9.txt"});
    CHECK(out.contents.parts[3].names == std::vector<std::string>{std::string("a.txt\0.exe", 10), "a.txt"});
}

TEST_CASE("links and devices of a zip are parts with a flag") {
    auto link = plain("link", "/etc/passwd");
    link.made_by = 3;
    link.attributes = 0120777U << 16U;
    auto device = plain("device", "");
    device.made_by = 3;
    device.attributes = 0020666U << 16U;
    const auto out = open_bytes(make_zip({link, device}));
    CHECK(out.contents.parts[1].has(PartFlag::link));
    CHECK(out.contents.parts[2].has(PartFlag::special));
}

TEST_CASE("an office document is known by its members") {
    const auto out =
        open_bytes(make_zip({plain("x/y.xml", "<x/>"), plain("word/document.xml", "<x/>"), plain("[Content_Types].xml", "<x/>"),
                             plain("word/printerSettings.bin", std::string(40, '\1'))}));
    const auto& kinds = out.contents.parts[0].kinds;
    CHECK(kinds == std::vector<std::string>{"docx", "ooxml"});
    CHECK(part_named(out.contents, "word/printerSettings.bin")->kinds == std::vector<std::string>{"dat"});
}

TEST_CASE("names within an office document are compared without case, with either slash and with or without one in front") {
    struct Row {
        std::string document, kind;
    };
    for (const auto& [document, kind] :
         {Row{"word/document.xml", "docx"}, Row{"xl/workbook.xml", "xlsx"}, Row{"ppt/presentation.xml", "pptx"}})
        for (int form = 0; form < 8; ++form) {
            const auto spelled = [&](std::string name) {
                for (auto& c : name) {
                    if ((form & 1) != 0 && c == '/') c = '\\';
                    if ((form & 2) != 0) c = (c >= 'a' && c <= 'z') ? static_cast<char>(c - 32) : c;
                }
                return ((form & 4) != 0 ? "/" : "") + name;
            };
            INFO(spelled(document));
            const auto out = open_bytes(make_zip({plain(spelled("[Content_Types].xml"), "<x/>"), plain(spelled(document), "<x/>"),
                                                  plain(spelled("xl/macrosheets/sheet1.xml"), "<x/>")}));
            const auto& part = out.contents.parts[0];
            CHECK(std::ranges::find(part.kinds, kind) != part.kinds.end());
            CHECK(std::ranges::find(part.kinds, "zip") == part.kinds.end());
            CHECK(part.macros.present);
        }
    // one name alone is no office document
    const auto zip = open_bytes(make_zip({plain("a.txt", "x"), plain("word/document.xml", "<x/>")}));
    CHECK(std::ranges::find(zip.contents.parts[0].kinds, "zip") != zip.contents.parts[0].kinds.end());
}

TEST_CASE("a zip is shown by its members only when they hold all of it") {
    const auto first = deflated("a.txt", "hello hello hello"), second = plain("b.txt", "second");
    const auto shown_itself = [](const std::string& bytes) {
        return open_bytes(bytes).contents.parts[0].shown == mail::Shown::yes;
    };
    CHECK_FALSE(shown_itself(make_zip({first, second})));
    auto entry = first;
    SECTION("bytes between members") { entry.gap = std::string(40, 'x'); }
    SECTION("bytes behind a deflate stream") { entry.data += std::string(40, 'x'); }
    SECTION("a name that has room for something") {
        entry.name = std::string(600, 'n');
        entry.local_name = entry.name;
    }
    SECTION("an encrypted member") { entry.flags |= 1; }
    SECTION("a damaged member") { entry.data[0] = static_cast<char>(0xff); }
    CHECK(shown_itself(make_zip({entry, second})));
}

TEST_CASE("documents and programs that are zip archives are shown themselves") {
    CHECK(open_bytes(make_zip({plain("[Content_Types].xml", "<Types/>"), plain("word/document.xml", "<w/>")}))
              .contents.parts[0]
              .shown == mail::Shown::yes);
    CHECK(open_bytes(make_zip({plain("META-INF/MANIFEST.MF", "a: b"), plain("a.class", "x")})).contents.parts[0].shown ==
          mail::Shown::yes);
    CHECK(open_bytes(make_zip({plain("a.txt", "1")}, "", "a comment")).contents.parts[0].shown == mail::Shown::yes);
    CHECK(open_bytes(make_zip({plain("a.txt", "1")}, "before")).contents.parts[0].shown == mail::Shown::yes);
    CHECK(open_bytes(make_zip({plain("a.txt", "1")}) + "behind").contents.parts[0].shown == mail::Shown::yes);
}
