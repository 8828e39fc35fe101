// chm - Microsoft's compiled help (ITSF): its pages and files, by libmspack, from memory
//
// Files are taken in the order in which they lie, so that nothing is decompressed twice; reading ends with the budget. One thread.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

void open_chm(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
