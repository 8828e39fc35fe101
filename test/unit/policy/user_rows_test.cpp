#include "policy/user_rows.h"

#include "policy/fields.h"
#include "unit/policy/layers_fixture.h"

using namespace tamis::policy;

namespace {

std::vector<std::string> emails(const std::vector<UserRow>& rows) {
    std::vector<std::string> out;
    for (const auto& row : rows) out.emplace_back(row.email());
    return out;
}

UserRow user(std::string id, std::string email, Cell priority = "7") {
    return user_row({"id", "email", "priority"}, {id, email, priority});
}

}  // namespace

TEST_CASE("a column that comes twice counts by its last place, in any case of letters") {
    const RowShape shape({"id", "Email", "policy_id", "id", "SPAM_KILL_LEVEL", "id", "tamis_policy_row"});
    CHECK(shape.id() == 5);
    CHECK(shape.email() == 1);
    CHECK(shape.policy_id() == 2);
    CHECK(shape.policy_row() == 6);
    CHECK(shape.priority() == RowShape::absent);
    CHECK(shape.column_of(field_index("spam_kill_level").value()) == 4);
    CHECK(shape.column_of(field_index("spam_tag_level").value()) == RowShape::absent);
}

TEST_CASE("rows of one query are given to the recipients they match") {
    const std::vector<UserRow> rows = {user("1", "@."), user("2", "a@x.org"), user("3", "b@x.org"), user("4", "@x.org")};
    CHECK(emails(UserRowIndex(rows).rows_for({"a@x.org", "@x.org", "@.x.org", "@.org", "@."})) ==
          std::vector<std::string>{"a@x.org", "@x.org", "@."});
    CHECK(emails(UserRowIndex(rows).rows_for({"c@y.org", "@y.org", "@."})) == std::vector<std::string>{"@."});
    CHECK(UserRowIndex({}).rows_for({"c@y.org"}).empty());
}

TEST_CASE("the priority decides, among equals the more specific key") {
    const std::vector<std::string> keys = {"a@x.org", "@x.org", "@.org", "@."};
    const std::vector<UserRow> rows = {user("1", "@.", "0"), user("2", "@x.org", "7"), user("3", "a@x.org", "7"),
                                       user("4", "@.org", "9")};
    CHECK(emails(UserRowIndex(rows).rows_for(keys)) == std::vector<std::string>{"@.org", "a@x.org", "@x.org", "@."});
    const std::vector<UserRow> odd = {user("1", "@.", std::nullopt), user("2", "@x.org", "many"), user("3", "@.org", "-5")};
    CHECK(emails(UserRowIndex(odd).rows_for(keys)) == std::vector<std::string>{"@.org", "@x.org", "@."});
    const std::vector<UserRow> none = {user_row({"id", "email"}, {"1", "@."}), user_row({"id", "email"}, {"2", "a@x.org"})};
    CHECK(emails(UserRowIndex(none).rows_for(keys)) == std::vector<std::string>{"a@x.org", "@."});
}

TEST_CASE("a row that the database matched without regard to case is not lost") {
    CHECK(emails(UserRowIndex({user("1", "A@X.org")}).rows_for({"a@x.org", "@."})) == std::vector<std::string>{"A@X.org"});
    CHECK(emails(UserRowIndex({user("1", "A@x.org"), user("2", "a@x.org")}).rows_for({"A@x.org", "a@x.org"})) ==
          std::vector<std::string>{"A@x.org", "a@x.org"});
}

TEST_CASE("of wblist each sender gets the first row of each user") {
    std::vector<UserRow> rows = {user("1", "a@x.org"), user("2", "@x.org"), user_row({"id", "email"}, {std::nullopt, "@."})};
    const std::vector<KnownListRow> list = {
        {"2", "@spam.org", 9, "B"}, {"1", "@.", 0, "W"}, {"1", "s@spam.org", 9, std::nullopt}, {"1", "@spam.org", 5, "-3"},
        {"1", "@.org", 5, "4"},     {"3", "@.", 9, "B"}, {"1", "@other.org", 9, "B"},
    };
    assign_hits(rows, list, {{"s@spam.org", "@spam.org", "@.org", "@."}, {"f@from.de", "@from.de", "@."}});
    REQUIRE(rows[0].sender_hits.size() == 2);
    CHECK(rows[0].sender_hits[0] == SenderHit{"-3", "@spam.org"});
    CHECK(rows[0].sender_hits[1] == SenderHit{"W", "@."});
    CHECK(rows[1].sender_hits[0] == SenderHit{"B", "@spam.org"});
    CHECK_FALSE(rows[1].sender_hits[1]);
    CHECK(rows[2].sender_hits == std::vector<std::optional<SenderHit>>(2));
}
