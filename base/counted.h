// counted - a number with its noun: "1 message", "2 messages", "0 messages"
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>

namespace tamis {

// counted - `one` is the noun in the singular; `many` its plural when that is not the singular with an "s"
template <std::integral Number>
std::string counted(Number count, std::string_view one, std::string_view many = {}) {
    if (count == Number{1}) return fmt::format("{} {}", count, one);
    return many.empty() ? fmt::format("{} {}s", count, one) : fmt::format("{} {}", count, many);
}

}  // namespace tamis
