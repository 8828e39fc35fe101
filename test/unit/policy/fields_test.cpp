#include "policy/fields.h"

#include <catch2/catch.hpp>
#include <clocale>
#include <set>
#include <type_traits>

using namespace tamis;
using namespace tamis::policy;

namespace {

const FieldRow& row(std::string_view name) { return fields()[field_index(name).value()]; }

// shown - the value as TOML, "NULL" for no opinion, "PROBLEM" for a fault
std::string shown(std::string_view field, std::string_view text) {
    const auto value = sql_value(row(field), text);
    if (!value) return "PROBLEM";
    return *value ? show_value(**value) : "NULL";
}

}  // namespace

TEST_CASE("every field has a name of its own, and setting it changes that field only") {
    std::set<std::string_view> names;
    for (const auto& field : fields()) {
        CHECK(names.insert(field.name).second);
        RecipientPolicy policy;
        const FieldValue before = get_field(field, policy);
        FieldValue other = before;
        if (auto* yes = std::get_if<bool>(&other)) *yes = !*yes;
        if (auto* level = std::get_if<std::optional<double>>(&other)) *level = 77;
        if (auto* size = std::get_if<std::optional<std::uint64_t>>(&other)) *size = 77;
        if (auto* text = std::get_if<std::string>(&other)) *text = "seventy-seven";
        if (auto* list = std::get_if<std::vector<std::string>>(&other)) *list = {"seventy", "seven"};
        if (auto* destiny = std::get_if<Destiny>(&other))
            *destiny = *destiny == Destiny::bounce ? Destiny::pass : Destiny::bounce;
        set_field(field, policy, other);
        const RecipientPolicy untouched;
        for (const auto& each : fields()) {
            INFO(field.name << " and " << each.name);
            CHECK(get_field(each, policy) == (each.name == field.name ? other : get_field(each, untouched)));
        }
    }
    CHECK(fields()[local_field()].name == "local");
    CHECK(fields()[banned_admin_field()].name == "banned_admin");
    CHECK(fields()[virus_admin_field()].name == "virus_admin");
    CHECK_FALSE(field_index("priority"));
}

TEST_CASE("all columns of amavisd's policy table are fields") {
    for (const auto* column : {"virus_lover",
                               "spam_lover",
                               "unchecked_lover",
                               "banned_files_lover",
                               "bad_header_lover",
                               "bypass_virus_checks",
                               "bypass_spam_checks",
                               "bypass_banned_checks",
                               "bypass_header_checks",
                               "virus_quarantine_to",
                               "spam_quarantine_to",
                               "banned_quarantine_to",
                               "unchecked_quarantine_to",
                               "bad_header_quarantine_to",
                               "clean_quarantine_to",
                               "archive_quarantine_to",
                               "spam_tag_level",
                               "spam_tag2_level",
                               "spam_tag3_level",
                               "spam_kill_level",
                               "spam_dsn_cutoff_level",
                               "spam_quarantine_cutoff_level",
                               "addr_extension_virus",
                               "addr_extension_spam",
                               "addr_extension_banned",
                               "addr_extension_bad_header",
                               "warnvirusrecip",
                               "warnbannedrecip",
                               "warnbadhrecip",
                               "newvirus_admin",
                               "virus_admin",
                               "banned_admin",
                               "bad_header_admin",
                               "spam_admin",
                               "spam_subject_tag",
                               "spam_subject_tag2",
                               "spam_subject_tag3",
                               "message_size_limit",
                               "banned_rulenames",
                               "forward_method",
                               "local"}) {
        INFO(column);
        REQUIRE(field_index(column));
        CHECK(row(column).in_sql == InSql::yes);
    }
}

TEST_CASE("yes and no as SQL columns hold them") {
    const auto [text, want] = GENERATE(table<std::string, std::string>({
        {"Y", "true"},
        {"y", "true"},
        {"T", "true"},
        {"t", "true"},
        {"1", "true"},
        {"7", "true"},
        {"Y    ", "true"},
        {"Yes", "true"},
        {"yes  ", "true"},
        {"TRUE", "true"},
        {"on", "true"},
        {"N", "false"},
        {"n", "false"},
        {"F", "false"},
        {"f", "false"},
        {"0", "false"},
        {"00  ", "false"},
        {" ", "false"},
        {"    ", "false"},
        {"", "false"},
        {"No", "false"},
        {"NO   ", "false"},
        {"false", "false"},
        {"off", "false"},
        {std::string(2, '\0'), "false"},
        {"maybe", "PROBLEM"},
        {"-1", "PROBLEM"},
        {"Yup", "PROBLEM"},
        {"X", "PROBLEM"},
        {"Y;--", "PROBLEM"},
        {"\xff", "PROBLEM"},
        {"0.0", "PROBLEM"},
        {std::string("N\0", 2), "PROBLEM"},
    }));
    INFO(text);
    CHECK(shown("bypass_spam_checks", text) == want);
}

TEST_CASE("numbers as SQL columns hold them, whatever the locale") {
    const auto [text, want] = GENERATE(table<std::string, std::string>({
        {"6.9", "6.9"},
        {"-3", "-3"},
        {"+5", "5"},
        {"1e2", "100"},
        {" 6.31  ", "6.31"},
        {"0", "0"},
        {"", "NULL"},
        {"   ", "NULL"},
        {"abc", "PROBLEM"},
        {"6,9", "PROBLEM"},
        {"NaN", "PROBLEM"},
        {"Infinity", "PROBLEM"},
        {"6.9;", "PROBLEM"},
        {"1e999", "PROBLEM"},
        {"0x10", "PROBLEM"},
    }));
    INFO(text);
    const std::string before = std::setlocale(LC_NUMERIC, nullptr);
    std::setlocale(LC_NUMERIC, "de_DE.UTF-8");
    CHECK(shown("spam_kill_level", text) == want);
    std::setlocale(LC_NUMERIC, before.c_str());
}

TEST_CASE("sizes, texts, names and destinies as SQL columns hold them") {
    CHECK(shown("message_size_limit", "100000 ") == "100000");
    CHECK(shown("message_size_limit", "0") == "0");
    CHECK(shown("message_size_limit", "") == "NULL");
    CHECK(shown("message_size_limit", "-1") == "PROBLEM");
    CHECK(shown("message_size_limit", "10 MB") == "PROBLEM");
    CHECK(shown("message_size_limit", "99999999999999999999999") == "PROBLEM");
    CHECK(shown("spam_subject_tag2", "***SPAM*** ") == "\"***SPAM*** \"");
    CHECK(shown("spam_subject_tag2", "") == "\"\"");
    CHECK(shown("spam_subject_tag2", "a\r\nBcc: all@example.com") == "PROBLEM");
    CHECK(shown("spam_admin", std::string("a\0b", 3)) == "PROBLEM");
    CHECK(shown("banned_rulenames", "ALLOW_EXE, DEFAULT") == "[\"ALLOW_EXE\", \"DEFAULT\"]");
    CHECK(shown("banned_rulenames", " ") == "[]");
    CHECK(shown("final_spam_destiny", "Reject ") == "\"reject\"");
    CHECK(shown("final_spam_destiny", "destroy") == "PROBLEM");
    const auto wrong = sql_value(row("spam_kill_level"), std::string(5000, '\x01'));
    REQUIRE_FALSE(wrong);
    CHECK(wrong.error().detail.size() < 200);
}

TEST_CASE("values of the configuration, and what is said about wrong ones") {
    Problems problems("t.toml");
    const auto config = parse_config(
        "spam_kill_level = 10\nspam_tag3_level = \"none\"\nbypass_spam_checks = true\n"
        "message_size_limit = \"10 MB\"\nbanned_rulenames = [\"A\", \"B\"]\n"
        "final_virus_destiny = \"reject\"\nspam_quarantine_to = \"\"\n",
        problems);
    const auto values = load_field_values(config, "recipients.\".\"", problems);
    REQUIRE(problems.none());
    const auto at = [&](std::string_view name) { return show_value(values[field_index(name).value()].value()); };
    CHECK(at("spam_kill_level") == "10");
    CHECK(at("spam_tag3_level") == "\"none\"");
    CHECK(at("bypass_spam_checks") == "true");
    CHECK(at("message_size_limit") == "10485760");
    CHECK(at("banned_rulenames") == "[\"A\", \"B\"]");
    CHECK(at("final_virus_destiny") == "\"reject\"");
    CHECK(at("spam_quarantine_to") == "\"\"");
    CHECK_FALSE(values[field_index("virus_lover").value()]);

    const auto bad = parse_config(
        "spam_kil_level = 10\nspam_tag_level = \"high\"\nvirus_lover = \"Y\"\n"
        "final_spam_destiny = \"bounced\"\nspam_admin = \"a\\nb\"\n",
        problems);
    const auto rest = load_field_values(bad, "banks.X", problems);
    CHECK(std::ranges::none_of(rest, [](const auto& value) { return value.has_value(); }));
    REQUIRE(problems.lines().size() == 5);
    const auto text = problems.lines()[0] + problems.lines()[1] + problems.lines()[2] + problems.lines()[3] + problems.lines()[4];
    CHECK(text.find("t.toml:1:1: unknown setting \"spam_kil_level\" in [banks.X]; did you mean \"spam_kill_level\"?") !=
          std::string::npos);
    CHECK(text.find("t.toml:2:18: banks.X.spam_tag_level must be a number or \"none\"") != std::string::npos);
    CHECK(text.find("t.toml:3:15: banks.X.virus_lover must be true or false") != std::string::npos);
    CHECK(text.find("did you mean \"bounce\"?") != std::string::npos);
    CHECK(text.find("banks.X.spam_admin must be a text of one line") != std::string::npos);
}

TEST_CASE("a field of the site is read from [policy] into what every recipient starts from, and nothing else is") {
    for (const auto& field : fields()) {
        INFO(field.name);
        const auto initial = get_field(field, site_defaults());
        const std::string text = std::visit(
            []<class T>(const T& value) -> std::string {
                if constexpr (std::is_same_v<T, bool>) return value ? "false" : "true";
                else if constexpr (std::is_same_v<T, Destiny>) return value == Destiny::reject ? "\"pass\"" : "\"reject\"";
                else if constexpr (std::is_same_v<T, std::string>) return "\"seventy\tseven\"";
                else if constexpr (std::is_same_v<T, std::vector<std::string>>) return "[\"SEVENTY\", \"SEVEN\"]";
                else return "77";
            },
            initial);
        Problems problems("t.toml");
        const auto table = parse_config(std::string(field.name) + " = " + text + "\n", problems);
        auto site = site_defaults();
        load_site_fields(table, "policy", site, problems);
        CHECK(problems.lines() == std::vector<std::string>{});
        const bool is_read = get_field(field, site) != initial;
        CHECK(is_read == (field.for_site == ForSite::yes));
        for (const auto& line : site_field_lines("policy", site, &table)) {
            CHECK(line.from_file == (line.name == field.name));
            CHECK((line.value != line.fallback) == (line.name == field.name && is_read));
        }
    }
}

TEST_CASE("what is wrong in [policy] is said with its name, and leaves the default") {
    struct Row {
        const char *text, *want;
    };
    const auto row = GENERATE(
        Row{"spam_kill_level = 2e6", "t.toml:1:19: policy.spam_kill_level is 2000000; it must be from -1000000 to 1000000"},
        Row{"final_spam_destiny = \"bonce\"",
            "t.toml:1:22: policy.final_spam_destiny is \"bonce\"; it must be one of pass, discard, bounce, reject, tempfail (did you mean \"bounce\"?)"},
        Row{"warnvirusrecip = 1", "t.toml:1:18: policy.warnvirusrecip must be true or false, not a number"});
    Problems problems("t.toml");
    auto site = site_defaults();
    load_site_fields(parse_config(row.text, problems), "policy", site, problems);
    REQUIRE(problems.lines().size() == 1);
    CHECK(problems.lines()[0] == row.want);
    for (const auto& field : fields()) CHECK(get_field(field, site) == get_field(field, site_defaults()));
}
