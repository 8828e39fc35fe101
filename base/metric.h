// metric - counters and histograms, declared at the top of the file that counts them
//
// Lock-free to count, from any thread. The registry lives as long as the program.
#pragma once

#include <string>
#include <string_view>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
}  // namespace prometheus

namespace tamis::metric {

class Counter {
public:
    Counter(std::string_view name, std::string_view help, std::string_view label = {}, std::string_view value = {});
    void add(double amount = 1) noexcept;
    double value() const noexcept;

private:
    prometheus::Counter* counter_;
};

class Gauge {
public:
    Gauge(std::string_view name, std::string_view help);
    void add(double amount = 1) noexcept;
    void set(double value) noexcept;
    double value() const noexcept;

private:
    prometheus::Gauge* gauge_;
};

// exposition - everything counted so far in the Prometheus text format
std::string exposition();

}  // namespace tamis::metric
