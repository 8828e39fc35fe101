// summary_test - the log lines of docs/amavis/operations.md 2, character by character
#include "policy/summary.h"

#include <catch2/catch.hpp>

#include <chrono>
#include <random>

#include "base/text.h"
#include "lib/growth.h"
#include "unit/policy/fixture.h"

namespace tamis::policy {
namespace {

using mail::Major;
using test::Story;

Case input_of(Story& story) {
    auto input = story.as_case();
    input.elapsed = std::chrono::milliseconds(812);
    return input;
}

constexpr mail::ContentCategory spam{Major::spam, 0}, virus{Major::virus, 0};

TEST_CASE("the passed line of the reference") {
    Story story(2, "Received: from x (x [203.0.113.9]) by y; now\r\nMessage-ID: <x@y>\r\nResent-Message-ID: <r@y>\r\n\r\n");
    story.envelope.sender = "a@b.c";
    story.envelope.recipients[0].address = "u@d.e";
    story.envelope.recipients[1].address = "v@d.e";
    story.envelope.client.address = "192.0.2.1";
    story.envelope.client.port = "51234";
    story.envelope.client.ident = "4Nk9z";
    story.message.size = 1234;
    for (auto& verdict : story.verdicts) verdict.score = -1.5;
    auto input = input_of(story);
    input.policy_path = "MYNETS";
    input.originating = true;
    input.copies = {{"spam-aB.gz"}};
    CHECK(summary_lines(input) ==
          std::vector<std::string>{
              "Passed CLEAN {RelayedInternal,Quarantined}, MYNETS LOCAL [192.0.2.1]:51234 [203.0.113.9] <a@b.c> -> "
              "<u@d.e>,<v@d.e>, quarantine: spam-aB.gz, Queue-ID: 4Nk9z, Message-ID: <x@y>, Resent-Message-ID: <r@y>, "
              "mail_id: aB3dEf9hIjKl, Hits: -1.5, size: 1234, queued_as: 3BD2F, 812 ms"});
}

TEST_CASE("the blocked line of the reference") {
    Story story(1, "Subject: x\r\n\r\n");
    story.findings.viruses = {"Eicar-Test-Signature"};
    story.block(0, virus, Destiny::discard);
    story.envelope.sender.clear();
    story.envelope.recipients[0].address = "u@d.e";
    story.envelope.client.address = "1.2.3.4";
    story.envelope.client.port = "99";
    story.message.size = 900;
    auto input = input_of(story);
    input.copies = {{"virus-1"}, {"virus-2"}};
    CHECK(summary_lines(input) ==
          std::vector<std::string>{
              "Blocked INFECTED (Eicar-Test-Signature) {DiscardedInbound,Quarantined}, [1.2.3.4]:99 <> -> <u@d.e>, "
              "quarantine: virus-1, virus-2, mail_id: aB3dEf9hIjKl, Hits: -, size: 900, 812 ms"});
}

TEST_CASE("an archive is told of and not shown as the quarantine") {
    Story story;
    auto input = input_of(story);
    input.copies = {{"spam-aB.gz"}, {"archive-aB.gz", true}};
    const auto line = summary_lines(input).at(0);
    CHECK(line.contains("{RelayedInbound,Quarantined,Archived}"));
    CHECK(line.contains(", quarantine: spam-aB.gz, "));
    input.copies = {{"archive-aB.gz", true}};
    CHECK(summary_lines(input).at(0).contains("{RelayedInbound,Archived}"));
    CHECK_FALSE(summary_lines(input).at(0).contains("quarantine"));
}

TEST_CASE("the line says which bad header it was, also of blocked mail") {
    Story story(1, "Subject: x\r\n\r\n");
    story.findings.header_problems = {{2, "8-bit"}, {7, "no Date"}};
    story.policies[0].destinies.bad_header = Destiny::reject;
    story.judge_again();
    story.outcomes[0] = {blocked_response(story.verdicts[0], "12345-01", story.findings), false, ""};
    CHECK(summary_lines(input_of(story)).at(0).starts_with("Blocked BAD-HEADER-7 {RejectedInbound}"));
}

TEST_CASE("some passed and some blocked: two lines, both with the blocking category") {
    Story story(2);
    story.block(1, spam, Destiny::reject);
    story.verdicts[0].score = 7;
    story.verdicts[0].tag2 = true;
    story.verdicts[1].score = 9;
    const auto lines = summary_lines(input_of(story));
    REQUIRE(lines.size() == 2);
    CHECK(
        lines[0].starts_with("Passed SPAM {RejectedInbound,RelayedTaggedInbound}, [203.0.113.9] <ann@example.net> -> "
                             "<bob0@example.com>, Message-ID: <x@y>, mail_id: aB3dEf9hIjKl, Hits: 7..9, size: "));
    CHECK(
        lines[1].starts_with("Blocked SPAM {RejectedInbound,RelayedTaggedInbound}, [203.0.113.9] <ann@example.net> -> "
                             "<bob1@example.com>, "));
    CHECK(lines[1].find("queued_as") == std::string::npos);
}

TEST_CASE("the action words, each with its direction") {
    struct Row {
        Destiny destiny;  // pass: relayed
        int code;
        bool relayed, tag2, local, originating, dsn;
        const char* want;
    };
    const auto row = GENERATE(Row{Destiny::pass, 250, true, false, true, false, false, "{RelayedInbound}"},
                              Row{Destiny::pass, 250, true, true, true, false, false, "{RelayedTaggedInbound}"},
                              Row{Destiny::pass, 250, true, true, false, true, false, "{RelayedOutbound}"},
                              Row{Destiny::pass, 250, true, false, true, true, false, "{RelayedInternal}"},
                              Row{Destiny::pass, 250, true, false, false, false, false, "{RelayedOpenRelay}"},
                              Row{Destiny::discard, 250, false, false, true, false, false, "{DiscardedInbound}"},
                              Row{Destiny::bounce, 554, false, false, true, false, true, "{BouncedInbound}"},
                              Row{Destiny::bounce, 554, false, false, true, false, false, "{NoBounceInbound}"},
                              Row{Destiny::reject, 554, false, false, true, false, false, "{RejectedInbound}"},
                              Row{Destiny::tempfail, 450, false, false, true, false, false, "{TempFailedInbound}"},
                              Row{Destiny::pass, 450, false, false, true, false, false, "{TempFailedInbound}"},
                              Row{Destiny::pass, 554, false, false, true, false, false, "{RejectedInbound}"});
    Story story;
    if (row.destiny != Destiny::pass) story.block(0, spam, row.destiny);
    story.outcomes[0].response.code = row.code;
    story.outcomes[0].relayed = row.relayed;
    story.verdicts[0].tag2 = row.tag2;
    story.policies[0].is_local = row.local;
    auto input = input_of(story);
    input.originating = row.originating;
    input.dsn_sent = row.dsn;
    CAPTURE(row.want);
    CHECK(summary_lines(input).at(0).find(row.want) != std::string::npos);
}

TEST_CASE("tagged is what shows: the alert of a virus or banned contents, an extended address") {
    Story story(1);
    story.policies[0].is_local = false;
    story.verdicts[0].categories = {{Major::banned, 0}, {Major::clean, 0}};
    CHECK(summary_lines(input_of(story)).at(0).contains("{RelayedTaggedOpenRelay}"));
    story.verdicts[0].categories = {{Major::bad_header, 7}, {Major::clean, 0}};
    CHECK(summary_lines(input_of(story)).at(0).contains("{RelayedOpenRelay}"));
    story.policies[0].is_local = true;
    story.outcomes[0].final_address = "bob0+badh@example.com";
    CHECK(summary_lines(input_of(story)).at(0).contains("{RelayedTaggedInbound}"));
}

TEST_CASE("over SMTP the one reply counts for all who did not get the mail") {
    Story story(3);
    story.block(0, spam, Destiny::reject);
    story.block(1, spam, Destiny::discard);
    auto input = input_of(story);
    input.one_reply = 250;
    CHECK(summary_lines(input).at(1).contains("{DiscardedInbound,NoBounceInbound,RelayedInbound}"));
    input.dsn_sent = true;
    CHECK(summary_lines(input).at(1).contains("{BouncedInbound,DiscardedInbound,RelayedInbound}"));
    input.one_reply = 451;
    CHECK(summary_lines(input).at(1).contains("{RelayedInbound,TempFailedInbound}"));
    story.block(2, spam, Destiny::discard);
    input.one_reply = 554;
    CHECK(summary_lines(input).at(0).contains("{DiscardedInbound,RejectedInbound}"));
}

TEST_CASE("tagged before untagged, as amavisd sorts them") {
    Story story(2);
    story.verdicts[0].tag2 = true;
    CHECK(summary_lines(input_of(story)).at(0).starts_with("Passed CLEAN {RelayedTaggedInbound,RelayedInbound},"));
}

TEST_CASE("a message that the next hop refused is MTA-BLOCKED") {
    Story story;
    story.outcomes[0] = {{554, "5.7.1", "no"}, false, ""};
    CHECK(summary_lines(input_of(story)).at(0).starts_with("Blocked MTA-BLOCKED {RejectedInbound}, "));
}

TEST_CASE("hits: one number when the difference is small") {
    Story story(2);
    const auto hits = [&](std::optional<double> a, std::optional<double> b) {
        story.verdicts[0].score = a;
        story.verdicts[1].score = b;
        const auto line = summary_lines(input_of(story)).at(0);
        const auto at = line.find("Hits: ") + 6;
        return line.substr(at, line.find(',', at) - at);
    };
    CHECK(hits({}, {}) == "-");
    CHECK(hits(5, 5.09) == "5");
    CHECK(hits(5, 5.2) == "5..5.2");
    CHECK(hits({}, 3.25) == "3.25");
    CHECK(hits(-1, 6.1) == "-1..6.1");
}

TEST_CASE("queue ids, each once") {
    CHECK(queue_id_of("250 2.0.0 Ok: queued as 3BD2F41C0A") == "3BD2F41C0A");
    CHECK(queue_id_of("250 2.0.0 Ok: queued as 3BD2F, thanks") == "250 2.0.0 Ok: queued as 3BD2F, thanks");
    CHECK(queue_id_of("250 2.0.0 Ok: queued as ") == "250 2.0.0 Ok: queued as ");
    CHECK(queue_id_of("250 ok") == "250 ok");
    CHECK(queue_id_of("").empty());
    Story story(3);
    story.outcomes[2].queued_as = "4C";
    CHECK(summary_lines(input_of(story)).at(0).find(", queued_as: 3BD2F/4C, 812 ms") != std::string::npos);
}

TEST_CASE("the oldest public address is who connected first") {
    struct Row {
        const char *header, *want;
    };
    const auto row = GENERATE(Row{"", ""}, Row{"Received: from a ([10.0.0.1]) by b\r\n", ""},
                              Row{"Received: from a ([203.0.113.9]) by b ([198.51.100.7])\r\n", "203.0.113.9"},
                              Row{"Received: from a ([8.8.8.8]) by b\r\nReceived: from c ([9.9.9.9])\r\n by d\r\n", "9.9.9.9"},
                              Row{"Received: from a ([8.8.8.8]) by b\r\nReceived: from c ([192.168.1.1]) by d\r\n", "8.8.8.8"},
                              Row{"Received: from [9.9.9.9] (x [8.8.8.8]) by b\r\n", "8.8.8.8"},
                              Row{"Received: from a (by the way [8.8.8.8]) by b\r\n", "8.8.8.8"},
                              Row{"Received: by b ([8.8.8.8]) with x\r\n", ""}, Row{"Received: from a [[[[\r\n", ""},
                              Row{"Received: from a ([IPv6:2001:db8::1])\r\n by b\r\n", "2001:db8::1"});
    CAPTURE(row.header);
    CHECK(oldest_public_address(test::message_of(std::string(row.header) + "\r\n")) == row.want);
}

TEST_CASE("a stranger cannot write the rest of the line") {
    struct Row {
        const char *header, *want;
    };
    const auto row = GENERATE(Row{"Message-ID: <x@y>, mail_id: forged, Hits: -99\r\n", ", Message-ID: <x@y>, mail_id: aB3"},
                              Row{"Message-ID: x, Hits: -99\r\n", ", Message-ID: <x,_Hits:_-99>, mail_id: aB3"},
                              Row{"Message-ID: <x, Hits: -99>\r\n", ", Message-ID: <x,_Hits:_-99>, mail_id: aB3"},
                              Row{"Message-ID: (c) <x@y>\r\n", ", Message-ID: <x@y>, mail_id: aB3"},
                              Row{"Message-ID: <x\x01\x1b[2J@y>\r\n", ", Message-ID: <x\\x01\\x1B[2J@y>, mail_id: aB3"},
                              Row{"Message-ID:\r\n", "<bob0@example.com>, mail_id: aB3"});
    Story story(1, std::string(row.header) + "\r\n");
    CAPTURE(row.header);
    CHECK(summary_lines(input_of(story)).at(0).find(row.want) != std::string::npos);
}

// is_json - a strict reader of the JSON grammar, as far as strings, numbers, lists and objects go
bool is_json(std::string_view& text) {
    const auto string = [&] {
        if (!text.starts_with('"')) return false;
        for (std::size_t i = 1; i < text.size(); ++i) {
            if (static_cast<unsigned char>(text[i]) < 0x20) return false;
            if (text[i] == '\\') ++i;
            else if (text[i] == '"') {
                text.remove_prefix(i + 1);
                return true;
            }
        }
        return false;
    };
    if (text.starts_with('{') || text.starts_with('[')) {
        const bool is_object = text.front() == '{';
        const char close = is_object ? '}' : ']';
        do {
            text.remove_prefix(1);
            if (text.starts_with(close)) break;
            if (is_object) {
                if (!string() || !text.starts_with(':')) return false;
                text.remove_prefix(1);
            }
            if (!is_json(text)) return false;
        } while (text.starts_with(','));
        if (!text.starts_with(close)) return false;
        text.remove_prefix(1);
        return true;
    }
    if (text.starts_with('"')) return string();
    const auto end = text.find_first_of(",]}");
    const auto token = text.substr(0, end);
    text.remove_prefix(token.size());
    return token == "true" || token == "false" || parse_number(token).has_value();
}

TEST_CASE("S9: random bytes leave one printable line and valid JSON") {
    std::mt19937 random(13);
    static constexpr std::string_view sharp("\r\n\0 \t:<>,\"\\\x1b", 12);
    const auto noise = [&](std::size_t limit) {
        std::string out;
        for (std::size_t size = random() % limit; out.size() < size;)
            out += random() % 2 == 0 ? sharp[random() % sharp.size()] : static_cast<char>(random() % 256);
        return out;
    };
    for (int round = 0; round < 3000; ++round) {
        std::string header = "Subject: ";
        for (const char c : noise(300)) header += c == '\n' ? ' ' : c;
        header += "\r\nMessage-ID: ";
        for (const char c : noise(300)) header += c == '\n' ? ' ' : c;
        Story story(2, header + "\r\n\r\n");
        story.findings.viruses = {noise(300)};
        story.block(1, virus, Destiny::reject);
        story.envelope.sender = noise(400);
        story.envelope.recipients[0].address = noise(400);
        story.envelope.client.address = noise(50);
        story.envelope.client.port = noise(10);
        story.envelope.client.ident = noise(300);
        story.outcomes[0].queued_as = noise(600);
        story.verdicts[0].tests = {{noise(40), 1}};
        auto input = input_of(story);
        for (const auto& line : summary_lines(input)) {
            CHECK(is_utf8(line));
            CHECK(std::ranges::none_of(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }));
        }
        const auto json = summary_json(input);
        CAPTURE(escaped(json, 4000));
        std::string_view rest = json;
        CHECK((is_json(rest) && rest.empty()));
        CHECK(is_utf8(json));
    }
}

TEST_CASE("the JSON report") {
    Story story;
    auto input = input_of(story);
    input.policy_path = "MYNETS/X";
    input.copies = {{"q"}};
    const auto json = summary_json(input);
    for (const char* part :
         {"\"type\":\"amavis\"", "\"log_id\":\"12345-01\"", "\"mail_from\":\"ann@example.net\"",
          "\"rcpt_to\":[\"bob0@example.com\"]", "\"subject\":\"lunch\"", "\"message_id\":\"<x@y>\"",
          "\"policy_banks\":[\"MYNETS\",\"X\"]", "\"actions_performed\":\"RelayedInbound Quarantined\"",
          "\"queued_as\":[\"3BD2F\"]", "\"elapsed\":{\"Total\":0.812}", "\"@timestamp\":\"2023-01-03T09:00:00Z\""}) {
        CAPTURE(part, json);
        CHECK(json.find(part) != std::string::npos);
    }
}

TEST_CASE("a header of brackets costs linear time") {
    std::string header;
    while (header.size() < mail::header_limit - 2000) header += "Received: from " + std::string(900, '[') + "]\r\n";
    Story story(1, header + "\r\n");
    const double start = tamis::test::cpu_seconds();
    CHECK(oldest_public_address(story.message).empty());
    CHECK(tamis::test::cpu_seconds() - start < 3);
}

}  // namespace
}  // namespace tamis::policy
