#include "scanners/worker/open/tnef.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;

TEST_CASE("winmail.dat gives its attachments under every name, and its body") {
    const auto out = open_bytes(of_corpus("archives/winmail.dat"), "winmail.dat");
    CHECK(out.contents.anomalies.empty());
    const auto* part = part_named(out.contents, "REPORT~1.EXE");
    REQUIRE(part != nullptr);
    CHECK(part->names == std::vector<std::string>{"REPORT~1.EXE", "r\xc3\xa9port \xe6\x97\xa5\xe6\x9c\xac.exe"});
    CHECK(part->size == 13);
    CHECK(part->container == "tnef");
    CHECK(part_named(out.contents, "plain.txt") != nullptr);
    REQUIRE(part_named(out.contents, "body.txt") != nullptr);
    CHECK(part_named(out.contents, "body.txt")->size == 8);
}

TEST_CASE("damaged TNEF is undecipherable") {
    const auto whole = of_corpus("archives/winmail.dat");
    SECTION("a wrong checksum, and the attachment is there all the same") {
        const auto out = open_bytes(of_corpus("archives/wrong-sum.tnef"));
        CHECK(has_anomaly(out.contents, mail::AnomalyKind::bad_archive));
        CHECK(part_named(out.contents, "a.txt") != nullptr);
    }
    SECTION("cut anywhere behind its first attribute") {
        for (std::size_t size = 40; size + 1 < whole.size(); size += 7) {
            INFO(size);
            const auto out = open_bytes(whole.substr(0, size));
            CHECK((out.contents.is_undecipherable() || out.contents.parts.size() >= 2));
        }
        CHECK(open_bytes(whole.substr(0, whole.size() - 3)).contents.is_undecipherable());
    }
    SECTION("every byte once") {
        for (std::size_t i = 6; i < whole.size(); ++i) {
            auto spoiled = whole;
            spoiled[i] = static_cast<char>(spoiled[i] ^ 0x55);
            CHECK(open_bytes(spoiled).contents.is_undecipherable());
        }
    }
}

TEST_CASE("every attachment of a winmail.dat is read: twice in one, in properties, in an embedded message, and every body") {
    const auto out = open_bytes(of_corpus("archives/several-data.tnef"), "winmail.dat");
    CHECK_FALSE(out.contents.is_undecipherable());
    CHECK(out.contents.anomalies.empty());
    const auto count = [&](std::string_view name, std::uint64_t size) {
        return std::ranges::count_if(out.contents.parts, [&](const auto& part) {
            return part.size == size && std::ranges::find(part.names, name) != part.names.end();
        });
    };
    CHECK(count("twice.exe", 8) == 2);  // "MZ first", "MZ third"
    CHECK(count("twice.exe", 9) == 1);
    CHECK(count("only.exe", 16) == 1);
    CHECK(count("inner.exe", 8) == 1);
    CHECK(count("body.txt", 5) == 1);
    const auto rtf = std::ranges::find(out.contents.parts, "lzfu", &mail::Part::container);
    REQUIRE(rtf != out.contents.parts.end());
    CHECK(rtf->size == 12);
    CHECK(rtf->kinds.front() == "rtf");
}
