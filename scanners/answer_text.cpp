#include "scanners/answer_text.h"

#include <fmt/format.h>

#include <cmath>

#include "base/text.h"

namespace tamis::scanners {

std::string clean_virus_name(std::string_view name) { return printable_or(name.substr(0, max_name), '?'); }

std::string clean_test_name(std::string_view name) {
    std::string out = printable_or(name.substr(0, max_name), '_');
    for (char& c : out)
        if (c == ' ' || c == ',' || c == '=') c = '_';
    return out;
}

std::string clean_report(std::string_view text) {
    std::string out = utf8_or_replaced(text.substr(0, max_report), max_report);
    if (out.size() <= max_report) return out;  // replacing made it longer: cut again, between characters
    std::size_t end = max_report;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
    out.resize(end);
    return out;
}

bool is_score(double value) noexcept { return std::isfinite(value) && std::abs(value) <= max_score; }

std::optional<double> parse_score(std::string_view text) {
    const auto value = parse_number(text);
    return value && is_score(*value) ? value : std::nullopt;
}

std::unexpected<Fault> bad_reply(std::string_view why, std::string_view evidence) {
    return fail(Errc::bad_reply, fmt::format("{}: \"{}\"", why, escaped(evidence, 80)));
}

}  // namespace tamis::scanners
