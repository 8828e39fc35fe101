#include "tools/import/perl_pattern.h"

#include <re2/re2.h>

#include <catch2/catch.hpp>

using namespace tamis::tools;

namespace {
PerlValue pattern(std::string text, std::string flags = "") {
    return {PerlValue::Kind::pattern, {}, std::move(text), std::move(flags)};
}
}  // namespace

TEST_CASE("regular expressions of Perl in RE2's words") {
    struct Row {
        std::string text, flags;
        PatternUse use;
        std::string want;
    };
    const auto row = GENERATE(
        Row{"^a@", "i", PatternUse::address, "(?i)^a@"}, Row{"^a@", "", PatternUse::address, "^a@"},
        Row{"\\.exe$", "i", PatternUse::banned, "\\.exe$"}, Row{"\\.exe$", "", PatternUse::banned, "(?-i)\\.exe$"},
        Row{"a . b # c\n [ #]", "xi", PatternUse::banned, "a.b[ #]"}, Row{"^x$.y", "ms", PatternUse::banned, "(?ms-i)^x$.y"},
        Row{"(?# note )a", "i", PatternUse::banned, "(?# note )a"}, Row{"(?# note )a", "", PatternUse::address, "a"},
        Row{"FOUND$", "m", PatternUse::scanner, "FOUND$"},
        Row{"(?x)^\\s* (?: A ) \\ B", "m", PatternUse::scanner, "^\\s*(?:A)\\ B"},
        Row{"files: 0+(?!\\d)", "", PatternUse::scanner, "files: 0+(?:\\D|$)"},
        Row{"^.*?: (?!Infected (x|y))(.*) FOUND$", "", PatternUse::name, "^.*?: (.*) FOUND$"},
        Row{"\\Aa\\Z", "", PatternUse::scanner, "\\Aa\\z"});
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

TEST_CASE("not beginning with a plain text is spelled out") {
    // of upstream's sample; the oracle: the text itself, and the pattern without the look-ahead
    const std::string behind = R"(\.[^./]*[A-Za-z][^./]*\.\s*(exe|bat)[.\s]*$)";
    const auto got = re2_pattern(pattern("^(?!cid:).*" + behind, "i"), PatternUse::banned);
    REQUIRE(got);
    const re2::RE2 rewritten("(?i)" + *got), without("(?i)^.*" + behind);
    REQUIRE(rewritten.ok());
    for (const std::string begin :
         {"", "c", "ci", "cid", "cid:", "CID:", "cid:x", "xcid:", "cidx", "d", "a b", "cid.", "ci:", "c:id:"})
        for (const std::string end : {".a.exe", "x.pdf.bat", ".pdf. EXE", "a.txt", ".exe", "..exe", "x.a1.exe."}) {
            const std::string name = begin + end;
            const bool is_excluded = name.size() >= 4 && (name.starts_with("cid:") || name.starts_with("CID:"));
            INFO(name);
            CHECK(re2::RE2::PartialMatch(name, rewritten) == (!is_excluded && re2::RE2::PartialMatch(name, without)));
        }
    // where it cannot be said exactly it is not said at all
    for (const auto* text :
         {"^(?!cid:).*c", "^(?!cid:).+\\.x", "^(?!a|b).*\\.x", "^(?!cid:).*[.]x", "^(?!cid:).*\\.?x", "x(?!cid:).*\\.x"})
        CHECK_FALSE(re2_pattern(pattern(text, "i"), PatternUse::banned));
    CHECK(shown_pattern("a\\.b") == "qr/a\\.b/");
}
