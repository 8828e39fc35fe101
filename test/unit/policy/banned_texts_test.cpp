// banned_texts_test - one recipient's rules ban a part, another's do not: what everybody is told
#include <catch2/catch.hpp>

#include "fixture.h"
#include "policy/marks.h"
#include "policy/notices.h"
#include "policy/people_notices.h"
#include "policy/summary.h"

namespace tamis::policy {
namespace {

using mail::Major;
using test::Story;

constexpr std::string_view reason = "application/octet-stream,.exe,.exe-ms,setup.exe";

std::shared_ptr<const BannedHit> hit(std::string text = std::string(reason), bool suppresses = false) {
    return std::make_shared<const BannedHit>(BannedHit{text, "DEFAULT rule 6", {"multipart/mixed | " + text}, suppresses});
}

// Banned - bob0 has a hit and that destiny, bob1 has none
struct Banned : Story {
    explicit Banned(Destiny destiny, std::shared_ptr<const BannedHit> one = hit()) : Story(2) {
        found[0].banned = std::move(one);
        for (std::size_t i = 0; i < 2; ++i) {
            policies[i].destinies.banned = destiny;
            judge_again(i);
            if (!verdicts[i].passes()) outcomes[i] = {blocked_response(verdicts[i], "1-01", findings), false, ""};
        }
    }
    std::vector<std::string> lines() const {
        json = summary_json(as_case());
        return summary_lines(as_case());
    }
    NotificationDecision dsn(bool originating) const {
        auto of = as_case();
        of.originating = originating;
        return decide_notifications(of, {}).front();
    }
    mutable std::string json;
};

TEST_CASE("the log line, the JSON report and the reply name the part") {
    const Banned blocked(Destiny::reject);
    CHECK(blocked.outcomes[0].response.line() ==
          "554 5.7.0 Reject, id=1-01 - BANNED: application/octet-stream,.exe,.exe-ms,setup.exe");
    const auto lines = blocked.lines();
    REQUIRE(lines.size() == 2);
    CHECK_THAT(
        lines[0],
        Catch::StartsWith("Passed BANNED (application/octet-stream,.exe,.exe-ms,setup.exe) {RejectedInbound,RelayedInbound},"));
    CHECK_THAT(lines[0], Catch::Contains("-> <bob1@example.com>,"));
    CHECK_THAT(lines[1], Catch::StartsWith("Blocked BANNED (application/octet-stream,.exe,.exe-ms,setup.exe) {") &&
                             Catch::Contains("-> <bob0@example.com>,"));
    CHECK_THAT(blocked.json,
               Catch::Contains("\"rcpt_to\":\"bob0@example.com\",") &&
                   Catch::Contains(
                       "\"ccat_blocking\":\"Banned\",\"banning_reason\":\"application/octet-stream,.exe,.exe-ms,setup.exe\"}"));
    CHECK(blocked.json.find("banning_reason") == blocked.json.rfind("banning_reason"));  // not of bob1
}

TEST_CASE("a name that is not ASCII is escaped in the reply and readable in the notice") {
    const Banned blocked(Destiny::reject, hit("pr\xc3\xa9sent\r\n.exe"));
    CHECK(blocked.outcomes[0].response.line() == "554 5.7.0 Reject, id=1-01 - BANNED: pr\\xC3\\xA9sent\\x0D\\x0A.exe");
}

TEST_CASE("only the recipient with a hit gets the alert and the copy is marked with the first") {
    const Banned passed(Destiny::pass);
    const auto alerts = [&](std::size_t i) {
        const auto edits = edits_for(passed.as_case(), i, Site{}, false);
        std::size_t count = 0;
        for (const auto& field : edits.prepended())
            count += field.starts_with(
                "X-Amavis-Alert: BANNED, message contains\r\n\tapplication/octet-stream,.exe,.exe-ms,setup.exe\r\n");
        return count;
    };
    CHECK(alerts(0) == 1);
    CHECK(alerts(1) == 0);
    CHECK_THAT(quarantine_prefix(passed.as_case(), Site{}),
               Catch::Contains("X-Amavis-Alert: BANNED, message contains\n\tapplication/octet-stream,.exe,.exe-ms,setup.exe\n"));
}

TEST_CASE("a bypass hides the hit, a lover gets the mail with the alert") {
    MessageFindings findings;
    RecipientFindings found;
    RecipientPolicy policy;
    found.banned = hit();
    CHECK(judge(findings, found, policy).blocking == mail::ContentCategory{Major::banned, 0});
    CHECK(judge(findings, found, policy).banned == found.banned);
    policy.banned_lover = true;
    CHECK(judge(findings, found, policy).passes());
    CHECK(judge(findings, found, policy).banned == found.banned);
    policy.bypass_banned_checks = true;
    CHECK(judge(findings, found, policy).main() == mail::ContentCategory{Major::clean, 1});
    CHECK(judge(findings, found, policy).banned == nullptr);
}

TEST_CASE("a rule that says discard stops the bounce to our own sender as well") {
    CHECK(Banned(Destiny::bounce).dsn(true).kind == NotificationKind::failed);
    const auto silent = Banned(Destiny::bounce, hit(std::string(reason), true)).dsn(true);
    CHECK(silent.kind == NotificationKind::suppressed);
    CHECK(silent.why == "BANNED:DISCARD suggested by rule");
}

TEST_CASE("the administrator reads which rule and every part, the recipient that something was kept") {
    Banned story(Destiny::discard);
    story.policies[0].banned_admin = "a@example.com";
    story.policies[0].warn_banned = true;
    NoticeTexts texts;
    texts.banned_admin.body = "{banned}|{banned_rule}|{banned_parts}|";
    PeopleOptions in;
    in.texts = &texts;
    in.hostname = "f.example.com";
    in.from = "postmaster@f.example.com";
    const auto notices = people_notices(story.as_case(), in);
    REQUIRE(notices.size() == 2);
    CHECK_THAT(notices[0].notice.text,
               Catch::Contains("\r\n\r\napplication/octet-stream,.exe,.exe-ms,setup.exe|DEFAULT rule 6|  multipart/mixed | "
                               "application/octet-stream,.exe,.exe-ms,setup.exe\r\n|"));
    CHECK(notices[1].notice.recipients == std::vector<std::string>{"bob0@example.com"});
    CHECK_THAT(notices[1].notice.text, Catch::Contains("BANNED: application/octet-stream,.exe,.exe-ms,setup.exe"));
}

}  // namespace
}  // namespace tamis::policy
