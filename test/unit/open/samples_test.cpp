// The committed samples of formats that libarchive cannot write (test/corpus/archives/make.py)
#include <algorithm>
#include <catch2/catch.hpp>

#include "scanners/worker/open/lzop.h"
#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using mail::PartFlag;

namespace {

Opened of(std::string_view name) { return open_bytes(of_corpus("archives/" + std::string(name)), std::string(name)); }
constexpr std::uint64_t text_size = 27 * 40;

}  // namespace

TEST_CASE("samples give their members") {
    struct Row {
        const char *file, *kind, *container, *member;
        std::uint64_t size;
    };
    const auto row = GENERATE(values<Row>({{"stored.rar4", "rar", "rar", "hello.txt", text_size},
                                           {"stored.rar5", "rar", "rar", "hello.txt", text_size},
                                           {"stored.cab", "cab", "cab", "hello.txt", text_size},
                                           {"tool.cab", "cab", "cab", "hello.txt", text_size},
                                           {"stored.lha", "lha", "lha", "hello.txt", text_size},
                                           {"tool.lha", "lha", "lha", "hello.txt", text_size},
                                           {"plain.rpm", "rpm", "rpm", "hello.txt", text_size},
                                           {"tool.rpm", "rpm", "rpm", "./x/hello.txt", 6},
                                           {"tool.lzo", "lzo", "lzop", "hello.txt", text_size}}));
    INFO(row.file);
    const auto out = of(row.file);
    const auto& first = out.contents.parts[0];
    CHECK(std::ranges::find(first.kinds, row.kind) != first.kinds.end());
    CHECK(out.contents.anomalies.empty());
    const auto* part = part_named(out.contents, row.member);
    REQUIRE(part != nullptr);
    CHECK(part->size == row.size);
    CHECK(part->container == row.container);
    CHECK_FALSE(out.contents.is_undecipherable());
}

TEST_CASE("encrypted members are told, the others are read") {
    struct Row {
        const char *file, *encrypted, *other;
    };
    const auto row = GENERATE(values<Row>({{"member-encrypted.rar4", "dir/second.bin", "hello.txt"},
                                           {"member-encrypted.rar5", "hello.txt", "dir/second.bin"},
                                           {"member-encrypted.7z", "hello.txt", nullptr}}));
    INFO(row.file);
    const auto out = of(row.file);
    const auto* part = part_named(out.contents, row.encrypted);
    REQUIRE(part != nullptr);
    CHECK(part->has(PartFlag::encrypted));
    CHECK(part->has(PartFlag::undecipherable));
    CHECK(out.contents.is_encrypted());
    if (row.other != nullptr) {
        REQUIRE(part_named(out.contents, row.other) != nullptr);
        CHECK_FALSE(part_named(out.contents, row.other)->has(PartFlag::encrypted));
    }
}

TEST_CASE("archives that hide their names are encrypted themselves") {
    const auto* file = GENERATE("hidden.rar4", "hidden.rar5", "hidden.7z");
    INFO(file);
    const auto out = of(file);
    CHECK(out.contents.parts.size() == 1);
    CHECK(out.contents.parts[0].has(PartFlag::encrypted));
    CHECK(out.contents.parts[0].has(PartFlag::undecipherable));
}

TEST_CASE("lzop data: damage is told wherever it is") {
    const auto whole = of_corpus("archives/tool.lzo");
    for (std::size_t size = 60; size < whole.size() - 4; size += 3) {
        INFO(size);
        CHECK(open_bytes(whole.substr(0, size)).contents.is_undecipherable());
    }
    CHECK_FALSE(decompress_lzo1x("", 10));
    CHECK_FALSE(decompress_lzo1x(std::string_view("\x12\x41\x42", 3), 100));
}
