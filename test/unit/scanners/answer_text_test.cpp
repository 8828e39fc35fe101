#include "scanners/answer_text.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "base/text.h"

namespace tamis::scanners {
namespace {

TEST_CASE("scores are finite and of a believable size") {
    struct Row {
        std::string_view text;
        bool good;
    };
    const auto row = GENERATE(Row{"0", true}, Row{"-0.0", true}, Row{"1000", true}, Row{"-1e3", true}, Row{"1000000", true},
                              Row{"1000000.1", false}, Row{"1e308", false}, Row{"1e999", false}, Row{"nan", false},
                              Row{"NaN", false}, Row{"inf", false}, Row{"-Infinity", false}, Row{"", false}, Row{" 1", false},
                              Row{"1,5", false}, Row{"0x10", false}, Row{"1 ", false});
    INFO(row.text);
    CHECK(parse_score(row.text).has_value() == row.good);
}

TEST_CASE("names of any bytes become names that fit a header") {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    const auto virus = clean_virus_name(all), test = clean_test_name(all);
    CHECK(virus.size() == max_name);
    CHECK(std::ranges::all_of(virus, [](char c) { return c >= 0x20 && c < 0x7f; }));
    CHECK(std::ranges::all_of(test, [](char c) { return c > 0x20 && c < 0x7f && c != ',' && c != '='; }));
    CHECK(clean_test_name("A=1,B C") == "A_1_B_C");
    CHECK(clean_virus_name("") == "");
}

TEST_CASE("reports are cut between characters and are valid UTF-8") {
    const auto filler = GENERATE(std::string("\xff"), std::string("\xc3\xb6"), std::string("\xf0\x9f\x98\x80"),
                                 std::string(1, '\0'), std::string("x"));
    std::string report;
    while (report.size() < max_report + 10) report += filler;
    const auto clean = clean_report(report);
    CHECK(clean.size() <= max_report);
    CHECK(clean.size() > max_report - 8);
    CHECK(is_utf8(clean));
    CHECK(clean.find('\0') == std::string::npos);
}

}  // namespace
}  // namespace tamis::scanners
