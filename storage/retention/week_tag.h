// week_tag - partition_tag as the ISO year and week in which a message came, as amavisd's iso8601_yearweek() gives it; pure
//
// Weeks are those of UTC, so that hosts in different time zones agree; amavisd takes its host's local time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace tamis::storage {

// tag_by_week - the setting storage.partition_tag, and a record's: the week's number is to be taken
constexpr std::int64_t tag_by_week = -1;

// week_tag - 202647 for a moment in the 47th week of 2026
std::int64_t week_tag(std::chrono::sys_seconds when);

// week_begin - Monday, 0:00 UTC, of the week; nothing for a number that is no year and week
std::optional<std::chrono::sys_seconds> week_begin(std::int64_t tag);

// partition_tag_at - the tag to store for a message of that moment
inline std::int64_t partition_tag_at(std::int64_t setting, std::chrono::sys_seconds when) {
    return setting == tag_by_week ? week_tag(when) : setting;
}

}  // namespace tamis::storage
