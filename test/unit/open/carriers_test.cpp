#include "scanners/worker/open/carriers.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;

namespace {

Opened of(std::string_view name) { return open_bytes(of_corpus("archives/" + std::string(name)), std::string(name)); }

const mail::Part* first_from(const mail::Contents& contents, std::string_view container) {
    for (const auto& part : contents.parts)
        if (part.container == container) return &part;
    return nullptr;
}

}  // namespace

TEST_CASE("what carries a file gives it") {
    struct Row {
        const char *file, *container;
        std::uint64_t size;
        const char* name;  // null: it has none
    };
    const auto row = GENERATE(values<Row>({{"hello.tx_", "szdd", 9000, "hello.txt"},
                                           {"body.lzfu", "lzfu", 9042, "body.rtf"},
                                           {"files.one", "onenote", 11, nullptr},
                                           {"single.applefile", "applefile", 27 * 40, "tool.exe"}}));
    INFO(row.file);
    const auto out = of(row.file);
    const auto* part = first_from(out.contents, row.container);
    REQUIRE(part != nullptr);
    CHECK(part->size == row.size);
    CHECK_FALSE(part->sha256.empty());
    if (row.name != nullptr) CHECK(part->names == std::vector<std::string>{row.name});
    CHECK(out.contents.anomalies.empty());
    CHECK_FALSE(out.contents.is_undecipherable());
}

TEST_CASE("an ActiveMime file gives its OLE2 document") {
    const auto out = of("editdata.mso");
    const auto* part = first_from(out.contents, "activemime");
    REQUIRE(part != nullptr);
    CHECK(std::ranges::find(part->kinds, "doc") != part->kinds.end());
    CHECK_FALSE(out.contents.is_undecipherable());
}

TEST_CASE("AppleDouble without a data fork is ordinary: Macs add it to every attachment") {
    const auto out = of("double.applefile");
    CHECK(out.contents.parts.size() == 1);
    CHECK_FALSE(out.contents.is_undecipherable());
    CHECK(out.contents.anomalies.empty());
}

TEST_CASE("carriers that are cut are never clean") {
    const auto name = GENERATE("hello.tx_", "body.lzfu", "files.one", "editdata.mso", "single.applefile");
    INFO(name);
    const auto whole = of_corpus(std::string("archives/") + name);
    for (const auto part : {2, 3, 4})
        CHECK(open_bytes(whole.substr(0, whole.size() - whole.size() / static_cast<unsigned>(2 * part) - 40))
                  .contents.is_undecipherable());
}

TEST_CASE("brotli is known by its name or type: it gives its data, or the part is not clean") {
    const std::string packed("\x0b\x02\x80hello\x03", 9);  // by brotli(1)
    const auto out = open_bytes(packed, "page.html.br");
    REQUIRE(part_named(out.contents, "page.html") != nullptr);
    CHECK(part_named(out.contents, "page.html")->size == 5);
    CHECK_FALSE(out.contents.is_undecipherable());
    CHECK(open_bytes(std::string("\x03\xf1\xf2\xf3\xf4", 5), "x.br").contents.is_undecipherable());
    CHECK_FALSE(open_bytes("Dear Br., this is a text.\n", "letter.br").contents.is_undecipherable());
}

TEST_CASE("zlib data give what they hold; two bytes alone are none") {
    const auto zlib = std::string("\x78\x9c") + raw_deflate(std::string(9000, 'a') + "end") + std::string("\0\0\0\0", 4);
    CHECK(open_bytes(zlib).contents.is_undecipherable());  // its checksum is wrong
    CHECK_FALSE(open_bytes(std::string("\x78\x9c\xff\xee\xdd", 5) + std::string(300, '\x80')).contents.is_undecipherable());
}
