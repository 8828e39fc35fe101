#include "scanners/network_scanner.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/log.h"
#include "test/unit/scanners/support.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

// Scripted - an engine whose attempts end as the test says
class Scripted final : public NetworkScanner {
public:
    using Script = std::function<Attempt(std::size_t index, int attempt, Deadline deadline)>;
    Scripted(std::size_t addresses, CommonSettings settings, Script script)
        : NetworkScanner("fake", true, many(addresses), settings), script_(std::move(script)) {}
    std::vector<std::size_t> order;

protected:
    Task<Attempt> attempt(std::size_t index, const ScanRequest&, Deadline deadline) override {
        order.push_back(index);
        co_return script_(index, static_cast<int>(order.size()), deadline);
    }

private:
    static std::vector<Endpoint> many(std::size_t count) {
        std::vector<Endpoint> out;
        for (std::size_t n = 0; n < count; ++n) out.push_back({"192.0.2.1", static_cast<std::uint16_t>(n + 1), {}});
        return out;
    }
    Script script_;
};

Attempt good() { return {mail::Clean{}, Trouble::none}; }
Attempt bad(Trouble trouble, Errc code = Errc::refused) { return failed_attempt(trouble, {make_error_code(code), "x"}); }
CommonSettings settings(Duration retry_for = 0ms) {
    CommonSettings out;
    out.retry_for = retry_for;
    return out;
}

// Quiet - the log of a test goes nowhere
struct Quiet {
    Quiet() { log::capture(true); }
    ~Quiet() { log::capture(false); }
};

TEST_CASE("each kind of trouble with the first address leads to the second") {
    const Quiet quiet;
    const auto trouble = GENERATE(Trouble::cannot, Trouble::broken, Trouble::dropped, Trouble::unreachable);
    Scripted engine(2, settings(), [&](std::size_t index, int, Deadline) { return index == 0 ? bad(trouble) : good(); });
    CHECK(is_clean(scan_text(engine, clean_text)));
    CHECK(engine.order == std::vector<std::size_t>{0, 1});
    CHECK((engine.health() == "ok") == (trouble == Trouble::cannot));
}

TEST_CASE("an answer that is a failure stands: no other address is asked") {
    Scripted engine(2, settings(), [&](std::size_t, int, Deadline) { return bad(Trouble::none, Errc::over_limit); });
    CHECK(is_failed(scan_text(engine, clean_text), Errc::over_limit));
    CHECK(engine.order.size() == 1);
    CHECK(engine.health() == "ok");
}

TEST_CASE("while nobody can be reached a scan waits and tries again") {
    const Quiet quiet;
    Scripted engine(1, settings(10s),
                    [&](std::size_t, int attempt, Deadline) { return attempt < 4 ? bad(Trouble::unreachable) : good(); });
    CHECK(is_clean(scan_text(engine, clean_text)));
    CHECK(engine.order.size() == 4);
    CHECK(engine.health() == "ok");
}

TEST_CASE("the wait ends with retry_for, and later scans of the same outage try once") {
    const Quiet quiet;
    Scripted engine(1, settings(300ms), [&](std::size_t, int, Deadline) { return bad(Trouble::unreachable); });
    const auto outcome = scan_text(engine, clean_text);
    CHECK(is_failed(outcome, Errc::refused));
    CHECK(told(outcome).find("fake 192.0.2.1:1: x: refused; failing since 20") != std::string::npos);
    CHECK(engine.order.size() >= 2);
    std::size_t before = 0;
    for (int n = 0; n < 10; ++n) {  // each that still waits takes 50 ms of the 300
        before = engine.order.size();
        CHECK(is_failed(scan_text(engine, clean_text), Errc::refused));
    }
    CHECK(engine.order.size() == before + 1);
    CHECK(engine.health().find("192.0.2.1:1: x: refused; failing since") == 0);
}

TEST_CASE("a connection dropped twice is not tried a third time by one scan") {
    const Quiet quiet;
    Scripted engine(1, settings(10s), [&](std::size_t, int, Deadline) { return bad(Trouble::dropped, Errc::closed); });
    CHECK(is_failed(scan_text(engine, clean_text), Errc::closed));
    CHECK(engine.order.size() == 2);
}

TEST_CASE("what an engine cannot scan does not open its breaker") {
    Scripted engine(1, settings(), [&](std::size_t, int, Deadline) { return bad(Trouble::cannot, Errc::unavailable); });
    for (int n = 0; n < 10; ++n) CHECK(is_failed(scan_text(engine, clean_text), Errc::unavailable));
    CHECK(engine.health() == "ok");
}

TEST_CASE("a silent address leaves half of the time to the next") {
    const Quiet quiet;
    std::vector<Deadline::Clock::duration> given;
    Scripted engine(3, settings(), [&](std::size_t index, int, Deadline deadline) {
        given.push_back(deadline.left());
        return index == 2 ? good() : bad(Trouble::broken, Errc::timeout);
    });
    CHECK(is_clean(scan_text(engine, clean_text, Head::all, Deadline::in(8s))));
    REQUIRE(given.size() == 3);
    CHECK(given[0] <= 4s);
    CHECK(given[0] > 3s);
    CHECK(given[2] > 7s);  // no time passed in this test, and the last one has all of it
}

TEST_CASE("with every breaker open a scan still tries") {
    const Quiet quiet;
    bool is_back = false;
    Scripted engine(2, settings(), [&](std::size_t, int, Deadline) { return is_back ? good() : bad(Trouble::unreachable); });
    for (int n = 0; n < 6; ++n) CHECK(is_failed(scan_text(engine, clean_text), Errc::refused));
    CHECK(engine.health().find("avoided") != std::string::npos);
    is_back = true;
    CHECK(is_clean(scan_text(engine, clean_text)));
}

TEST_CASE("a message above max_size is not sent and not clean") {
    CommonSettings limited;
    limited.max_size = Bytes{clean_text.size() - 1};
    Scripted engine(1, limited, [&](std::size_t, int, Deadline) { return good(); });
    CHECK(is_failed(scan_text(engine, clean_text), Errc::over_limit));
    CHECK(engine.order.empty());
    limited.max_size = Bytes{clean_text.size()};
    Scripted exact(1, limited, [&](std::size_t, int, Deadline) { return good(); });
    CHECK(is_clean(scan_text(exact, clean_text)));
}

TEST_CASE("a scan without time left fails and blames no address") {
    Scripted engine(1, settings(), [&](std::size_t, int, Deadline) { return good(); });
    CHECK(is_failed(scan_text(engine, clean_text, Head::all, Deadline::in(-1s)), Errc::timeout));
    CHECK(engine.health() == "ok");
}

TEST_CASE("failures are logged by change of state, with engine, address and reason") {
    log::capture(true);
    bool is_back = false;
    Scripted engine(1, settings(),
                    [&](std::size_t, int, Deadline) { return is_back ? good() : bad(Trouble::broken, Errc::bad_reply); });
    for (int n = 0; n < 20; ++n) (void)scan_text(engine, clean_text);
    is_back = true;
    (void)scan_text(engine, clean_text);
    const auto lines = log::captured();
    log::capture(false);
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].find("fake 192.0.2.1:1: x: protocol error; failing since") != std::string::npos);
    CHECK(lines[1].find("5 failures in a row") != std::string::npos);
    CHECK(lines[2].find("is back after") != std::string::npos);
}

// Counting - holds every attempt open until `expected` scans are under way or were refused a turn
class Counting final : public NetworkScanner {
public:
    explicit Counting(CommonSettings settings) : NetworkScanner("fake", true, {{"192.0.2.1", 1, {}}}, settings) {}
    std::atomic<int> now = 0, most = 0, all = 0;

protected:
    Task<Attempt> attempt(std::size_t, const ScanRequest&, Deadline) override {
        const int here = ++now;
        for (int seen = most; seen < here && !most.compare_exchange_weak(seen, here);) continue;
        asio::steady_timer timer(co_await asio::this_coro::executor, 5ms);
        auto [ignored] = co_await timer.async_wait(as_result);
        (void)ignored;
        --now;
        ++all;
        co_return good();
    }
};

TEST_CASE("max_scans bounds the simultaneous scans of all threads") {
    CommonSettings limited;
    limited.max_scans = 3;
    Counting engine(limited);
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    std::atomic<int> clean = 0;
    {
        std::vector<std::jthread> threads;
        for (int n = 0; n < 4; ++n)
            threads.emplace_back([&] {
                asio::io_context context(1);
                for (int k = 0; k < 10; ++k)
                    asio::co_spawn(context, engine.scan(request, Deadline::in(30s)),
                                   [&](std::exception_ptr, const mail::ScanOutcome& outcome) { clean += is_clean(outcome); });
                context.run();
            });
    }
    CHECK(clean == 40);
    CHECK(engine.all == 40);
    CHECK(engine.most == 3);
}

}  // namespace
}  // namespace tamis::scanners
