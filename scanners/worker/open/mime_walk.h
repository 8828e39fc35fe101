// mime_walk - the tree of a message's MIME entities, in every plausible reading
//
// RFC 2045, 2046, 2049; docs/opening-mime.md. The first reading becomes the ordinary tree. Where mail programs may
// read something else, an anomaly is noted and the other reading becomes parts too, with the flag `alternate`: what any
// of them would show is scanned. Per ambiguity at most a few other readings; the limits on parts, depth, bytes and time
// bound them all together, and a limit that is met is told. Linear per level and reading. Runs in tamis-worker.
#pragma once

#include <vector>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// open_mime - a whole message, header and body: OpenerSetup::open_message. `parent` 0: it is the message itself.
void open_mime(Opener& opener, std::uint32_t parent, const Blob& message);

// mime_decoders - the rows for nested messages (decoded ones, and files of that kind in archives) and for text parts
std::vector<Decoder> mime_decoders();

}  // namespace tamis::worker
