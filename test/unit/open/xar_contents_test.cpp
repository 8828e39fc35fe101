#include "scanners/worker/open/xar_contents.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;

namespace {

std::string big_endian(std::uint64_t value, unsigned width) {
    auto out = little(value, width);
    std::ranges::reverse(out);
    return out;
}

std::string xar_of(std::string_view table) {
    std::string packed(::compressBound(table.size()), '\0');
    uLongf size = packed.size();
    REQUIRE(::compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(table.data()),
                       table.size()) == Z_OK);
    packed.resize(size);
    return "xar!" + big_endian(28, 2) + big_endian(1, 2) + big_endian(size, 8) + big_endian(table.size(), 8) + big_endian(0, 4) +
           packed + std::string(64, '\0');
}

std::string table_of_links(unsigned count) {
    std::string out = "<?xml version=\"1.0\"?><xar><toc>";
    for (unsigned i = 0; i < count; ++i)
        out += fmt::format(R"(<file id="{}"><name>{}</name><type link="{}">hardlink</type></file>)", i, i, count + i);
    return out + "</toc></xar>";
}

}  // namespace

TEST_CASE("a xar of more members or links than a message may have is over limits before libarchive compares them all") {
    Limits limits;
    limits.members = 1000;
    const auto many = open_bytes(xar_of(table_of_links(1001)), "a.xar", limits);
    CHECK(many.contents.limit == "Maximum number of files (1000) exceeded");
    CHECK(many.contents.parts.size() == 1);
    const auto few = open_bytes(xar_of(table_of_links(20)), "a.xar", limits);
    CHECK(few.contents.limit.empty());
    CHECK(few.contents.parts.size() > 1);
}

TEST_CASE("the table of a xar is charged as it is inflated") {
    Limits limits;
    limits.minimum_quota = limits.maximum_quota = 200'000;
    limits.minimum_factor = 0;
    const auto out = open_bytes(xar_of("<xar><toc>" + std::string(1'000'000, ' ') + "</toc></xar>"), "a.xar", limits);
    CHECK(out.contents.limit.contains("storage quota"));
    CHECK(out.contents.limit.contains("xar"));
}

TEST_CASE("a xar whose table cannot be inflated is damaged") {
    auto bytes = xar_of(table_of_links(20));
    bytes[40] = static_cast<char>(bytes[40] ^ 0xff);
    CHECK(open_bytes(bytes).contents.is_undecipherable());
}
