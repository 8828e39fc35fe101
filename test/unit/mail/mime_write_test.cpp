// mime_write_test - quoted-printable is reversible and narrow; a boundary is nowhere in the texts
#include "mail/mime_write.h"

#include <catch2/catch.hpp>

#include <random>

#include "base/text.h"

namespace tamis::mail {
namespace {

std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            out += text[i];
            continue;
        }
        if (text.substr(i + 1, 2) != "\r\n") out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
        i += 2;
    }
    return out;
}

TEST_CASE("quoted-printable gives back every byte, in lines of at most 76") {
    std::mt19937 random(7);
    static constexpr std::string_view sharp("\r\n =\t.", 6);
    for (int round = 0; round < 2000; ++round) {
        std::string text;
        for (std::size_t size = random() % 400; text.size() < size;)
            text += random() % 3 == 0 ? sharp[random() % sharp.size()] : static_cast<char>(random() % 256);
        const auto encoded = quoted_printable(text);
        REQUIRE(decoded(encoded) == text);
        CHECK(is_seven_bit(encoded));
        for (const auto line : split(encoded, '\n')) {
            CHECK(line.size() <= 77);  // with the CR
            CHECK_FALSE((line.ends_with(" \r") || line.ends_with("\t\r")));
        }
        CHECK(encoded.find("=_") == std::string::npos);
    }
}

TEST_CASE("what may travel without encoding") {
    struct Row {
        std::string text;
        bool seven, eight;
    };
    const auto row =
        GENERATE(Row{"", true, true}, Row{"a\r\nb", true, true}, Row{"a\nb", false, false}, Row{"a\rb", false, false},
                 Row{"a\r", false, false}, Row{std::string("a\0b", 3), false, false}, Row{"caf\xc3\xa9", false, true},
                 Row{std::string(998, 'x') + "\r\n", true, true}, Row{std::string(999, 'x') + "\r\n", false, false});
    CHECK(is_seven_bit(row.text) == row.seven);
    CHECK(is_eight_bit(row.text) == row.eight);
}

TEST_CASE("a boundary is in none of the texts") {
    CHECK(boundary_for("a-b_c", {}) == "=_abc_0");
    CHECK(boundary_for("a", {"x =_a_0 y", "=_a_1", "z"}) == "=_a_2");
    CHECK(boundary_for(std::string(500, 'a'), {}).size() <= 70);
}

}  // namespace
}  // namespace tamis::mail
