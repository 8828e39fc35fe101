#include "scanners/worker/open/limits.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>

namespace tamis::worker {
namespace {

std::chrono::nanoseconds cpu_now() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// times - without overflow; a size from outside is below 2^63
std::uint64_t times(std::uint64_t size, std::uint32_t factor) {
    std::uint64_t out = 0;
    return __builtin_mul_overflow(size, static_cast<std::uint64_t>(factor), &out) ? UINT64_MAX : out;
}

}  // namespace

Budget::Budget(const Limits& limits, std::uint64_t message_size, std::chrono::microseconds already)
    : limits_(limits),
      quota_(std::max({limits.minimum_quota, times(message_size, limits.minimum_factor),
                       std::min(limits.maximum_quota, times(message_size, limits.maximum_factor))})),
      until_(std::chrono::steady_clock::now() + limits.wall),
      cpu_at_start_(cpu_now() - already) {}

bool Budget::spend(std::string reason) {
    if (reason_.empty()) reason_ = std::move(reason);
    spent_ = true;
    return false;
}

bool Budget::take_bytes(std::uint64_t count, const char* who) {
    if (spent_) return false;
    if (count > quota_ - used_)
        return spend(fmt::format("Exceeded storage quota {} bytes by {}; last chunk {} bytes", quota_, who, count));
    used_ += count;
    return true;
}

bool Budget::take_mime_part() {
    if (spent_) return false;
    if (++mime_parts_ > limits_.mime_parts)
        return spend(fmt::format("Maximum number of MIME parts ({}) exceeded", limits_.mime_parts));
    return true;
}

bool Budget::take_member() {
    if (spent_) return false;
    if (++members_ > limits_.members) return spend(fmt::format("Maximum number of files ({}) exceeded", limits_.members));
    return true;
}

bool Budget::check_mime_depth(std::uint32_t depth) {
    if (spent_) return false;
    if (depth <= limits_.mime_depth) return true;
    if (reason_.empty()) reason_ = fmt::format("Maximum MIME depth ({}) exceeded", limits_.mime_depth);
    return false;
}

bool Budget::check_level(std::uint32_t level) {
    if (spent_) return false;
    if (level <= limits_.levels) return true;
    if (reason_.empty()) reason_ = fmt::format("Maximum decoding depth ({}) exceeded", limits_.levels);
    return false;
}

bool Budget::check_time() {
    if (spent_) return false;
    if (cpu_now() - cpu_at_start_ > limits_.cpu)
        return spend(fmt::format("Maximum decoding time ({} ms CPU) exceeded", limits_.cpu.count()));
    if (std::chrono::steady_clock::now() > until_)
        return spend(fmt::format("Maximum decoding time ({} ms) exceeded", limits_.wall.count()));
    return true;
}

std::chrono::microseconds Budget::cpu_used() const {
    return std::chrono::duration_cast<std::chrono::microseconds>(cpu_now() - cpu_at_start_);
}

}  // namespace tamis::worker
