// deadline - a point in monotonic time by which an operation must have ended
//
// Made once per message (or per command) and passed down by value; a step never makes itself more time than it was
// given, it can only take `sooner`. The clock is steady: a jump of the wall clock changes nothing.
#pragma once

#include <algorithm>
#include <chrono>

namespace tamis {

struct Deadline {
    using Clock = std::chrono::steady_clock;
    Clock::time_point at;

    static Deadline in(Clock::duration span) { return {Clock::now() + span}; }
    static Deadline never() { return {Clock::time_point::max()}; }

    bool passed() const { return Clock::now() >= at; }
    Clock::duration left() const { return std::max(Clock::duration::zero(), at - Clock::now()); }
    Deadline sooner(Deadline other) const { return {std::min(at, other.at)}; }
    Deadline sooner(Clock::duration span) const { return sooner(in(span)); }
};

}  // namespace tamis
