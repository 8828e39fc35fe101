// marks_test - the fields a message gets, byte for byte
#include "policy/marks.h"

#include <catch2/catch.hpp>

#include <random>

#include "base/text.h"
#include "unit/policy/fixture.h"

namespace tamis::policy {
namespace {

using mail::Major;
using test::Story;

std::string bytes_of(const mail::EditedMessage& edited) {
    std::string out;
    for (const auto& piece : edited.pieces)
        out += piece.size == 0 ? piece.literal : std::string(edited.spool->head().substr(piece.offset, piece.size));
    return out;
}

Site quiet_site() {
    Site site;
    site.add_received = false;
    return site;
}

std::string marked(const Story& story, bool quarantined = false, const Site& site = quiet_site()) {
    return bytes_of(edits_for(story.as_case(), 0, site, quarantined).apply(story.message));
}

Story scored(double score, std::string text = "Subject: old\r\n\r\nbody\r\n") {
    Story story(1, std::move(text));
    story.findings.score = score;
    story.findings.tests = {{"A", 1}, {"B_C", score - 1}};
    story.findings.virus_check_done = true;
    story.policies[0].levels = {2, 6, {}, 100, {}, {}};
    story.judge_again();
    return story;
}

TEST_CASE("clean below the tag level: only that it was looked at") {
    CHECK(marked(scored(1.5)) == "X-Virus-Scanned: Tamis\r\nSubject: old\r\n\r\nbody\r\n");
}

TEST_CASE("tagged, spammy, and somebody else's recipient") {
    CHECK(marked(scored(3)) ==
          "X-Virus-Scanned: Tamis\r\nX-Spam-Flag: NO\r\nX-Spam-Score: 3\r\nX-Spam-Level: ***\r\n"
          "X-Spam-Status: No, score=3 tagged_above=2 required=6 tests=[A=1, B_C=2]\r\n\tautolearn=unavailable\r\n"
          "Subject: old\r\n\r\nbody\r\n");
    auto story = scored(6.25);
    CHECK(
        marked(story, true)
            .starts_with(
                "X-Quarantine-ID: <aB3dEf9hIjKl>\r\nX-Virus-Scanned: Tamis\r\nX-Spam-Flag: YES\r\nX-Spam-Score: 6.25\r\nX-Spam-Level: ******\r\n"));
    CHECK(marked(story).ends_with("Subject: ***SPAM*** old\r\n\r\nbody\r\n"));
    story.policies[0].is_local = false;
    story.judge_again();
    CHECK(marked(story, true) == "X-Virus-Scanned: Tamis\r\nSubject: old\r\n\r\nbody\r\n");
}

TEST_CASE("levels that are not set are not shown; lists bound the score") {
    auto story = scored(3);
    story.policies[0].levels = {};
    story.judge_again();
    CHECK(marked(story).find("X-Spam-Status: No, score=3 tests=[") != std::string::npos);
    story.found[0].blacklisted = true;
    story.judge_again();
    CHECK(marked(story).find("X-Spam-Score: 64\r\nX-Spam-Level: " + std::string(64, '*') +
                             "\r\nX-Spam-Status: Yes, score=3 BLACKLISTED tests=") != std::string::npos);
    story.findings.score = {};
    story.findings.tests = {};
    story.judge_again();
    CHECK(marked(story).find("X-Spam-Flag: YES\r\nX-Spam-Score: 64\r\n") != std::string::npos);
    CHECK(marked(story).find("score=x BLACKLISTED tests=[]") != std::string::npos);
    story.found[0].blacklisted = false;
    story.found[0].whitelisted = true;
    story.findings.score = 30;
    story.judge_again();
    CHECK(marked(story).find("X-Spam-Score: 0\r\nX-Spam-Level:\r\nX-Spam-Status: No, score=30 WHITELISTED") != std::string::npos);
    story.findings.score = {};
    story.findings.tests = {};
    story.judge_again();
    CHECK(marked(story).find(
              "X-Spam-Flag: NO\r\nX-Spam-Score: 0\r\nX-Spam-Level:\r\nX-Spam-Status: No, score=x WHITELISTED tests=[]") !=
          std::string::npos);
    CHECK(fill_subject_tag("_SCORE_", story.verdicts[0], story.policies[0], story.message, {}) == "0");
    story.verdicts[0].score = 30;
    CHECK(fill_subject_tag("_SCORE_", story.verdicts[0], story.policies[0], story.message, {}) == "30");
}

TEST_CASE("a pen pal is named with the time since he was written to") {
    auto story = scored(1);
    story.found[0].pen_pal_age = std::chrono::days(2) + std::chrono::hours(3) + std::chrono::minutes(4) + std::chrono::seconds(5);
    CHECK(marked(story).find("X-Amavis-PenPals: age 2 3:04:05\r\n") != std::string::npos);
    story.found[0].pen_pal_age = std::chrono::seconds(0);
    CHECK(marked(story).find("X-Amavis-PenPals: age 0 0:00:00\r\n") != std::string::npos);
}

namespace {

// status_of_copy - the X-Spam fields of a copy kept of this story, its status unfolded
std::string spam_fields_of_copy(const Story& story) {
    auto prefix = quarantine_prefix(story.as_case(), quiet_site());
    const auto at = prefix.find("X-Spam-Flag");
    if (at == std::string::npos) return {};
    prefix = prefix.substr(at);
    for (std::size_t i = 0; (i = prefix.find("\n\t", i)) != std::string::npos;) prefix.replace(i, 2, " ");
    return prefix;
}

}  // namespace

TEST_CASE("the X-Spam fields of a copy, with and without a score") {
    Story story(2);
    CHECK(
        spam_fields_of_copy(story) ==
        "X-Spam-Flag: NO\nX-Spam-Score: 0\nX-Spam-Level:\nX-Spam-Status: No, score=x tag=x tag2=x kill=x tests=[] autolearn=unavailable\n");
    const auto judge_all = [&](double score, SpamLevels levels) {
        story.findings.score = score;
        story.findings.tests = {{"A", score}};
        for (std::size_t i = 0; i < 2; ++i) {
            story.policies[i].levels = levels;
            story.judge_again(i);
        }
        return spam_fields_of_copy(story);
    };
    // killed but not spammy: no flag, and yet Yes
    CHECK(
        judge_all(5, {2, 6, {}, 4, {}, {}}) ==
        "X-Spam-Flag: NO\nX-Spam-Score: 5\nX-Spam-Level: *****\nX-Spam-Status: Yes, score=5 tag=2 tag2=6 kill=4 tests=[A=5] autolearn=unavailable\n");
    // nobody was tagged: no levels
    CHECK(judge_all(1, {2, 6, {}, 8, {}, {}})
              .ends_with("X-Spam-Status: No, score=1 tag=x tag2=x kill=x tests=[A=1] autolearn=unavailable\n"));
    story.found[1].blacklisted = true;  // the score is what was found, X-Spam-Score what the lists make of it
    CHECK(judge_all(1, {2, 6, {}, 8, {}, {}}) ==
          "X-Spam-Flag: YES\nX-Spam-Score: 64\nX-Spam-Level: " + std::string(64, '*') +
              "\nX-Spam-Status: Yes, score=1 tag=2 tag2=6 kill=8 BLACKLISTED tests=[A=1] autolearn=unavailable\n");
    story.found[1].blacklisted = false;
    story.found[0].whitelisted = true;
    CHECK(
        judge_all(30, {2, 6, {}, 8, {}, {}}) ==
        "X-Spam-Flag: YES\nX-Spam-Score: 0\nX-Spam-Level:\nX-Spam-Status: Yes, score=30 tag=2 tag2=6 kill=8 WHITELISTED tests=[A=30] autolearn=unavailable\n");
}

TEST_CASE("what strangers say about spam and about us goes") {
    std::string text;
    for (const char* name : {"X-Spam-Status", "x-spam-level", "X-SPAM-FLAG", "X-Spam-Score", "X-Spam-Report",
                             "X-Spam-Checker-Version", "X-Spam-Tests", "X-Amavis-Hold", "X-Amavis-Alert", "X-Quarantine-ID"})
        text += std::string(name) + ": forged\r\n folded\r\n";
    const auto out = marked(scored(0, text + "X-Virus-Scanned: by them\r\nX-Spamish: stays\r\n\r\nX-Spam-Flag: body\r\n"));
    CHECK(out == "X-Virus-Scanned: Tamis\r\nX-Virus-Scanned: by them\r\nX-Spamish: stays\r\n\r\nX-Spam-Flag: body\r\n");
}

TEST_CASE("every field in our name goes, whatever follows the pattern, however it is written and wherever it stands") {
    for (const char* name : {"X-Spam-Bar", "x-spam-anything", "X-SPAM-Flag ", "X-Spam\t", "X-Spam", "X-Amavis-PenPals",
                             "x-amavis-os-fingerprint", "X-Spam-"}) {
        const std::string field = std::string(name) + ": forged\r\n folded\r\n";
        CAPTURE(name);
        CHECK(marked(scored(0, field + "Subject: a\r\nno field at all\r\n" + field + "To: b\r\n" + field + "\r\nbody\r\n")) ==
              "X-Virus-Scanned: Tamis\r\nSubject: a\r\nno field at all\r\nTo: b\r\n\r\nbody\r\n");
    }
    auto site = quiet_site();
    site.remove_existing_spam_headers = false;
    CHECK(marked(scored(0, "X-Spam-Bar: +\r\nX-Amavis-PenPals: age\r\n\r\nbody\r\n"), false, site) ==
          "X-Virus-Scanned: Tamis\r\nX-Spam-Bar: +\r\n\r\nbody\r\n");
}

TEST_CASE("subjects") {
    struct Row {
        const char *tag, *header, *want;
    };
    const auto row = GENERATE(
        Row{"***SPAM*** ", "Subject: old\r\n", "Subject: ***SPAM*** old\r\n"},
        Row{"***SPAM*** ", "Subject: ***SPAM*** old\r\n", "Subject: ***SPAM*** old\r\n"},
        Row{"***SPAM*** ", "Subject: ***SPAM*** ***SPAM*** old\r\n", "Subject: ***SPAM*** old\r\n"},
        Row{"***SPAM*** ", "Subject: Re: ***SPAM*** offer\r\n", "Subject: ***SPAM*** Re: offer\r\n"},
        Row{"***SPAM*** ", "Subject: Re: ***SPAM*** Fwd: ***SPAM***offer ***SPAM***\r\n",
            "Subject: ***SPAM*** Re: Fwd: offer \r\n"},
        Row{"***SPAM*** ", "Subject: =?UTF-8?B?KioqU1BBTSoqKiBHcsO8w59l?=\r\n",
            "Subject: ***SPAM*** =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=\r\n"},
        Row{"***SPAM*** ", "Subject: Re: =?UTF-8?Q?***SPAM***_Gr=C3=BC=C3=9Fe?=\r\n",
            "Subject: ***SPAM*** Re: =?UTF-8?Q?_Gr=C3=BC=C3=9Fe?=\r\n"},
        Row{"***SPAM*** ", "Subject: =?ISO-8859-1?Q?Gr=FC=DFe?=\r\n", "Subject: ***SPAM*** =?ISO-8859-1?Q?Gr=FC=DFe?=\r\n"},
        Row{"[SPAM _SCORE_] ", "Subject: Re: [SPAM 12.3] offer\r\n", "Subject: [SPAM 7] Re: offer\r\n"},
        Row{"** ", "Subject: a ** b\r\n", "Subject: ** a ** b\r\n"},  // too short to be known again
        Row{"[.*] ", "Subject: Re: [.*] a [x]\r\n", "Subject: [.*] Re: a [x]\r\n"},
        Row{"***SPAM*** ", "subject:old\r\n", "Subject: ***SPAM*** old\r\n"},
        Row{"***SPAM*** ", "Subject: old\r\nTo: b\r\nSUBJECT: older\r\n",
            "Subject: ***SPAM*** old\r\nTo: b\r\nSubject: ***SPAM*** older\r\n"},
        Row{"***SPAM*** ", "Subject:\r\n old\r\n", "Subject: ***SPAM*** \r\n old\r\n"},
        Row{"***SPAM*** ", "", "Subject: ***SPAM***\r\n"},
        Row{"***SPAM***", "Subject: =?utf-8?q?=C3=A9?=\r\n", "Subject: ***SPAM*** =?utf-8?q?=C3=A9?=\r\n"},
        Row{"***SPAM***", "Subject: old\r\n", "Subject: ***SPAM***old\r\n"},
        Row{"\xc3\xa9 ", "Subject: old\r\n", "Subject: =?UTF-8?Q?=C3=A9_?= old\r\n"},
        Row{"[_SCORE_/_REQD_ _YESNO_ _YESNOCAPS_ _LOGID_ _MAILID_ _U_ _HOSTNAME__SUBJPREFIX_] ", "Subject: old\r\n",
            "Subject: [7/6 Yes YES 12345-01 aB3dEf9hIjKl 20230103T090000Z localhost] old\r\n"},
        Row{"x\r\nX-Evil: y ", "Subject: old\r\n", "Subject: =?UTF-8?Q?x=0D=0AX-Evil=3A_y_?= old\r\n"});
    auto story = scored(7, std::string(row.header) + "\r\nbody\r\n");
    story.policies[0].subject_tags.tag2 = row.tag;
    story.judge_again();
    const auto out = marked(story);
    CAPTURE(out);
    CHECK(out.find(row.want) != std::string::npos);
}

TEST_CASE("alerts fit on lines whatever the engines say") {
    MessageFindings findings;
    for (int i = 0; i < 1000; ++i) findings.viruses.push_back(std::string(200, 'v'));
    const BannedHit hit{"a\r\nX: y", {}, {}, false};
    const auto texts = alert_texts({{Major::virus, 0}, {Major::banned, 0}}, findings, &hit);
    REQUIRE(texts.size() == 2);
    CHECK(texts[0].size() < 1000);
    CHECK(texts[0].ends_with("..."));
    CHECK(texts[1] == "BANNED, message contains a??X: y");
}

TEST_CASE("Received, and the prefix of a quarantined copy") {
    Story story(2);
    story.envelope.peer_helo = "mta";
    story.envelope.peer_address = "127.0.0.1";
    story.envelope.socket_address = "127.0.0.1";
    story.envelope.listener = "10024";
    story.envelope.protocol = "LMTP";
    story.findings.score = 9;
    story.findings.tests = {{"B", 5}, {"A", 4}};
    for (std::size_t i = 0; i < 2; ++i) {
        story.policies[i].levels = {1.0 + static_cast<double>(i), 6, {}, 8, {}, {}};
        story.found[i].score_boost = static_cast<double>(i);
        story.judge_again(i);
    }
    story.verdicts[1].blocking = {};
    auto prefix = quarantine_prefix(story.as_case(), quiet_site());
    CHECK(prefix ==
          "X-Envelope-From: <ann@example.net>\nX-Envelope-To: <bob0@example.com>,\n <bob1@example.com>\n"
          "X-Envelope-To-Blocked: <bob0@example.com>\nX-Quarantine-ID: <aB3dEf9hIjKl>\nX-Spam-Flag: YES\nX-Spam-Score: 10\n"
          "X-Spam-Level: **********\nX-Spam-Status: Yes, score=9..10 tag=1 tag2=6 kill=8 tests=[A=4, AM.WBL=1, B=5]\n"
          "\tautolearn=unavailable\n");
    Site site;
    const auto received = received_body(story.envelope, story.message, site);
    CHECK(
        received.starts_with("from mta ([127.0.0.1])\n by localhost (localhost [127.0.0.1]) (Tamis, port 10024) with LMTP\n "
                             "id aB3dEf9hIjKl;\n "));
    story.envelope.recipients.resize(1);
    CHECK(received_body(story.envelope, story.message, site).find("id aB3dEf9hIjKl for <bob0@example.com>;") !=
          std::string::npos);
}

TEST_CASE("the prefix of a copy has the addresses octet by octet") {
    Story story(2);
    for (std::size_t i = 0; i < 2; ++i) story.judge_again(i);
    story.envelope.sender = "a\xff@example.net";
    story.envelope.recipients[0].address = "\"a b@c >>=d\\\"\"@example.com";
    story.envelope.recipients[1].address = "\xe9u@example.com";
    const auto prefix = quarantine_prefix(story.as_case(), quiet_site());
    CHECK(prefix.starts_with(
        "X-Envelope-From: <a\xff@example.net>\nX-Envelope-To: <\"a b@c >>=d\\\"\"@example.com>,\n <\xe9u@example.com>\n"));
}

TEST_CASE("S9: random bytes from strangers never make another field") {
    std::mt19937 random(11);
    static constexpr std::string_view sharp("\r\n\0 \t:<>,\"", 10);
    const auto noise = [&](std::size_t limit) {
        std::string out;
        for (std::size_t size = random() % limit; out.size() < size;)
            out += random() % 2 == 0 ? sharp[random() % sharp.size()] : static_cast<char>(random() % 256);
        return out;
    };
    for (int round = 0; round < 3000; ++round) {
        auto story = scored(9);
        story.envelope.sender = noise(300);
        story.envelope.recipients[0].address = noise(300);
        story.envelope.peer_helo = noise(600);
        story.findings.viruses = {noise(300), noise(300)};
        story.found[0].banned = std::make_shared<const BannedHit>(BannedHit{"x" + noise(2000), {}, {}, false});
        story.findings.header_problems = {{6, noise(2000)}};
        story.findings.tests = {{noise(100), 1}, {noise(100), 2}};
        story.policies[0].subject_tags.tag2 = noise(50);
        story.policies[0].virus_subject_tag = noise(50) + "x";
        story.judge_again();
        Site site;
        const auto out = marked(story, true, site);
        std::vector<std::string> names;
        for (const auto& field : mail::parse_header(out).fields) names.emplace_back(mail::HeaderBlock::name(field, out));
        CAPTURE(escaped(out, 3000));
        CHECK(names == std::vector<std::string>{"X-Quarantine-ID", "X-Virus-Scanned", "X-Amavis-Alert", "X-Amavis-Alert",
                                                "X-Amavis-Alert", "X-Spam-Flag", "X-Spam-Score", "X-Spam-Level", "X-Spam-Status",
                                                "Received", "Subject"});
        CHECK(out.ends_with("\r\n\r\nbody\r\n"));
        const auto prefix = quarantine_prefix(story.as_case(), site);
        names.clear();
        for (const auto& field : mail::parse_header(prefix).fields) names.emplace_back(mail::HeaderBlock::name(field, prefix));
        CHECK(names == std::vector<std::string>{"X-Envelope-From", "X-Envelope-To", "X-Envelope-To-Blocked", "X-Quarantine-ID",
                                                "X-Amavis-Alert", "X-Amavis-Alert", "X-Amavis-Alert", "X-Spam-Flag",
                                                "X-Spam-Score", "X-Spam-Level", "X-Spam-Status", "Received"});
        for (const auto line : split(out, '\n')) CHECK(line.size() <= 999);
    }
}

}  // namespace
}  // namespace tamis::policy
