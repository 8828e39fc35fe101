#include "policy/policy_layers.h"

#include "unit/policy/layers_fixture.h"

using namespace tamis;
using namespace tamis::policy;

namespace {

const std::vector<std::string> columns = {
    "id", "email", "policy_id", "tamis_policy_row", "spam_kill_level", "virus_lover", "spam_subject_tag2"};

UserRow row(Cell id, Cell email, Cell kill, Cell lover = {}, Cell tag = {}, Cell policy = "3") {
    return user_row(columns, {id, email, policy, policy, kill, lover, tag});
}

struct Seen {
    EffectivePolicy effective;
    LoadedBanks banks;
    std::vector<UserRow> rows;
    std::string value(std::string_view name) const {
        const auto field = field_index(name).value();
        return show_value(get_field(fields()[field], effective.policy));
    }
    std::string origin(std::string_view name) const { return describe_origin(effective, field_index(name).value(), banks, rows); }
};

Seen look(const PolicyTables& tables, std::string_view recipient, std::vector<UserRow> rows = {}, Arrival arrival = {}) {
    Seen seen;
    seen.banks = tables.banks.choose(arrival);
    seen.rows = std::move(rows);
    seen.effective = effective_policy(tables, seen.banks, address_pieces(recipient, tables.keys), seen.rows);
    return seen;
}

}  // namespace

TEST_CASE("NULL falls through row by row, to the tables, the banks and the site") {
    const auto tables = configured(R"(
        [recipients.".example.com"]
        spam_kill_level = 30
        spam_tag_level = 30
        [banks.MYNETS]
        spam_kill_level = 40
        spam_tag_level = 40
        spam_tag2_level = 40
    )");
    const Arrival inside{.is_from_mynetworks = true};
    const std::vector<UserRow> rows = {row("7", "u@example.com", {}, "Y"), row("8", "@example.com", "20", "N"),
                                       row("9", "@.", "10", {}, "[x] ", {})};
    const auto seen = look(tables, "u@example.com", rows, inside);
    CHECK(seen.value("spam_kill_level") == "20");
    CHECK(seen.origin("spam_kill_level") == "users row 8 (\"@example.com\"), policy row 3, column spam_kill_level");
    CHECK(seen.value("virus_lover") == "true");
    CHECK(seen.origin("virus_lover") == "users row 7 (\"u@example.com\"), policy row 3, column virus_lover");
    CHECK(seen.value("spam_subject_tag2") == "\"[x] \"");
    CHECK(seen.value("spam_tag_level") == "30");
    CHECK(seen.origin("spam_tag_level") == "[recipients.\".example.com\"] line 2");
    CHECK(seen.value("spam_tag2_level") == "40");
    CHECK(seen.origin("spam_tag2_level") == "[banks.MYNETS] line 5");
    CHECK(seen.origin("spam_lover") == "site");
    CHECK(seen.effective.problems.empty());

    const auto without_rows = look(tables, "u@example.com", {}, inside);
    CHECK(without_rows.value("spam_kill_level") == "30");
    CHECK(look(tables, "u@example.org", {}, inside).value("spam_kill_level") == "40");
}

TEST_CASE("a value that cannot be understood is NULL and is reported") {
    PolicyTables tables = configured("");
    tables.site.levels.kill = 6.9;
    const auto seen = look(tables, "u@x.org", {row("7", "u@x.org", "low", "Perhaps"), row("8", "@x.org", "99", {})});
    CHECK(seen.value("spam_kill_level") == "99");
    CHECK(seen.value("virus_lover") == "false");
    REQUIRE(seen.effective.problems.size() == 2);
    CHECK(seen.effective.problems[0] ==
          "users row 7 (\"u@x.org\"), policy row 3: column virus_lover: \"Perhaps\" is not "
          "yes or no (Y or N); taken as NULL");
    CHECK(seen.effective.problems[1] ==
          "users row 7 (\"u@x.org\"), policy row 3: column spam_kill_level: \"low\" is not "
          "a number; taken as NULL");
}

TEST_CASE("a users row whose policy does not exist says nothing and is reported") {
    const auto dangling = user_row(columns, {"7", "u@x.org", "99", {}, {}, {}, {}});
    const auto seen = look(configured(""), "u@x.org", {dangling});
    CHECK(seen.effective.problems == std::vector<std::string>{"users row 7 (\"u@x.org\"): column policy_id holds 99, but the "
                                                              "table policy has no such row; it says nothing"});
    CHECK(seen.origin("spam_kill_level") == "site");
    CHECK(seen.value("local") == "true");
}

TEST_CASE("who is local") {
    const auto tables = configured(
        "[recipients.\"guest@example.com\"]\nlocal = false\n"
        "[recipients.\"friend@else.org\"]\nlocal = true\n");
    const std::vector<std::string> with_local = {"id", "email", "local"};
    const auto local = [&](std::string_view address, std::vector<UserRow> rows) {
        return look(tables, address, std::move(rows)).value("local") == "true";
    };
    CHECK(local("u@example.com", {}));
    CHECK(local("U@sub.EXAMPLE.com", {}));
    CHECK_FALSE(local("u@else.org", {}));
    CHECK_FALSE(local("guest@example.com", {}));
    CHECK(local("friend@else.org", {}));
    CHECK(local("u@else.org", {row("1", "u@else.org", {})}));  // a row means local
    CHECK(local("guest@example.com", {row("1", "@example.com", {})}));
    CHECK_FALSE(local("u@else.org", {row("1", "@.", {})}));  // the catch-all says nothing
    CHECK(local("u@example.com", {row("1", "@.", {})}));
    CHECK_FALSE(local("u@else.org", {user_row(with_local, {"1", "@.", "Y"})}));
    CHECK_FALSE(local("u@example.com", {user_row(with_local, {"1", "@example.com", "N"})}));
    CHECK(local("u@else.org", {user_row(with_local, {"1", "@else.org", "Y"})}));
    CHECK_FALSE(local("u@else.org", {user_row(with_local, {"1", "@else.org", {}})}));  // NULL: no opinion
    CHECK(local("u@else.org", {user_row(with_local, {"1", "u@else.org", {}}), user_row(with_local, {"2", "@else.org", "Y"})}));
    CHECK(look(tables, "u@else.org", {row("1", "u@else.org", {})}).origin("local") ==
          "users row 1 (\"u@else.org\"), policy row 3, because there is a row");
    CHECK(look(tables, "u@else.org").origin("local") == "server.local_domains");

    CHECK(tables.is_local(address_pieces("friend@else.org", {})));
    CHECK_FALSE(tables.is_local(address_pieces("guest@example.com", {})));
    CHECK_FALSE(tables.is_local(address_pieces("", {})));
}

TEST_CASE("names of banned rules: all rows one after the other, then the configuration's") {
    const auto tables = configured("[recipients.\"t@example.com\"]\nbanned_rulenames = [\"TABLE\"]\n");
    const auto names = [&](std::string_view recipient, const std::vector<UserRow>& rows) {
        return look(tables, recipient, rows).value("banned_rulenames");
    };
    const auto row = [](const char* email, Cell value) {
        return user_row({"id", "email", "banned_rulenames"}, {"7", email, std::move(value)});
    };
    CHECK(names("u@example.com", {}) == "[\"DEFAULT\"]");
    CHECK(names("t@example.com", {}) == "[\"TABLE\"]");
    CHECK(names("u@example.com", {row("u@example.com", "A, B"), row("@example.com", "C DEFAULT A")}) ==
          "[\"A\", \"B\", \"C\", \"DEFAULT\"]");
    CHECK(names("t@example.com", {row("t@example.com", "A")}) == "[\"A\", \"TABLE\"]");
    CHECK(names("u@example.com", {row("u@example.com", {}), row("@example.com", "C")}) == "[\"C\", \"DEFAULT\"]");
    CHECK(names("u@example.com", {row("u@example.com", " ")}) == "[\"DEFAULT\"]");
    CHECK(names("u@example.com", {row("u@example.com", {})}) == "[\"DEFAULT\"]");
    CHECK(look(tables, "u@example.com", {row("u@example.com", "A")}).origin("banned_rulenames") ==
          "users row 7 (\"u@example.com\"), column banned_rulenames");
}

TEST_CASE("the administrator for banned mail is the one for viruses unless somebody says otherwise") {
    const auto tables = configured(
        "[recipients.\".example.com\"]\nvirus_admin = \"v@x\"\n"
        "[recipients.\"u@example.com\"]\nbanned_admin = \"b@x\"\n"
        "[recipients.\"none@example.com\"]\nbanned_admin = \"\"\n");
    CHECK(look(tables, "a@example.com").value("banned_admin") == "\"v@x\"");
    CHECK(look(tables, "a@example.com").origin("banned_admin") == "as virus_admin: [recipients.\".example.com\"] line 1");
    CHECK(look(tables, "u@example.com").value("banned_admin") == "\"b@x\"");
    CHECK(look(tables, "none@example.com").value("banned_admin") == "\"\"");
}

TEST_CASE("every field can be set by a row and by a table") {
    std::string toml = "[recipients.\".\"]\n";
    std::vector<std::string> names;
    std::vector<Cell> cells;
    for (const auto& field : fields()) {
        names.emplace_back(field.name);
        const RecipientPolicy site;
        const auto before = get_field(field, site);
        const bool is_yes = std::holds_alternative<bool>(before);
        const bool is_number =
            std::holds_alternative<std::optional<double>>(before) || std::holds_alternative<std::optional<std::uint64_t>>(before);
        const bool is_destiny = std::holds_alternative<Destiny>(before);
        cells.emplace_back(is_yes ? "Y" : is_number ? "41" : is_destiny ? "bounce" : "row");
        toml += std::string(field.name) + " = " +
                (is_yes       ? "true"
                 : is_number  ? "42"
                 : is_destiny ? "\"reject\""
                              : "\"table\"") +
                "\n";
    }
    const auto tables = configured(toml);
    const auto by_table = look(tables, "u@x.org");
    const auto by_row = look(tables, "u@x.org", {user_row(names, cells)});
    CHECK(by_row.effective.problems.empty());
    for (std::size_t field = 0; field < fields().size(); ++field) {
        INFO(fields()[field].name);
        CHECK(by_table.effective.origins[field].layer == Origin::Layer::table);
        CHECK(by_row.effective.origins[field].layer == Origin::Layer::row);
        CHECK_THAT(by_table.value(fields()[field].name), Catch::Matches("true|42|\"reject\"|\"table\"|\\[\"table\"\\]"));
        CHECK_THAT(by_row.value(fields()[field].name), Catch::Matches("true|41|\"bounce\"|\"row\"|\\[\"row\"(, \"table\")?\\]"));
    }
}

TEST_CASE("columns that Tamis has no use for are named when they hold something") {
    const std::vector<std::string> names = {"id", "email", "disclaimer_options", "sa_userconf", "policy_id"};
    const auto seen =
        look(configured(""), "u@x.org",
             {user_row(names, {"7", "u@x.org", " ", "/etc/spam/u.cf", "3"}), user_row(names, {"8", "@x.org", {}, {}, "3"})});
    REQUIRE(seen.effective.ignored.size() == 1);
    CHECK(seen.effective.ignored[0].column == "sa_userconf");
    CHECK(seen.effective.ignored[0].shown ==
          "users row 7 (\"u@x.org\"), policy row 3: column sa_userconf holds \"/etc/spam/u.cf\", which Tamis "
          "does not support: it has no effect");
    CHECK(seen.effective.problems.empty());
    CHECK(look(configured(""), "u@x.org", {row("7", "u@x.org", {})}).effective.ignored.empty());
}
