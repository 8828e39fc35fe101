#include "scanners/backends.h"

#include <catch2/catch.hpp>

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using Use = BackendList::Use;

// FakeClock - both clocks, moved by hand
struct FakeClock {
    Moment at{Deadline::Clock::time_point(1h), std::chrono::system_clock::time_point(1'700'000'000s)};
    Moment after(std::chrono::milliseconds span) {
        at.steady += span;
        at.wall += span;
        return at;
    }
};

AddressSet none;
AddressSet only(std::size_t index) { return AddressSet().set(index); }

TEST_CASE("the first healthy address is chosen, in the order of the list") {
    FakeClock clock;
    BackendList list("clamd", {"a:1", "b:2"});
    const auto first = list.choose(none, clock.at);
    REQUIRE(first);
    CHECK(first->index == 0);
    CHECK(first->use == Use::normal);
    CHECK(list.choose(only(0), clock.at)->index == 1);
    CHECK_FALSE(list.choose(only(0).set(1), clock.at));
    CHECK(list.health(clock.at) == "ok");
}

TEST_CASE("a failed address stands back until its turn to be probed, and is preferred again when it works") {
    FakeClock clock;
    BackendList list("clamd", {"a:1", "b:2"});
    CHECK(list.failed(0, "connect: refused", clock.at));
    CHECK(list.choose(none, clock.after(900ms))->index == 1);
    const auto probe = list.choose(none, clock.after(100ms));
    REQUIRE(probe);
    CHECK(probe->index == 0);
    CHECK(probe->use == Use::probe);
    CHECK(list.choose(none, clock.at)->index == 1);  // one message at a time pays for a probe
    const auto back = list.succeeded(0, clock.after(1s));
    REQUIRE(back);
    CHECK(*back == "clamd a:1: is back after 2 s (1 failure)");
    CHECK(list.choose(none, clock.at)->index == 0);
}

TEST_CASE("five failures in a row open the breaker; probes come at 1, 2, 4 ... 30 s") {
    FakeClock clock;
    BackendList list("spamd", {"a:1", "b:2"});
    for (int n = 0; n < 4; ++n) (void)list.failed(0, "timeout", clock.at);
    CHECK(list.health(clock.at).find("avoided") == std::string::npos);
    (void)list.failed(0, "timeout", clock.at);
    CHECK(list.health(clock.at).find("5 failures in a row, avoided") != std::string::npos);
    std::vector<long long> gaps;
    auto last = clock.at.steady;
    while (gaps.size() < 8) {
        const auto choice = list.choose(none, clock.after(100ms));
        REQUIRE(choice);
        if (choice->index == 1) continue;
        CHECK(choice->use == Use::probe);
        gaps.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(clock.at.steady - last).count());
        last = clock.at.steady;
        (void)list.failed(0, "timeout", clock.at);
    }
    CHECK(gaps == std::vector<long long>{1000, 1000, 2000, 4000, 8000, 16000, 30000, 30000});
}

TEST_CASE("with every breaker open one address is still named") {
    FakeClock clock;
    BackendList list("clamd", {"a:1", "b:2"});
    for (int n = 0; n < 5; ++n) {
        (void)list.failed(0, "refused", clock.at);
        (void)list.failed(1, "refused", clock.after(10ms));
    }
    const auto choice = list.choose(none, clock.at);
    REQUIRE(choice);
    CHECK(choice->use == Use::forced);
    CHECK(list.choose(only(choice->index), clock.at)->use == Use::forced);
}

TEST_CASE("the outage of all begins with the last one to fail") {
    FakeClock clock;
    BackendList list("clamd", {"a:1", "b:2"});
    (void)list.failed(0, "refused", clock.at);
    CHECK_FALSE(list.all_failing_since());
    (void)list.failed(1, "refused", clock.after(5s));
    CHECK(list.all_failing_since() == clock.at.steady);
    (void)list.succeeded(0, clock.at);
    CHECK_FALSE(list.all_failing_since());
}

TEST_CASE("an operator is told of changes, not of every failure") {
    FakeClock clock;
    BackendList list("clamd", {"/run/c.sock"});
    std::vector<std::string> lines;
    const auto keep = [&](std::optional<std::string> line) {
        if (line) lines.push_back(*line);
    };
    for (int n = 0; n < 1000; ++n) keep(list.failed(0, "connect: refused", clock.after(10ms)));
    keep(list.succeeded(0, clock.after(1s)));
    for (int n = 0; n < 1000; ++n) keep(list.succeeded(0, clock.after(10ms)));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].starts_with("clamd /run/c.sock: connect: refused; failing since 20"));
    CHECK(lines[1].find("5 failures in a row since") != std::string::npos);
    CHECK(lines[2] == "clamd /run/c.sock: is back after 10 s (1000 failures)");
}

TEST_CASE("an address that flaps is reported at most every ten seconds") {
    FakeClock clock;
    BackendList list("clamd", {"a:1"});
    int lines = 0;
    for (int n = 0; n < 600; ++n) {  // one minute of failing and working every 50 ms
        lines += list.failed(0, "closed", clock.after(50ms)).has_value();
        lines += list.succeeded(0, clock.after(50ms)).has_value();
    }
    CHECK(lines == 12);  // six times down and up
}

TEST_CASE("what a peer said is escaped and cut in what the operator reads") {
    FakeClock clock;
    BackendList list("clamd", {"a:1"});
    const auto line = list.failed(0, std::string(5000, '\x1b') + "\n", clock.at);
    REQUIRE(line);
    CHECK(line->size() < 300);
    CHECK(line->find('\x1b') == std::string::npos);
    CHECK(list.health(clock.at).find('\n') == std::string::npos);
}

}  // namespace
}  // namespace tamis::scanners
