#include "base/safe_text.h"

#include <catch2/catch.hpp>

using namespace tamis;

TEST_CASE("text of strangers is harmless on a terminal") {
    using namespace std::string_view_literals;
    struct Row {
        std::string_view in, out;
    };
    const auto row = GENERATE(Row{"plain gr\xc3\xbc\xc3\x9f", "plain gr\xc3\xbc\xc3\x9f"}, Row{"\x1b[2J\x07", "\\x1b[2J\\x07"},
                              Row{"a\nb\tc", "a\\x0ab\\x09c"},
                              Row{"\xc2\x9b"
                                  "31m",
                                  "\\u{009b}31m"},
                              Row{"evil\xe2\x80\xaegpj.exe", "evil\\u{202e}gpj.exe"}, Row{"bad \xff\xc3", "bad \\xff\\xc3"},
                              Row{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"}, Row{"a\0b"sv, "a\\x00b"});
    CHECK(safe_text(row.in, 100) == row.out);
    CHECK(safe_text("abcdef", 3) == "abc...");
    CHECK(safe_text("a\r\nb\rc\n", 100, Lines::many) == "a\nb\\x0dc\n");
}
