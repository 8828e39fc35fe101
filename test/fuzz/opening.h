// opening - what the targets that open things share: limits that end quickly, and what must hold of every opening
#pragma once

#include <string_view>

#include "scanners/worker/open/opener.h"

namespace tamis::fuzz {

// small_limits - as in the daemon, but so that one input takes milliseconds
worker::Limits small_limits();
// full_setup - every decoder and the kinds, as tamis-worker has them
worker::OpenerSetup full_setup();
// check_opened - parents before children, names and lists within their limits, extracts named once
void check_opened(const worker::Opened& opened, const worker::Limits& limits);

}  // namespace tamis::fuzz
