#include "config/value_checks.h"

#include <catch2/catch.hpp>

#include "test/unit/policy/layers_fixture.h"

using namespace tamis;
using namespace tamis::config;

namespace {

std::vector<std::string> problems_of(std::string_view toml) {
    Problems problems("t.toml");
    const auto config = parse_config(toml, problems);
    Problems warnings("t.toml");
    check_configured_values(config, problems, warnings);
    return problems.lines();
}

}  // namespace

TEST_CASE("values that can be used, and values that cannot") {
    struct Row {
        std::string_view field, text;
        bool fine;
    };
    const auto row = GENERATE(
        Row{"forward_method", "", true}, Row{"forward_method", "smtp:[127.0.0.1]:10025", true},
        Row{"forward_method", "lmtp:/run/x", true}, Row{"forward_method", "pipe:flags=q", false},
        Row{"forward_method", "127.0.0.1", false}, Row{"forward_method", "smtp:[127.0.0.1]:99999", false},
        Row{"spam_quarantine_to", "", true}, Row{"spam_quarantine_to", "%a", true},
        Row{"spam_quarantine_to", "spam-quarantine", true}, Row{"spam_quarantine_to", "box@example.com", true},
        Row{"spam_quarantine_to", "a b@example.com", false}, Row{"archive_quarantine_to", "<box@example.com>", false},
        Row{"sa_username", "", true}, Row{"sa_username", "bob@example.com", true}, Row{"sa_username", "bob smith", false},
        Row{"sa_username", "bob\xc3\xa4", false}, Row{"sa_username", "a:b", false}, Row{"virus_admin", "", true},
        Row{"virus_admin", "\"q x\"@example.com", true}, Row{"spam_admin", "Admin <a@b>", false},
        Row{"banned_admin", "a@b, c@d", false}, Row{"addr_extension_spam", "spam", true},
        Row{"addr_extension_spam", "a b", false}, Row{"spam_subject_tag2", "anything: <at all>", true});
    INFO(row.field << " " << row.text);
    CHECK(check_value(row.field, row.text).has_value() == row.fine);
}

TEST_CASE("the configuration is checked where it stands") {
    CHECK(problems_of(
              "[recipients.\"u@example.com\"]\nforward_method = \"smtp:[127.0.0.1]:25\"\nspam_quarantine_to = \"spam-$3@$5\"\n")
              .empty());
    CHECK(problems_of("[recipients.\".\"]\nforward_method = \"smtp:[$5]:25\"\n").empty());  // filled in for each recipient
    const auto lines = problems_of(
        "[recipients.\"u@example.com\"]\nspam_lover = true\nforward_method = \"nowhere\"\n"
        "[[recipient_patterns]]\nmatch = \"x\"\nvirus_quarantine_to = \"a b@c\"\n"
        "[banks.PARTNER]\nsa_username = \"a b\"\n");
    REQUIRE(lines.size() == 3);
    CHECK_THAT(
        lines[0],
        Catch::StartsWith("t.toml:3:18: recipients.\"u@example.com\".forward_method: delivery method \"nowhere\": no protocol"));
    CHECK_THAT(lines[1], Catch::StartsWith("t.toml:8:15: banks.\"PARTNER\".sa_username: \"a b\" is no user name"));
    CHECK_THAT(lines[2], Catch::StartsWith("t.toml:6:23: recipient_patterns.virus_quarantine_to: \"a b@c\" is no address"));
}

TEST_CASE("values of the database are named with table, row and column, and with what happens") {
    const std::vector<policy::UserRow> rows = {
        policy::user_row({"id", "email", "policy_id", "forward_method", "spam_quarantine_to", "sa_username"},
                         {"7", "u@example.com", "3", "smtp:nobody", "a b@c", "bob"})};
    const auto tables = policy::configured("");
    const policy::LoadedBanks banks;
    const auto effective = policy::effective_policy(tables, banks, policy::address_pieces("u@example.com", {}), rows);
    const auto lines = complaints(effective, banks, rows);
    REQUIRE(lines.size() == 2);
    CHECK_THAT(
        lines[0],
        Catch::StartsWith(
            "users row 7 (\"u@example.com\"), policy row 3, column forward_method: delivery method \"smtp:nobody\": no port"));
    CHECK_THAT(lines[0], Catch::EndsWith("; mail for this recipient gets a 451"));
    CHECK(
        lines[1] ==
        "users row 7 (\"u@example.com\"), policy row 3, column spam_quarantine_to: \"a b@c\" is no address: a user with blanks is written in quotes, "
        "in TOML '\"first last\"@example.com'; mail of this category gets a 451");
    CHECK(
        complaints(policy::effective_policy(tables, banks, policy::address_pieces("v@example.com", {}), {}), banks, {}).empty());
}
