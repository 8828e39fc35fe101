#include "storage/lookups/custom_statement.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

using namespace tamis;
using namespace tamis::storage;

namespace {

LookupAddress address(std::string_view text, bool is_local = true) {
    LookupAddress out;
    out.pieces = policy::address_pieces(text, {"+", false});
    out.keys = policy::sql_keys(out.pieces, {.with_bare_user = is_local});
    out.is_local = is_local;
    return out;
}

std::string dollar(std::size_t number) { return fmt::format("${}", number); }

}  // namespace

TEST_CASE("placeholders become parameters, in order, and text stays text") {
    const auto statement = CustomStatement::parse(
        "SELECT *, 'a%k''?' AS \"%d?\" /* %u */ FROM v -- %l\n WHERE a=%a AND l=%l AND u=%u AND e=%e AND d=%d AND x=%L AND id%2=? AND 50%x",
        "s");
    REQUIRE(statement);
    CHECK(statement->sql(dollar) ==
          "SELECT *, 'a%k''?' AS \"%d?\" /* %u */ FROM v -- %l\n WHERE a=$1 AND l=$2 AND u=$3 AND e=$4 "
          "AND d=$5 AND x=$6 AND id%2=$7 AND 50%x");
    CHECK(statement->values(address("User+Ext@Sub.Example.com"), "17") ==
          std::vector<std::string>{"User+Ext@Sub.Example.com", "User+Ext", "user", "+ext", "sub.example.com", "1", "17"});
    CHECK(statement->values(address("", false), "") == std::vector<std::string>{"", "", "", "", "", "0", ""});
}

TEST_CASE("%k is a list of one length whatever the address") {
    const auto statement = CustomStatement::parse("SELECT 1 FROM users WHERE email IN (%k)", "s");
    REQUIRE(statement);
    const auto sql = statement->sql(dollar);
    CHECK(sql.starts_with("SELECT 1 FROM users WHERE email IN ($1,$2,"));
    CHECK(sql.ends_with(fmt::format(",${})", policy::key_limit)));
    const auto values = statement->values(address("u@x.org"), {});
    REQUIRE(values.size() == policy::key_limit);
    CHECK(values.front() == "u@x.org");
    CHECK(values.back() == "@.");
    const std::string hostile = "'; DROP TABLE users; --@x.org";
    CHECK(statement->values(address(hostile), {}).front() == hostile);
    CHECK(statement->sql(dollar) == sql);
}

TEST_CASE("statements that cannot be meant are refused with the setting's name") {
    const auto refused = [](std::string_view text) {
        const auto statement = CustomStatement::parse(text, "storage.select_policy");
        REQUIRE_FALSE(statement);
        return statement.error().detail;
    };
    CHECK_THAT(refused("SELECT * FROM users"),
               Catch::StartsWith("storage.select_policy: the statement has none of the placeholders"));
    CHECK_THAT(refused("SELECT '%k' FROM users WHERE x=? AND y=%L"), Catch::Contains("none of the placeholders"));
    CHECK_THAT(refused(""), Catch::Contains("none of the placeholders"));
    CHECK_THAT(refused("%k %k %k %k"), Catch::Contains("use %k at most 3 times"));
}
