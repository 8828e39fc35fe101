// tools - everything tamis-worker opens messages with, loaded while files can still be read
#pragma once

#include <memory>

#include "base/result.h"
#include "scanners/worker/open/opener.h"

namespace tamis::worker {

struct Tools {
    std::unique_ptr<KindFinder> kinds;
    OpenerSetup setup;  // decoders and the walk; limits are those of each job
};

// load_tools - the libmagic database, character sets, digests, time zone, locale. A second call gives a second set.
Result<Tools> load_tools();

}  // namespace tamis::worker
