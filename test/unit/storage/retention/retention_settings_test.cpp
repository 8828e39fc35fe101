#include "storage/retention/retention_settings.h"

#include <catch2/catch.hpp>

using namespace tamis;
using namespace tamis::storage;
using namespace std::chrono_literals;
using storage::Age;

TEST_CASE("ages as an administrator writes them") {
    CHECK(parse_age("30d").value() == Age(30 * 24h));
    CHECK(parse_age("2w 12h").value() == Age(14 * 24h + 12h));
    CHECK(parse_age("never").value() == Age());
    for (const auto* text : {"", "0", "0s", "-1d", "30 days", "d", "ever", "500ms"}) {
        const auto age = parse_age(text);
        REQUIRE_FALSE(age);
        CHECK(age.error().detail.find("is no age") != std::string::npos);
    }
}

TEST_CASE("a category has the general ages where it says nothing else") {
    RetentionSettings settings;
    settings.records = "90d";
    settings.quarantine = "30d";
    settings.virus_quarantine = "7d";
    settings.clean_records = "never";
    settings.bad_header_records = "1d";
    settings.spam_records = "90d";
    Problems problems("x.toml");
    const auto options = expire_options(settings, nullptr, problems);
    CHECK(problems.none());
    const auto& rules = options.rules;
    CHECK(rules.general == storage::Ages{90 * 24h, 30 * 24h});
    CHECK(rules.ages('V') == storage::Ages{90 * 24h, 7 * 24h});
    CHECK(rules.ages('C') == storage::Ages{{}, 30 * 24h});
    CHECK(rules.ages('H') == storage::Ages{24h, 30 * 24h});
    CHECK(rules.ages('M') == rules.ages('H'));
    CHECK(rules.of_category.size() == 4);
    CHECK((rules.incomplete == Age(24h) && rules.deleted == Age(24h)));
    CHECK_FALSE(options.removes);
}

TEST_CASE("a wrong age is named where it stands") {
    Problems problems("x.toml");
    const auto config = parse_config("[retention]\nrecords = \"90d\"\nspam_quarantine = \"soon\"\n", problems);
    const auto* table = config.find("retention")->table();
    RetentionSettings settings;
    load_settings(*table, "retention", retention_rows(), settings, problems);
    expire_options(settings, table, problems);
    REQUIRE(problems.lines().size() == 1);
    CHECK(problems.lines().front().starts_with("x.toml:3:1: retention.spam_quarantine: \"soon\" is no age"));
}
