#include "proxy/answers.h"

#include <catch2/catch.hpp>

using namespace tamis;
using namespace tamis::proxy;
using policy::Destiny;
using policy::NotificationKind;

namespace {

struct Case {
    std::vector<policy::RecipientOutcome> outcomes;
    std::vector<policy::RecipientVerdict> verdicts;
    std::vector<NotificationKind> dsn;
    mail::Envelope envelope;

    Case& add(int code, std::string enhanced, std::string text, Destiny destiny, bool relayed,
              NotificationKind kind = NotificationKind::none, bool from_mta = false) {
        outcomes.push_back({{code, std::move(enhanced), std::move(text)}, relayed, relayed ? "X" : ""});
        policy::RecipientVerdict verdict;
        verdict.categories = {{mail::Major::clean, 0}};
        verdict.destiny = destiny;
        if (!relayed) verdict.blocking = mail::ContentCategory{from_mta ? mail::Major::mta : mail::Major::spam, 0};
        verdicts.push_back(std::move(verdict));
        dsn.push_back(kind);
        envelope.recipients.push_back({"r" + std::to_string(outcomes.size()) + "@d", {}, {}});
        return *this;
    }
    Case& pass() { return add(250, "2.0.0", "from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as X", Destiny::pass, true); }
    Case& discard() { return add(250, "2.7.0", "Ok, discarded, id=1 - spam", Destiny::discard, false); }
    Case& reject() { return add(554, "5.7.0", "Reject, id=1 - spam", Destiny::reject, false); }
    Case& bounce(NotificationKind kind) { return add(554, "5.7.0", "Bounce, id=1 - spam", Destiny::bounce, false, kind); }
    Case& temp() { return add(450, "4.7.0", "Temporary failure, id=1 - spam", Destiny::tempfail, false); }
    Case& mta_reject() {
        return add(550, "5.1.1", "id=1 - Rejected by next-hop MTA on relaying, from MTA(x): 550 5.1.1 no", Destiny::reject, false,
                   NotificationKind::none, true);
    }

    std::string one() const { return one_for_all(outcomes, verdicts, dsn, "1").wire(); }
};

const std::string relayed = "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as X";

}  // namespace

TEST_CASE("one response for all, as amavis-smtp.md 2.10") {
    CHECK(Case().one() == "250 2.5.0 Ok, id=1\r\n");
    CHECK(Case().pass().one() == relayed + "\r\n");
    CHECK(Case().pass().temp().reject().one() == "450 4.7.0 Temporary failure, id=1 - spam\r\n");
    CHECK(Case().discard().discard().one() == "250 2.7.0 Ok, discarded, id=1 - spam\r\n");
    CHECK(Case().reject().discard().one() == "554 5.7.0 Reject, id=1 - spam\r\n");
    CHECK(Case().reject().mta_reject().one() ==
          "550 5.1.1 id=1 - Rejected by next-hop MTA on relaying, from MTA(x): 550 5.1.1 no\r\n");
    CHECK(Case().pass().reject().one() == relayed + ", but 1 REJECT\r\n");
    CHECK(Case().pass().reject().discard().discard().one() == relayed + ", but 1 REJECT, and 2 DISCARD\r\n");
    CHECK(Case().bounce(NotificationKind::failed).one() == "250 2.5.0 Ok, id=1, BOUNCE\r\n");
    CHECK(Case().bounce(NotificationKind::suppressed).one() == "250 2.5.0 Ok, id=1, DISCARD(bounce.suppressed)\r\n");
    CHECK(Case().bounce(NotificationKind::suppressed).bounce(NotificationKind::failed).one() == "250 2.5.0 Ok, id=1, BOUNCE\r\n");
    Case told_of_another;  // a notification is one for all
    told_of_another.pass().reject().bounce(NotificationKind::suppressed).dsn[1] = NotificationKind::failed;
    CHECK(told_of_another.one() == relayed + ", but 1 REJECT, and 1 BOUNCE\r\n");
    CHECK(Case().bounce(NotificationKind::failed).discard().one() == "250 2.5.0 Ok, id=1, 1 BOUNCE, and 1 DISCARD\r\n");
}

TEST_CASE("LMTP answers every recipient for itself, as amavis-smtp.md 2.12") {
    Case all;
    all.pass()
        .temp()
        .discard()
        .reject()
        .bounce(NotificationKind::failed)
        .bounce(NotificationKind::suppressed)
        .bounce(NotificationKind::none);
    const auto replies = one_each(all.envelope, all.outcomes, all.verdicts, all.dsn);
    REQUIRE(replies.size() == 7);
    CHECK(replies[0].wire() == relayed + "\r\n");
    CHECK(replies[1].wire() == "450 4.7.0 Temporary failure, id=1 - spam\r\n");
    CHECK(replies[2].wire() == "250 2.7.0 Ok, discarded, id=1 - spam\r\n");
    CHECK(replies[3].wire() == "554 5.7.0 Reject, id=1 - spam\r\n");
    CHECK(replies[4].wire() == "250 2.5.0 Ok <r5@d>, DSN was sent (554 5.7.0 Bounce, id=1 - spam)\r\n");
    CHECK(replies[5].wire() == "250 2.5.0 Ok <r6@d>, DSN suppressed (554 5.7.0 Bounce, id=1 - spam)\r\n");
    CHECK(replies[6].wire() == "250 2.5.0 Ok <r7@d>, DSN suppressed_2 (554 5.7.0 Bounce, id=1 - spam)\r\n");
}
