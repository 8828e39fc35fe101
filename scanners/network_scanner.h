// network_scanner - what every engine behind a socket has in common: the turn, the addresses, the second chances
//
// scan() waits for one of `max_scans` turns, then tries addresses until one gives an answer: a healthy address first,
// half of the time left for each but the last, so that a silent address leaves time for the next. When no address can
// be reached (an engine restarts or reloads), it waits and tries again until `retry_for` after the beginning of the
// outage, never past the deadline. What an address cannot be blamed for (the engine says it cannot scan this message)
// does not touch its breaker: a hostile message must not switch an engine off. Every scan that ends without an answer
// is Failed. Safe from any thread; a scan runs on its caller's executor.
#pragma once

#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/metric.h"
#include "base/slots.h"
#include "scanners/backends.h"
#include "scanners/common_settings.h"
#include "scanners/scanner.h"

namespace tamis::scanners {

// Trouble - what an attempt says about the address, and so what happens next
enum class Trouble {
    none,         // it answered: the outcome stands (a Failed too: the same elsewhere would fail the same)
    cannot,       // it answered that it cannot: the next address, the breaker untouched
    broken,       // a broken protocol or the time was up: the next address, not this one again
    dropped,      // closed before it answered: as unreachable, but a second time is broken
    unreachable,  // no connection: the next address, later this one again
};
struct Attempt {
    mail::ScanOutcome outcome;
    Trouble trouble = Trouble::none;
};
Attempt failed_attempt(Trouble trouble, Fault fault);
// transport_attempt - the failure of a read or write on a connection that stood
Attempt transport_attempt(Fault fault);

constexpr std::chrono::seconds connect_limit{5};  // of one attempt to connect
constexpr std::size_t chunk_size = 65536;         // of the message, per write

class NetworkScanner : public Scanner {
public:
    NetworkScanner(std::string name, bool finds_viruses, std::vector<Endpoint> addresses, CommonSettings settings);

    std::string_view name() const noexcept final { return name_; }
    bool finds_viruses() const noexcept final { return finds_viruses_; }
    bool is_required() const noexcept final { return settings_.required; }
    bool is_backup() const noexcept final { return settings_.backup; }
    std::uint64_t max_size() const noexcept final { return settings_.max_size.count; }
    Task<mail::ScanOutcome> scan(const ScanRequest& request, Deadline deadline) final;
    std::string health() const final { return backends_.health(); }

protected:
    // attempt - one try with the address of that index; faults need not name engine and address, scan() does
    virtual Task<Attempt> attempt(std::size_t index, const ScanRequest& request, Deadline deadline) = 0;
    const Endpoint& address(std::size_t index) const { return addresses_[index]; }
    std::size_t addresses() const noexcept { return addresses_.size(); }

private:
    struct Round;
    Deadline attempt_deadline(const BackendList::Choice& choice, const Round& round, Deadline deadline) const;
    void judge(const Attempt& attempt, std::size_t index, Deadline::Clock::duration given, Round& round);

    std::string name_;
    bool finds_viruses_;
    std::vector<Endpoint> addresses_;
    CommonSettings settings_;
    Backends backends_;
    Slots turns_;
    metric::Counter scans_, failures_;
};

}  // namespace tamis::scanners
