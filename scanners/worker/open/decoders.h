// decoders - the table of what opens archives, compressed data and documents
#pragma once

#include <vector>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// archive_decoders - rows for OpenerSetup::decoders
std::vector<Decoder> archive_decoders();

}  // namespace tamis::worker
