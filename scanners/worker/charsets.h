// charsets - the character sets that mail uses, kept loaded so that iconv needs no file in the sandbox
#pragma once

#include <cstddef>

namespace tamis::worker {

// hold_charsets - loads the conversion of each to UTF-8 for the life of the process; returns how many this system knows.
// A character set that is not held cannot be converted by a worker: such a part has the anomaly unknown_charset.
std::size_t hold_charsets();

}  // namespace tamis::worker
