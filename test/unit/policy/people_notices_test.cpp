// people_notices_test - who is told what: administrators by recipient, recipients about themselves, and nobody about notices
#include "policy/people_notices.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "unit/policy/fixture.h"

namespace tamis::policy {
namespace {

using mail::Major;

constexpr mail::ContentCategory virus{Major::virus, 0};

struct Told : test::Story {
    explicit Told(std::size_t count = 1, std::string text = std::string(test::plain_text)) : Story(count, std::move(text)) {
        findings.viruses = {"Eicar-Test-Signature"};
    }
    std::vector<PeopleNotice> notices() {
        auto of = as_case();
        of.per_recipient_replies = lmtp;
        PeopleOptions in;
        in.texts = &texts;
        in.is_new_virus = is_new_virus;
        in.warn_offsite = warn_offsite;
        in.hostname = "filter.example.com";
        in.from = "postmaster@filter.example.com";
        in.now = message.received_at;
        return people_notices(of, in);
    }
    NoticeTexts texts;
    bool lmtp = false, is_new_virus = false, warn_offsite = false;
};

bool holds(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_CASE("an administrator is told once, with the recipients he is responsible for and no others") {
    Told story(3);
    for (std::size_t i = 0; i < 3; ++i) story.block(i, virus, Destiny::discard);
    story.policies[0].virus_admin = story.policies[1].virus_admin = "a@example.com";
    story.policies[2].virus_admin = "c@example.org";
    const auto all = story.notices();
    REQUIRE(all.size() == 2);
    CHECK(all[0].kind == "virus_admin");
    CHECK(all[0].notice.recipients == std::vector<std::string>{"a@example.com"});
    CHECK(all[0].notice.sender.empty());
    CHECK(holds(all[0].notice.text, "<bob0@example.com>"));
    CHECK(holds(all[0].notice.text, "<bob1@example.com>"));
    CHECK_FALSE(holds(all[0].notice.text, "bob2@"));
    CHECK(holds(all[1].notice.text, "bob2@"));
    CHECK_FALSE(holds(all[1].notice.text, "bob0@"));
    CHECK(holds(all[0].notice.text, "\r\nAuto-Submitted: auto-generated\r\n"));
    CHECK(holds(all[0].notice.text, "Subject: VIRUS: INFECTED: Eicar-Test-Signature from <ann@example.net>\r\n"));
    CHECK(holds(all[0].notice.text, "Message-ID: <VA-aB3dEf9hIjKl-0@filter.example.com>"));
    CHECK_FALSE(holds(all[0].notice.text, "secret body"));
}

TEST_CASE("administrators with the same recipients share a notice; a new virus has one more of them") {
    Told story;
    story.block(0, virus, Destiny::discard);
    story.policies[0].virus_admin = "a@example.com";
    story.policies[0].new_virus_admin = "n@example.com";
    REQUIRE(story.notices().size() == 1);
    CHECK(story.notices()[0].notice.recipients.size() == 1);
    story.is_new_virus = true;
    REQUIRE(story.notices().size() == 1);
    CHECK(story.notices()[0].notice.recipients == std::vector<std::string>{"a@example.com", "n@example.com"});
    story.policies[0].virus_admin.clear();
    CHECK(story.notices()[0].notice.recipients == std::vector<std::string>{"n@example.com"});
}

TEST_CASE("each category has its administrator, also when the mail passes") {
    struct Row {
        mail::ContentCategory category;
        std::string_view kind;
    };
    const auto row = GENERATE(Row{{Major::virus, 0}, "virus_admin"}, Row{{Major::unchecked, 1}, "virus_admin"},
                              Row{{Major::banned, 0}, "banned_admin"}, Row{{Major::spam, 0}, "spam_admin"},
                              Row{{Major::bad_header, 2}, "bad_header_admin"}, Row{{Major::spammy, 0}, ""},
                              Row{{Major::oversized, 0}, ""}, Row{{Major::clean, 0}, ""});
    Told story;
    auto& policy = story.policies[0];
    policy.virus_admin = "v@e";
    policy.banned_admin = "b@e";
    policy.spam_admin = "s@e";
    policy.bad_header_admin = "h@e";
    if (GENERATE(false, true)) story.block(0, row.category, Destiny::discard);
    else story.verdicts[0].categories = {row.category, {Major::clean, 0}};
    const auto all = story.notices();
    REQUIRE(all.size() == (row.kind.empty() ? 0U : 1U));
    if (!all.empty()) CHECK(all[0].kind == row.kind);
}

TEST_CASE("recipients are told about what was kept from them, when they are ours and want it") {
    struct Row {
        bool warn, local, offsite, passes;
        std::size_t want;
    };
    const auto row =
        GENERATE(Row{true, true, false, false, 1}, Row{false, true, false, false, 0}, Row{true, false, false, false, 0},
                 Row{true, false, true, false, 1}, Row{true, true, false, true, 0});
    Told story(2);
    story.block(0, virus, Destiny::discard);
    story.block(1, virus, Destiny::discard);
    if (row.passes) {
        story.verdicts[0].blocking.reset();
        story.outcomes[0].relayed = true;
    }
    story.policies[0].warn_virus = row.warn;
    story.policies[0].is_local = row.local;
    story.warn_offsite = row.offsite;
    const auto all = story.notices();
    REQUIRE(all.size() == row.want);
    if (all.empty()) return;
    CHECK(all[0].notice.recipients == std::vector<std::string>{"bob0@example.com"});
    CHECK(holds(all[0].notice.text, "To: <bob0@example.com>\r\n"));
    CHECK_FALSE(holds(all[0].notice.text, "bob1@"));
}

TEST_CASE("a local part in quotes is an address like any other") {
    Told story(1);
    story.block(0, virus, Destiny::discard);
    story.envelope.recipients[0].address = "\"bob \\\"b\\\" @\"@example.com";
    story.policies[0].warn_virus = true;
    story.policies[0].virus_admin = "\"post master\"@example.com";
    const auto all = story.notices();
    REQUIRE(all.size() == 2);
    CHECK(all[0].notice.recipients == std::vector<std::string>{"\"post master\"@example.com"});
    CHECK(all[1].notice.recipients == std::vector<std::string>{story.envelope.recipients[0].address});
}

TEST_CASE("mail blocked for a bad header is told of by what it was") {
    Told story(1);
    story.findings.viruses.clear();
    story.findings.header_problems = {{8, "Duplicate header field"}};
    story.policies[0].bad_header_admin = "h@example.com";
    story.policies[0].destinies.bad_header = Destiny::discard;
    story.judge_again();
    REQUIRE(story.notices().size() == 1);
    CHECK(holds(story.notices()[0].notice.text, "BAD HEADER: duplicate header field"));
}

TEST_CASE("there is no notice about a notice, and none that every try would repeat") {
    Told story(2, "Auto-Submitted: auto-generated\r\n" + std::string(test::plain_text));
    story.block(0, virus, Destiny::discard);
    story.policies[0].virus_admin = "a@example.com";
    CHECK(story.notices().size() == 1);  // a stranger's header alone does not silence us
    story.envelope.sender.clear();
    CHECK(story.notices().empty());
    Told again(2);
    again.block(0, virus, Destiny::discard);
    again.policies[0].virus_admin = "a@example.com";
    again.outcomes[1].response = {450, "4.2.0", "later"};
    CHECK(again.notices().empty());
    again.lmtp = true;
    CHECK(again.notices().size() == 1);
}

TEST_CASE("words of strangers stay where they belong") {
    Told story(1,
               "From: =?utf-8?q?J=C3=B6rg=0D=0AEvil=3A_x?= <j@e>\r\nSubject: =?utf-8?q?{sender}=0D=0A.=0D=0AX: y?=\r\n"
               "X-Long: \xff\x01" +
                   std::string(3000, 'x') + "\r\n\r\nbody\r\n");
    story.findings.viruses = {"Evil\r\nBcc: victim@example.org\r\n\r\nX"};
    story.envelope.sender = "\"a\\\"b> c\"@example.net";
    story.block(0, virus, Destiny::discard);
    story.policies[0].virus_admin = "a@example.com";
    story.policies[0].new_virus_admin = "x@y>\r\nRCPT TO:<z@z";
    story.is_new_virus = true;
    const auto all = story.notices();
    REQUIRE(all.size() == 1);
    CHECK(all[0].notice.recipients.size() == 1);
    const auto& text = all[0].notice.text;
    CHECK(is_ascii(text));
    const auto top = text.substr(0, text.find("\r\n\r\n"));
    CHECK_FALSE(holds(top, "\nBcc:"));
    CHECK_FALSE(holds(top, "\nEvil:"));
    CHECK(holds(text, "{sender}"));
    for (const auto line : split(text, '\n')) CHECK(line.size() <= 999);
    CHECK(holds(text, "charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable"));
    CHECK(holds(text, "J=C3=B6rg"));
}

TEST_CASE("a site's own template, in its own language") {
    Told story;
    const auto own = parse_notice_text(
        "Subject: Virus gefunden: {viruses} \xc3\xbc\r\n\r\nGr\xc3\xbc\xc3\x9f"
        "e an {host}, {unknown}");
    REQUIRE(own);
    story.texts.virus_admin = *own;
    story.block(0, virus, Destiny::discard);
    story.policies[0].virus_admin = "j\xc3\xb6rg@example.com";
    const auto all = story.notices();
    REQUIRE(all.size() == 1);
    CHECK(all[0].notice.smtputf8);
    CHECK(holds(all[0].notice.text, "To: <j\xc3\xb6rg@example.com>"));
    CHECK(holds(all[0].notice.text, "Subject: =?"));
    CHECK(holds(all[0].notice.text, "Gr=C3=BC=C3=9Fe an filter.example.com, {unknown}"));
}

TEST_CASE("template files that are none") {
    CHECK_FALSE(parse_notice_text(""));
    CHECK_FALSE(parse_notice_text("Hello\n\nworld"));
    CHECK_FALSE(parse_notice_text("Subject: x"));
    CHECK_FALSE(parse_notice_text("Subject: x\nno empty line"));
    CHECK_FALSE(parse_notice_text("Subject: \xff\n\nx"));
    CHECK_FALSE(parse_notice_text("Subject: x\n\n" + std::string(70'000, 'x')));
    const auto good = parse_notice_text("subject:  x y \n\nbody");
    REQUIRE(good);
    CHECK(good->subject == "x y");
    CHECK(good->body == "body\n");
}

}  // namespace
}  // namespace tamis::policy
