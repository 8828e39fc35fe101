#include "storage/retention/week_tag.h"

namespace tamis::storage {

namespace {
using std::chrono::days;
using std::chrono::sys_days;

// first_week - the Monday of the week that holds January 4th: week 1 of ISO 8601
sys_days first_week(std::chrono::year year) {
    const sys_days fourth = year / std::chrono::January / 4;
    return fourth - days(std::chrono::weekday(fourth).iso_encoding() - 1);
}
}  // namespace

std::int64_t week_tag(std::chrono::sys_seconds when) {
    const auto day = std::chrono::floor<days>(when);
    const auto monday = day - days(std::chrono::weekday(day).iso_encoding() - 1);
    const auto year = std::chrono::year_month_day(monday + days(3)).year();  // a week belongs to the year of its Thursday
    return static_cast<std::int64_t>(static_cast<int>(year)) * 100 + (monday - first_week(year)).count() / 7 + 1;
}

std::optional<std::chrono::sys_seconds> week_begin(std::int64_t tag) {
    const auto year = tag / 100, week = tag % 100;
    if (year < 1970 || year > 9999 || week < 1 || week > 53) return {};
    const std::chrono::sys_seconds begin = first_week(std::chrono::year(static_cast<int>(year))) + days(7 * (week - 1));
    if (week_tag(begin) != tag) return {};  // a year without a 53rd week
    return begin;
}

}  // namespace tamis::storage
