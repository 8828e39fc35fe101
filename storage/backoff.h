// backoff - growing pauses between attempts, with jitter so that many hosts do not come back at the same moment
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace tamis::storage {

class Backoff {
public:
    static constexpr std::chrono::milliseconds shortest{200};
    static constexpr std::chrono::milliseconds longest{10'000};

    // next - the pause before the next attempt: between half and the whole of a span that doubles up to `longest`
    std::chrono::milliseconds next() {
        const auto span = span_;
        span_ = std::min(span_ * 2, longest);
        std::uniform_int_distribution<std::chrono::milliseconds::rep> part(span.count() / 2, span.count());
        return std::chrono::milliseconds(part(random_));
    }
    void reset() noexcept { span_ = shortest; }

private:
    std::chrono::milliseconds span_ = shortest;
    std::minstd_rand random_{std::random_device{}()};
};

}  // namespace tamis::storage
