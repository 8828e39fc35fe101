#include "base/metric.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace tamis::metric {
namespace {
prometheus::Registry& registry() {
    static prometheus::Registry instance;
    return instance;
}
}  // namespace

Counter::Counter(std::string_view name, std::string_view help, std::string_view label, std::string_view value) {
    auto& family = prometheus::BuildCounter().Name(std::string(name)).Help(std::string(help)).Register(registry());
    prometheus::Labels labels;
    if (!label.empty()) labels.emplace(label, value);
    counter_ = &family.Add(labels);
}
void Counter::add(double amount) noexcept { counter_->Increment(amount); }
double Counter::value() const noexcept { return counter_->Value(); }

Gauge::Gauge(std::string_view name, std::string_view help) {
    gauge_ = &prometheus::BuildGauge().Name(std::string(name)).Help(std::string(help)).Register(registry()).Add({});
}
void Gauge::add(double amount) noexcept { gauge_->Increment(amount); }
void Gauge::set(double value) noexcept { gauge_->Set(value); }
double Gauge::value() const noexcept { return gauge_->Value(); }

std::string exposition() { return prometheus::TextSerializer().Serialize(registry().Collect()); }

}  // namespace tamis::metric
