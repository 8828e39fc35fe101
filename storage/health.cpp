#include "storage/health.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "base/log.h"

namespace tamis::storage {

Health::Health(std::string shown, std::chrono::milliseconds patience) : patience_(patience), shown_(std::move(shown)) {}

void Health::up(const std::string& shown) {
    const std::lock_guard lock(mutex_);
    if (!up_) {
        const auto away = std::chrono::duration_cast<std::chrono::seconds>(Deadline::Clock::now() - since_steady_);
        if (was_up_ || shown != shown_) log::notice({}, "{}: connected again after {} s", shown, away.count());
        else log::info({}, "{}: connected", shown);
    }
    shown_ = shown;
    up_ = was_up_ = true;
    why_.clear();
}

void Health::down(const Fault& why) {
    const std::lock_guard lock(mutex_);
    if (up_) {
        since_ = std::chrono::system_clock::now();
        since_steady_ = Deadline::Clock::now();
    }
    const std::string& text = why.detail;
    if (up_ || text != why_) log::error({}, "storage not available, trying again: {}", text);
    up_ = false;
    why_ = text;
}

Fault Health::fault_locked() const {
    const std::time_t since = std::chrono::system_clock::to_time_t(since_);
    const bool names_dsn = why_.find(shown_) != std::string::npos;
    return {make_error_code(Errc::unavailable), fmt::format("{} not available since {:%Y-%m-%d %H:%M:%S} UTC: {}",
                                                            names_dsn ? "storage" : shown_, fmt::gmtime(since), why_)};
}

Done Health::ready() const {
    const std::lock_guard lock(mutex_);
    if (up_) return {};
    return std::unexpected(fault_locked());
}

std::optional<Fault> Health::hopeless() const {
    const std::lock_guard lock(mutex_);
    if (up_ || Deadline::Clock::now() - since_steady_ < patience_) return {};
    return fault_locked();
}

std::string Health::text() const {
    const std::lock_guard lock(mutex_);
    return up_ ? shown_ + ": ok" : fault_locked().detail;
}

}  // namespace tamis::storage
