#include "scanners/worker/open/zip_methods.h"

#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;

namespace {

constexpr std::uint64_t text_size = 27 * 40, long_size = 35'092;

}  // namespace

TEST_CASE("zip members of every method are read") {
    const std::string name = GENERATE("shrink", "reduce", "implode", "deflate64", "lzma", "ppmd", "xz", "bzip2");
    INFO(name);
    const auto out = open_bytes(of_corpus("archives/" + name + ".zip"), name + ".zip");
    CHECK(out.contents.anomalies.empty());
    CHECK_FALSE(out.contents.is_undecipherable());
    for (const auto& [member, size] : {std::pair("hello.txt", text_size), std::pair("long.txt", long_size)}) {
        const auto* part = part_named(out.contents, member);
        REQUIRE(part != nullptr);
        CHECK(part->size == size);
        CHECK_FALSE(part->sha256.empty());
    }
}

TEST_CASE("a zip method that nobody here reads is undecipherable, with the reason") {
    const auto method = GENERATE(as<std::uint16_t>{}, 7, 10, 16, 18, 19, 94, 96, 97);
    const auto out =
        open_bytes(make_zip({{.name = "a.exe", .data = "MZ in a strange method", .method = method, .crc = 1, .size = 500}}));
    CHECK(out.contents.is_undecipherable());
    REQUIRE_FALSE(out.contents.anomalies.empty());
    CHECK(out.contents.anomalies.front().detail.contains(std::to_string(method)));
}

TEST_CASE("spoilt data of the old zip methods end, and are damaged or give other bytes") {
    const std::string name = GENERATE("shrink", "reduce", "implode", "deflate64");
    const auto whole = of_corpus("archives/" + name + ".zip");
    for (std::size_t at = 1200; at + 400 < whole.size(); at += whole.size() / 23) {
        INFO(name << " " << at);
        auto spoilt = whole;
        spoilt[at] = static_cast<char>(spoilt[at] ^ 0x5a);
        CHECK(open_bytes(spoilt).contents.is_undecipherable());
    }
}

TEST_CASE("what fills no window ends: nothing but zeros or ones") {
    StringOutput out;
    for (const char fill : {'\0', '\xff', '\x55'}) {
        const std::string bytes(100'000, fill);
        CHECK(decode_shrink(bytes, 1'000'000, out) != Decoded::stopped);
        CHECK(decode_reduce(2, bytes, 1'000'000, out) != Decoded::stopped);
        CHECK(decode_implode(6, bytes, 1'000'000, out) != Decoded::stopped);
        CHECK(decode_deflate64(bytes, out) == Decoded::damaged);
    }
}
