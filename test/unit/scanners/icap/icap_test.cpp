#include "scanners/icap/icap.h"

#include <fmt/format.h>

#include <atomic>

#include "base/text.h"
#include "test/unit/scanners/bad_peers.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

const std::string options_ok =
    "ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nPreview: 16\r\nAllow: 204\r\nOptions-TTL: 3600\r\nEncapsulated: null-body=0\r\n\r\n";
const std::string no_change = "ICAP/1.0 204 No modifications needed\r\nConnection: keep-alive\r\n\r\n";
const std::string go_on = "ICAP/1.0 100 Continue\r\n\r\n";
const std::string blocked =
    "ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Eicar;\r\nEncapsulated: res-hdr=0, null-body=26\r\n\r\n"
    "HTTP/1.1 403 Forbidden\r\n\r\n";

IcapSettings quick(Duration timeout = Duration(5'000)) {
    IcapSettings settings;
    settings.timeout = timeout;
    settings.retry_for = Duration(0);
    return settings;
}
std::shared_ptr<Scanner> open(const std::vector<Endpoint>& addresses, const std::string& preview = "none",
                              IcapSettings settings = quick()) {
    std::vector<IcapUrl> urls;
    for (const auto& address : addresses) urls.push_back(*parse_icap_url("icap://" + address.text() + "/avscan"));
    return std::make_shared<Icap>(std::move(urls), *parse_icap_preview(preview), settings);
}

// Heard - one request as a service sees it
struct Heard {
    std::string header, body;
    bool is_whole_preview = false;  // "ieof"
    bool is_nothing = false;        // the other side closed instead
};
std::string hear_body(const Connection& c, bool& is_whole) {
    std::string body;
    for (;;) {
        const auto line = c.hear_until("\r\n");
        if (!line.ends_with("\r\n")) return body;
        const auto size = std::stoul(line, nullptr, 16);
        is_whole = line.find("ieof") != std::string::npos;
        body += c.hear(size);
        c.hear(2);
        if (size == 0) return body;
    }
}
Heard hear(const Connection& c) {
    Heard heard;
    heard.header = c.hear_until("\r\n\r\n");
    heard.is_nothing = heard.header.empty();
    if (heard.is_nothing || heard.header.starts_with("OPTIONS")) return heard;
    heard.header += c.hear_until("\r\n\r\n");
    if (heard.header.starts_with("RESPMOD")) heard.header += c.hear_until("\r\n\r\n");
    heard.body = hear_body(c, heard.is_whole_preview);
    return heard;
}

// service - answers OPTIONS, and every message as `answer` says
FakePeer::Script service(std::function<void(Connection&, const Heard&)> answer) {
    return [answer = std::move(answer)](Connection& c) {
        for (;;) {
            const auto heard = hear(c);
            if (heard.is_nothing) return;
            if (heard.header.starts_with("OPTIONS")) c.say(options_ok);
            else answer(c, heard);
        }
    };
}

TEST_CASE("204 is clean, a threat is infected, and the service sees every byte") {
    const auto mode = GENERATE(as<std::string>(), "respmod", "reqmod");
    const auto head = GENERATE(Head::all, Head::none);
    const std::string text = GENERATE(as<std::string>(), "", clean_text, clean_text + std::string(300'000, 'x'));
    std::string body;
    FakePeer peer(service([&](Connection& c, const Heard& heard) {
        body = heard.body;
        c.say(heard.header.find("Preview:") == std::string::npos ? no_change : "");
    }));
    auto settings = quick();
    settings.mode = mode;
    CHECK(told(scan_text(*open({peer.endpoint()}, "none", settings), text, head)) == "clean");
    CHECK(body == text);
    FakePeer finds(service([](Connection& c, const Heard&) { c.say(blocked); }));
    CHECK(told(scan_text(*open({finds.endpoint()}, "none", settings), text, head)) == "infected Eicar");
}

TEST_CASE("a preview, answered by 204, by 200 or by 100 and then either") {
    const auto preview = GENERATE(as<std::string>(), "auto", "16", "40000");
    std::string body;
    const auto first = GENERATE(false, true);
    const auto finds = GENERATE(false, true);
    const std::string text = clean_text + std::string(200'000, 'x');
    FakePeer peer(service([&](Connection& c, const Heard& heard) {
        body = heard.body;
        if (!first) {
            c.say(go_on);
            bool ignored = false;
            body += hear_body(c, ignored);
        }
        c.say(finds ? blocked : no_change);
    }));
    const auto outcome = told(scan_text(*open({peer.endpoint()}, preview), text));
    CHECK(outcome == (finds ? "infected Eicar" : "clean"));
    const std::size_t seen = preview == "40000" ? 40'000 : 16;
    CHECK(body == text.substr(0, first ? seen : text.size()));
}

TEST_CASE("a message that fits into the preview ends with ieof, and 100 after it is wrong") {
    log::capture(true);
    std::atomic<bool> is_whole = false;
    const bool goes_on = GENERATE(false, true);
    FakePeer peer(service([&](Connection& c, const Heard& heard) {
        is_whole = heard.is_whole_preview && heard.body == clean_text;
        c.say(goes_on ? go_on : no_change);
    }));
    CHECK(told(scan_text(*open({peer.endpoint()}, "1000"), clean_text)).starts_with(goes_on ? "failed" : "clean"));
    CHECK(is_whole);
    log::capture(false);
}

TEST_CASE("204 to a preview of nothing is no answer") {
    log::capture(true);
    FakePeer peer(service([](Connection& c, const Heard&) { c.say(no_change); }));
    CHECK(told(scan_text(*open({peer.endpoint()}, "0"), clean_text)).find("before it had seen a byte") != std::string::npos);
    log::capture(false);
}

TEST_CASE("a body that comes back is compared byte by byte") {
    log::capture(true);
    const auto change = GENERATE(0, 1, 2, 3);  // none, a byte, one less, one more
    const auto head = GENERATE(Head::all, Head::none);
    const std::string text = clean_text + std::string(150'000, 'x');
    FakePeer peer(service([&](Connection& c, const Heard& heard) {
        std::string body = heard.body;
        if (change == 1) body[body.size() / 2] = 'y';
        if (change == 2) body.pop_back();
        if (change == 3) body += '!';
        c.say("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        for (std::size_t at = 0; at < body.size(); at += 50'000) {
            const auto part = body.substr(at, 50'000);
            c.say(fmt::format("{:x}\r\n", part.size()) + part + "\r\n");
        }
        c.say("0\r\n\r\n");
    }));
    const auto outcome = told(scan_text(*open({peer.endpoint()}), text, head));
    INFO(outcome);
    CHECK(outcome.starts_with(change == 0 ? "clean" : "failed"));
    log::capture(false);
}

TEST_CASE("a service that sends while it receives does not stand still") {
    const std::string text = clean_text + std::string(20'000'000, 'x');
    FakePeer peer([](Connection& c) {
        c.hear_until("\r\n\r\n");
        c.say(options_ok);
        for (int n = 0; n < 3; ++n) c.hear_until("\r\n\r\n");
        c.say("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
        for (;;) {
            const auto line = c.hear_until("\r\n");
            const auto size = line.empty() ? 0 : std::stoul(line, nullptr, 16);
            c.say(line + c.hear(size) + c.hear(2));
            if (size == 0) break;
        }
    });
    CHECK(told(scan_text(*open({peer.endpoint()}, "none", quick(Duration(30'000))), text, Head::none)) == "clean");
}

TEST_CASE("an answer before the end: a virus counts, 204 does not, and nobody waits for the rest") {
    log::capture(true);
    const bool finds = GENERATE(false, true);
    FakePeer peer([&](Connection& c) {
        c.hear_until("\r\n\r\n");
        c.say(options_ok);
        c.hear(100'000);
        c.say(finds ? blocked : no_change);
        while (c.still_open(60'000)) continue;
    });
    const auto outcome = told(scan_text(*open({peer.endpoint()}), clean_text + std::string(30'000'000, 'x'), Head::none));
    INFO(outcome);
    CHECK(outcome.starts_with(finds ? "infected Eicar" : "failed"));
    log::capture(false);
}

TEST_CASE("one connection and one OPTIONS serve many messages of a thread") {
    std::atomic<int> asked = 0;
    FakePeer peer([&](Connection& c) {
        for (;;) {
            const auto heard = hear(c);
            if (heard.is_nothing) return;
            asked += heard.header.starts_with("OPTIONS") ? 1 : 0;
            c.say(heard.header.starts_with("OPTIONS") ? options_ok : no_change);
        }
    });
    const auto scanner = open({peer.endpoint()});
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    asio::io_context context(1);
    int clean = 0;
    for (int n = 0; n < 5; ++n) {
        asio::co_spawn(context, scanner->scan(request, Deadline::in(10s)),
                       [&](std::exception_ptr, const mail::ScanOutcome& outcome) {
                           clean += is_clean(outcome) ? 1 : 0;
                           context.stop();
                       });
        context.restart();
        context.run();
    }
    CHECK(clean == 5);
    CHECK(asked == 1);
    CHECK(peer.connections() == 1);
}

TEST_CASE("a kept connection that is dead costs nothing; a service that closes after each answer works too") {
    const bool says_so = GENERATE(false, true);
    std::string said = no_change;
    if (says_so) said.replace(said.find("keep-alive"), 10, "close");
    FakePeer peer([&](Connection& c) {
        auto heard = hear(c);
        if (heard.header.starts_with("OPTIONS")) {
            c.say(options_ok);
            heard = hear(c);
        }
        if (!heard.is_nothing) c.say(said);
    });
    const auto scanner = open({peer.endpoint()});
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    asio::io_context context(1);
    int clean = 0;
    for (int n = 0; n < 5; ++n) {
        asio::co_spawn(context, scanner->scan(request, Deadline::in(10s)),
                       [&](std::exception_ptr, const mail::ScanOutcome& outcome) {
                           clean += is_clean(outcome) ? 1 : 0;
                           context.stop();
                       });
        context.restart();
        context.run();
    }
    CHECK(clean == 5);
}

TEST_CASE("a service that closes the connection after OPTIONS") {
    const bool says_so = GENERATE(false, true);
    FakePeer peer([&](Connection& c) {
        const auto heard = hear(c);
        if (heard.header.starts_with("OPTIONS")) {
            std::string said = options_ok;
            if (says_so) said.insert(said.find("Methods"), "Connection: close\r\n");
            c.say(said);
        } else if (!heard.is_nothing) {
            c.say(no_change);
        }
    });
    CHECK(told(scan_text(*open({peer.endpoint()}), clean_text)) == "clean");
}

TEST_CASE("bad peers, asked for OPTIONS or for a message, are never clean") {
    SECTION("OPTIONS") {
        check_bad_peers(options_ok, [](const Endpoint& at) { return open({at}, "none", quick(Duration(400))); }, 400ms);
    }
    SECTION("a message") {
        log::capture(true);
        const auto preview = GENERATE(as<std::string>(), "none", "16");
        for (const auto& bad : bad_peers(no_change)) {
            FakePeer peer([&](Connection& c) {
                if (c.hear_until("\r\n\r\n").empty()) return;
                c.say(options_ok);
                bad.script(c);
            });
            const auto outcome = told(scan_text(*open({peer.endpoint()}, preview, quick(Duration(400))), clean_text));
            INFO("a peer that " << bad.name << ": " << outcome);
            CHECK(outcome.starts_with("failed icap " + peer.endpoint().text()));
        }
        log::capture(false);
    }
}

TEST_CASE("the next address when one is dead, silent, overloaded or without the service") {
    check_fails_over(service([](Connection& c, const Heard&) { c.say(no_change); }),
                     [](const std::vector<Endpoint>& at) { return open(at, "none", quick(Duration(3'000))); });
    log::capture(true);
    const auto* refusal = GENERATE("ICAP/1.0 404 Service not found\r\n\r\n", "ICAP/1.0 503 Overloaded\r\n\r\n",
                                   "ICAP/1.0 200 OK\r\nMethods: REQMOD\r\n\r\n");
    FakePeer refuses([&](Connection& c) {
        c.hear_until("\r\n\r\n");
        c.say(refusal);
        c.wait_for_close();
    });
    FakePeer answers(service([](Connection& c, const Heard&) { c.say(no_change); }));
    CHECK(told(scan_text(*open({refuses.endpoint(), answers.endpoint()}), clean_text)) == "clean");
    CHECK(told(scan_text(*open({refuses.endpoint()}), clean_text)).starts_with("failed"));
    log::capture(false);
}

TEST_CASE("a message cannot switch the service off") {
    log::capture(true);
    FakePeer peer(service([](Connection& c, const Heard& heard) {
        c.say(heard.body.find("hostile") != std::string::npos ? "ICAP/1.0 500 Server error\r\n\r\n" : no_change);
    }));
    const auto scanner = open({peer.endpoint()});
    for (int n = 0; n < 10; ++n) CHECK(told(scan_text(*scanner, "hostile")).starts_with("failed"));
    CHECK(scanner->health() == "ok");
    CHECK(told(scan_text(*scanner, clean_text)) == "clean");
    log::capture(false);
}

}  // namespace
}  // namespace tamis::scanners
