// backends - which of an engine's addresses to use next: fail-over, a circuit breaker per address, and what the
// operator is told
//
// BackendList is the pure machine: no I/O, no clock of its own, one thread at a time. Backends is the same behind a
// mutex with the real clock, and writes the log lines. The order of the list is the order of preference: a healthy
// address is always preferred to one that failed last, and a failing address is tried again with a real message about
// once a second (later and later, up to 30 s, when its breaker is open). A breaker opens after five failures in a row.
// An address is never given up altogether: with every breaker open, choose() still names one.
// Trusts nothing in a reason: it is escaped and cut before it is kept.
#pragma once

#include <bitset>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"

namespace tamis::scanners {

constexpr std::size_t max_addresses = 16;  // per engine
using AddressSet = std::bitset<max_addresses>;

// Moment - the two clocks at once: monotonic for decisions, the wall clock for "since when"
struct Moment {
    Deadline::Clock::time_point steady;
    std::chrono::system_clock::time_point wall;
    static Moment now() { return {Deadline::Clock::now(), std::chrono::system_clock::now()}; }
};

struct BreakerLimits {
    unsigned failures_to_open = 5;
    std::chrono::milliseconds first_probe{1'000};     // between trials of a failing address
    std::chrono::milliseconds longest_probe{30'000};  // the gap doubles up to this while the breaker is open
    std::chrono::milliseconds quiet{10'000};          // an address that flaps is reported at most this often
};

class BackendList {
public:
    enum class Use {
        normal,  // healthy, or nothing better is left
        probe,   // a failing address whose turn to be tried has come
        forced,  // every breaker is open and this one is the nearest to its turn
    };
    struct Choice {
        std::size_t index;
        Use use;
    };

    // `addresses` - at most max_addresses, as the operator knows them; at least one
    BackendList(std::string engine, std::vector<std::string> addresses, BreakerLimits limits = {});

    // choose - the address to try next, none when all are in `tried`
    std::optional<Choice> choose(AddressSet tried, Moment now);
    // succeeded / failed - how the trial ended; the line for the log when there is something new to say
    std::optional<std::string> succeeded(std::size_t index, Moment now);
    std::optional<std::string> failed(std::size_t index, std::string_view why, Moment now);

    std::size_t size() const noexcept { return addresses_.size(); }
    // health - "ok", or every failing address with reason, number of failures and since when
    std::string health(Moment now) const;
    // all_failing_since - the moment from which on no address was known to work; none when one is
    std::optional<Deadline::Clock::time_point> all_failing_since() const;
    // failing_text - "failing since 2026-11-22 17:00:00 (12 s)", empty for a healthy address
    std::string failing_text(std::size_t index, Moment now) const;

private:
    struct Address {
        std::string name;
        unsigned failures = 0;  // in a row
        std::string why;        // of the last one
        Moment since{};         // the first of the row
        Deadline::Clock::time_point next_probe{};
        std::chrono::milliseconds gap{};
        bool announced = false;  // this row of failures was reported
        std::optional<Deadline::Clock::time_point> last_report;
    };
    bool is_open(const Address& address) const { return address.failures >= limits_.failures_to_open; }

    std::string engine_;
    std::vector<Address> addresses_;
    BreakerLimits limits_;
};

class Backends {
public:
    explicit Backends(BackendList list) : list_(std::move(list)) {}

    std::optional<BackendList::Choice> choose(AddressSet tried);
    void succeeded(std::size_t index);
    void failed(std::size_t index, std::string_view why);

    std::string health() const;
    std::string failing_text(std::size_t index) const;
    std::optional<Deadline::Clock::time_point> all_failing_since() const;

private:
    mutable std::mutex mutex_;
    BackendList list_;
};

}  // namespace tamis::scanners
