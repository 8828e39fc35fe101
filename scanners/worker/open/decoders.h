// decoders - the table of what opens archives, compressed data and documents
#pragma once

#include <vector>

#include "scanners/worker/open/opener.h"

namespace tamis::open {

// archive_decoders - rows for OpenerSetup::decoders. `engines_open_it` is what ClamAV 1.x was seen to open (docs/opening-archives.md)
std::vector<Decoder> archive_decoders();

}  // namespace tamis::open
