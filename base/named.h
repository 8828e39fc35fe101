// named - a value that cannot be passed where another kind of value is meant
#pragma once

#include <compare>
#include <utility>

namespace tamis {

template <class T, class Tag>
class Named {
public:
    Named() = default;
    explicit Named(T value) : value_(std::move(value)) {}
    const T& get() const noexcept { return value_; }
    auto operator<=>(const Named&) const = default;

private:
    T value_{};
};

}  // namespace tamis
