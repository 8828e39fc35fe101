// no_room - a database that can be read but takes nothing now: its disk is full or was made read-only
//
// That is the failure of the one transaction that wanted to write: others may be smaller, and reading goes on. It is not
// Errc::unavailable, which means that the store as a whole is away and that waiting for it may help.
#pragma once

#include <system_error>

#include "base/result.h"

namespace tamis::storage {

inline std::error_code no_room_error() { return std::make_error_code(std::errc::no_space_on_device); }
inline bool is_no_room(const Fault& fault) { return fault.code == no_room_error(); }

}  // namespace tamis::storage
