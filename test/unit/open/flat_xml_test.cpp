#include "scanners/worker/open/flat_xml.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;

namespace {

const std::string hello = "aGVsbG8s\n IHdvcmxk";  // "hello, world"

std::string document(std::string_view element) {
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<office:document xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\"><p>An ordinary text.</p>" +
           std::string(element) + "</office:document>\n";
}

std::vector<std::uint64_t> sizes_of(const Opened& out) {
    std::vector<std::uint64_t> sizes;
    for (const auto& part : out.contents.parts)
        if (part.container == "flatxml") sizes.push_back(part.size);
    return sizes;
}

std::string utf16(std::string_view text, bool is_big) {
    std::string out = is_big ? "\xfe\xff" : "\xff\xfe";
    for (const char c : text) {
        if (is_big) out += '\0';
        out += c;
        if (!is_big) out += '\0';
    }
    return out;
}

}  // namespace

TEST_CASE("files in flat documents become parts") {
    const auto element = GENERATE_COPY(values<std::string>(
        {"<office:binary-data>" + hello + "</office:binary-data>",
         "<w:binData w:name=\"wordml://Object1\">" + hello + "</w:binData>", "<pkg:binaryData>" + hello + "</pkg:binaryData>",
         "<binary-data >" + hello + "</binary-data>", "<a.b-c:binData\n>" + hello + "</a.b-c:binData>",
         "<o:binary-data><!-- aaaa -->aGVsbG8s<?x bbbb?><![CDATA[IHdvcmxk]]></o:binary-data>"}));
    INFO(element);
    const auto out = open_bytes(document(element), "letter.fodt");
    CHECK(sizes_of(out) == std::vector<std::uint64_t>{12});
    CHECK_FALSE(out.contents.is_undecipherable());
    CHECK(sizes_of(open_bytes(document(element + "<p/>" + element))) == std::vector<std::uint64_t>{12, 12});
}

TEST_CASE("flat documents in UTF-16 are read as well") {
    const auto is_big = GENERATE(false, true);
    CHECK(sizes_of(open_bytes(utf16(document("<office:binary-data>" + hello + "</office:binary-data>"), is_big),
                              "letter.fodt")) == std::vector<std::uint64_t>{12});
}

TEST_CASE("what only looks like such a file is none") {
    const auto element = GENERATE(as<std::string>{}, "<office:binary-data/>", "<office:binary-data> \n</office:binary-data>",
                                  "<p>binary-data> aGVsbG8s</p>", "<binaryDataList>aGVsbG8s</binaryDataList>",
                                  "<p a=\"binData\">aGVsbG8s</p>", "</office:binary-data>aGVsbG8s<p/>");
    INFO(element);
    const auto out = open_bytes(document(element), "letter.fodt");
    CHECK(sizes_of(out).empty());
    CHECK_FALSE(out.contents.is_undecipherable());
    CHECK(sizes_of(open_bytes("A text about <office:binary-data>aGVsbG8s</office:binary-data>\n")).empty());
}

TEST_CASE("flat documents that a reader would put together differently are never clean") {
    CHECK(open_bytes(document("<office:binary-data>aGVs&#98;G8s</office:binary-data>")).contents.is_undecipherable());
    CHECK(open_bytes("<?xml version=\"1.0\"?>\n<a><office:binary-data>aGVsbG8s").contents.is_undecipherable());
}
