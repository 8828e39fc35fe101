// growth - how the CPU time of some work grows with the size of its input; for tests that say "linear"
//
// Measured as this thread's CPU time, the least of a few runs, so neither a busy machine nor a slow one matters. What is
// compared is n with n times `factor`: linear work has a ratio near the factor, quadratic work one near its square, and the
// bound lies far from both.
#pragma once

#include <algorithm>
#include <cstddef>
#include <ctime>
#include <functional>

namespace tamis::test {

inline double cpu_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// cost - CPU seconds of one run; short work is repeated until the clock can see it
inline double cost(const std::function<void()>& work) {
    double least = 1e9;
    for (int round = 0; round < 3; ++round) {
        std::size_t runs = 0;
        const double begun = cpu_seconds();
        double spent = 0;
        do {
            work();
            ++runs;
            spent = cpu_seconds() - begun;
        } while (spent < 200e-6);
        least = std::min(least, spent / static_cast<double>(runs));
    }
    return least;
}

// grows_linearly - work(n), work(2n) ... work(64n): the last one costs at most 6 times what linear growth from any of the
// smaller ones would give (64n of quadratic work costs 64 times that)
inline bool grows_linearly(std::size_t n, const std::function<void(std::size_t)>& work) {
    constexpr double allowance = 6;
    for (int attempt = 0; attempt < 3; ++attempt) {  // an interrupt may be charged to us; three times in a row it is not
        const double last = cost([&] { work(64 * n); });
        bool fine = true;
        for (std::size_t k = 1; fine && k <= 8; k *= 2)
            fine = last <= cost([&] { work(k * n); }) * (64 / static_cast<double>(k)) * allowance;
        if (fine) return true;
    }
    return false;
}

}  // namespace tamis::test
