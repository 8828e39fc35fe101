// notices_test - who is told and who may not be: every rule of docs/amavis/policy.md 10 as a row
#include "policy/notices.h"

#include <catch2/catch.hpp>

#include <functional>

#include "unit/policy/fixture.h"

namespace tamis::policy {
namespace {

using mail::Major;
using test::Story;

struct Setup {
    Story story{1};
    NotificationOptions options;
    bool per_recipient_replies = false, originating = false;
    std::vector<NotificationDecision> decide() const {
        auto of = story.as_case();
        of.per_recipient_replies = per_recipient_replies;
        of.originating = originating;
        return decide_notifications(of, options);
    }
};

constexpr mail::ContentCategory virus{Major::virus, 0}, spam{Major::spam, 0}, banned{Major::banned, 0},
    bad_header{Major::bad_header, 5}, oversized{Major::oversized, 0}, spammy{Major::spammy, 0};

struct Row {
    const char* name;
    std::function<void(Setup&)> change;
    NotificationKind kind;
    const char* why;
};

const std::vector<Row> rows = {
    {"4xx", [](Setup& s) { s.story.block(0, spam, Destiny::tempfail); }, NotificationKind::none,
     "temporary failure, the MTA tries again"},
    {"4xx even when a rule below would suppress",
     [](Setup& s) {
         s.story.block(0, spam, Destiny::tempfail);
         s.story.envelope.sender.clear();
     },
     NotificationKind::none, "temporary failure, the MTA tries again"},
    {"soft_bounce turned the 5xx into a 4xx",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::bounce);
         s.story.outcomes[0].response.code = 450;
     },
     NotificationKind::none, "temporary failure, the MTA tries again"},
    {"no reply at all", [](Setup& s) { s.story.outcomes[0].response.code = 0; }, NotificationKind::none, "no final reply"},
    {"REJECT over SMTP, the only recipient", [](Setup& s) { s.story.block(0, spam, Destiny::reject); }, NotificationKind::none,
     "the rejection is passed back"},
    {"REJECT over LMTP",
     [](Setup& s) {
         s.per_recipient_replies = true;
         s.story.block(0, spam, Destiny::reject);
     },
     NotificationKind::none, "the rejection is passed back"},
    {"the next hop's 5xx over SMTP, the only recipient",
     [](Setup& s) { s.story.outcomes[0] = {{554, "5.7.1", "no"}, false, ""}; }, NotificationKind::none,
     "the rejection is passed back"},
    {"the next hop's 5xx, and rejects of the next hop are bounced",
     [](Setup& s) {
         s.story.outcomes[0] = {{554, "5.7.1", "no"}, false, ""};
         s.story.policies[0].destinies.mta_rejected = Destiny::bounce;
     },
     NotificationKind::failed, "failed"},
    {"the next hop's 5xx, and rejects of the next hop are discarded",
     [](Setup& s) {
         s.story.outcomes[0] = {{554, "5.7.1", "no"}, false, ""};
         s.story.policies[0].destinies.mta_rejected = Destiny::discard;
     },
     NotificationKind::suppressed, "destiny DISCARD"},
    {"BOUNCE over SMTP", [](Setup& s) { s.story.block(0, oversized, Destiny::bounce); }, NotificationKind::failed, "failed"},
    {"BOUNCE over LMTP",
     [](Setup& s) {
         s.per_recipient_replies = true;
         s.story.block(0, oversized, Destiny::bounce);
     },
     NotificationKind::failed, "failed"},
    {"NOTIFY=FAILURE",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::bounce);
         s.story.envelope.recipients[0].notify = "SUCCESS,FAILURE";
     },
     NotificationKind::failed, "failed"},
    {"NOTIFY=NEVER",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::bounce);
         s.story.envelope.recipients[0].notify = "never";
     },
     NotificationKind::suppressed, "NOTIFY=NEVER"},
    {"NOTIFY=NEVER wins over FAILURE beside it",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::bounce);
         s.story.envelope.recipients[0].notify = "NEVER,FAILURE";
     },
     NotificationKind::suppressed, "NOTIFY=NEVER"},
    {"NOTIFY=SUCCESS,DELAY",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::bounce);
         s.story.envelope.recipients[0].notify = "SUCCESS,DELAY";
     },
     NotificationKind::suppressed, "NOTIFY without FAILURE"},
    {"null sender",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::bounce);
         s.story.envelope.sender.clear();
     },
     NotificationKind::suppressed, "null sender"},
    {"null sender with NOTIFY=FAILURE",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::bounce);
         s.story.envelope.sender.clear();
         s.story.envelope.recipients[0].notify = "FAILURE";
     },
     NotificationKind::suppressed, "null sender"},
    {"delivered", [](Setup&) {}, NotificationKind::none, "success, not asked for"},
    {"delivered, SUCCESS asked for and passed on", [](Setup& s) { s.story.envelope.recipients[0].notify = "SUCCESS"; },
     NotificationKind::none, "success, NOTIFY was passed on"},
    {"delivered, SUCCESS asked for, the next hop does not know DSN",
     [](Setup& s) {
         s.story.envelope.recipients[0].notify = "SUCCESS";
         s.options.next_hop_takes_dsn = false;
     },
     NotificationKind::relayed, "NOTIFY=SUCCESS"},
    {"delivered, SUCCESS asked for by the null sender",
     [](Setup& s) {
         s.story.envelope.recipients[0].notify = "SUCCESS";
         s.story.envelope.sender.clear();
         s.options.next_hop_takes_dsn = false;
     },
     NotificationKind::none, "success, not asked for"},
    {"DISCARD", [](Setup& s) { s.story.block(0, spam, Destiny::discard); }, NotificationKind::none, "success, not asked for"},
    {"DISCARD with NOTIFY=SUCCESS",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::discard);
         s.story.envelope.recipients[0].notify = "SUCCESS";
     },
     NotificationKind::suppressed, "destiny DISCARD"},
    {"virus that fakes its sender",
     [](Setup& s) {
         s.story.block(0, virus, Destiny::bounce);
         s.originating = true;
     },
     NotificationKind::suppressed, "INFECTED, the sender is probably faked"},
    {"virus that does not, from our own user",
     [](Setup& s) {
         s.story.block(0, virus, Destiny::bounce);
         s.originating = true;
         s.options.sender_is_fake = false;
     },
     NotificationKind::failed, "failed"},
    {"below the cutoff",
     [](Setup& s) {
         s.story.block(0, spam, Destiny::bounce);
         s.originating = true;
         s.story.verdicts[0].score = 9.999;
         s.story.policies[0].levels.dsn_cutoff = 10;
     },
     NotificationKind::failed, "failed"},
    {"at the cutoff",
     [](Setup& s) {
         s.story.block(0, spam, Destiny::bounce);
         s.originating = true;
         s.story.verdicts[0].score = 10;
         s.story.policies[0].levels.dsn_cutoff = 10;
     },
     NotificationKind::suppressed, "score 10 >= dsn cutoff 10"},
    {"no score at all and a negative cutoff",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::bounce);
         s.story.policies[0].levels.dsn_cutoff = -5;
     },
     NotificationKind::failed, "failed"},
    {"blacklisted",
     [](Setup& s) {
         s.story.block(0, spam, Destiny::bounce);
         s.originating = true;
         s.story.found[0].blacklisted = true;
         s.story.policies[0].levels.dsn_cutoff = 10;
     },
     NotificationKind::suppressed, "blacklisted sender"},
    {"blacklisted and whitelisted",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::bounce);
         s.story.found[0].blacklisted = s.story.found[0].whitelisted = true;
         s.story.policies[0].levels.dsn_cutoff = 10;
     },
     NotificationKind::failed, "failed"},
    {"blacklisted without a cutoff",
     [](Setup& s) {
         s.story.block(0, oversized, Destiny::bounce);
         s.story.found[0].blacklisted = true;
     },
     NotificationKind::failed, "failed"},
    {"bulk mail with a bad header",
     [](Setup& s) {
         s.story.block(0, bad_header, Destiny::bounce);
         s.story.findings.is_bulk = true;
     },
     NotificationKind::suppressed, "bulk mail"},
    {"bulk mail refused by the next hop",
     [](Setup& s) {
         s.story.outcomes[0] = {{554, "5.7.1", "no"}, false, ""};
         s.story.policies[0].destinies.mta_rejected = Destiny::bounce;
         s.story.findings.is_bulk = true;
     },
     NotificationKind::suppressed, "bulk mail"},
    {"bulk mail that is clean and relayed",
     [](Setup& s) {
         s.story.envelope.recipients[0].notify = "SUCCESS";
         s.options.next_hop_takes_dsn = false;
         s.story.findings.is_bulk = true;
     },
     NotificationKind::relayed, "NOTIFY=SUCCESS"},
    {"spam from outside", [](Setup& s) { s.story.block(0, spam, Destiny::bounce); }, NotificationKind::suppressed,
     "SPAM from outside"},
    {"spammy from outside", [](Setup& s) { s.story.block(0, spammy, Destiny::bounce); }, NotificationKind::suppressed,
     "SPAMMY from outside"},
    {"banned from outside", [](Setup& s) { s.story.block(0, banned, Destiny::bounce); }, NotificationKind::suppressed,
     "BANNED from outside"},
    {"virus with an honest sender from outside",
     [](Setup& s) {
         s.story.block(0, virus, Destiny::bounce);
         s.options.sender_is_fake = false;
     },
     NotificationKind::suppressed, "INFECTED from outside"},
    {"spam from outside where the site wants amavisd's way",
     [](Setup& s) {
         s.story.block(0, spam, Destiny::bounce);
         s.options.bounces_outside_mail = true;
     },
     NotificationKind::failed, "failed"},
    {"spam from our own user",
     [](Setup& s) {
         s.story.block(0, spam, Destiny::bounce);
         s.originating = true;
     },
     NotificationKind::failed, "failed"},
    {"bad header from outside", [](Setup& s) { s.story.block(0, bad_header, Destiny::bounce); }, NotificationKind::failed,
     "failed"},
};

TEST_CASE("each rule of the DSN decision") {
    for (const auto& row : rows) {
        CAPTURE(row.name);
        Setup setup;
        row.change(setup);
        const auto decisions = setup.decide();
        REQUIRE(decisions.size() == 1);
        CHECK(static_cast<int>(decisions[0].kind) == static_cast<int>(row.kind));
        CHECK(decisions[0].why == row.why);
    }
}

TEST_CASE("a rejection among other answers can only be told by a DSN over SMTP") {
    struct Mixed {
        bool lmtp;
        Destiny other;
        NotificationKind rejected, neighbour;
    };
    const auto row = GENERATE(Mixed{false, Destiny::pass, NotificationKind::failed, NotificationKind::none},
                              Mixed{true, Destiny::pass, NotificationKind::none, NotificationKind::none},
                              Mixed{false, Destiny::reject, NotificationKind::none, NotificationKind::none},
                              Mixed{false, Destiny::bounce, NotificationKind::failed, NotificationKind::failed},
                              Mixed{true, Destiny::bounce, NotificationKind::none, NotificationKind::failed},
                              Mixed{false, Destiny::discard, NotificationKind::none, NotificationKind::none},
                              Mixed{false, Destiny::tempfail, NotificationKind::none, NotificationKind::none},
                              Mixed{true, Destiny::tempfail, NotificationKind::none, NotificationKind::none});
    Setup setup;
    setup.story = Story(2);
    setup.per_recipient_replies = row.lmtp;
    setup.story.block(0, oversized, Destiny::reject);
    if (row.other != Destiny::pass) setup.story.block(1, oversized, row.other);
    const auto decisions = setup.decide();
    REQUIRE(decisions.size() == 2);
    CAPTURE(row.lmtp, static_cast<int>(row.other));
    CHECK(decisions[0].kind == row.rejected);
    CHECK(decisions[1].kind == row.neighbour);
}

TEST_CASE("a bounce beside a temporary failure waits for the last try over SMTP, and is sent at once over LMTP") {
    const bool lmtp = GENERATE(false, true);
    Setup setup;
    setup.story = Story(2);
    setup.per_recipient_replies = lmtp;
    setup.story.block(0, oversized, Destiny::bounce);
    setup.story.block(1, oversized, Destiny::tempfail);
    const auto decisions = setup.decide();
    CHECK(decisions[0].kind == (lmtp ? NotificationKind::failed : NotificationKind::none));
    CHECK(decisions[0].why == (lmtp ? "failed" : "the MTA tries the whole message again"));
    CHECK(decisions[1].kind == NotificationKind::none);
}

TEST_CASE("S13: viruses, spam and banned mail from outside never make a notice, whatever the destiny and protocol") {
    std::size_t decided = 0;
    for (const auto category : {virus, banned, spam, spammy})
        for (const auto destiny : {Destiny::discard, Destiny::bounce, Destiny::reject, Destiny::tempfail})
            for (const bool lmtp : {false, true})
                for (const bool fake : {false, true})
                    for (const char* notify : {"", "FAILURE", "SUCCESS,FAILURE,DELAY", "NEVER"}) {
                        Setup setup;
                        setup.story = Story(2);
                        setup.per_recipient_replies = lmtp;
                        setup.options.sender_is_fake = fake;
                        setup.options.next_hop_takes_dsn = true;
                        for (auto& recipient : setup.story.envelope.recipients) recipient.notify = notify;
                        setup.story.block(0, category, destiny);
                        CHECK_FALSE(delivery_status_notification(setup.story.as_case(), setup.options, setup.decide()));
                        ++decided;
                    }
    CHECK(decided == 4 * 4 * 2 * 2 * 4);
}

TEST_CASE("bulk mail is known by its header, its sender and its author") {
    struct Bulk {
        const char* sender;
        const char* header;
        bool want;
    };
    const auto row = GENERATE(
        Bulk{"ann@example.net", "From: ann@example.net\r\n", false}, Bulk{"", "From: ann@example.net\r\n", true},
        Bulk{"a@b", "List-Id: <x.y>\r\n", true}, Bulk{"a@b", "LIST-POST: <mailto:x@y>\r\n", true},
        Bulk{"a@b", "List-Unsubscribe: <http://x>\r\n", true}, Bulk{"a@b", "Mailing-List: x\r\n", true},
        Bulk{"a@b", "List-Archive: x\r\n", false}, Bulk{"a@b", "Precedence: list\r\n", true},
        Bulk{"a@b", "Precedence: bulk\r\n", true}, Bulk{"a@b", "Precedence: JUNK\r\n", true},
        Bulk{"a@b", "Precedence: bulky\r\n", false}, Bulk{"a@b", "Precedence: first-class\r\n", false},
        Bulk{"a@b", "Precedence: auto-reply\r\n", true}, Bulk{"a@b", "Precedence: auto_reply\r\n", true},
        Bulk{"a@b", "Precedence: autoreply\r\n", true}, Bulk{"a@b", "Precedence:\r\n auto_reply\r\n", true},
        Bulk{"a@b", "Precedence: auto\r\n", false}, Bulk{"a@b", "Auto-Submitted: no\r\n", false},
        Bulk{"a@b", "Auto-Submitted: No (really)\r\n", false}, Bulk{"a@b", "Auto-Submitted: auto-replied\r\n", true},
        Bulk{"a@b", "Auto-Submitted: auto-generated; x=y\r\n", true}, Bulk{"x-request@b", "", true},
        Bulk{"X-Bounces@b", "", true}, Bulk{"x-owner@b", "", true}, Bulk{"x-admin@b", "", true}, Bulk{"owner-x@b", "", true},
        Bulk{"owner-@b", "", false}, Bulk{"-owner@b", "", false}, Bulk{"request@b", "", false}, Bulk{"mailer-daemon@b", "", true},
        Bulk{"MAILER-DAEMON", "", true}, Bulk{"double-bounce@b", "", true}, Bulk{"mailer@b", "", true},
        Bulk{"autoreply@b", "", true}, Bulk{"mailers@b", "", false}, Bulk{"postmaster@b", "", false},
        Bulk{"a@b", "From: <x-request@c>\r\n", true}, Bulk{"a@b", "From: x-admin@c\r\n", false},
        Bulk{"a@b", "From: \"A, B\" <owner-x@c>\r\n", true}, Bulk{"a@b", "From: news-relay@c\r\n", true},
        Bulk{"a@b", "From: postmaster@c\r\n", true}, Bulk{"a@b", "From: Uucp@c\r\n", true},
        Bulk{"a@b", "From: postmasters@c\r\n", false}, Bulk{"a@b", "From: a@c, postmaster@c\r\n", false});
    mail::Envelope envelope;
    envelope.sender = row.sender;
    CAPTURE(row.sender, row.header);
    CHECK(is_bulk_mail(envelope, test::message_of(std::string(row.header) + "\r\nList-Id: body\r\n")) == row.want);
}

}  // namespace
}  // namespace tamis::policy
