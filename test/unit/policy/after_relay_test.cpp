// after_relay_test - the next hop's answers as a table: what becomes of verdict, outcome and reply
#include "policy/after_relay.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "unit/policy/fixture.h"

namespace tamis::policy {
namespace {

using mail::ContentCategory;
using mail::Major;

constexpr ContentCategory tempfailed{Major::mta, mail::mta_tempfailed}, rejected{Major::mta, mail::mta_rejected};

struct Row {
    const char* name;
    int code;
    const char *enhanced, *text;
    Destiny destiny;  // of mail that the next hop rejects
    SoftBounce soft;
    std::optional<ContentCategory> blocking;
    Destiny becomes;
    const char* line;
    bool is_temporary;
};

const std::vector<Row> rows = {
    {"taken", 250, "2.0.0", "from MTA: ok", Destiny::reject, SoftBounce::no, {}, Destiny::pass, "250 2.0.0 from MTA: ok", false},
    {"taken, soft bounce changes nothing",
     250,
     "2.0.0",
     "ok",
     Destiny::discard,
     SoftBounce::yes,
     {},
     Destiny::pass,
     "250 2.0.0 ok",
     false},
    {"4xx", 450, "4.2.0", "later", Destiny::reject, SoftBounce::no, tempfailed, Destiny::tempfail,
     "450 4.2.0 id=12345-01 - Temporary MTA failure on relaying, later", true},
    {"4xx, whatever becomes of rejected mail", 451, "4.5.0", "later", Destiny::discard, SoftBounce::yes, tempfailed,
     Destiny::tempfail, "451 4.5.0 id=12345-01 - Temporary MTA failure on relaying, later", true},
    {"5xx", 554, "5.7.1", "no", Destiny::reject, SoftBounce::no, rejected, Destiny::reject,
     "554 5.7.1 id=12345-01 - Rejected by next-hop MTA on relaying, no", false},
    {"5xx that is bounced", 550, "5.1.1", "no", Destiny::bounce, SoftBounce::no, rejected, Destiny::bounce,
     "550 5.1.1 id=12345-01 - Rejected by next-hop MTA on relaying, no", false},
    {"5xx that is discarded", 554, "5.7.1", "no", Destiny::discard, SoftBounce::no, rejected, Destiny::discard,
     "250 2.7.1 Discarded id=12345-01 - Rejected by next-hop MTA on relaying, no", false},
    {"5xx with soft bounce: for now, and the verdict is still a rejection", 554, "5.7.1", "no", Destiny::reject, SoftBounce::yes,
     rejected, Destiny::reject, "450 4.7.1 id=12345-01 - Rejected by next-hop MTA on relaying, no", false},
    {"5xx that is discarded, with soft bounce", 554, "5.7.1", "no", Destiny::discard, SoftBounce::yes, rejected, Destiny::discard,
     "250 2.7.1 Discarded id=12345-01 - Rejected by next-hop MTA on relaying, no", false},
    {"5xx without an enhanced code", 554, "", "no", Destiny::reject, SoftBounce::yes, rejected, Destiny::reject,
     "450  id=12345-01 - Rejected by next-hop MTA on relaying, no", false},
};

TEST_CASE("what the next hop answers, and what that makes of verdict and reply") {
    for (const auto& row : rows) {
        test::Story story;
        auto& policy = story.policies[0];
        policy.destinies.mta_rejected = row.destiny;
        auto& verdict = story.verdicts[0];
        verdict.categories = {{Major::spammy, 0}, {Major::clean, 1}, {Major::clean, 0}};
        verdict.quarantine = "sql:";
        RecipientOutcome before;
        before.final_address = "bob+spam@example.com";
        const auto categories = verdict.categories;
        const auto after = after_relay(verdict, before, {row.code, row.enhanced, row.text, "words", "mx.example.com", true},
                                       policy, "12345-01", row.soft);
        INFO(row.name);
        CHECK(after.outcome.response.line() == row.line);
        CHECK(after.outcome.relayed == (row.code / 100 == 2));
        CHECK(after.outcome.remote_reply == "words");
        CHECK(after.outcome.remote_mta == "mx.example.com");
        CHECK(after.outcome.takes_dsn);
        CHECK(after.outcome.final_address == "bob+spam@example.com");
        CHECK(after.is_temporary == row.is_temporary);
        CHECK(after.verdict.blocking == row.blocking);
        CHECK(after.verdict.destiny == row.becomes);
        CHECK(after.verdict.quarantine == "sql:");  // the copy is kept already
        CHECK(std::ranges::is_sorted(after.verdict.categories, std::greater<>()));
        CHECK(after.verdict.main() == ContentCategory{Major::spammy, 0});
        CHECK(after.verdict.categories.size() == categories.size() + (row.blocking ? 1 : 0));
        if (row.blocking) CHECK(std::ranges::count(after.verdict.categories, *row.blocking) == 1);
        else CHECK(after.verdict.categories == categories);
    }
}

TEST_CASE("the queue id is taken from the reply to mail that was taken, and from no other") {
    const auto of = [](int code) { return outcome_of({}, {code, "2.0.0", "text", "250 2.0.0 Ok: queued as 3BD2F"}).queued_as; };
    CHECK(of(250) == "3BD2F");
    CHECK(of(450).empty());
    CHECK(of(554).empty());
}

TEST_CASE("a code that is not the next hop's own names no next hop") {
    RecipientOutcome before;
    before.remote_mta = "earlier.example.com";
    const RelayReply own{451, "4.5.0", "no connection"};
    CHECK(outcome_of({}, own).remote_mta.empty());
    CHECK(outcome_of(before, own).remote_mta == "earlier.example.com");
    CHECK_FALSE(outcome_of(before, own).takes_dsn);
}

}  // namespace
}  // namespace tamis::policy
