// bank_order_test - a bank with before_sql decides before rows of the database and tables of the configuration
#include <catch2/catch.hpp>

#include "test/unit/policy/layers_fixture.h"

using namespace tamis;
using namespace tamis::policy;

namespace {

EffectivePolicy effective(std::string_view before_sql) {
    const auto tables =
        configured("[banks.OUT]\nbypass_spam_checks = true\nspam_kill_level = 20\nbanned_rulenames = [\"NONE\"]\n" +
                   std::string(before_sql) +
                   "[[bank_rules]]\nlistener = \"10026\"\nbanks = [\"OUT\"]\n[recipients.\".\"]\nspam_kill_level = 9\n");
    const std::vector<UserRow> rows = {
        user_row({"id", "email", "bypass_spam_checks", "banned_rulenames"}, {"1", "@.", "N", "DEFAULT"})};
    Arrival arrival;
    arrival.listener = "10026";
    arrival.socket_address = "127.0.0.1";
    return effective_policy(tables, tables.banks.choose(arrival), address_pieces("u@example.com", tables.keys), rows);
}

}  // namespace

TEST_CASE("without the switch a row that says N for everybody beats the bank") {
    const auto got = effective("");
    CHECK_FALSE(got.policy.bypass_spam_checks);
    CHECK(got.policy.levels.kill == 9.0);
    CHECK(got.policy.banned_rule_names == std::vector<std::string>{"DEFAULT", "NONE"});
}

TEST_CASE("with before_sql the bank's words are the last ones") {
    const auto got = effective("before_sql = true\n");
    CHECK(got.policy.bypass_spam_checks);
    CHECK(got.policy.levels.kill == 20.0);
    CHECK(got.policy.banned_rule_names == std::vector<std::string>{"NONE"});
    CHECK(got.origins[field_index("bypass_spam_checks").value()].layer == Origin::Layer::bank);
    CHECK_FALSE(got.policy.bypass_banned_checks);  // what the bank does not say
}
