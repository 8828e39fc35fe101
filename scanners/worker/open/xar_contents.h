// xar_contents - looks at the table of contents of a xar archive before libarchive does
//
// libarchive parses the whole table in one call, and compares every linked member with every other: a table of 300 kB took it 3 s, and
// nothing can end it in between. Trusts nothing; linear.
#pragma once

#include <string_view>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// is_xar_within_limits - the table can be inflated and names no more members and links than a message may have; false: marked
bool is_xar_within_limits(Opener& opener, std::uint32_t part, std::string_view bytes);

}  // namespace tamis::worker
