#include "scanners/network_scanner.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using Clock = Deadline::Clock;

constexpr auto first_pause = 50ms, longest_pause = 1000ms;
constexpr auto probe_limit = 3s;    // a failing address may cost a message this much when there is another
constexpr auto forced_limit = 10s;  // one whose breaker is open and whose turn has not come, when there is no other
constexpr auto fair_trial = 1s;     // an address that had less time than this is not blamed for being late

std::vector<std::string> names_of(const std::vector<Endpoint>& addresses) {
    std::vector<std::string> names;
    for (const auto& address : addresses) names.push_back(address.text());
    return names;
}

Task<void> pause_for(Clock::duration span) {
    asio::steady_timer timer(co_await asio::this_coro::executor, span);
    auto [ignored] = co_await timer.async_wait(as_result);
    (void)ignored;
}

mail::ScanOutcome failed(Fault fault) { return mail::Failed{std::move(fault)}; }

}  // namespace

// Round - what one scan has tried so far
struct NetworkScanner::Round {
    AddressSet tried;     // since the last pause
    AddressSet given_up;  // not again in this scan
    AddressSet dropped;   // closed the connection once
    Fault last;           // of the last attempt, naming engine and address
};

Attempt failed_attempt(Trouble trouble, Fault fault) { return {mail::Failed{std::move(fault)}, trouble}; }

Attempt transport_attempt(Fault fault) {
    const Trouble trouble = fault.is(Errc::closed) ? Trouble::dropped : Trouble::broken;
    return failed_attempt(trouble, std::move(fault));
}

NetworkScanner::NetworkScanner(std::string name, bool finds_viruses, std::vector<Endpoint> addresses, CommonSettings settings)
    : name_(std::move(name)),
      finds_viruses_(finds_viruses),
      addresses_(std::move(addresses)),
      settings_(settings),
      backends_(BackendList(name_, names_of(addresses_))),
      turns_(static_cast<std::uint64_t>(settings_.max_scans)),
      scans_("tamis_scans_total", "Scans by scanner", "scanner", name_),
      failures_("tamis_scan_failures_total", "Scans without an answer by scanner", "scanner", name_) {}

Deadline NetworkScanner::attempt_deadline(const BackendList::Choice& choice, const Round& round, Deadline deadline) const {
    const AddressSet out = round.tried | round.given_up;
    if (out.count() < addresses_.size()) {  // another one is left to try: half of the time is for it
        const auto half = Clock::now() + deadline.left() / 2;
        deadline = deadline.sooner({half});
        if (choice.use != BackendList::Use::normal) deadline = deadline.sooner(probe_limit);
    } else if (choice.use == BackendList::Use::forced) {
        deadline = deadline.sooner(forced_limit);
    }
    return deadline;
}

void NetworkScanner::judge(const Attempt& attempt, std::size_t index, Clock::duration given, Round& round) {
    const auto* failure = std::get_if<mail::Failed>(&attempt.outcome);
    if (attempt.trouble == Trouble::none || attempt.trouble == Trouble::cannot || failure == nullptr) {
        backends_.succeeded(index);
    } else if (!failure->fault.is(Errc::timeout) || given >= fair_trial) {
        backends_.failed(index, describe(failure->fault));
    }
    if (failure == nullptr) return;
    const std::string since = backends_.failing_text(index);
    round.last = {failure->fault.code, fmt::format("{} {}: {}{}{}", name_, addresses_[index].text(), describe(failure->fault),
                                                   since.empty() ? "" : "; ", since)};
    if (attempt.trouble == Trouble::cannot || attempt.trouble == Trouble::broken ||
        (attempt.trouble == Trouble::dropped && round.dropped.test(index)))
        round.given_up.set(index);
    if (attempt.trouble == Trouble::dropped) round.dropped.set(index);
}

// scan - an address is tried once in a round; one that cannot (or was given up) is not asked again for this message, one that is away
// is, after a pause that grows. How long that goes on is counted from the outage, not from the message: when all addresses have been
// away for retry_for, no further message waits for them.
Task<mail::ScanOutcome> NetworkScanner::scan(const ScanRequest& request, Deadline deadline) {
    scans_.add();
    const std::uint64_t size = request.message->spool->size();
    if (settings_.max_size.count != 0 && size > settings_.max_size.count) {
        failures_.add();
        co_return failed({make_error_code(Errc::over_limit),
                          fmt::format("{} has {} bytes, scanners.{}.max_size is {}; not scanned",
                                      request.is_part ? "it" : "the message", size, name_, settings_.max_size.count)});
    }
    deadline = deadline.sooner(settings_.timeout);
    auto turn = co_await turns_.take(1, deadline);
    if (!turn) {
        failures_.add();
        co_return failed(
            {turn.error().code, fmt::format("waited for one of the {} turns (scanners.{}.max_scans)", turns_.limit(), name_)});
    }
    Round round;
    round.last = {make_error_code(Errc::timeout), "no time left"};
    Clock::duration pause = first_pause;
    const auto begun = Clock::now();
    while (!deadline.passed()) {
        const auto choice = backends_.choose(round.tried | round.given_up);
        if (choice) {
            round.tried.set(choice->index);
            const Deadline limit = attempt_deadline(*choice, round, deadline);
            const auto given = limit.left();
            Attempt result = co_await attempt(choice->index, request, limit);
            judge(result, choice->index, given, round);
            const bool is_answer = result.trouble == Trouble::none;
            if (is_answer && !std::holds_alternative<mail::Failed>(result.outcome)) co_return std::move(result.outcome);
            if (is_answer) break;
            continue;
        }
        if (round.given_up.count() == addresses_.size()) break;
        const auto outage = backends_.all_failing_since().value_or(begun);
        const auto resume = Clock::now() + pause;
        if (resume >= deadline.at || resume > outage + settings_.retry_for) break;
        co_await pause_for(pause);
        pause = std::min<Clock::duration>(pause * 2, longest_pause);
        round.tried.reset();
    }
    failures_.add();
    co_return failed(std::move(round.last));
}

}  // namespace tamis::scanners
