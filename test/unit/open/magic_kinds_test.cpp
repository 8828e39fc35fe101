#include "scanners/worker/open/magic_kinds.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "lib/growth.h"
#include "scanners/worker/open/plain_kinds.h"
#include "unit/open/archive_samples.h"

using namespace tamis;
using namespace tamis::worker;
using namespace std::string_literals;

namespace {

std::string kinds_of_bytes(std::string_view bytes) {
    static const auto magic = MagicKinds::load().value();
    return join(magic->find(bytes, bytes.size()).kinds, " ");
}

std::string program(std::uint16_t machine, std::uint16_t characteristics, std::uint16_t format) {
    using samples::little;
    return "MZ" + std::string(22, '\0') + "\x40" + std::string(35, '\0') + little(128, 4) + std::string(64, '\0') +
           std::string("PE\0\0", 4) + little(machine, 2) + little(1, 2) + std::string(12, '\0') + little(0xe0, 2) +
           little(characteristics, 2) + little(format, 2) + std::string(66, '\0') + little(2, 2) + std::string(600, '\0');
}

}  // namespace

TEST_CASE("kinds of real bytes") {
    struct Row {
        std::string bytes, kinds;
    };
    const std::string letters(600, 'x');
    const auto row = GENERATE_COPY(values<Row>({
        {"", "empty"},
        {"Hello, world\n", "asc"},
        {"caf\xc3\xa9\n", "txt"},
        {"caf\xe9 au lait\n", "txt"},
        {"<html><body>hello</body></html>", "html"},
        {"Dear friend <p>hello</p>", "html"},
        {"<html><HTA:APPLICATION ID=x><script>x</script>", "html hta"},
        {"<?xml version=\"1.0\"?><a/>", "xml"},
        {"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>", "image svg"},
        {"#!/bin/sh\necho\n", "txt script"},
        {"@echo off\r\ndel x\r\n", "asc script bat"},
        {"%PDF-1.7\n", "pdf"},
        {"  \n%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"},
        {"{\\rtf1 x}", "rtf"},
        {"MZ is short for Mark Zbikowski. He wrote programs, and his letters begin them.", "asc"},
        {"MZ", "asc"},
        {program(0x14c, 0x102, 0x10b), "exe exe-ms"},
        {program(0x8664, 0x22, 0x20b), "exe exe-ms"},
        {program(0x14c, 0x2102, 0x10b), "exe dll"},
        {std::string("L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46", 20) + std::string(56, '\0'), "lnk"},
        {"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3" + std::string(500, '\0'), "one"},
        {"vhdxfile" + std::string(70'000, '\0'), "vhd"},
        {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + std::string(600, '\0'), "cdf-ms"},
        {"\x1f\x8b\x08\0\0\0\0\0\0\x03\0\0"s, "gz"},
        {"Rar!\x1a\x07\x01\0" + std::string(60, '\0'), "rar"},
        {"7z\xbc\xaf\x27\x1c\0\4" + std::string(60, '\0'), "7z"},
        {"-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n", "pgp pgp.enc"},
        {"begin 644 a\n#aGk\n`\nend\n", "uue"},
        {"!<arch>\nfile.txt/       0           0     0     644     6         `\nhello\n", "a"},
        {std::string(1000, '\0'), "dat"},
        {"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"s + std::string(20, '\0'), "image png"},
        {"\xff\xff\xff\xff" + std::string(60, '\0'), "dat"},
        {"A PDF file begins with %PDF-1.4, see there\n", "asc"},
        {"Ein \xfc"
         "bles Ding: %PDF-1.4 steht am Anfang\n",
         "txt"},
        {"some words\n%PDF-1.4\n1 0 obj\n<<>>\nendobj\n", "pdf"},
        {"\x7f"
         "ELF",
         "dat"},
        {"\x7f"
         "ELF\2\1\1" +
             std::string(9, '\0') + "\2\0\x3e\0"s + std::string(60, '\0'),
         "exe exe-unix"},
        {"MZ" + std::string(200, '\0'), "dat"},
        {"MZ\x90\0\3\0\0\0\4\0"s + std::string(100, '\0'), "exe exe-ms"},
        {"\1\7" + std::string(100, '\3'), "dat"},
        {"From: <a@example.org>\nTo: <b@example.com>\nSubject: s\n\nhello\n", "asc mail"},
        {"[InternetShortcut]\r\nURL=http://x\r\n", "url"},
    }));
    INFO(escaped(row.bytes, 60));
    CHECK(kinds_of_bytes(row.bytes) == row.kinds);
}

TEST_CASE("a text is told without libmagic, quickly") {
    std::string text;
    while (text.size() < 10'000) text += "The quick brown fox jumps over the lazy dog, and nothing else happens today.\n";
    REQUIRE(plain_kind(text, text.size()));
    const auto not_plain = "\x01\x02" + text;
    REQUIRE_FALSE(plain_kind(not_plain, not_plain.size()));
    REQUIRE(kinds_of_bytes(text) == "asc");
    const auto quick = tamis::test::cost([&] { (void)kinds_of_bytes(text); });
    const auto with_libmagic = tamis::test::cost([&] { (void)kinds_of_bytes(not_plain); });
    CAPTURE(quick, with_libmagic);
    CHECK(quick * 3 < with_libmagic);
}
