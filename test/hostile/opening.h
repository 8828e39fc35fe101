// opening - everything that a message is opened with, for the tests of this folder
#pragma once

#include <memory>

#include "scanners/worker/open/archive.h"
#include "scanners/worker/open/decoders.h"
#include "scanners/worker/open/magic_kinds.h"
#include "scanners/worker/open/mime_walk.h"

namespace tamis::worker {

struct Opening {
    std::unique_ptr<MagicKinds> kinds;
    OpenerSetup setup;
};

inline Result<Opening> load_opening() {
    auto kinds = MagicKinds::load();
    if (!kinds) return std::unexpected(std::move(kinds.error()));
    if (!prepare_archives()) return fail(std::make_error_code(std::errc::not_supported), "the locale C.UTF-8 is missing");
    Opening out;
    out.kinds = std::move(*kinds);
    out.setup.kinds = out.kinds.get();
    out.setup.open_message = open_mime;
    out.setup.decoders = mime_decoders();
    for (auto& decoder : archive_decoders()) out.setup.decoders.push_back(decoder);
    return out;
}

}  // namespace tamis::worker
