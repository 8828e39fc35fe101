#include "scanners/rspamd/rspamd.h"

#include "base/log.h"
#include "base/text.h"
#include "test/unit/scanners/bad_peers.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

const std::string json = R"({"score":2.5,"required_score":15,"action":"no action","symbols":{"A":{"score":2.5}},)"
                         R"("message-id":"undef"})";
std::string http(std::string_view content = json, std::string_view more = "") {
    return "HTTP/1.1 200 OK\r\n" + std::string(more) + "Content-Length: " + std::to_string(content.size()) + "\r\n\r\n" +
           std::string(content);
}

RspamdSettings quick(Duration timeout = 10s) {
    RspamdSettings settings;
    settings.timeout = timeout;
    settings.retry_for = 0ms;
    return settings;
}
std::vector<RspamdUrl> urls(const std::vector<Endpoint>& endpoints) {
    std::vector<RspamdUrl> out;
    for (const auto& endpoint : endpoints) out.push_back({endpoint, "localhost", "/checkv2"});
    return out;
}
bool is_scored(const mail::ScanOutcome& outcome) { return std::holds_alternative<mail::Scored>(outcome); }

// hear_request - header and body of one request; an empty header when the client has gone
std::pair<std::string, std::string> hear_request(Connection& c) {
    const auto header = c.hear_until("\r\n\r\n");
    const auto at = header.find("Content-Length: ");
    if (at == std::string::npos) return {};
    const auto line = std::string_view(header).substr(at + 16);
    return {header, c.hear(parse_unsigned(line.substr(0, line.find('\r'))).value_or(0))};
}

// scan_times - that many scans one after another on one io_context, as one thread of the daemon does
std::vector<std::string> scan_times(Scanner& scanner, int times) {
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "filter.example.com", "192.0.2.1"};
    struct Loop {
        static Task<std::vector<std::string>> go(Scanner& scanner, const ScanRequest& request, int times) {
            std::vector<std::string> out;
            for (int n = 0; n < times; ++n) out.push_back(told(co_await scanner.scan(request, Deadline::in(10s))));
            co_return out;
        }
    };
    return run(Loop::go(scanner, request, times));
}

TEST_CASE("rspamd gets the whole message, whatever its size, and every recipient") {
    const auto head = GENERATE(Head::all, Head::none);
    const auto size = GENERATE(std::size_t{0}, std::size_t{100}, std::size_t{5'000'000});
    std::string header, body;
    const std::string text = std::string(size, 'x');
    {
        FakePeer peer([&](Connection& c) {
            std::tie(header, body) = hear_request(c);
            c.say(http());
            c.wait_for_close();
        });
        Rspamd rspamd(urls({peer.endpoint()}), quick());
        const auto outcome = scan_text(rspamd, text, head);
        REQUIRE(is_scored(outcome));
        CHECK(std::get<mail::Scored>(outcome).score == 2.5);
        CHECK(std::get<mail::Scored>(outcome).action == "no action");
    }
    CHECK(body == text);
    CHECK(header.find("Rcpt: u@example.com\r\nRcpt: v@example.com\r\n") != std::string::npos);
    CHECK(header.find("Queue-Id: 4XyZ12\r\n") != std::string::npos);
    CHECK(header.find("IP: 192.0.2.1\r\n") != std::string::npos);
}

TEST_CASE("a connection is kept for the next message when rspamd agrees") {
    FakePeer peer([](Connection& c) {
        while (!hear_request(c).first.empty()) c.say(http());
    });
    Rspamd rspamd(urls({peer.endpoint()}), quick());
    for (const auto& outcome : scan_times(rspamd, 5)) CHECK(outcome.starts_with("scored"));
    CHECK(peer.connections() == 1);
}

TEST_CASE("a connection that rspamd wants closed is not kept") {
    FakePeer peer([](Connection& c) {
        while (!hear_request(c).first.empty()) c.say(http(json, "Connection: close\r\n"));
    });
    Rspamd rspamd(urls({peer.endpoint()}), quick());
    for (const auto& outcome : scan_times(rspamd, 3)) CHECK(outcome.starts_with("scored"));
    CHECK(peer.connections() == 3);
}

TEST_CASE("a kept connection that was closed meanwhile costs one more connection, not the scan") {
    FakePeer peer([](Connection& c) {  // promises to stay and does not
        hear_request(c);
        c.say(http());
    });
    Rspamd rspamd(urls({peer.endpoint()}), quick());
    for (const auto& outcome : scan_times(rspamd, 10)) CHECK(outcome.starts_with("scored"));
    CHECK(rspamd.health() == "ok");
}

TEST_CASE("a kept connection that closes on the next request is replaced once") {
    FakePeer peer([](Connection& c) {
        hear_request(c);
        c.say(http());
        c.hear(1);  // the next request has begun, and that is the end
    });
    Rspamd rspamd(urls({peer.endpoint()}), quick());
    for (const auto& outcome : scan_times(rspamd, 4)) CHECK(outcome.starts_with("scored"));
    CHECK(rspamd.health() == "ok");
}

TEST_CASE("a second answer of a kept connection is never taken for the next message's") {
    log::capture(true);
    const std::string other = R"({"score":-99,"required_score":1,"action":"a","symbols":{},"message-id":"1@other"})";
    FakePeer peer([&](Connection& c) {
        if (hear_request(c).first.empty()) return;
        c.say(http());
        c.hear(1);  // the next request is on its way: this one comes too late to be seen before it
        c.say(http(other));
        c.wait_for_close();
    });
    Rspamd rspamd(urls({peer.endpoint()}), quick());
    for (const auto& outcome : scan_times(rspamd, 6)) {
        INFO(outcome);
        CHECK(outcome.starts_with("scored 2.5"));
    }
    log::capture(false);
}

TEST_CASE("an early answer is understood as a failure, a score among them is not believed") {
    log::capture(true);
    struct Row {
        std::string answer;
        Errc want;
    };
    const auto row =
        GENERATE(Row{"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", Errc::over_limit},
                 Row{"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Errc::unavailable}, Row{http(), Errc::bad_reply});
    FakePeer peer([&](Connection& c) {
        c.hear(1000);
        c.say(row.answer);
        ::shutdown(c.descriptor(), SHUT_WR);
        c.wait_for_close();
    });
    Rspamd rspamd(urls({peer.endpoint()}), quick());
    const auto outcome = scan_text(rspamd, std::string(30'000'000, 'x'), Head::none);
    INFO(told(outcome));
    CHECK(is_failed(outcome, row.want));
    log::capture(false);
}

TEST_CASE("statuses and broken JSON are failures") {
    log::capture(true);
    struct Row {
        std::string answer;
        Errc want;
    };
    const auto row = GENERATE(Row{"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", Errc::unavailable},
                              Row{"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", Errc::unavailable},
                              Row{http("{}"), Errc::bad_reply}, Row{http(json, "Content-Encoding: gzip\r\n"), Errc::bad_reply},
                              Row{http(R"({"error":"broken"})"), Errc::unavailable});
    FakePeer peer([&](Connection& c) {
        hear_request(c);
        c.say(row.answer);
        c.wait_for_close();
    });
    Rspamd rspamd(urls({peer.endpoint()}), quick());
    CHECK(is_failed(scan_text(rspamd, clean_text), row.want));
    log::capture(false);
}

TEST_CASE("no bad peer is taken for rspamd") {
    check_bad_peers(http(), [](const Endpoint& to) { return std::make_shared<Rspamd>(urls({to}), quick(200ms)); }, 200ms);
}

TEST_CASE("rspamd fails over") {
    check_fails_over(
        [](Connection& c) {
            hear_request(c);
            c.say(http());
        },
        [](const std::vector<Endpoint>& to) { return std::make_shared<Rspamd>(urls(to), quick(4s)); });
}

}  // namespace
}  // namespace tamis::scanners
