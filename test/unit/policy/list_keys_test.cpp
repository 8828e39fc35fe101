#include "policy/list_keys.h"

#include <catch2/catch.hpp>

#include "mail/address.h"
#include "test/unit/policy/layers_fixture.h"

using namespace tamis;
using namespace tamis::policy;

TEST_CASE("keys of other programs are refused with what to write instead") {
    struct Row {
        std::string key, says;
    };
    const auto row = GENERATE(
        Row{"*@x.example", "\"x.example\""}, Row{"*.x.example", "\".x.example\""}, Row{"@x.example", "\"x.example\""},
        Row{"*", "\".\""}, Row{"*@*", "\".\""}, Row{"@*.x.example", "\".x.example\""}, Row{"*@*.x.example", "\".x.example\""},
        Row{"@.x.example", "\".x.example\""}, Row{"@.", "\".\""}, Row{"<a@x>", "without \"<\""}, Row{" a@x", "write \"a@x\""},
        Row{"a@x, b@x", "one address"}, Row{"info*@x", "no \"*\""}, Row{"a@*", "no \"*\""}, Row{"x.*", "no \"*\""},
        Row{"", "empty"}, Row{"a@.x", "one domain"}, Row{"x..y", "empty part"});
    INFO(row.key);
    const auto complaint = key_complaint(row.key, false);
    REQUIRE(complaint);
    CHECK(complaint->find(row.says) != std::string::npos);
    const auto entry = list_entry("!" + row.key, {});
    CHECK_FALSE(entry);
}

TEST_CASE("good keys are none of them") {
    const auto key = GENERATE(as<std::string>(), ".", "x.example", ".x.example", "a@x.example", "a+b@x.example",
                              "\"a b\"@x.example", "\"a*b\"@x.example", ".example", "localhost", "a@[192.0.2.1]",
                              "b\xc3\xbc"
                              "cher.example",
                              "x.example.");
    INFO(key);
    CHECK_FALSE(key_complaint(key, false));
    CHECK_FALSE(key_complaint("user@", true));
}

TEST_CASE("U-labels and A-labels are the same in every list") {
    const std::string readable =
                          "b\xc3\xbc"
                          "cher.example",
                      ascii = "xn--bcher-kva.example";
    for (const std::string& written : {readable, ascii, "." + readable,
                                       std::string("B\xc3\x9c"
                                                   "CHER.example"),
                                       "u@" + readable, "u@" + ascii})
        for (const auto& domain : {readable, ascii}) {
            INFO(written << " " << domain);
            const auto entry = list_entry(written, {});
            REQUIRE(entry);
            CHECK(mail::matches_address_list({*entry}, address_pieces("u@" + domain, {}).normal()));
            CHECK_FALSE(mail::matches_address_list({"!" + *entry, "."}, address_pieces("u@" + domain, {}).normal()));
        }
    const auto keys = sql_keys(address_pieces("User@sub." + readable, {}), {true, false});
    for (const auto& key :
         {"user@sub." + ascii, "user@sub." + readable, "@sub." + ascii, "@sub." + readable, "@." + readable, "@." + ascii})
        CHECK(std::ranges::find(keys, key) != keys.end());
    CHECK(keys.back() == "@.");
    std::string deep = "x@";
    for (int i = 0; i < 40; ++i)
        deep +=
            "b\xc3\xbc"
            "cher.";
    CHECK(sql_keys(address_pieces(deep + "example", {"+", false}), {true, false}).size() <= key_limit);
    Problems problems("t.toml");
    const auto config =
        parse_config("[[sender_lists]]\nwhitelist = [\"" + readable + "\"]\nscores = { \"." + readable + "\" = 2 }\n", problems);
    const auto lists = SenderLists::load(config, {}, problems);
    CHECK(problems.none());
    for (const auto& domain : {readable, ascii}) {
        const auto decision = lists.decide(address_pieces("me@example.com", {}), {}, {address_pieces("a@" + domain, {})});
        CHECK(decision.whitelisted);
        CHECK(decision.boost == 2);
    }
}

TEST_CASE("values of SQL columns that will not match as meant") {
    struct Row {
        std::string email;
        bool no_at;
        std::string says;
    };
    const auto row = GENERATE(Row{"*@x.example", false, "\"@x.example\""}, Row{"*.x.example", false, "\"@.x.example\""},
                              Row{"User@x.example", false, "\"user@x.example\""}, Row{"a b@x.example", false, "blank"},
                              Row{"x.example", false, "\"@x.example\""}, Row{"@x.example", true, "\"x.example\""},
                              Row{"*@x.example", true, "\"x.example\""});
    INFO(row.email);
    const auto complaint = sql_key_complaint(row.email, row.no_at);
    REQUIRE(complaint);
    CHECK(complaint->find(row.says) != std::string::npos);
    for (const auto* good : {"@.", "@x.example", "@.x.example", "user@x.example", "user", "\"a b\"@x.example", ""})
        CHECK_FALSE(sql_key_complaint(good, false));
    CHECK_FALSE(sql_key_complaint("x.example", true));
}
