#include "policy/static_tables.h"

#include "unit/policy/layers_fixture.h"

using namespace tamis;
using namespace tamis::policy;

namespace {

// first - the value that decides for an address, as TOML, "" when no entry has it
std::string first(const PolicyTables& tables, std::string_view address, std::string_view field) {
    for (const auto& match : tables.tables.match(address_pieces(address, tables.keys)))
        if (const auto value = value_of(match, field_index(field).value())) return show_value(*value);
    return {};
}

}  // namespace

TEST_CASE("for each setting the most specific key that has it decides, then the patterns") {
    const auto tables = configured(R"(
        [recipients."."]
        spam_kill_level = 1
        spam_tag_level = 1
        [recipients.".example.com"]
        spam_kill_level = 2
        [recipients."Sub.Example.com"]
        spam_kill_level = 3
        [recipients."user@"]
        spam_kill_level = 4
        [recipients."User@Sub.example.com"]
        spam_tag_level = 5
        [recipients."user+ext@sub.example.com"]
        spam_kill_level = 6
        [[recipient_patterns]]
        match = '(?i)^info@'
        spam_kill_level = 7
        spam_tag2_level = 7
        [[recipient_patterns]]
        match = 'f'
        spam_tag2_level = 8
    )");
    CHECK(first(tables, "user+ext@sub.example.com", "spam_kill_level") == "6");
    CHECK(first(tables, "user+ext@sub.example.com", "spam_tag_level") == "5");
    CHECK(first(tables, "USER+other@sub.example.com", "spam_kill_level") == "4");
    CHECK(first(tables, "other@sub.example.com", "spam_kill_level") == "3");
    CHECK(first(tables, "other@example.com", "spam_kill_level") == "2");
    CHECK(first(tables, "other@deep.sub.example.com", "spam_kill_level") == "2");
    CHECK(first(tables, "other@notexample.com", "spam_kill_level") == "1");
    CHECK(first(tables, "INFO@anywhere.org", "spam_kill_level") == "1");  // keys before patterns
    CHECK(first(tables, "INFO@anywhere.org", "spam_tag2_level") == "7");
    CHECK(first(tables, "of@anywhere.org", "spam_tag2_level") == "8");
    CHECK(first(tables, "none@anywhere.org", "virus_lover").empty());
}

TEST_CASE("texts can use the parts of the address and the groups of the pattern") {
    const auto tables = configured(R"re(
        [recipients.".example.com"]
        spam_quarantine_to = "spam-$3@${5}"
        virus_quarantine_to = "$(2)|$4|$1"
        spam_subject_tag2 = "[cost $5? $$ $x ${12} $9] "
        [[recipient_patterns]]
        match = '^([a-z]+)\.([a-z]+)@'
        spam_admin = "$2-$1@admin$3"
    )re");
    CHECK(first(tables, "First.Last+x@Sub.Example.com", "spam_quarantine_to") == "\"spam-first.last@sub.example.com\"");
    CHECK(first(tables, "First.Last+x@Sub.Example.com", "virus_quarantine_to") ==
          "\"First.Last+x|+x|First.Last+x@Sub.Example.com\"");
    CHECK(first(tables, "u@example.com", "spam_subject_tag2") == "\"[cost example.com? $$ $x ${12} ] \"");
    CHECK(first(tables, "first.last@x.org", "spam_admin") == "\"last-first@admin\"");
}

TEST_CASE("addresses with anything in them meet the tables and the patterns") {
    const auto tables = configured(R"(
        [recipients."."]
        spam_kill_level = 1
        [recipients."o'neill;--@example.com"]
        spam_kill_level = 2
        [recipients."john smith@example.com"]
        spam_kill_level = 3
        [[recipient_patterns]]
        match = '\xff'
        spam_tag_level = 4
    )");
    CHECK(first(tables, "O'Neill;--@example.com", "spam_kill_level") == "2");
    CHECK(first(tables, "\"john smith\"@example.com", "spam_kill_level") == "3");
    CHECK(first(tables,
                "a\xff"
                "b@example.com",
                "spam_tag_level") == "4");
    CHECK(first(tables, std::string(64, 'x') + "@" + std::string(250, 'y') + ".com", "spam_kill_level") == "1");
    CHECK(first(tables, "", "spam_kill_level") == "1");
}

TEST_CASE("what is wrong in the tables is said with its place") {
    struct Row {
        std::string_view toml, want;
    };
    const auto row = GENERATE(
        Row{"[recipients.\"@example.com\"]\nspam_kill_level = 1\n",
            "t.toml:1:13: recipients.\"@example.com\": a domain is written without \"@\": \"example.com\""},
        Row{"[recipients.\"@.\"]\n", "a domain is written without \"@\": \".\""},
        Row{"[recipients.\"\"]\n", "is the null sender"},
        Row{"[recipients.\".x\"]\nspam_kil_level = 1\n",
            "t.toml:2:1: unknown setting \"spam_kil_level\" in [recipients.\".x\"]; did you mean \"spam_kill_level\"?"},
        Row{"[recipients]\n\"a@b\" = 5\n", "t.toml:2:1: recipients.\"a@b\" must be a table: [recipients.\"a@b\"]"},
        Row{"recipients = 5\n", "recipients must be tables"},
        Row{"[recipients.\"a@B\"]\n[recipients.\"A@b\"]\n", "stands there twice"},
        Row{"[[recipient_patterns]]\nspam_kill_level = 1\n", "[[recipient_patterns]] needs match"},
        Row{"[[recipient_patterns]]\nmatch = '('\n", "t.toml:2:9: recipient_patterns.match: \"(\" is not a regular expression"},
        Row{"[recipient_patterns]\nmatch = 'x'\n", "must be a list of tables"},
        Row{"[[recipient_patterns]]\nmatch = 'x'\nvirus_lovers = true\n", "did you mean \"virus_lover\"?"});
    INFO(row.toml);
    CHECK_THAT(complaints(row.toml), Catch::Contains(std::string(row.want)));
}
