#include "scanners/worker/open/vba.h"

#include <catch2/catch.hpp>

using namespace tamis::worker;

TEST_CASE("the examples of MS-OVBA 3.2 decompress") {
    // 3.2.1 no compression, 3.2.2 normal, 3.2.3 maximum
    CHECK(decompress_vba(std::string_view("\x01\x19\xb0\x00"
                                          "abcdefgh\x00ijklmnop\x00qrstuv.",
                                          29),
                         1000) == "abcdefghijklmnopqrstuv.");
    CHECK(decompress_vba(std::string_view("\x01\x2f\xb0\x00#aaabcde\x82"
                                          "f\x00"
                                          "ahijj\x38\x61k"
                                          "bl\x06"
                                          "mgnopqq\x40"
                                          "rstuvwwx\x01\x01",
                                          0),
                         1000) == std::nullopt);
    CHECK(decompress_vba(std::string_view("\x01\x03\xb0\x02"
                                          "a\x45\x00",
                                          7),
                         1000) == std::string(73, 'a'));
}

TEST_CASE("what is no container is told") {
    CHECK_FALSE(decompress_vba("", 10));
    CHECK_FALSE(decompress_vba("\x02xyz", 10));
    CHECK_FALSE(decompress_vba(std::string_view("\x01\x00\x00zzz", 6), 10));
}

TEST_CASE("a limit ends the decompression") {
    std::string bomb = "\x01";
    for (int i = 0; i < 1000; ++i)
        bomb += std::string(
            "\x03\xb0\x02"
            "a\xff\x0f",
            6);
    const auto out = decompress_vba(bomb, 10'000);
    REQUIRE(out);
    CHECK(out->size() == 10'000);
}

TEST_CASE("source and compiled form that say something") {
    CHECK_FALSE(has_code(""));
    CHECK_FALSE(has_code("Attribute VB_Name = \"Sheet1\"\r\nATTRIBUTE VB_Exposed = True\r\n\r\n  \r\n"));
    CHECK(has_code("Attribute VB_Name = \"Sheet1\"\r\nSub A()\r\nEnd Sub"));
    CHECK(has_code("Attributes = 1"));
    using namespace std::string_view_literals;
    CHECK_FALSE(has_compiled_code(""));
    CHECK_FALSE(has_compiled_code("\0\0\0\0"sv));
    CHECK_FALSE(has_compiled_code("\1\xfe\xca\0\0\0\0"sv));
    CHECK_FALSE(has_compiled_code("\1\xfe\xca\1\0\1\1\1\1\0\0\1\1\1\1\1\1"sv));
    CHECK(has_compiled_code("\1\xfe\xca\1\0\1\1\1\1\5\0\1\1\1\1\1\1"sv));
    CHECK(has_compiled_code("\1\xfe\xca\2\0\0\0\0\0\0\0\0\0\0\0\0\0"sv));  // a table that is cut
    CHECK(has_compiled_code("no table at all"));
}

TEST_CASE("what code would do") {
    CHECK(signs_in("Sub autoOPEN()\nEnd Sub").auto_exec);
    CHECK(signs_in("x = Shell(\"calc\")").suspicious);
    CHECK_FALSE(signs_in("Sub MyAutoOpener()\n  Shellfish = 1").auto_exec);
    CHECK_FALSE(signs_in("Sub MyAutoOpener()\n  Shellfish = 1").suspicious);
    CHECK_FALSE(signs_in("").auto_exec);
}
