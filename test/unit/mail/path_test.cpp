// path_test - what may stand between angle brackets, and how it is kept, unquoted and shown
#include "mail/path.h"

#include <catch2/catch.hpp>
#include <random>

namespace tamis::mail {
namespace {

TEST_CASE("every address that can be written on an SMTP line without doubt is a path, and no other") {
    const std::string good =
        GENERATE(as<std::string>(), "", "a@b", "postmaster", "\"a b\"@c", "\"a b@c >>=d\"@example.com", "\"<\"@c", "\"a\\\"b\"@c",
                 "\"a\\\\\"@c", "\"\"@c", "\"a@b\"", "\"a,b;c:d(e)\"@f", "a,b@c", "a\\@b@c", "a.\"b c\".d@e", "a\"b\"c@d",
                 "\xff@c", "\xe9u@example.com", "\"\xe9 \xc3\xa9\"@c", "j\xc3\xb6rg@b\xc3\xbc.example", "a@[IPv6:::1]",
                 "\"\\>\"@c", std::string(1000, 'a'));
    CHECK(is_path(good));
    CHECK(path_end(good + "> SIZE=1") == good.size());
    CHECK(stored_path(good) == "<" + good + ">");
    CHECK(quoted_path(good) == good);
    const std::string bad =
        GENERATE(as<std::string>(), "a b@c", "a>@b", "<a@b", "\"a", "\"a\\\"@b", "a\" b\"@c", "\"a>\"b@c", "a\x01@b",
                 "\"a\x7f\"@b", "\"a\\\x7f\"@b", "a\r\nb@c", "a\tb@c", std::string("a\0b@c", 5), std::string(1001, 'a'));
    CHECK_FALSE(is_path(bad));
}

TEST_CASE("line ends never get into a stored copy") { CHECK(stored_path(std::string("a\r\nb\0\tc", 7)) == "<a??b?\tc>"); }

TEST_CASE("addresses without their quotes, and with those they need") {
    struct Row {
        std::string quoted, plain;
    };
    const auto row = GENERATE(Row{"\"a b\"@c", "a b@c"}, Row{"\"a\\\"b\\\\\"@c", "a\"b\\@c"},
                              Row{"\"a b@c >>=d\"@example.com", "a b@c >>=d@example.com"}, Row{"\"a <b\"@c", "a <b@c"});
    CHECK(unquoted_path(row.quoted) == row.plain);
    CHECK(quoted_path(row.plain) == row.quoted);
    CHECK(unquoted_path("a.\"b c\"@d") == "a.b c@d");
    CHECK(unquoted_path("bob@c") == "bob@c");
    CHECK(unquoted_path("\"a@b\"") == "a@b");
    CHECK_FALSE(is_path(quoted_path("a\r\nb@c")));
    CHECK(quoted_path("no domain") == "no domain");
}

TEST_CASE("octets as logs and lists show them are found again") {
    CHECK(unescaped("\\xE9u@example.com") == "\xe9u@example.com");
    CHECK(unescaped("\\xe9\\\\x@b") == "\xe9\\x@b");
    CHECK_FALSE(unescaped("a@b"));
    CHECK_FALSE(unescaped("a\\xZZ\\\\@b\\x1"));
}

TEST_CASE("any octets: what is a path ends where it ends, alone and among others") {
    std::mt19937 random(18);
    const std::string_view alphabet = "\"\"\\\\<>@@., aA?\xe9\xc3\xa9\x7f\t";
    std::uniform_int_distribution<std::size_t> letter(0, alphabet.size() - 1), length(0, 12);
    int paths = 0;
    for (int round = 0; round < 50'000; ++round) {
        std::string text;
        for (auto left = length(random); left > 0; --left) text += alphabet[letter(random)];
        if (!is_path(text)) continue;
        ++paths;
        REQUIRE(path_end(text + ">,\n <x@y>") == text.size());
    }
    CHECK(paths > 1000);
}

TEST_CASE("angle brackets around an address come off, and only when both are there") {
    CHECK(bare_address("<a@b>") == "a@b");
    CHECK(bare_address("a@b") == "a@b");
    CHECK(bare_address("<a@b") == "<a@b");
    CHECK(bare_address("<>").empty());
}

}  // namespace
}  // namespace tamis::mail
