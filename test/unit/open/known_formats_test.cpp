#include "scanners/worker/open/known_formats.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/text.h"
#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::samples;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

std::string at(std::size_t where, std::string_view bytes, std::size_t size = 8192) {
    std::string out(std::max(size, where + bytes.size() + 64), '\0');
    out.replace(where, bytes.size(), bytes);
    return out;
}

std::string disk() {  // a FAT floppy
    auto out = at(510, "\x55\xaa"sv);
    return out.replace(0, 17, "\xeb\x3c\x90MSDOS5.0\0\x02\x01\x01\0\x02"s);
}

}  // namespace

TEST_CASE("what is known and not read is undecipherable, and the reason says what it is") {
    struct Row {
        std::string bytes, kind;
    };
    const auto row =
        GENERATE_COPY(values<Row>({{at(7, "**ACE**"), "ace"},
                                   {at(0, "SIT!\0\1\0\0\1\0rLau"s), "sit"},
                                   {at(0, "StuffIt (c)1997-2002 Aladdin"), "sit"},
                                   {at(0, "7kSt\xa0\x31\x83\xd3\x8c\xb2\x28\xb0\xd3zPQ\1"), "zpaq"},
                                   {at(0, "ArC\x01"), "freearc"},
                                   {at(0, "ALZ\x01\n\0\0\0"s), "alz"},
                                   {at(0, "EGGA\0\1"s), "egg"},
                                   {at(0, "AA01\x20\0TYP1F"s), "aar"},
                                   {at(0, "ISc(\x0c\x60\0\1"s), "installshield"},
                                   {at(0, "KWAJ\x88\xf0\x27\xd1\3\0"s), "kwaj"},
                                   {at(0, "!BDN\x01\x02\x03\x04SM"), "pst"},
                                   {at(0, "LRZI\0\6"s), "lrz"},
                                   {at(0, "RZIP\x02\1"), "rzip"},
                                   {"bvx2\x10\0\0\0"s + std::string(40, '\x81') + "bvx$", "lzfse"},
                                   {at(0, "BZ3v1"), "bz3"},
                                   {at(0, "\xff\6\0\0sNaPpY"s), "snappy"},
                                   {at(0, "conectix\0\0\0\2"s), "vhd"},
                                   {at(0, "vhdxfile"), "vhd"},
                                   {at(0, "KDMV\1\0\0\0"s), "vmdk"},
                                   {at(0, "QFI\xfb\0\0\0\3"s), "qcow"},
                                   {at(64, "\x7f\x10\xda\xbe"), "vdi"},
                                   {disk(), "img"},
                                   {at(1080, "\x53\xef\1\0\1\0\1\0"s).replace(1024, 1, "x"), "img"},
                                   {at(0, "hsqs").replace(28, 1, "\x04"), "squashfs"},
                                   {at(0, "\x45\x3d\xcd\x28\0\0\0\0\0\0\0\0\0\0\0\0Compressed ROMFS"s), "cramfs"},
                                   {at(32769, "BEA01\1\0"s, 70'000), "udf"},
                                   {at(32769, "CD001\1\0"s, 70'000), "iso"},
                                   {std::string(5000, '\x01') + "koly\0\0\0\4\0\0\2\0"s + std::string(500, '\0'), "dmg"},
                                   {std::string(5000, '\x01') + "conectix" + std::string(504, '\0'), "vhd"}}));
    INFO(row.kind);
    const auto out = open_bytes(row.bytes);
    const auto& part = out.contents.parts[0];
    CHECK(std::ranges::find(part.kinds, row.kind) != part.kinds.end());
    CHECK(part.has(mail::PartFlag::undecipherable));
    REQUIRE_FALSE(out.contents.anomalies.empty());
    CHECK(out.contents.anomalies.front().kind == mail::AnomalyKind::bad_archive);
    CHECK(out.contents.anomalies.front().detail.size() > 10);
}

TEST_CASE("an encrypted disk is encrypted") {
    CHECK(open_bytes(at(0, "LUKS\xba\xbe\0\2"s)).contents.is_encrypted());
    CHECK(open_bytes(at(3, "-FVE-FS-")).contents.is_encrypted());
}

TEST_CASE("ordinary small files are none of them") {
    const auto bytes = GENERATE_COPY(values<std::string>({std::string(512, '\0'),
                                                          std::string(8192, '\xff'),
                                                          at(510, "\x55\xaa", 512),
                                                          at(510, "\x55\xaa", 8192),
                                                          std::string("\x1a\x08\x01\x02\x03", 5),
                                                          "\x60\xea" + std::string(300, '\x11'),
                                                          "BZ3 is a part number\n",
                                                          "SIT! said the trainer\n",
                                                          "AA01 is the first seat of the row\n" + "\x01\x02"s,
                                                          "-lh5- in a text\n",
                                                          "xx-lh5-\1\2\3\4",
                                                          std::string(20'000, 'M') + "koly",
                                                          "\x1f\x1e\xff\xff\xff\xff\xff\xff\xff",
                                                          "QED\n",
                                                          "bvx2 of us\n",
                                                          "# Disk list\nno descriptor\n",
                                                          at(1024, "BD", 2048),
                                                          at(1080, "\x53\xef", 2048),
                                                          std::string("\xff\xff\xff\xff", 4) + std::string(400, '\xff'),
                                                          "!BDNA is no folder\n",
                                                          "\0\x05\x16\x07"s,
                                                          at(0, "\0\x05\x16\x07\0\2\0\0"s, 82).replace(25, 1, "\x02")}));
    INFO(escaped(bytes, 30));
    const auto out = open_bytes(bytes, "small.bin");
    CHECK_FALSE(out.contents.is_undecipherable());
    CHECK_FALSE(out.contents.is_encrypted());
}
