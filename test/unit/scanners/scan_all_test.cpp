#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/log.h"
#include "test/unit/scanners/support.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

class Scripted final : public Scanner {
public:
    using Script = std::function<Task<mail::ScanOutcome>(Deadline)>;
    Scripted(std::string name, bool required, Script script)
        : name_(std::move(name)), required_(required), script_(std::move(script)) {}
    std::string_view name() const noexcept override { return name_; }
    bool finds_viruses() const noexcept override { return required_; }
    bool is_required() const noexcept override { return required_; }
    Task<mail::ScanOutcome> scan(const ScanRequest&, Deadline deadline) override { return script_(deadline); }
    std::string health() const override { return "ok"; }

private:
    std::string name_;
    bool required_;
    Script script_;
};

Task<mail::ScanOutcome> clean(Deadline) { co_return mail::Clean{}; }
Task<mail::ScanOutcome> throws_late(Deadline) {
    if (co_await asio::this_coro::executor) throw std::runtime_error("late\n");
    co_return mail::Clean{};
}
Task<mail::ScanOutcome> throws_early(Deadline) { throw std::runtime_error("early"); }
Task<mail::ScanOutcome> waits(Deadline) {
    asio::steady_timer timer(co_await asio::this_coro::executor, 100ms);
    auto [ignored] = co_await timer.async_wait(as_result);
    (void)ignored;
    co_return mail::Infected{{"Late"}};
}

std::vector<mail::ScanReport> scan(const ScannerList& list) {
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    return run(scan_all(list, request, Deadline::in(10s)));
}

TEST_CASE("no scanner, no report") { CHECK(scan({}).empty()); }

TEST_CASE("one report each, in the order of the list, with name, time and importance") {
    const auto reports =
        scan({std::make_shared<Scripted>("slow", true, waits), std::make_shared<Scripted>("quick", false, clean)});
    REQUIRE(reports.size() == 2);
    CHECK(reports[0].scanner == "slow");
    CHECK(reports[0].required);
    CHECK(reports[0].finds_viruses);
    CHECK(told(reports[0].outcome) == "infected Late");
    CHECK(reports[0].elapsed >= 90ms);
    CHECK(reports[1].scanner == "quick");
    CHECK_FALSE(reports[1].required);
    CHECK(is_clean(reports[1].outcome));
}

TEST_CASE("scanners run at the same time") {
    constexpr int count = 8;
    int begun = 0;  // none ends before all have begun
    const auto waits_for_all = [&begun](Deadline deadline) -> Task<mail::ScanOutcome> {
        asio::steady_timer turn(co_await asio::this_coro::executor);
        for (++begun; begun < count && !deadline.passed();) {
            turn.expires_after(0ms);
            auto [ignored] = co_await turn.async_wait(as_result);
            (void)ignored;
        }
        if (begun < count) co_return mail::Infected{{"Alone"}};
        co_return mail::Clean{};
    };
    ScannerList list;
    for (int n = 0; n < count; ++n) list.push_back(std::make_shared<Scripted>("slow", true, waits_for_all));
    const auto reports = scan(list);
    REQUIRE(reports.size() == count);
    for (const auto& report : reports) CHECK(is_clean(report.outcome));
}

TEST_CASE("a scanner that throws is Failed, and the others' reports stand") {
    log::capture(true);
    const auto bad = GENERATE(throws_early, throws_late);
    const auto alone = scan({std::make_shared<Scripted>("bad", true, bad)});
    REQUIRE(alone.size() == 1);
    CHECK(is_failed(alone[0].outcome, Errc::broken));
    const auto both = scan({std::make_shared<Scripted>("bad", true, bad), std::make_shared<Scripted>("good", false, clean)});
    REQUIRE(both.size() == 2);
    CHECK(is_failed(both[0].outcome, Errc::broken));
    CHECK(is_clean(both[1].outcome));
    const auto lines = log::captured();
    log::capture(false);
    REQUIRE(lines.size() == 2);
    CHECK(lines[0].find("bad: an exception left the scanner") != std::string::npos);
    CHECK(lines[0].find('\n') == std::string::npos);
}

}  // namespace
}  // namespace tamis::scanners
