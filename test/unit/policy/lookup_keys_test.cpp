#include "policy/lookup_keys.h"

#include <algorithm>
#include <catch2/catch.hpp>

using namespace tamis::policy;
using Keys = std::vector<std::string>;

namespace {

AddressPieces pieces(std::string_view address, std::string delimiter = "+") {
    return address_pieces(address, {std::move(delimiter), false});
}

}  // namespace

TEST_CASE("the keys of an address, most specific first") {
    const auto address = pieces("user+ext@sub.example.com");
    CHECK(table_keys(address) == Keys{"user+ext@sub.example.com", "user@sub.example.com", "user+ext@", "user@", "sub.example.com",
                                      ".sub.example.com", ".example.com", ".com", "."});
    CHECK(sql_keys(address, {.with_bare_user = true}) == Keys{"user+ext@sub.example.com", "user@sub.example.com", "user+ext",
                                                              "user", "@sub.example.com", "@.sub.example.com", "@.example.com",
                                                              "@.com", "@."});
    CHECK(sql_keys(address, {}) == Keys{"user+ext@sub.example.com", "user@sub.example.com", "@sub.example.com",
                                        "@.sub.example.com", "@.example.com", "@.com", "@."});
    CHECK(sql_keys(address, {.with_bare_user = true, .no_at_means_domain = true}) == table_keys(address));
}

TEST_CASE("the address as given comes first, the lower case forms follow") {
    const auto address = pieces("User+Ext@Example.COM.");
    CHECK(address.full == "User+Ext@Example.COM.");
    CHECK(address.local == "User+Ext");
    CHECK(address.normal() == "user+ext@example.com");
    CHECK(sql_keys(address, {}) == Keys{"User+Ext@Example.COM.", "user+ext@example.com", "user@example.com", "@example.com",
                                        "@.example.com", "@.com", "@."});
    const auto sensitive = address_pieces("User@Example.COM", {"", true});
    CHECK(table_keys(sensitive) ==
          Keys{"User@Example.COM", "User@example.com", "User@", "example.com", ".example.com", ".com", "."});
}

TEST_CASE("the null sender and addresses without a domain") {
    CHECK(table_keys(pieces("")) == Keys{"", "@", "."});
    CHECK(sql_keys(pieces(""), {}) == Keys{"", "@", "@."});
    CHECK(table_keys(pieces("postmaster")) == Keys{"postmaster", "postmaster@", "."});
    CHECK(sql_keys(pieces("root"), {.with_bare_user = true}) == Keys{"root", "root@", "@."});
    CHECK(table_keys(pieces("root@")) == Keys{"root@", "."});
}

TEST_CASE("an address literal is not taken apart") {
    CHECK(table_keys(pieces("user@[192.0.2.1]")) == Keys{"user@[192.0.2.1]", "user@", "[192.0.2.1]", "."});
    CHECK(sql_keys(pieces("user@[IPv6:2001:db8::1]"), {}) ==
          Keys{"user@[IPv6:2001:db8::1]", "user@[ipv6:2001:db8::1]", "@[ipv6:2001:db8::1]", "@."});
}

TEST_CASE("the recipient delimiter splits as in Postfix") {
    struct Row {
        std::string_view local, delimiter, user, extension;
    };
    const auto row = GENERATE(table<std::string_view, std::string_view, std::string_view, std::string_view>({
        {"user+ext", "+", "user", "+ext"},
        {"user+a+b", "+", "user", "+a+b"},
        {"user", "+", "user", ""},
        {"user+", "+", "user", "+"},
        {"+user", "+", "+user", ""},
        {"+user+x", "+", "+user", "+x"},
        {"user+ext", "", "user+ext", ""},
        {"user-ext", "+-", "user", "-ext"},
        {"user+a-b", "-+", "user", "+a-b"},
        {"user-a+b", "+-", "user", "-a+b"},
        {"Postmaster", "t", "postmaster", ""},
        {"mailer-daemon", "-", "mailer-daemon", ""},
        {"Double-Bounce", "-", "double-bounce", ""},
        {"owner-list", "-", "owner-list", ""},
        {"list-request", "-", "list-request", ""},
        {"owner-", "-", "owner", "-"},
        {"-request", "-", "-request", ""},
        {"owner+list", "+", "owner", "+list"},
        {"list-request+x", "+", "list-request", "+x"},
        {"", "+", "", ""},
    }));
    const Row want{std::get<0>(row), std::get<1>(row), std::get<2>(row), std::get<3>(row)};
    INFO(want.local << " split at one of " << want.delimiter);
    const auto got = pieces(std::string(want.local) + "@x", std::string(want.delimiter));
    CHECK(got.user == want.user);
    CHECK(got.extension == want.extension);
}

TEST_CASE("at most 20 domain levels are looked up") {
    std::string domain = "example";
    for (int i = 0; i < 200; ++i) domain = "l" + std::to_string(i) + "." + domain;
    const auto keys = sql_keys(pieces("u@" + domain), {.with_bare_user = true});
    CHECK(keys.size() == 3 + 20 + 1);
    CHECK(keys[2] == "@" + domain);
    CHECK(keys[3].starts_with("@.l18.l17."));
    CHECK(keys[keys.size() - 2] == "@.example");
    CHECK(keys.back() == "@.");
    CHECK(sql_keys(pieces("U+x@" + domain), {.with_bare_user = true}).size() == key_limit);
    CHECK(table_keys(pieces("U+x@" + domain)).size() == key_limit);
}

TEST_CASE("quotes, 8-bit bytes, SQL metacharacters and long addresses are data") {
    CHECK(table_keys(pieces(R"("john smith"@x.org)")).front() == "john smith@x.org");
    CHECK(table_keys(pieces(R"("a\"b@c"@x.org)")).front() == R"(a"b@c@x.org)");
    CHECK(pieces(R"("a\"b@c"@x.org)").domain == "x.org");
    CHECK(table_keys(pieces("o'neill;--@x.org")).front() == "o'neill;--@x.org");
    CHECK(table_keys(pieces("%_\\@x.org"))[1] == "%_\\@");
    CHECK(table_keys(pieces("\xff\xfe@x.org")).front() == "\xff\xfe@x.org");
    CHECK(pieces("u@\xff.org").domain == "\xff.org");
    CHECK(pieces(std::string("u@a\0b\xc3\xa9.org", 11)).domain == std::string("a\0b\xc3\xa9.org", 9));
    const std::string longest = std::string(64, 'A') + "@" + std::string(251, 'b') + ".de";
    REQUIRE(longest.size() + 1 == 320);
    CHECK(pieces(longest).normal() == std::string(64, 'a') + "@" + std::string(251, 'b') + ".de");
}

TEST_CASE("a domain in UTF-8 is looked up as A-labels") {
    CHECK(pieces("u@B\xc3\x9c"
                 "CHER.example")
              .domain == "xn--bcher-kva.example");
    CHECK(pieces("u@b\xc3\xbc"
                 "cher.example")
              .domain == "xn--bcher-kva.example");
    const std::string unmappable = "a\xe2\x80\x8b\xcc\x81.example";
    const auto keys = table_keys(pieces("u@" + unmappable));
    CHECK(keys.back() == ".");
    CHECK(std::ranges::find(keys, ".example") != keys.end());
}
