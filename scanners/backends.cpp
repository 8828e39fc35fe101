#include "scanners/backends.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "base/log.h"
#include "base/text.h"

namespace tamis::scanners {
namespace {

std::string wall_text(std::chrono::system_clock::time_point at) {
    return fmt::format("{:%Y-%m-%d %H:%M:%S}", fmt::localtime(std::chrono::system_clock::to_time_t(at)));
}

long long seconds_between(Moment from, Moment to) {
    return std::chrono::duration_cast<std::chrono::seconds>(to.steady - from.steady).count();
}

}  // namespace

BackendList::BackendList(std::string engine, std::vector<std::string> addresses, BreakerLimits limits)
    : engine_(std::move(engine)), limits_(limits) {
    assert(!addresses.empty() && addresses.size() <= max_addresses);
    for (auto& name : addresses) addresses_.emplace_back().name = std::move(name);
}

std::optional<BackendList::Choice> BackendList::choose(AddressSet tried, Moment now) {
    std::optional<std::size_t> healthy, suspect, open, due;
    for (std::size_t index = 0; index < addresses_.size(); ++index) {
        const auto& address = addresses_[index];
        if (tried.test(index)) continue;
        if (address.failures == 0) {
            if (!healthy) healthy = index;
            continue;
        }
        auto& kind = is_open(address) ? open : suspect;
        if (!kind || address.next_probe < addresses_[*kind].next_probe) kind = index;
        if (address.next_probe <= now.steady && (!due || address.next_probe < addresses_[*due].next_probe)) due = index;
    }
    if (due) {  // the next probe is put off at once, so that one message at a time pays for it
        auto& address = addresses_[*due];
        address.next_probe = now.steady + address.gap;
        if (is_open(address)) address.gap = std::min(address.gap * 2, limits_.longest_probe);
        return Choice{*due, Use::probe};
    }
    if (healthy) return Choice{*healthy, Use::normal};
    if (suspect) return Choice{*suspect, Use::normal};
    if (open) return Choice{*open, Use::forced};
    return {};
}

std::optional<std::string> BackendList::succeeded(std::size_t index, Moment now) {
    auto& address = addresses_[index];
    std::optional<std::string> line;
    if (address.failures != 0 && address.announced)
        line = fmt::format("{} {}: is back after {} s ({} failure{})", engine_, address.name, seconds_between(address.since, now),
                           address.failures, address.failures == 1 ? "" : "s");
    address.failures = 0;
    address.announced = false;
    address.why.clear();
    return line;
}

std::optional<std::string> BackendList::failed(std::size_t index, std::string_view why, Moment now) {
    auto& address = addresses_[index];
    address.why = escaped(why, 200);
    const bool may_report = !address.last_report || now.steady - *address.last_report >= limits_.quiet;
    if (++address.failures == 1) {
        address.since = now;
        address.gap = limits_.first_probe;
        address.next_probe = now.steady + address.gap;
        if (!may_report) return {};
        address.announced = true;
        address.last_report = now.steady;
        return fmt::format("{} {}: {}; failing since {}", engine_, address.name, address.why, wall_text(now.wall));
    }
    if (address.failures != limits_.failures_to_open || !(address.announced || may_report)) return {};
    address.announced = true;
    address.last_report = now.steady;
    return fmt::format("{} {}: {} failures in a row since {}, the last: {}; {}", engine_, address.name, address.failures,
                       wall_text(address.since.wall), address.why, "avoided from now on and tried again every 1 to 30 s");
}

std::string BackendList::health(Moment now) const {
    std::string text;
    for (std::size_t index = 0; index < addresses_.size(); ++index) {
        const auto& address = addresses_[index];
        if (address.failures == 0) continue;
        text += fmt::format("{}{}: {}; {}, {} failure{} in a row{}", text.empty() ? "" : "; ", address.name, address.why,
                            failing_text(index, now), address.failures, address.failures == 1 ? "" : "s",
                            is_open(address) ? ", avoided" : "");
    }
    return text.empty() ? "ok" : text;
}

std::optional<Deadline::Clock::time_point> BackendList::all_failing_since() const {
    auto since = addresses_.front().since.steady;
    for (const auto& address : addresses_) {
        if (address.failures == 0) return {};
        since = std::max(since, address.since.steady);
    }
    return since;
}

std::string BackendList::failing_text(std::size_t index, Moment now) const {
    const auto& address = addresses_[index];
    if (address.failures == 0) return {};
    return fmt::format("failing since {} ({} s)", wall_text(address.since.wall), seconds_between(address.since, now));
}

std::optional<BackendList::Choice> Backends::choose(AddressSet tried) {
    const std::lock_guard lock(mutex_);
    return list_.choose(tried, Moment::now());
}

void Backends::succeeded(std::size_t index) {
    std::optional<std::string> line;
    {
        const std::lock_guard lock(mutex_);
        line = list_.succeeded(index, Moment::now());
    }
    if (line) log::notice("", "{}", *line);
}

void Backends::failed(std::size_t index, std::string_view why) {
    std::optional<std::string> line;
    {
        const std::lock_guard lock(mutex_);
        line = list_.failed(index, why, Moment::now());
    }
    if (line) log::warning("", "{}", *line);
}

std::string Backends::health() const {
    const std::lock_guard lock(mutex_);
    return list_.health(Moment::now());
}

std::string Backends::failing_text(std::size_t index) const {
    const std::lock_guard lock(mutex_);
    return list_.failing_text(index, Moment::now());
}

std::optional<Deadline::Clock::time_point> Backends::all_failing_since() const {
    const std::lock_guard lock(mutex_);
    return list_.all_failing_since();
}

}  // namespace tamis::scanners
