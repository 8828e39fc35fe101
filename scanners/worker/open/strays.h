// strays - a second file in the bytes of a part that no format owns: behind it, before it, between its pieces
//
// Two programs may see two files in the same bytes: a picture with an archive behind it, a tar archive with a zip archive at
// its end, one byte before a RAR archive. Each decoder says which ranges belong to its format (Opener::own); the marks of other
// formats are looked for in the rest. What is found becomes a part that is opened like any other; it makes the message
// ambiguous, except behind a program (a self-extracting archive is usual). Within a range that a format carries without
// reading it, such a file is a part and nothing more. A mark alone is not enough: every format's header is checked, so
// that numbers in compressed data are not taken for files. One pass, linear; at most `most_strays` files for each part.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

constexpr std::size_t most_strays = 32;

// may_have_strays - the row's `wants`: everything whose bytes and kind are known
bool may_have_strays(const mail::Part& part);
// open_strays - the row's `open`; it must come last, when all decoders of the part have said what they own
void open_strays(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
