// unchecked_causes_test - every way to be unchecked says which part and why, wherever it is shown
#include "policy/unchecked_causes.h"

#include <catch2/catch.hpp>

#include <algorithm>

#include "mail/category.h"
#include "policy/marks.h"
#include "policy/summary.h"
#include "unit/policy/fixture.h"

namespace tamis::policy {
namespace {

using mail::AnomalyKind;
using mail::Contents;
using mail::PartFlag;

// opened - a message with an archive "a.zip" that holds "b.txt"
Contents opened() {
    Contents out;
    out.was_opened = true;
    out.parts.resize(3);
    const char* paths[] = {"1", "1/2", "1/2/1"};
    for (std::uint32_t i = 0; i < 3; ++i) {
        out.parts[i].number = i + 1;
        out.parts[i].parent = i;
        out.parts[i].path = paths[i];
    }
    out.parts[1].names = {"a.zip"};
    out.parts[1].kinds = {"zip"};
    out.parts[2].names = {"b.txt"};
    return out;
}

std::vector<std::string> texts_of(const Contents& contents) {
    std::vector<std::string> out;
    for (const auto& cause : unchecked_causes(contents)) out.push_back(std::to_string(cause.minor) + " " + cause.text);
    return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("each cause names the part") {
    auto contents = opened();
    CHECK(texts_of(contents).empty());
    SECTION("encrypted") {
        contents.parts[2].set(PartFlag::encrypted);
        contents.parts[2].set(PartFlag::undecipherable);
        CHECK(texts_of(contents) == Texts{"1 part 1/2/1 \"b.txt\": encrypted"});
    }
    SECTION("damaged") {
        contents.parts[1].set(PartFlag::undecipherable);
        contents.anomalies = {{AnomalyKind::bad_archive, 2, "a member is cut"}};
        CHECK(texts_of(contents) == Texts{"0 part 1/2 \"a.zip\": undecipherable: a member is cut"});
    }
    SECTION("known and not read") {
        contents.parts[1].set(PartFlag::undecipherable);
        CHECK(texts_of(contents) == Texts{"0 part 1/2 \"a.zip\": undecipherable: .zip"});
    }
    SECTION("absent") {
        contents.parts[0].set(PartFlag::undecipherable);
        contents.parts[0].types = {"message/external-body"};
        CHECK(texts_of(contents) == Texts{"0 part 1: undecipherable: its content lies elsewhere"});
    }
    SECTION("a limit, in the part that was being opened") {
        contents.limit = "Maximum number of files (3) exceeded";
        contents.limit_part = 2;
        CHECK(texts_of(contents) == Texts{"2 part 1/2 \"a.zip\": Maximum number of files (3) exceeded"});
    }
    SECTION("ambiguous, and nothing that is only odd") {
        contents.anomalies = {{AnomalyKind::duplicate_boundary, 1, "boundary given more than once"},
                              {AnomalyKind::bad_base64, 2, "odd", true},
                              {AnomalyKind::unclosed_multipart, 1, "odd"}};
        CHECK(texts_of(contents) == Texts{"3 part 1: duplicate-boundary (boundary given more than once)"});
    }
    SECTION("not opened at all") {
        contents.failure = "the decoder crashed twice";
        contents.is_to_blame = true;
        CHECK(texts_of(contents) == Texts{"4 not opened: the decoder crashed twice"});
    }
}

TEST_CASE("what makes findings unchecked and the causes agree") {
    for (int bits = 0; bits < 64; ++bits) {
        mail::Evidence evidence;
        auto& contents = evidence.contents = opened();
        if ((bits & 1) != 0) contents.parts[2].set(PartFlag::encrypted);
        if ((bits & 2) != 0) contents.parts[1].set(PartFlag::undecipherable);
        if ((bits & 4) != 0) contents.limit = "Maximum";
        if ((bits & 8) != 0) contents.anomalies = {{AnomalyKind::polyglot, 2, ""}};
        if ((bits & 16) != 0) contents.failure = "crashed";
        contents.is_to_blame = (bits & 32) != 0;
        const auto findings = findings_from(evidence);
        CHECK(findings.unchecked.empty() == findings.unchecked_causes.empty());
        for (const int minor : findings.unchecked) {
            INFO(minor);
            CHECK(std::ranges::any_of(findings.unchecked_causes, [&](const auto& cause) { return cause.minor == minor; }));
        }
    }
}

TEST_CASE("causes are shown in the log line and in a field of the mail, and strangers' names are escaped and cut") {
    test::Story story;
    mail::Evidence evidence;
    evidence.contents = opened();
    evidence.contents.parts[2].names = {std::string(500, 'n') + "\r\nX-Evil: \xff" + "end.txt"};
    evidence.contents.parts[2].set(PartFlag::encrypted);
    story.findings = findings_from(evidence);
    story.verdicts[0].categories = {{mail::Major::unchecked, mail::unchecked_encrypted}, {mail::Major::clean, 0}};
    const auto input = story.as_case();
    const auto lines = summary_lines(input);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].starts_with("Passed UNCHECKED-ENCRYPTED (part 1/2/1 \"...nnn"));
    CHECK(lines[0].find("\\r\\n") == std::string::npos);
    CHECK(lines[0].find("end.txt\": encrypted) {") != std::string::npos);
    CHECK(std::ranges::all_of(lines[0], [](char c) { return c >= 0x20 && c < 0x7f; }));
    CHECK(summary_json(input).find("\"unchecked_causes\":[\"part 1/2/1 ") != std::string::npos);
    const auto alerts = alert_texts(story.verdicts[0].categories, story.findings, nullptr);
    REQUIRE(alerts.size() == 1);
    CHECK(alerts[0].find("UNCHECKED, part 1/2/1") != std::string::npos);
    CHECK(alerts[0].find("encrypted") != std::string::npos);
    CHECK(alert_texts({{mail::Major::clean, 0}}, story.findings, nullptr).empty());
}

TEST_CASE("a name cannot write the rest of the log line") {
    auto contents = opened();
    contents.parts[2].names = {"x\": clean) {RelayedInbound}, y"};
    contents.parts[2].set(PartFlag::encrypted);
    CHECK(texts_of(contents) == Texts{"1 part 1/2/1 \"x': clean) (RelayedInbound), y\": encrypted"});
}

TEST_CASE("of many causes a few of each kind are told, and how many more there are") {
    Contents contents = opened();
    for (int i = 0; i < 100; ++i) {
        auto part = contents.parts[2];
        part.number = static_cast<std::uint32_t>(contents.parts.size() + 1);
        part.set(PartFlag::encrypted);
        contents.parts.push_back(part);
    }
    contents.limit = "Maximum";
    const auto causes = unchecked_causes(contents);
    CHECK(causes.size() == 7);
    CHECK(causes.back().text == "95 more of that kind");
    CHECK(std::ranges::any_of(causes, [](const auto& cause) { return cause.minor == mail::unchecked_over_limits; }));
    CHECK(causes_text(causes, mail::unchecked_over_limits).starts_with("Maximum; part 1/2/1"));
}

}  // namespace tamis::policy
