#include "scanners/worker/open/archive.h"

#include <archive.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>

#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using mail::AnomalyKind;
using mail::PartFlag;

TEST_CASE("this libarchive reads every format that we switch on without a program") {
    for (const auto format : {archive_read_support_format_7zip, archive_read_support_format_rar, archive_read_support_format_rar5,
                              archive_read_support_format_tar, archive_read_support_format_cpio, archive_read_support_format_ar,
                              archive_read_support_format_cab, archive_read_support_format_lha, archive_read_support_format_xar,
                              archive_read_support_format_iso9660})
        CHECK(is_supported({.name = "x", .format = format}));
    for (const auto filter :
         {archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
          archive_read_support_filter_lzma, archive_read_support_filter_lzip, archive_read_support_filter_zstd,
          archive_read_support_filter_lz4, archive_read_support_filter_compress, archive_read_support_filter_rpm})
        CHECK(is_supported({.name = "x", .format = archive_read_support_format_raw, .filters = {filter}}));
}

TEST_CASE("what would need a program is refused") {
    for (const auto filter : {archive_read_support_filter_grzip, archive_read_support_filter_lrzip})
        CHECK_FALSE(is_supported({.name = "x", .format = archive_read_support_format_raw, .filters = {filter}}));
}

TEST_CASE("each archive format gives its members") {
    struct Row {
        const char *format, *filter, *kind, *container;
    };
    const auto row = GENERATE(values<Row>({{"zip", "none", "zip", "zip"},
                                           {"7zip", "none", "7z", "7z"},
                                           {"pax", "none", "tar", "tar"},
                                           {"ustar", "none", "tar", "tar"},
                                           {"gnutar", "none", "tar", "tar"},
                                           {"cpio", "none", "cpio", "cpio"},
                                           {"newc", "none", "cpio", "cpio"},
                                           {"arbsd", "none", "a", "ar"},
                                           {"argnu", "none", "a", "ar"},
                                           {"xar", "none", "xar", "xar"},
                                           {"iso9660", "none", "iso", "iso"}}));
    INFO(row.format);
    Limits limits;
    limits.iso_images = true;
    std::string big;
    for (unsigned i = 0, x = 1; i < 300'000; ++i) big.push_back(static_cast<char>((x = x * 1103515245 + 12345) >> 16U));
    const auto out = open_bytes(pack(row.format, row.filter, {{"a.txt", "hello"}, {"b.bin", big}}), "sample", limits);
    const auto& contents = out.contents;
    CHECK(std::ranges::find(contents.parts[0].kinds, row.kind) != contents.parts[0].kinds.end());
    CHECK(contents.anomalies.empty());
    CHECK(contents.limit.empty());
    const auto* a = part_named(contents, "a.txt");
    const auto* b = part_named(contents, "b.bin");
    REQUIRE(a != nullptr);
    REQUIRE(b != nullptr);
    CHECK(a->container == row.container);
    CHECK(a->size == 5);
    CHECK(a->sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    CHECK(b->size == big.size());
}

TEST_CASE("each compressed format gives its data under the outer name") {
    struct Row {
        const char *filter, *kind, *container;
    };
    const auto row = GENERATE(values<Row>({{"gzip", "gz", "gzip"},
                                           {"bzip2", "bz2", "bzip2"},
                                           {"xz", "xz", "xz"},
                                           {"lzma", "lzma", "lzma"},
                                           {"lzip", "lz", "lzip"},
                                           {"zstd", "zst", "zstd"},
                                           {"lz4", "lz4", "lz4"},
                                           {"compress", "Z", "compress"}}));
    INFO(row.filter);
    const auto packed = pack("raw", row.filter, {{"data", "hello, hello, hello, hello"}});
    const auto out = open_bytes(packed, std::string("report.txt.") + row.kind);
    REQUIRE(out.contents.parts.size() == 2);
    CHECK(out.contents.parts[0].kinds == std::vector<std::string>{row.kind});
    CHECK(out.contents.parts[1].container == row.container);
    CHECK(out.contents.parts[1].size == 26);
    CHECK(out.contents.parts[1].names == std::vector<std::string>{"report.txt"});
    CHECK(out.contents.anomalies.empty());
    const auto without_ending = open_bytes(packed, "report");  // then it is the name of what is in it
    REQUIRE(without_ending.contents.parts.size() == 2);
    CHECK(without_ending.contents.parts[1].names == std::vector<std::string>{"report"});
}

TEST_CASE("cut archives are damaged, never quietly clean") {
    struct Row {
        const char *format, *filter;
    };
    const auto row = GENERATE(values<Row>({{"zip", "none"},
                                           {"7zip", "none"},
                                           {"pax", "none"},
                                           {"newc", "none"},
                                           {"arbsd", "none"},
                                           {"xar", "none"},
                                           {"raw", "gzip"},
                                           {"raw", "bzip2"},
                                           {"raw", "xz"},
                                           {"raw", "lzma"},
                                           {"raw", "zstd"},
                                           {"raw", "lz4"}}));
    INFO(row.format << ' ' << row.filter);
    std::string noise;
    for (unsigned i = 0, x = 1; i < 20'000; ++i) noise.push_back(static_cast<char>((x = x * 1103515245 + 12345) >> 16U));
    const auto whole = pack(row.format, row.filter, {{"data", noise}});
    const auto out = open_bytes(whole.substr(0, whole.size() / 2));
    CHECK(out.contents.is_undecipherable());
    CHECK(has_anomaly(out.contents, AnomalyKind::bad_archive));
}

TEST_CASE("what came out of a damaged archive is shown to the engines, which may get nothing out of it themselves") {
    std::string text;
    for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919) + ' ';
    const auto check = [&](const std::string& bytes) {
        const auto out = open_bytes(bytes.substr(0, bytes.size() / 2));
        CHECK(has_anomaly(out.contents, AnomalyKind::bad_archive));
        CHECK(std::ranges::any_of(out.shown, [](const auto& each) { return each.bytes.bytes().starts_with("0 7919 15838 "); }));
        CHECK(out.contents.parts[0].shown == mail::Shown::yes);  // the archive itself too
    };
    SECTION("gzip") { check(gzip(text)); }
    SECTION("tar.gz") { check(pack("pax", "gzip", {{"a.txt", text}, {"b.txt", text}})); }
    SECTION("zip") { check(make_zip({{.name = "a.txt", .data = text}, {.name = "b.txt", .data = text}})); }
}

TEST_CASE("an allocation that failed before does not end the process when a name cannot be converted") {
    // libarchive takes errno for the reason and calls exit(); found by fuzzing, in a process that had refused 1.8 GB before.
    // This is a cabinet whose member's name is no UTF-8.
    constexpr std::string_view hex =
        "4d5343460000000069000000000000002c000000000000000103010001000000000000004600000001000100380400000000"
        "00000000765d4ca5208068656c6c6f2e74788cfd7cfb01da1b003604434bcb48cdc9c9d751c8c0a4b8b0888d4a4a8d8d4a8d"
        "4ae5730100";
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    OpenerSetup setup;
    setup.decoders = {{"cab", [](const mail::Part& part) { return part.number == 1; },
                       [](Opener& opener, std::uint32_t part, const Blob& cabinet) {
                           errno = ENOMEM;
                           open_cab(opener, part, cabinet);
                       },
                       true}};
    setup.open_message = [](Opener& opener, std::uint32_t parent, const Blob& message) {
        opener.new_part_of({.parent = parent, .container = "", .is_mime = true}, message, "message", false);
    };
    const auto out = open_message(setup, Blob::borrow(bytes));
    REQUIRE(out.contents.parts.size() == 2);
    CHECK(out.contents.parts[1].container == "cab");
}

TEST_CASE("gzip: stored name, more members, bytes behind, wrong sums") {
    SECTION("the stored name comes first") {
        const auto out = open_bytes(gzip("hello", "inside.exe"), "outside.txt.gz");
        REQUIRE(out.contents.parts.size() == 2);
        CHECK(out.contents.parts[1].names == std::vector<std::string>{"inside.exe", "outside.txt"});
    }
    SECTION("members continue each other") {
        const auto out = open_bytes(gzip("hello") + gzip(" world"));
        REQUIRE(out.contents.parts.size() == 2);
        CHECK(out.contents.parts[1].size == 11);
        CHECK(out.contents.anomalies.empty());
    }
    SECTION("bytes behind are a part too") {
        const auto out = open_bytes(gzip("hello") + make_zip({{.name = "x.exe", .data = "MZ"}}));
        CHECK(has_anomaly(out.contents, AnomalyKind::mismatched_archive));
        CHECK(part_named(out.contents, "x.exe") != nullptr);
    }
    SECTION("padding is nothing") { CHECK(open_bytes(gzip("hello") + std::string(100, '\0')).contents.anomalies.empty()); }
    SECTION("a wrong checksum") {
        auto bytes = gzip("hello");
        bytes[bytes.size() - 5] ^= 1;
        CHECK(has_anomaly(open_bytes(bytes).contents, AnomalyKind::bad_archive));
    }
}

TEST_CASE("what is compressed twice is two levels, and what only looks compressed is damaged") {
    const auto once = pack("raw", "xz", {{"data", "hello"}});
    const auto out = open_bytes(pack("raw", "xz", {{"data", once}}), "a.xz.xz");
    REQUIRE(out.contents.parts.size() == 3);
    CHECK(out.contents.parts[2].size == 5);
    for (const char* packed :
         {"BZh91AY&SYnothing of the kind", "\x28\xb5\x2f\xfdnothing of the kind", "\x1f\x9d\x90", "LZIP\x01nothing"}) {
        INFO(packed);
        CHECK(open_bytes(packed).contents.is_undecipherable());
    }
}

TEST_CASE("links, devices and directories of a tar have no bytes and no effect") {
    const auto out = open_bytes(pack(
        "pax", "none", {{"dir/", "", 'd'}, {"../../etc/link", "/etc/passwd", 'l'}, {"hard", "dir/x", 'h'}, {"dev", "", 'c'}}));
    REQUIRE(out.contents.parts.size() == 5);
    CHECK(out.contents.parts[1].has(PartFlag::directory));
    CHECK(out.contents.parts[2].has(PartFlag::link));
    CHECK(out.contents.parts[2].names == std::vector<std::string>{"../../etc/link"});
    CHECK(out.contents.parts[3].has(PartFlag::link));
    CHECK(out.contents.parts[4].has(PartFlag::special));
}

TEST_CASE("an iso image stays closed unless it is wanted, and then it is not clean") {
    const auto image = pack("iso9660", "none", {{"a.txt", "hello"}});
    const auto out = open_bytes(image);
    CHECK(out.contents.parts.size() == 1);
    CHECK(out.contents.is_undecipherable());
    REQUIRE(out.contents.anomalies.size() == 1);
    CHECK(out.contents.anomalies[0].detail.contains("open.iso_images"));
}

TEST_CASE("nested archives open one by one") {
    auto bytes = pack("7zip", "none", {{"evil.exe", "MZ"}});
    bytes = pack("pax", "none", {{"inner.7z", bytes}});
    bytes = gzip(bytes, "outer.tar");
    const auto out = open_bytes(make_zip({{.name = "outer.tar.gz", .data = bytes}}));
    REQUIRE(part_named(out.contents, "evil.exe") != nullptr);
    CHECK(part_named(out.contents, "evil.exe")->path == "1/1/1/1/1");
}

TEST_CASE("7z: every codec is read, or the archive is not clean and says why") {
    struct Row {
        const char* file;
        bool is_read;
    };
    const auto row = GENERATE(values<Row>({{"bzip2.7z", true},
                                           {"ppmd.7z", true},
                                           {"deflate.7z", true},
                                           {"delta.7z", true},
                                           {"ppc.7z", true},
                                           {"sparc.7z", true},
                                           {"arm.7z", true},
                                           {"bcj2.7z", true},
                                           {"arm64.7z", false},
                                           {"deflate64.7z", false}}));
    INFO(row.file);
    const auto out = open_bytes(of_corpus(std::string("archives/") + row.file), row.file);
    // a newer libarchive reads more of them
    CHECK((row.is_read ? !out.contents.is_undecipherable()
                       : out.contents.is_undecipherable() != (part_named(out.contents, "long.txt") != nullptr)));
    CHECK(out.contents.is_undecipherable() == !out.contents.anomalies.empty());
    if (!row.is_read) return;
    REQUIRE(part_named(out.contents, "long.txt") != nullptr);
    CHECK(part_named(out.contents, "long.txt")->size == 35'092);
}
