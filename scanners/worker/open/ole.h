// ole - looks into OLE2 documents: macros, encryption, embedded files, attachments of .msg, cabinets of .msi
//
// Streams are read only where something can be in them; what is found becomes a part, everything read is charged to the
// budget. A damaged file is undecipherable: something may be missing. See docs/opening-archives.md, "Macros".
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

bool is_ole(const mail::Part& part);
void open_ole(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
