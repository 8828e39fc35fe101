#include "proxy/tools/import/perl_pattern.h"

#include <catch2/catch.hpp>

using namespace tamis::proxy::tools;

namespace {
PerlValue pattern(std::string text, std::string flags = "") { return {PerlValue::Kind::pattern, {}, std::move(text), std::move(flags)}; }
}  // namespace

TEST_CASE("regular expressions of Perl in RE2's words") {
    struct Row { std::string text, flags; PatternUse use; std::string want; };
    const auto row = GENERATE(
        Row{"^a@", "i", PatternUse::address, "(?i)^a@"}, Row{"^a@", "", PatternUse::address, "^a@"},
        Row{"\\.exe$", "i", PatternUse::banned, "\\.exe$"}, Row{"\\.exe$", "", PatternUse::banned, "(?-i)\\.exe$"},
        Row{"a . b # c\n [ #]", "xi", PatternUse::banned, "a.b[ #]"}, Row{"^x$.y", "ms", PatternUse::banned, "(?ms-i)^x$.y"},
        Row{"(?# note )a", "i", PatternUse::banned, "(?# note )a"}, Row{"(?# note )a", "", PatternUse::address, "a"},
        Row{"FOUND$", "m", PatternUse::scanner, "FOUND$"}, Row{"(?x)^\\s* (?: A ) \\ B", "m", PatternUse::scanner, "^\\s*(?:A)\\ B"},
        Row{"files: 0+(?!\\d)", "", PatternUse::scanner, "files: 0+(?:\\D|$)"},
        Row{"^.*?: (?!Infected (x|y))(.*) FOUND$", "", PatternUse::name, "^.*?: (.*) FOUND$"}, Row{"\\Aa\\Z", "", PatternUse::scanner, "\\Aa\\z"});
    const auto got = re2_pattern(pattern(row.text, row.flags), row.use);
    REQUIRE(got);
    CHECK(*got == row.want);
}

TEST_CASE("what RE2 cannot do is said") {
    for (const auto& text : {"(?!x)y", "(?<=a)b", "(a)\\1", "(", "[", ""}) {
        const auto got = re2_pattern(pattern(text), PatternUse::address);
        CHECK(!got);
    }
    CHECK(!re2_pattern({PerlValue::Kind::list}, PatternUse::address));
    CHECK(!re2_pattern(unknown_value("code", {}), PatternUse::address));
}
