#include "tools/explanation_text.h"

#include <catch2/catch.hpp>

#include "unit/config/fixture.h"

using namespace tamis;
using namespace tamis::config;
using namespace tamis::test;

TEST_CASE("explain: settings with their origin, and the outcome with its reasons") {
    const auto settings = configured(
        "[policy]\nspam_kill_level = 8\n[recipients.\".example.com\"]\nspam_tag_level = 1\n"
        "[banks.MYNETS]\nspam_tag2_level = 7\n");
    const auto to = envelope("s@else.org", {"u@example.com"}, "10.0.0.1");
    const auto banks = choose_banks(*settings, to);
    const auto request = make_lookup(*settings, to, {});
    const std::vector<policy::UserRow> rows = {row("7", "u@example.com", "N"), row("8", "@example.com", "what")};
    const auto wishes = resolve(*settings, banks, request, {rows});
    Explained explained{settings.get(), &to, &banks, &request, &rows, &wishes.front()};
    const auto text = tools::text_of(explain_settings(explained));
    for (const auto* line :
         {"banks      MYNETS (originating)\n", "rows       users row 8 (\"@example.com\")\n",
          "bypass_spam_checks           false                    users row 7 (\"u@example.com\"), column bypass_spam_checks\n",
          "spam_tag_level               1                        [recipients.\".example.com\"] line 6\n",
          "spam_tag2_level              7                        [banks.MYNETS] line 8\n",
          "spam_kill_level              8                        [policy] line 5\n",
          "spam_lover                   false                    default\n"})
        CHECK_THAT(text, Catch::Contains(line));

    struct Row {
        std::string_view category;
        std::optional<double> score;
        std::string_view want;
    };
    const auto outcome = GENERATE(
        Row{"", 3, "category   CleanTag: never blocks\ncategory   Clean: never blocks\noutcome    passes"},
        Row{"clean", {}, "score      none"}, Row{"spam", {}, "Spam: final_spam_destiny is \"discard\" -> blocks"},
        Row{"spammy",
            {},
            "score      7\n           spam_tag_level 1: reached\n           spam_tag2_level 7: reached\n           spam_kill_level 8: not reached"},
        Row{"virus",
            {},
            "outcome    discard: 250 2.7.0 Ok, discarded, id=LOG-ID - INFECTED: (example)\nquarantine sql: for virus-quarantine"},
        Row{"banned", {}, "Banned: final_banned_destiny is \"discard\" -> blocks"},
        Row{"unchecked", {}, "Unchecked: final_unchecked_destiny is \"pass\"\n"},
        Row{"bad-header", {}, "final_bad_header_destiny is \"pass\""}, Row{"oversized", {}, "category   Clean: never blocks"});
    INFO(outcome.category);
    const auto example = example_of(outcome.category, outcome.score, wishes.front());
    REQUIRE(example);
    CHECK_THAT(tools::text_of(explain_outcome(explained, *example)), Catch::Contains(std::string(outcome.want)));
    CHECK_FALSE(example_of("vires", {}, wishes.front()));
    auto strict = wishes;  // what blocks is the category, and it is said of the problem that was found
    strict.front().effective.policy.destinies.bad_header = policy::Destiny::reject;
    explained.wishes = &strict.front();
    const auto bad_header = example_of("bad-header", {}, strict.front());
    REQUIRE(bad_header);
    CHECK_THAT(tools::text_of(explain_outcome(explained, *bad_header)),
               Catch::Contains("final_bad_header_destiny is \"reject\" -> blocks"));
}
