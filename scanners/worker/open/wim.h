// wim - Windows imaging archives (WIM, ESD): every blob of the table, with the names that the images' directories give it
//
// Reads uncompressed, XPRESS, LZX and LZMS, single and solid resources; the decompression of one chunk is wimlib's, the structure is
// read here, for wimlib itself works on files only. What is split over several files, pipable or of another version is told as unread.
// Guarantees: memory for one chunk (at most 64 MiB) and the names; linear. Trusts nothing; one thread.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

void open_wim(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
