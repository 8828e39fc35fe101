#include "tools/import/perl_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace tamis::tools {

using Kind = PerlValue::Kind;

const PerlValue* PerlValue::entry(std::string_view key) const {
    for (std::size_t i = keys.size(); i-- > 0;)
        if (keys[i] == key) return &items[i];
    return nullptr;
}

void PerlValue::set_entry(const std::string& key, PerlValue value) {
    const auto found = std::ranges::find(keys, key);
    if (found != keys.end()) {
        items[static_cast<std::size_t>(found - keys.begin())] = std::move(value);
        return;
    }
    keys.push_back(key);
    items.push_back(std::move(value));
}

PerlValue text_value(std::string text, Place place) { return {Kind::text, place, std::move(text)}; }
PerlValue number_value(double number, Place place) { return {Kind::text, place, perl_number(number)}; }
PerlValue list_value(std::vector<PerlValue> items, Place place) { return {Kind::list, place, {}, {}, std::move(items)}; }
PerlValue unknown_value(std::string why, Place place) { return {Kind::code, place, std::move(why)}; }

std::optional<bool> is_true(const PerlValue& value) {
    if (value.is(Kind::code)) return {};
    if (value.is(Kind::undef)) return false;
    return !value.is(Kind::text) || (!value.text.empty() && value.text != "0");
}

std::optional<double> number_of(const PerlValue& value) {
    if (value.is(Kind::undef)) return 0;
    if (!value.is(Kind::text)) return {};
    std::string_view text = trim(value.text);
    // the longest beginning that is a number: sign, digits, fraction, exponent
    const auto digits = [&](std::size_t at) {
        while (at < text.size() && is_digit(text[at])) ++at;
        return at;
    };
    std::size_t end = digits(!text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0);
    if (end < text.size() && text[end] == '.') end = digits(end + 1);
    if (end < text.size() && lower(text[end]) == 'e') {
        const std::size_t sign = end + 1 < text.size() && (text[end + 1] == '-' || text[end + 1] == '+') ? end + 2 : end + 1;
        if (digits(sign) > sign) end = digits(sign);
    }
    while (end > 0) {
        if (const auto number = parse_number(text.substr(0, end))) return number;
        --end;
    }
    return 0;
}

std::string perl_number(double number) {
    constexpr double exact = 1e15;
    if (std::isfinite(number) && number == std::floor(number) && std::abs(number) < exact)
        return fmt::format("{:.0f}", number == 0 ? 0.0 : number);
    return fmt::format("{:.15g}", number);
}

std::optional<std::string> text_of(const PerlValue& value) {
    if (value.is(Kind::undef)) return "";
    if (value.is(Kind::text)) return value.text;
    return {};
}

std::size_t weight(const PerlValue& value) {
    std::size_t sum = 1;
    for (const auto& item : value.items) sum += weight(item);
    return sum;
}

}  // namespace tamis::tools
