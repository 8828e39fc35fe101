// health - whether a store can be used now, since when not, and why; thread-safe
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "base/deadline.h"
#include "base/result.h"

namespace tamis::storage {

class Health {
public:
    // Begins as "not connected yet": callers wait until `patience` has passed.
    Health(std::string shown, std::chrono::milliseconds patience);

    // up - the database `shown` answers; logs when it had been away
    void up(const std::string& shown);
    // down - it does not, and why; logs the first time and when the reason changes
    void down(const Fault& why);
    // ready - success, or a Fault (unavailable) with DSN, since when, and why
    Done ready() const;
    // hopeless - the same Fault when it is away for longer than the patience: do not wait for it
    std::optional<Fault> hopeless() const;
    std::string text() const;  // one line for the operator

private:
    Fault fault_locked() const;

    mutable std::mutex mutex_;
    const std::chrono::milliseconds patience_;
    std::string shown_;
    bool up_ = false;
    bool was_up_ = false;
    std::string why_ = "not connected yet";
    std::chrono::system_clock::time_point since_ = std::chrono::system_clock::now();
    Deadline::Clock::time_point since_steady_ = Deadline::Clock::now();
};

}  // namespace tamis::storage
