// bad_peers - what no engine may take for an answer: every scanner is put in front of each of these
#pragma once

#include "base/log.h"
#include "test/unit/scanners/support.h"

namespace tamis::scanners::test {

struct BadPeer {
    std::string name;
    FakePeer::Script script;
};

// bad_peers - `good` is a complete answer of the engine
inline std::vector<BadPeer> bad_peers(const std::string& good) {
    const auto says = [](std::string what) {
        return [what = std::move(what)](Connection& c) {
            c.say(what);
            c.wait_for_close();
        };
    };
    return {
        {"closes at once", [](Connection&) {}},
        {"is silent", [](Connection& c) { c.wait_for_close(); }},
        {"closes after a few bytes", [](Connection& c) { c.hear(10); }},
        {"drips",
         [good](Connection& c) {
             for (std::size_t at = 0; at + 1 < good.size() && c.still_open(30); ++at) c.say(good.substr(at, 1));
             c.wait_for_close();
         }},
        {"stops before its last byte",
         [good](Connection& c) {
             c.say(good.substr(0, good.size() - 1));
             c.wait_for_close();
         }},
        {"closes before its last byte",
         [good](Connection& c) {
             c.hear(64);
             c.say(good.substr(0, good.size() - 1));
         }},
        {"answers twice", says(good + good)},
        {"says garbage", says(std::string("\x00\xff\x1b[31m\r\n\r\n\0\0", 12))},
        {"speaks SMTP", says("220 mail.example.com ESMTP\r\n")},
        {"says NUL for ever",
         [](Connection& c) {
             const std::string zeros(65536, '\0');
             for (int n = 0; n < 100; ++n) c.say(zeros);
             c.wait_for_close();
         }},
        {"says one line for ever",
         [](Connection& c) {
             const std::string line(65536, 'x');
             for (int n = 0; n < 100; ++n) c.say(line);
             c.wait_for_close();
         }},
    };
}

// check_bad_peers - `open` makes a scanner for an address, with a timeout of `timeout` and without retries
inline void check_bad_peers(const std::string& good, const std::function<std::shared_ptr<Scanner>(const Endpoint&)>& open,
                            std::chrono::milliseconds timeout) {
    log::capture(true);
    for (const auto& bad : bad_peers(good)) {
        for (const auto head : {Head::all, Head::none}) {
            FakePeer peer(bad.script);
            const auto scanner = open(peer.endpoint());
            const auto begun = Deadline::Clock::now();
            const auto outcome = scan_text(*scanner, clean_text, head);
            const auto spent = Deadline::Clock::now() - begun;
            INFO("a peer that " << bad.name << ": " << told(outcome));
            CHECK(std::holds_alternative<mail::Failed>(outcome));
            CHECK(told(outcome).find(peer.endpoint().text()) != std::string::npos);
            CHECK(spent < timeout + std::chrono::seconds(30));  // the machine may be busy; what is caught waits for ever
        }
    }
    const auto nobody = free_endpoint();
    const auto scanner = open(nobody);
    const auto outcome = scan_text(*scanner, clean_text);
    CHECK(is_failed(outcome, Errc::refused));
    CHECK(told(outcome).find(nobody.text() + ": connect") != std::string::npos);
    log::capture(false);
}

// check_fails_over - a dead, a silent and a good address: the good one answers
inline void check_fails_over(const FakePeer::Script& good,
                             const std::function<std::shared_ptr<Scanner>(std::vector<Endpoint>)>& open) {
    log::capture(true);
    FakePeer silent([](Connection& c) { c.wait_for_close(); });
    FakePeer answers(good);
    const auto scanner = open({free_endpoint(), silent.endpoint(), answers.endpoint()});
    CHECK_FALSE(std::holds_alternative<mail::Failed>(scan_text(*scanner, clean_text)));
    CHECK(scanner->health().find("connect: refused; failing since") != std::string::npos);
    for (int n = 0; n < 20; ++n) CHECK_FALSE(std::holds_alternative<mail::Failed>(scan_text(*scanner, clean_text)));
    CHECK(silent.connections() <= 3);  // not one for each of the 21 scans
    const auto lines = log::captured();
    log::capture(false);
    CHECK(lines.size() >= 1);
    CHECK(lines.size() <= 4);
}

}  // namespace tamis::scanners::test
