// judge_test - categories, destinies and lovers: every pair against the walk of docs/amavis/policy.md 3
#include "policy/judge.h"

#include <catch2/catch.hpp>

#include <algorithm>

namespace tamis::policy {
namespace {

using mail::ContentCategory;
using mail::Major;

// the categories that a finding can bring, worst first
const std::vector<Major> majors = {Major::virus,  Major::banned,     Major::unchecked, Major::spam,
                                   Major::spammy, Major::bad_header, Major::oversized};
const std::vector<Destiny> destinies = {Destiny::pass, Destiny::discard, Destiny::bounce, Destiny::reject, Destiny::tempfail};

constexpr std::uint64_t big = 100'000;

void find(Major major, MessageFindings& findings, RecipientFindings& found, RecipientPolicy& policy) {
    switch (major) {
        case Major::virus: findings.viruses = {"Eicar"}; break;
        case Major::banned:
            found.banned = std::make_shared<const BannedHit>(BannedHit{".exe", "DEFAULT rule 7", {".exe"}, false});
            break;
        case Major::unchecked: findings.unchecked = {mail::unchecked_encrypted}; break;
        case Major::spam:
            findings.score = std::max(findings.score.value_or(0), 10.0);
            policy.levels.kill = 8;
            break;
        case Major::spammy:
            findings.score = std::max(findings.score.value_or(0), 7.0);
            policy.levels.tag2 = 6;
            break;
        case Major::bad_header: findings.header_problems = {{5, "long line"}}; break;
        case Major::oversized:
            findings.size = big;
            policy.size_limit = 70'000;
            break;
        default: FAIL("no finding brings this");
    }
}

void set_destiny(RecipientPolicy& policy, Major major, Destiny destiny) {
    switch (major) {
        case Major::virus: policy.destinies.virus = destiny; break;
        case Major::banned: policy.destinies.banned = destiny; break;
        case Major::unchecked: policy.destinies.unchecked = destiny; break;
        case Major::spam: policy.destinies.spam = destiny; break;
        case Major::bad_header: policy.destinies.bad_header = destiny; break;
        case Major::oversized: policy.destinies.oversized = destiny; break;
        default: break;  // spammy always passes
    }
}

void set_lover(RecipientPolicy& policy, Major major) {
    if (major == Major::virus) policy.virus_lover = true;
    if (major == Major::banned) policy.banned_lover = true;
    if (major == Major::unchecked) policy.unchecked_lover = true;
    if (major == Major::spam || major == Major::spammy) policy.spam_lover = true;
    if (major == Major::bad_header) policy.bad_header_lover = true;
}

bool can_be_loved(Major major) { return major != Major::oversized; }

TEST_CASE("every pair of categories, each destiny, each lover") {
    std::size_t judged = 0;
    for (const auto first : majors)
        for (const auto second : majors)
            for (const auto first_destiny : destinies)
                for (const auto second_destiny : destinies)
                    for (int loved = 0; loved < 4; ++loved)
                        for (const bool bulk : {false, true}) {
                            if (first >= second && first != second) {
                                MessageFindings findings;
                                RecipientFindings found;
                                RecipientPolicy policy;
                                findings.is_bulk = bulk;
                                find(first, findings, found, policy);
                                find(second, findings, found, policy);
                                set_destiny(policy, first, first_destiny);
                                set_destiny(policy, second, second_destiny);
                                const bool first_loved = (loved & 1) != 0;
                                const bool second_loved = (loved & 2) != 0;
                                if (first_loved) set_lover(policy, first);
                                if (second_loved) set_lover(policy, second);
                                const auto verdict = judge(findings, found, policy);

                                // written down anew, from the reference's words
                                const auto stops = [&](Major major, Destiny destiny, bool is_loved) {
                                    if (major == Major::spammy || destiny == Destiny::pass) return false;
                                    if (is_loved && can_be_loved(major)) return false;
                                    return !(major == Major::bad_header && destiny == Destiny::bounce && bulk);
                                };
                                const bool both_spam = first == Major::spam && second == Major::spammy;
                                const bool first_stops = stops(first, first_destiny, first_loved || (both_spam && second_loved));
                                const bool second_stops = stops(second, second_destiny, second_loved);
                                CAPTURE(static_cast<int>(first), static_cast<int>(second), static_cast<int>(first_destiny),
                                        static_cast<int>(second_destiny), loved, bulk);
                                CHECK(verdict.main().major == first);
                                CHECK(verdict.categories.back() == ContentCategory{Major::clean, 0});
                                CHECK(std::ranges::is_sorted(verdict.categories, std::greater<>()));
                                if (first_stops) {
                                    REQUIRE(verdict.blocking);
                                    CHECK(verdict.blocking->major == first);
                                    CHECK(verdict.destiny == first_destiny);
                                } else if (second_stops) {
                                    REQUIRE(verdict.blocking);
                                    CHECK(verdict.blocking->major == second);
                                    CHECK(verdict.destiny == second_destiny);
                                } else {
                                    CHECK(verdict.passes());
                                    CHECK(verdict.destiny == Destiny::pass);
                                }
                                ++judged;
                            }
                        }
    CHECK(judged == 21 * 25 * 4 * 2);
}

TEST_CASE("a bypass hides its own category and no other") {
    for (const auto major : majors) {
        MessageFindings findings;
        RecipientFindings found;
        RecipientPolicy policy;
        for (const auto each : majors) find(each, findings, found, policy);
        if (major == Major::virus || major == Major::unchecked) policy.bypass_virus_checks = true;
        if (major == Major::banned) policy.bypass_banned_checks = true;
        if (major == Major::spam || major == Major::spammy) policy.bypass_spam_checks = true;
        if (major == Major::bad_header) policy.bypass_header_checks = true;
        const auto verdict = judge(findings, found, policy);
        const auto has = [&](Major wanted) {
            return std::ranges::any_of(verdict.categories, [&](auto category) { return category.major == wanted; });
        };
        CAPTURE(static_cast<int>(major));
        if (major != Major::oversized) CHECK_FALSE(has(major));
        CHECK(has(Major::oversized));
        for (const auto other : majors) {
            const auto kin = [](Major m) { return m == Major::unchecked ? Major::virus : m == Major::spammy ? Major::spam : m; };
            if (kin(other) != kin(major)) CHECK(has(other));
        }
    }
    MessageFindings ambiguous;
    ambiguous.unchecked = {mail::unchecked_ambiguous};
    RecipientFindings found;
    RecipientPolicy policy;
    policy.bypass_virus_checks = true;
    CHECK(judge(ambiguous, {}, policy).main() == ContentCategory{Major::unchecked, 3});
}

struct LevelRow {
    std::optional<double> score;
    bool white, black, bypass;
    bool tag, tag2, tag3, kill;
};

TEST_CASE("levels: at least, and what white and black lists make of them") {
    const auto row = GENERATE(
        LevelRow{1.99, false, false, false, false, false, false, false},
        LevelRow{2.0, false, false, false, true, false, false, false},
        LevelRow{5.99, false, false, false, true, false, false, false},
        LevelRow{6.0, false, false, false, true, true, false, false}, LevelRow{7.0, false, false, false, true, true, true, false},
        LevelRow{8.0, false, false, false, true, true, true, true},
        LevelRow{11.9, true, false, false, false, false, false, false},
        LevelRow{12.0, true, false, false, true, false, false, false}, LevelRow{-5.0, false, true, false, true, true, true, true},
        LevelRow{std::nullopt, false, true, false, true, true, true, true},
        LevelRow{99.0, true, true, false, true, false, false, false},
        LevelRow{99.0, false, false, true, false, false, false, false},
        LevelRow{std::nullopt, false, false, false, false, false, false, false});
    MessageFindings findings;
    findings.score = row.score;
    RecipientFindings found;
    RecipientPolicy policy;
    policy.levels = {2, 6, 7, 8, {}, {}};
    found.whitelisted = row.white;
    found.blacklisted = row.black;
    policy.bypass_spam_checks = row.bypass;
    const auto verdict = judge(findings, found, policy);
    CAPTURE(row.score.value_or(-99), row.white, row.black);
    CHECK(verdict.tag == row.tag);
    CHECK(verdict.tag2 == row.tag2);
    CHECK(verdict.tag3 == row.tag3);
    CHECK(verdict.kill == row.kill);
}

TEST_CASE("a denied sender's mail has every degree, also without a level for it: the third subject tag counts") {
    MessageFindings findings;
    RecipientFindings found;
    RecipientPolicy policy;
    policy.is_local = true;
    found.blacklisted = true;
    policy.levels = {2, 6, {}, 8, {}, {}};
    policy.subject_tags = {"", "[spam] ", "[worse] "};
    CHECK(judge(findings, found, policy).tag3);
    CHECK(judge(findings, found, policy).subject_tag == "[worse] ");
    policy.subject_tags.tag3 = "";
    CHECK(judge(findings, found, policy).subject_tag == "[spam] ");
}

TEST_CASE("undefined levels: tag always, the others never; a boost counts and is named first") {
    MessageFindings findings;
    findings.score = 1000;
    RecipientFindings found;
    RecipientPolicy policy;
    auto verdict = judge(findings, found, policy);
    CHECK(verdict.tag);
    CHECK_FALSE((verdict.tag2 || verdict.tag3 || verdict.kill));
    findings.score = 5;
    findings.tests = {{"A", 5}};
    found.score_boost = 3;
    policy.levels.kill = 8;
    verdict = judge(findings, found, policy);
    CHECK(verdict.score == 8.0);
    CHECK(verdict.kill);
    REQUIRE(verdict.tests.size() == 2);
    CHECK(verdict.tests[0].name == "AM.WBL");
}

TEST_CASE("size limits: 0 is none, and none is below 64 KiB") {
    struct Row {
        std::optional<std::uint64_t> limit;
        std::uint64_t size;
        bool over;
    };
    const auto row = GENERATE(Row{{}, 1'000'000, false}, Row{0, 1'000'000, false}, Row{1000, 65536, false},
                              Row{1000, 65537, true}, Row{70'000, 70'000, false}, Row{70'000, 70'001, true});
    MessageFindings findings;
    findings.size = row.size;
    RecipientPolicy policy;
    policy.size_limit = row.limit;
    CHECK((judge(findings, {}, policy).main().major == Major::oversized) == row.over);
}

TEST_CASE("what is quarantined, and where to") {
    RecipientFindings found;
    RecipientPolicy policy;
    policy.quarantine = {"v:", "b:", "s:", "u:", "o:", "h:", "c:", "a:"};
    policy.levels.kill = 8;
    policy.levels.tag2 = 6;
    const auto of = [&](const MessageFindings& findings) { return judge(findings, found, policy).quarantine; };
    MessageFindings clean, spammy, spam, infected, oversized;
    clean.score = 0;
    spammy.score = 7;
    spam.score = 9;
    infected.viruses = {"x"};
    CHECK(of(clean) == "c:");
    CHECK(of(spam) == "s:");
    CHECK(of(infected) == "v:");
    policy.spam_lover = true;
    CHECK(of(spam) == "s:");
    found.blacklisted = true;
    CHECK(of(spam) == "s:");  // without a cutoff everything is kept
    policy.levels.quarantine_cutoff = 20;
    CHECK(of(spam).empty());
    found.blacklisted = false;
    CHECK(of(spam) == "s:");
    spam.score = 20;
    CHECK(of(spam).empty());
    CHECK(of(infected) == "v:");
    policy.virus_lover = true;
    infected.score = 9;
    policy.spam_lover = false;
    policy.levels.quarantine_cutoff = {};
    CHECK(of(infected) == "s:");  // the blocking category decides, not the main one
}

TEST_CASE("spammy and oversized mail that passes is kept as the next lesser category says") {
    RecipientPolicy policy;
    policy.quarantine = {"v:", "b:", "s:", "u:", "o:", "h:", "c:", "a:"};
    policy.levels.tag2 = 6;
    policy.size_limit = 70'000;
    policy.destinies.oversized = Destiny::pass;
    MessageFindings findings;
    findings.score = 7;
    findings.size = 100'000;
    CHECK(judge(findings, {}, policy).quarantine == "c:");
    CHECK(judge(findings, {}, policy).quarantine_to == "clean-quarantine");
    findings.header_problems = {{8, "twice"}};
    CHECK(judge(findings, {}, policy).quarantine == "h:");
    policy.levels.quarantine_cutoff = 7;  // also of a copy that is kept for another reason
    CHECK(judge(findings, {}, policy).quarantine.empty());
    policy.levels.quarantine_cutoff = {};
    policy.quarantine.bad_header.clear();  // the first that could be kept decides
    CHECK(judge(findings, {}, policy).quarantine.empty());
    findings.header_problems.clear();
    findings.score = 0;
    CHECK(judge(findings, {}, policy).quarantine == "c:");
    policy.destinies.oversized = Destiny::bounce;
    CHECK(judge(findings, {}, policy).quarantine.empty());  // blocked: that category only
}

TEST_CASE("what blocks is the category; which of its kinds counts only with a destiny of its own") {
    MessageFindings findings;
    RecipientPolicy policy;
    findings.header_problems = {{2, "8-bit"}};
    policy.destinies.bad_header = Destiny::reject;
    auto verdict = judge(findings, {}, policy);
    CHECK(verdict.main() == ContentCategory{Major::bad_header, 2});
    CHECK(verdict.blocking == ContentCategory{Major::bad_header, 0});
    CHECK(mail::sql_letter(*verdict.blocking) == 'H');
    CHECK(blocked_response(verdict, "1-01", findings).line() == "554 5.6.0 Reject, id=1-01 - BAD HEADER");
    findings.unchecked = {mail::unchecked_encrypted};
    policy.destinies.unchecked = Destiny::reject;
    verdict = judge(findings, {}, policy);
    CHECK(blocked_response(verdict, "1-01", findings).line() == "554 5.7.0 Reject, id=1-01 - UNCHECKED");
    policy.destinies.unchecked_by_minor[mail::unchecked_encrypted] = Destiny::reject;
    verdict = judge(findings, {}, policy);
    CHECK(blocked_response(verdict, "1-01", findings).line() == "554 5.7.0 Reject, id=1-01 - UNCHECKED: encrypted");
    findings.unchecked = {mail::unchecked_unopened};
    CHECK(judge(findings, {}, policy).blocking == ContentCategory{Major::unchecked, mail::unchecked_unopened});
}

TEST_CASE("who bypasses spam checks has the score that others asked for, and no level") {
    MessageFindings findings;
    findings.score = 9;
    findings.tests = {{"A", 9}};
    RecipientFindings found;
    RecipientPolicy policy;
    policy.bypass_spam_checks = true;
    found.score_boost = 2;
    policy.levels = {-99, 1, 2, 3, {}, {}};
    const auto verdict = judge(findings, found, policy);
    CHECK(verdict.score == 11.0);
    CHECK(verdict.tests.size() == 2);
    CHECK_FALSE((verdict.tag || verdict.tag2 || verdict.tag3 || verdict.kill));
    CHECK(verdict.main() == ContentCategory{Major::clean, 0});
    findings.score = {};
    CHECK_FALSE(judge(findings, found, policy).score);  // nobody asked: nor do the lists
}

TEST_CASE("the subject tag is the first that is not empty, for local recipients") {
    RecipientPolicy policy;
    policy.is_local = true;
    policy.subject_tags = {"T1 ", "T2 ", ""};
    policy.levels = {1, 6, 7, 8, {}, {}};
    const auto of = [&](double score, bool infected = false, std::optional<int> unchecked = {}) {
        MessageFindings findings;
        findings.score = score;
        if (infected) findings.viruses = {"x"};
        if (unchecked) findings.unchecked = {*unchecked};
        return judge(findings, {}, policy).subject_tag;
    };
    CHECK(of(0).empty());
    CHECK(of(1) == "T1 ");
    CHECK(of(6) == "T2 ");
    CHECK(of(7) == "T2 ");
    CHECK(of(9) == "T2 ");
    CHECK(of(9, true) == "***INFECTED*** ");
    CHECK(of(9, false, 0) == "***UNCHECKED*** ");
    policy.is_local = false;
    CHECK(of(9).empty());
}

TEST_CASE("scan reports together") {
    mail::Evidence evidence;
    evidence.scans.push_back({"clamd", {}, mail::Infected{{"A", "B"}}, true, true});
    evidence.scans.push_back({"yara", {}, mail::Infected{{"B", "C"}}, false, true});
    evidence.scans.push_back({"spamd", {}, mail::Scored{2.5, {{"X", 2.5}}, {}, "", ""}, true, false});
    evidence.scans.push_back({"rspamd", {}, mail::Scored{1, {{"Y", 1}}, {}, "", ""}, true, false});
    evidence.scans.push_back({"icap", {}, mail::Failed{Fault{make_error_code(Errc::over_limit), "too big"}}, true, true});
    evidence.scans.push_back(
        {"other", {}, mail::Failed{Fault{make_error_code(Errc::refused), "other 192.0.2.1:1: connect"}}, false, true});
    evidence.scans.push_back({"yara", {}, mail::Failed{Fault{make_error_code(Errc::timeout), "yara: match"}}, false, true});
    const auto findings = findings_from(evidence);
    CHECK(findings.viruses == std::vector<std::string>{"A", "B", "C"});
    CHECK(findings.score == 3.5);
    CHECK(findings.tests.size() == 2);
    CHECK(findings.virus_check_done);
    CHECK(findings.unchecked == std::set<int>{mail::unchecked_over_limits});
    CHECK(findings.failed_engines ==
          std::vector<std::string>{"icap: too big", "other 192.0.2.1:1: connect: refused", "yara: match: timed out"});
    CHECK_FALSE(findings_from({}).score);
    CHECK_FALSE(findings_from({}).virus_check_done);
}

TEST_CASE("what opening found becomes unchecked, each for its own reason") {
    mail::Evidence evidence;
    evidence.contents.parts.resize(2);
    evidence.contents.parts[1].path = "1/1";
    SECTION("nothing odd") { CHECK(findings_from(evidence).unchecked.empty()); }
    SECTION("a defect with one reading is not ambiguous") {
        evidence.contents.anomalies = {{mail::AnomalyKind::unclosed_multipart, 1, ""}};
        CHECK(findings_from(evidence).unchecked.empty());
    }
    SECTION("all at once") {
        evidence.contents.parts[1].set(mail::PartFlag::encrypted);
        evidence.contents.parts[1].set(mail::PartFlag::undecipherable);
        evidence.contents.limit = "Maximum decoding depth (14) exceeded";
        evidence.contents.failure = "the decoder crashed twice";
        evidence.contents.is_to_blame = true;
        evidence.contents.anomalies = {{mail::AnomalyKind::duplicate_boundary, 2, "x"}};
        const auto findings = findings_from(evidence);
        CHECK(findings.unchecked == std::set<int>{1, 2, 3, 4});
        CHECK(findings.hold == "Maximum decoding depth (14) exceeded");
        CHECK(findings.ambiguities == std::vector<std::string>{"duplicate-boundary part=1/1"});
        CHECK(findings.failed_engines == std::vector<std::string>{"opening: the decoder crashed twice"});
    }
    SECTION("no decoder at all is trouble of ours, as a failed engine is") {
        evidence.contents.failure = "no worker could be started";
        CHECK(findings_from(evidence).unchecked == std::set<int>{mail::unchecked_engine});
        CHECK(findings_from(evidence).required_engine_failed);
    }
    SECTION("what an engine cannot do with this message at any try is no reason to try again") {
        struct Row {
            Errc code;
            int unchecked;
            bool is_trouble;
        };
        const auto row =
            GENERATE(Row{Errc::over_limit, mail::unchecked_over_limits, false},
                     Row{Errc::bad_input, mail::unchecked_engine, false}, Row{Errc::unavailable, mail::unchecked_engine, true},
                     Row{Errc::timeout, mail::unchecked_engine, true}, Row{Errc::bad_reply, mail::unchecked_engine, true});
        mail::ScanReport report;
        report.scanner = "clamd";
        report.required = report.finds_viruses = true;
        report.outcome = mail::Failed{{make_error_code(row.code), "why"}};
        evidence.scans.push_back(report);
        const auto findings = findings_from(evidence);
        CHECK(findings.unchecked == std::set<int>{row.unchecked});
        CHECK(findings.required_engine_failed == row.is_trouble);
        CHECK(findings.failed_engines.size() == 1);
    }
    SECTION("undecipherable alone") {
        evidence.contents.parts[1].set(mail::PartFlag::undecipherable);
        CHECK(findings_from(evidence).unchecked == std::set<int>{0});
    }
}

TEST_CASE("each kind of unchecked mail can have its own destiny and quarantine") {
    MessageFindings findings;
    findings.unchecked = {mail::unchecked_encrypted, mail::unchecked_unopened};
    RecipientPolicy policy;
    policy.destinies.unchecked_by_minor[mail::unchecked_unopened] = Destiny::discard;
    policy.quarantine.unchecked = "";
    policy.quarantine.unopened = "sql:";
    auto verdict = judge(findings, {}, policy);
    CHECK(verdict.blocking == ContentCategory{Major::unchecked, mail::unchecked_unopened});
    CHECK(verdict.quarantine == "sql:");
    findings.unchecked = {mail::unchecked_encrypted};
    verdict = judge(findings, {}, policy);
    CHECK(verdict.passes());
    CHECK(verdict.quarantine.empty());
    policy.destinies.unchecked_by_minor[mail::unchecked_encrypted] = Destiny::reject;
    CHECK(judge(findings, {}, policy).destiny == Destiny::reject);
    policy.unchecked_lover = true;
    CHECK(judge(findings, {}, policy).passes());
}

TEST_CASE("the blocked response, by category and destiny") {
    struct Row {
        ContentCategory category;
        Destiny destiny;
        bool soft;
        const char* line;
    };
    const auto row = GENERATE(
        Row{{Major::virus, 0}, Destiny::reject, false, "554 5.7.0 Reject, id=1-01 - INFECTED: Eicar-Test-Signature"},
        Row{{Major::spam, 0}, Destiny::discard, false, "250 2.7.0 Ok, discarded, id=1-01 - spam"},
        Row{{Major::spam, 0}, Destiny::bounce, false, "554 5.7.0 Bounce, id=1-01 - spam"},
        Row{{Major::spam, 0}, Destiny::reject, true, "450 4.7.0 Reject (soft_bounce), id=1-01 - spam"},
        Row{{Major::spam, 0}, Destiny::discard, true, "450 4.7.0 Ok, discarded (soft_bounce), id=1-01 - spam"},
        Row{{Major::spam, 0}, Destiny::tempfail, true, "450 4.7.0 Temporary failure, id=1-01 - spam"},
        Row{{Major::banned, 0}, Destiny::tempfail, false, "450 4.7.0 Temporary failure, id=1-01 - BANNED: .exe"},
        Row{{Major::bad_header, 2}, Destiny::reject, false, "554 5.6.3 Reject, id=1-01 - BAD HEADER: nonencoded 8-bit character"},
        Row{{Major::bad_header, 7},
            Destiny::reject,
            false,
            "554 5.6.0 Reject, id=1-01 - BAD HEADER: missing required header field"},
        Row{{Major::oversized, 0},
            Destiny::bounce,
            false,
            "552 5.3.4 Bounce, id=1-01 - Message size exceeds recipient's size limit"},
        Row{{Major::unchecked, 3}, Destiny::reject, false, "554 5.7.0 Reject, id=1-01 - UNCHECKED: ambiguous content"},
        Row{{Major::mta, 2}, Destiny::reject, false, "550 5.3.5 Reject, id=1-01 - Rejected by next-hop MTA on relaying"},
        Row{{Major::spammy, 1}, Destiny::reject, false, "554 5.7.0 Reject, id=1-01 - spammy (tag3)"});
    MessageFindings findings;
    findings.viruses = {"Eicar-Test-Signature"};
    RecipientVerdict verdict;
    verdict.categories = {row.category};
    verdict.blocking = row.category;
    verdict.destiny = row.destiny;
    if (row.category.major == Major::banned) verdict.banned = std::make_shared<const BannedHit>(BannedHit{".exe", "", {}, false});
    CHECK(blocked_response(verdict, "1-01", findings, row.soft).line() == row.line);
}

TEST_CASE("scores as people read them") {
    for (const auto& [score, want] : std::vector<std::pair<double, const char*>>{{0, "0"},
                                                                                 {-0.0, "0"},
                                                                                 {-0.0004, "0"},
                                                                                 {0.001, "0.001"},
                                                                                 {6.2, "6.2"},
                                                                                 {1000, "1000"},
                                                                                 {-1.5, "-1.5"},
                                                                                 {6.9999, "7"}})
        CHECK(format_score(score) == want);
}

TEST_CASE("the message's own categories are the worst of its recipients") {
    RecipientVerdict spam, clean, infected;
    spam.categories = {{Major::spam, 0}};
    spam.blocking = spam.categories[0];
    clean.categories = {{Major::clean, 1}};
    infected.categories = {{Major::virus, 0}};
    CHECK(worst_blocking({clean, spam, infected}) == ContentCategory{Major::spam, 0});
    CHECK(worst_main({clean, spam, infected}) == ContentCategory{Major::virus, 0});
    CHECK_FALSE(worst_blocking({clean}));
    CHECK(worst_main({}) == ContentCategory{});
}

TEST_CASE("no name to keep it for, no quarantine") {
    RecipientPolicy policy;
    MessageFindings findings;
    findings.viruses = {"Eicar"};
    CHECK(judge(findings, {}, policy).quarantine == "sql:");
    CHECK(judge(findings, {}, policy).quarantine_to == "virus-quarantine");
    policy.quarantine_to.virus.clear();
    CHECK(judge(findings, {}, policy).quarantine.empty());
    CHECK(judge(findings, {}, policy).quarantine_to.empty());
    policy.quarantine_to.virus = "box";
    policy.quarantine.virus.clear();
    CHECK(judge(findings, {}, policy).quarantine_to.empty());
}

TEST_CASE("lists, pen pals and bounces change the score of one recipient and show as tests") {
    RecipientFindings found;
    RecipientPolicy policy;
    policy.levels.kill = 6;
    MessageFindings findings;
    findings.score = 5;
    findings.tests = {{"SA_TEST", 5}};
    found.score_boost = 3;
    found.pen_pal_bonus = -1.5;
    auto verdict = judge(findings, found, policy);
    CHECK(verdict.score == 6.5);
    REQUIRE(verdict.tests.size() == 3);
    CHECK(verdict.tests[0].name == "AM.PENPAL");
    CHECK(verdict.tests[1].name == "AM.WBL");
    CHECK(verdict.kill);
    found.pen_pal_bonus = -4;
    CHECK_FALSE(judge(findings, found, policy).kill);
    found.bounce_score = 100;
    verdict = judge(findings, found, policy);
    CHECK(verdict.score == 104.0);
    CHECK(verdict.tests[0].name == "AM.BOUNCE");
    policy.bypass_spam_checks = true;
    verdict = judge(findings, found, policy);
    CHECK(verdict.score == 104.0);
    CHECK_FALSE(verdict.kill);
}

}  // namespace
}  // namespace tamis::policy
