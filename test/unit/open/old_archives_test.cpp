#include "scanners/worker/open/old_archives.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using mail::PartFlag;

namespace {

Opened of(std::string_view name) { return open_bytes(of_corpus("archives/" + std::string(name)), std::string(name)); }
constexpr std::uint64_t text_size = 27 * 40, long_size = 35'092, noise_size = 12'000;

const mail::Part* sized(const mail::Contents& contents, std::string_view name, std::uint64_t size) {
    const auto* part = part_named(contents, name);
    return part != nullptr && part->size == size && !part->sha256.empty() ? part : nullptr;
}

}  // namespace

TEST_CASE("every method of the old archivers gives its members, and their checksums are right") {
    struct Row {
        const char *file, *kind, *member;
        std::uint64_t size;
    };
    const auto row = GENERATE(values<Row>({{"method-0.arj", "arj", "hello.txt", text_size},
                                           {"method-1.arj", "arj", "long.txt", long_size},
                                           {"method-2.arj", "arj", "long.txt", long_size},
                                           {"method-3.arj", "arj", "long.txt", long_size},
                                           {"method-4.arj", "arj", "long.txt", long_size},
                                           {"method-4.arj", "arj", "hello.txt", text_size},
                                           {"lh5-level0.lha", "lha", "long.txt", long_size},
                                           {"lh6-level1.lha", "lha", "long.txt", long_size},
                                           {"lh7-level2.lha", "lha", "long.txt", long_size},
                                           {"lh7-level2.lha", "lha", "hello.txt", text_size},
                                           {"crunched.arc", "arc", "long.txt", long_size},
                                           {"squashed.arc", "arc", "long.txt", long_size},
                                           {"methods.arc", "arc", "HELLO.TXT", text_size},
                                           {"methods.arc", "arc", "RUNS.TXT", text_size + 700},
                                           {"methods.arc", "arc", "SQUEEZED.TXT", 4500},
                                           {"all-methods.zoo", "zoo", "hello.txt", text_size},
                                           {"all-methods.zoo", "zoo", "long.txt", long_size},
                                           {"all-methods.zoo", "zoo", "noise.bin", noise_size}}));
    INFO(row.file << " " << row.member);
    const auto out = of(row.file);
    CHECK(std::ranges::find(out.contents.parts[0].kinds, row.kind) != out.contents.parts[0].kinds.end());
    CHECK(out.contents.anomalies.empty());
    CHECK_FALSE(out.contents.is_undecipherable());
    const auto* part = sized(out.contents, row.member, row.size);
    REQUIRE(part != nullptr);
    CHECK(part->container == row.kind);
}

TEST_CASE("a garbled ARJ is encrypted") {
    const auto out = of("garbled.arj");
    REQUIRE(part_named(out.contents, "hello.txt") != nullptr);
    CHECK(part_named(out.contents, "hello.txt")->has(PartFlag::encrypted));
    CHECK(out.contents.is_undecipherable());
}

TEST_CASE("LHA names are bytes: what is no name in this locale is opened all the same") {
    auto bytes = of_corpus("archives/stored.lha");
    const auto at = bytes.find("hello.txt");
    REQUIRE(at != std::string::npos);
    const std::string japanese = "\x90\xbf\x8b\x81\x8f.exe";
    REQUIRE(japanese.size() == 9);
    bytes.replace(at, 9, japanese);
    std::uint8_t sum = 0;
    for (std::size_t i = 2; i < static_cast<unsigned char>(bytes[0]) + 2UL; ++i)
        sum = static_cast<std::uint8_t>(sum + static_cast<unsigned char>(bytes[i]));
    bytes[1] = static_cast<char>(sum);
    const auto out = open_bytes(bytes, "a.lzh");
    CHECK_FALSE(out.contents.is_undecipherable());
    const auto* part = part_named(out.contents, japanese);
    REQUIRE(part != nullptr);
    CHECK(part->size == text_size);
}

TEST_CASE("old archives that are spoilt or cut are never clean") {
    const auto name = GENERATE("method-1.arj", "method-4.arj", "lh5-level0.lha", "lh6-level1.lha", "lh7-level2.lha",
                               "crunched.arc", "methods.arc", "all-methods.zoo");
    INFO(name);
    const auto whole = of_corpus(std::string("archives/") + name);
    SECTION("cut in a member") {
        for (std::size_t size = 100; size + 600 < whole.size(); size += whole.size() / 17) {
            INFO(size);
            CHECK(open_bytes(whole.substr(0, size)).contents.is_undecipherable());
        }
    }
    SECTION("a byte of the data is another one") {
        for (std::size_t at = 1500; at + 300 < whole.size(); at += whole.size() / 13) {
            INFO(at);
            auto spoilt = whole;
            spoilt[at] = static_cast<char>(spoilt[at] ^ 0x24);
            CHECK(open_bytes(spoilt).contents.is_undecipherable());
        }
    }
}

TEST_CASE("a method that is not read is told, and what it hides is not clean") {
    auto bytes = of_corpus("archives/stored.lha");
    bytes[5] = '1';  // -lh1-
    std::uint8_t sum = 0;
    for (std::size_t i = 2; i < static_cast<unsigned char>(bytes[0]) + 2UL; ++i)
        sum = static_cast<std::uint8_t>(sum + static_cast<unsigned char>(bytes[i]));
    bytes[1] = static_cast<char>(sum);
    const auto out = open_bytes(bytes);
    CHECK(out.contents.is_undecipherable());
    REQUIRE_FALSE(out.contents.anomalies.empty());
    CHECK(out.contents.anomalies.front().detail.contains("method"));
}

TEST_CASE("two letters at the beginning make no archive") {
    CHECK_FALSE(is_arj("\x60\xea" + std::string(200, 'x')));
    CHECK_FALSE(is_arc("\x1a\x08" + std::string(200, 'x'), 202));
    CHECK_FALSE(is_arc(std::string("\x1a\x08") + "A" + std::string(200, '\0'), 203));
    CHECK_FALSE(is_lha("xx-lh5-" + std::string(3, '\0')));
    CHECK_FALSE(is_zoo("ZOO 2.10 Archive.\x1a" + std::string(200, '\0')));
}

TEST_CASE("an archive that is stored in an old one is a member of it, and no second reading") {
    const auto inner = make_zip({{.name = "a.txt", .data = "hello"}});
    std::string name = "inner.zip", body = "-lh0-" + little(inner.size(), 4) + little(inner.size(), 4) + little(0x50000000, 4) +
                                           "\x20" + std::string(1, '\0');
    body += static_cast<char>(name.size());
    body += name;
    std::uint16_t crc = 0;
    for (const char c : inner) {
        crc ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) crc = static_cast<std::uint16_t>(crc >> 1U ^ ((crc & 1U) != 0 ? 0xa001U : 0U));
    }
    body += little(crc, 2);
    std::uint8_t sum = 0;
    for (const char c : body) sum = static_cast<std::uint8_t>(sum + static_cast<unsigned char>(c));
    const auto out = open_bytes(
        std::string(1, static_cast<char>(body.size())) + static_cast<char>(sum) + body + inner + std::string(1, '\0'), "x.lzh");
    CHECK_FALSE(out.contents.is_ambiguous());
    CHECK_FALSE(out.contents.is_undecipherable());
    CHECK(part_named(out.contents, "a.txt") != nullptr);
}
