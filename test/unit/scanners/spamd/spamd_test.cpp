#include "scanners/spamd/spamd.h"

#include "base/log.h"
#include "base/text.h"
#include "test/unit/scanners/bad_peers.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

const std::string table =
    "Text.\n\n pts rule name              description\n"
    "---- ---------------------- --------------------------------------------------\n 2.5 SOME_RULE  x\n";

std::string answer(const std::string& content) {
    return "SPAMD/1.1 0 EX_OK\r\nContent-length: " + std::to_string(content.size()) + "\r\nSpam: False ; 2.5 / 5.0\r\n\r\n" +
           content;
}

SpamdSettings quick(Duration timeout = 10s) {
    SpamdSettings settings;
    settings.timeout = timeout;
    settings.retry_for = 0ms;
    return settings;
}

// Heard - one request as spamd would read it
struct Heard {
    std::string header, content;
};
Heard hear_request(Connection& c) {
    Heard heard{c.hear_until("\r\n\r\n"), {}};
    const auto at = heard.header.find("Content-length: ");
    if (at == std::string::npos) return heard;
    const auto line = std::string_view(heard.header).substr(at + 16);
    heard.content = c.hear(parse_unsigned(line.substr(0, line.find('\r'))).value_or(0));
    return heard;
}

TEST_CASE("the recipients' common user goes before the configured one, unless it cannot be sent") {
    struct Row {
        std::string user, want;
    };
    const auto row =
        GENERATE(Row{"", "joe"}, Row{"bob@example.com", "bob@example.com"}, Row{"bob\r\nX: y", "joe"}, Row{"bob smith", "joe"});
    Heard heard;
    {
        FakePeer peer([&](Connection& c) {
            heard = hear_request(c);
            c.say(answer(table));
        });
        auto settings = quick();
        settings.user = "joe";
        Spamd spamd({peer.endpoint()}, settings);
        const auto message = make_message(clean_text, Head::all);
        const auto envelope = make_envelope();
        const ScanRequest request{&message, &envelope, "filter.example.com", "192.0.2.1", false, false, row.user};
        CHECK(std::holds_alternative<mail::Scored>(run(spamd.scan(request, Deadline::in(20s)))));
    }
    CHECK(heard.header.find("\r\nUser: " + row.want + "\r\n") != std::string::npos);
}

TEST_CASE("spamd gets prefix and message, and its answer is taken as it is") {
    const auto head = GENERATE(Head::all, Head::none);
    Heard heard;
    {
        FakePeer peer([&](Connection& c) {
            heard = hear_request(c);
            c.say(answer(table));
        });
        auto settings = quick();
        settings.user = "joe";
        Spamd spamd({peer.endpoint()}, settings);
        const auto outcome = scan_text(spamd, clean_text, head);
        REQUIRE(std::holds_alternative<mail::Scored>(outcome));
        const auto& scored = std::get<mail::Scored>(outcome);
        CHECK(scored.score == 2.5);
        CHECK(scored.required == 5.0);
        REQUIRE(scored.tests.size() == 1);
        CHECK(scored.tests[0].name == "SOME_RULE");
        CHECK(scored.tests[0].score == 2.5);
        CHECK(scored.report == table);
        CHECK(spamd.health() == "ok");
    }
    CHECK(heard.header.starts_with("REPORT SPAMC/1.5\r\n"));
    CHECK(heard.header.find("User: joe\r\n") != std::string::npos);
    CHECK(heard.content ==
          "Return-Path: <a@sender.org>\r\nX-Envelope-To: <u@example.com>,\r\n <v@example.com>\r\n"
          "X-Amavis-MessageSize: " +
              std::to_string(clean_text.size()) + "\r\n" + clean_text);
}

TEST_CASE("a large message is truncated, not skipped") {
    const auto head = GENERATE(Head::all, Head::none);
    Heard heard;
    const std::string large = clean_text + std::string(2'000'000, 'x');
    {
        FakePeer peer([&](Connection& c) {
            heard = hear_request(c);
            c.say(answer(table));
        });
        Spamd spamd({peer.endpoint()}, quick());
        CHECK(std::holds_alternative<mail::Scored>(scan_text(spamd, large, head)));
    }
    const auto header = clean_text.find("\r\n\r\n") + 4;
    const auto part = header + 1 + 200 * 1024;
    CHECK(heard.content.find(", TRUNCATED to " + std::to_string(part) + "\r\n") != std::string::npos);
    CHECK(heard.content.ends_with("\r\n" + large.substr(0, part)));
}

TEST_CASE("a site whose report has no table is asked with SYMBOLS from then on, told once") {
    log::capture(true);
    std::mutex mutex;
    std::vector<std::string> asked;
    FakePeer peer([&](Connection& c) {
        const auto heard = hear_request(c);
        const bool symbols = heard.header.starts_with("SYMBOLS");
        {
            const std::lock_guard lock(mutex);
            asked.push_back(symbols ? "symbols" : "report");
        }
        c.say(answer(symbols ? "A_RULE,B_RULE" : "own words\n"));
    });
    Spamd spamd({peer.endpoint()}, quick());
    for (int n = 0; n < 3; ++n) {
        const auto outcome = scan_text(spamd, clean_text);
        REQUIRE(std::holds_alternative<mail::Scored>(outcome));
        const auto& scored = std::get<mail::Scored>(outcome);
        CHECK(scored.score == 2.5);
        REQUIRE(scored.tests.size() == 2);
        CHECK(scored.tests[1].name == "B_RULE");
        CHECK(scored.report == (n == 0 ? "own words\n" : ""));
    }
    const auto lines = log::captured();
    log::capture(false);
    CHECK(lines.size() == 1);
    CHECK(asked == std::vector<std::string>{"report", "symbols", "symbols", "symbols"});
}

TEST_CASE("spamd's own errors ask the next address and blame nobody") {
    FakePeer peer([](Connection& c) {
        hear_request(c);
        c.say("SPAMD/1.0 79 Timeout: (30 second timeout while trying to CHECK)\r\n");
    });
    Spamd spamd({peer.endpoint()}, quick());
    const auto outcome = scan_text(spamd, clean_text);
    CHECK(is_failed(outcome, Errc::unavailable));
    CHECK(told(outcome).find("30 second timeout") != std::string::npos);
    CHECK(spamd.health() == "ok");
}

TEST_CASE("a score before spamd had the whole message is none") {
    log::capture(true);
    FakePeer peer([](Connection& c) {
        c.hear(1000);
        c.say(answer(table));
        ::shutdown(c.descriptor(), SHUT_WR);
        c.wait_for_close();
    });
    auto settings = quick();
    settings.body_limit = Bytes{0};
    Spamd spamd({peer.endpoint()}, settings);
    CHECK(is_failed(scan_text(spamd, std::string(30'000'000, 'x'), Head::none), Errc::bad_reply));
    log::capture(false);
}

TEST_CASE("no bad peer is taken for spamd") {
    check_bad_peers(
        answer(table), [](const Endpoint& to) { return std::make_shared<Spamd>(std::vector{to}, quick(200ms)); }, 200ms);
}

TEST_CASE("spamd fails over") {
    check_fails_over(
        [](Connection& c) {
            hear_request(c);
            c.say(answer(table));
        },
        [](std::vector<Endpoint> to) { return std::make_shared<Spamd>(std::move(to), quick(4s)); });
}

}  // namespace
}  // namespace tamis::scanners
