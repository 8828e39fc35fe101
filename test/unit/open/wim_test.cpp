#include "scanners/worker/open/wim.h"

#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;

namespace {

constexpr std::uint64_t text_size = 27 * 40, long_size = 35'092;

}  // namespace

TEST_CASE("WIM archives of every compression give their files and names") {
    const std::string name = GENERATE("none.wim", "xpress.wim", "lzx.wim", "lzms.wim", "solid.esd");
    INFO(name);
    const auto out = open_bytes(of_corpus("archives/" + name), name);
    CHECK(out.contents.anomalies.empty());
    CHECK_FALSE(out.contents.is_undecipherable());
    for (const auto& [member, size] : {std::pair("hello.txt", text_size), std::pair("long.txt", long_size)}) {
        const auto* part = part_named(out.contents, member);
        REQUIRE(part != nullptr);
        CHECK(part->size == size);
        CHECK(part->container == "wim");
        CHECK_FALSE(part->sha256.empty());
    }
}

TEST_CASE("a damaged, cut, split or pipable WIM is never clean") {
    const std::string name = GENERATE("none.wim", "xpress.wim", "lzx.wim", "lzms.wim", "solid.esd");
    INFO(name);
    const auto whole = of_corpus("archives/" + name);
    SECTION("cut") {
        for (std::size_t size = 10; size + 3000 < whole.size(); size += whole.size() / 11)
            CHECK(open_bytes(whole.substr(0, size)).contents.is_undecipherable());
    }
    SECTION("one of two") {
        auto bytes = whole;
        bytes[42] = 2;
        CHECK(open_bytes(bytes).contents.is_undecipherable());
    }
    SECTION("pipable") { CHECK(open_bytes("WLPWM" + whole.substr(5)).contents.is_undecipherable()); }
    SECTION("any byte of the header") {
        for (std::size_t at = 8; at < 72; ++at) {
            INFO(at);
            auto bytes = whole;
            bytes[at] = static_cast<char>(bytes[at] ^ 0x41);
            CHECK_FALSE(open_bytes(bytes).contents.parts.empty());
        }
    }
}

TEST_CASE("directories of a WIM that go in circles end, and are damage") {
    std::string image = little(8, 4) + little(0, 4);
    for (int i = 0; i < 50; ++i) image += little(104, 8) + little(0x10, 4) + little(0, 4) + little(8, 8) + std::string(80, '\0');
    image += std::string(8, '\0');
    const auto resource = [](std::uint64_t size, unsigned flags, std::uint64_t at) {
        return little(size, 7) + little(flags, 1) + little(at, 8) + little(size, 8);
    };
    const auto table = resource(image.size(), 2, 208) + little(1, 2) + little(1, 4) + std::string(20, '\1');
    auto bytes = std::string("MSWIM\0\0\0", 8) + little(208, 4) + little(0x10d00, 4) + little(0, 4) + little(0, 4) +
                 std::string(16, '\0') + little(1, 2) + little(1, 2) + little(1, 4);
    bytes += resource(table.size(), 0, 208 + image.size());
    bytes.resize(208, '\0');
    const auto out = open_bytes(bytes + image + table);
    CHECK(out.contents.is_undecipherable());
}
