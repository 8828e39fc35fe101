#include "base/time_text.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "base/text.h"

namespace tamis {
namespace {

std::unexpected<Fault> bad(std::string_view text) {
    return fail(Errc::bad_input,
                fmt::format("\"{}\" is no time: write 2026-11-22, 2026-11-22T20:05, or 90m, 12h, 3d, 2w ago", escaped(text)));
}

std::optional<std::int64_t> absolute(std::string_view text) {
    if (text.ends_with('Z')) text.remove_suffix(1);
    if (text.size() != 10 && text.size() != 16 && text.size() != 19) return {};
    const auto number = [&](std::size_t at, std::size_t size, std::uint64_t most) {
        return parse_unsigned(text.substr(at, size), most);
    };
    if (text[4] != '-' || text[7] != '-') return {};
    const auto year = number(0, 4, 9999), month = number(5, 2, 12), day = number(8, 2, 31);
    std::optional<std::uint64_t> hour = 0, minute = 0, second = 0;
    if (text.size() > 10) {
        if ((text[10] != 'T' && text[10] != ' ') || text[13] != ':') return {};
        hour = number(11, 2, 23);
        minute = number(14, 2, 59);
    }
    if (text.size() > 16) {
        if (text[16] != ':') return {};
        second = number(17, 2, 59);
    }
    if (!year || !month || !day || !hour || !minute || !second) return {};
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(static_cast<unsigned>(*month)),
                                           std::chrono::day(static_cast<unsigned>(*day))};
    if (!date.ok()) return {};
    const auto days = std::chrono::sys_days(date).time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(days).count() +
           static_cast<std::int64_t>(*hour * 3600 + *minute * 60 + *second);
}

}  // namespace

Result<std::int64_t> parse_time(std::string_view text, std::int64_t now) {
    if (text.empty()) return bad(text);
    if (const auto seconds = parse_unsigned(text, 4'000'000'000)) return static_cast<std::int64_t>(*seconds);
    if (const auto seconds = absolute(text)) return *seconds;
    std::int64_t unit = 0;
    switch (text.back()) {
        case 's': unit = 1; break;
        case 'm': unit = 60; break;
        case 'h': unit = 3600; break;
        case 'd': unit = 86400; break;
        case 'w': unit = 7 * 86400; break;
        default: return bad(text);
    }
    const auto count = parse_unsigned(text.substr(0, text.size() - 1), 100'000);
    if (!count) return bad(text);
    return std::max<std::int64_t>(0, now - static_cast<std::int64_t>(*count) * unit);
}

std::string time_text(std::int64_t seconds) {
    const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                       static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                       clock.seconds().count());
}

}  // namespace tamis
