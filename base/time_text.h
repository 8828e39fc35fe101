// time_text - points in time as an administrator writes them, and as we show them (UTC)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tamis {

// parse_time - "2026-11-22", "2026-11-22T20:05", "2026-11-22T20:05:12Z" (UTC), "90m", "12h", "3d", "2w" (so long before
// `now`), or Unix seconds; Unix seconds come out
Result<std::int64_t> parse_time(std::string_view text, std::int64_t now);

// time_text - "2026-11-22T20:05:12Z"
std::string time_text(std::int64_t seconds);

}  // namespace tamis
