// size_limit - the smallest limit on the size of a message that counts
#pragma once

#include <cstdint>

namespace tamis::policy {

// size_limit_floor - a recipient's limit below that counts as that: RFC 5321 section 4.5.3.1.7 has everybody take 64 KiB
constexpr std::uint64_t size_limit_floor = 65536;

}  // namespace tamis::policy
