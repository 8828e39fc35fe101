// address_extension_test - who gets an extension, what becomes of every shape of address, and the ORCPT that remembers it
#include "policy/address_extension.h"

#include <catch2/catch.hpp>

#include "base/text.h"

namespace tamis::policy {
namespace {

using mail::Major;

RecipientPolicy local_with_all() {
    RecipientPolicy policy;
    policy.is_local = true;
    policy.address_extension = {"virus", "spam", "banned", "badh"};
    return policy;
}

RecipientVerdict passes_with(std::vector<mail::ContentCategory> categories) {
    RecipientVerdict verdict;
    verdict.categories = std::move(categories);
    return verdict;
}

TEST_CASE("the worst category that can have an extension names it") {
    struct Row {
        std::vector<mail::ContentCategory> categories;
        std::string want;
    };
    const auto row = GENERATE(Row{{{Major::clean, 0}}, ""}, Row{{{Major::spammy, 0}, {Major::clean, 0}}, "spam"},
                              Row{{{Major::spam, 0}, {Major::spammy, 0}, {Major::clean, 0}}, "spam"},
                              Row{{{Major::virus, 0}, {Major::spam, 0}, {Major::clean, 0}}, "virus"},
                              Row{{{Major::banned, 0}, {Major::bad_header, 2}, {Major::clean, 0}}, "banned"},
                              Row{{{Major::unchecked, 0}, {Major::bad_header, 2}, {Major::clean, 0}}, "badh"},
                              Row{{{Major::oversized, 0}, {Major::clean, 0}}, ""});
    auto policy = local_with_all();
    auto verdict = passes_with(row.categories);
    CHECK(extension_for(verdict, policy) == row.want);
    policy.is_local = false;
    CHECK(extension_for(verdict, policy).empty());
    policy.is_local = true;
    verdict.blocking = verdict.categories.front();
    CHECK(extension_for(verdict, policy).empty());
}

TEST_CASE("a category whose extension is empty does not leave it to the next") {
    auto policy = local_with_all();
    policy.address_extension[0].clear();
    CHECK(extension_for(passes_with({{Major::virus, 0}, {Major::spammy, 0}, {Major::clean, 0}}), policy).empty());
}

TEST_CASE("addresses with extensions") {
    struct Row {
        std::string address, want;
        std::string delimiter = "+";
        bool replace = true;
        std::string extension = "spam";
    };
    const auto row = GENERATE(
        Row{"bob@example.com", "bob+spam@example.com"}, Row{"bob+old@example.com", "bob+spam@example.com"},
        Row{"bob+old@example.com", "bob+old+spam@example.com", "+", false}, Row{"bob", "bob+spam"},
        Row{"bob-old@example.com", "bob-spam@example.com", "-+"}, Row{"bob+old@example.com", "bob-spam@example.com", "-+"},
        Row{"owner-list@example.com", "owner-list-spam@example.com", "-"},
        Row{"list-request@example.com", "list-request-spam@example.com", "-"}, Row{"+bob@example.com", "+bob+spam@example.com"},
        Row{"bob@example.com", "bob@example.com", ""}, Row{"bob@example.com", "bob++spam@example.com", "+", true, "+spam"},
        Row{"\"a b\"@example.com", "\"a b+spam\"@example.com"}, Row{"\"a\\\"b+x\"@example.com", "\"a\\\"b+spam\"@example.com"},
        Row{"\"bob\"@example.com", "bob+spam@example.com"}, Row{"b\xc3\xb6@example.com", "b\xc3\xb6+spam@example.com"},
        Row{"@example.com", "@example.com"}, Row{"", ""}, Row{"bob@[192.0.2.1]", "bob+spam@[192.0.2.1]"},
        Row{"bob@example.com", "bob@example.com", "+", true, "x@y"}, Row{"bob@example.com", "bob@example.com", "+", true, "a b"},
        Row{"bob@example.com", "bob@example.com", "+", true, ">\r\nDATA"},
        Row{"bob@example.com", "bob@example.com", "+", true, ""},
        Row{std::string(310, 'x') + "@b.example", std::string(310, 'x') + "@b.example"});
    CHECK(extended_address(row.address, row.extension, {row.delimiter, row.replace}) == row.want);
}

TEST_CASE("what was the recipient is said in xtext, or as utf-8") {
    CHECK(original_recipient("bob@example.com") == "rfc822;bob@example.com");
    CHECK(original_recipient("bob+x@example.com") == "rfc822;bob+2Bx@example.com");
    CHECK(original_recipient("\"a b\"@example.com") == "rfc822;\"a+20b\"@example.com");
    CHECK(original_recipient("b\xc3\xb6+x@example.com") == "utf-8;b\xc3\xb6\\x{2B}x@example.com");
    CHECK(xtext_decode(original_recipient("\xff@example.com").substr(7)) == "\xff@example.com");
}

}  // namespace
}  // namespace tamis::policy
