// media - which bytes of a picture, a sound or a film belong to it
//
// What lies within its chunks is the format's own affair (a thumbnail, a colour table, a tag); what lies behind its end is not.
// One pass over the chunk headers; trusts nothing.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

bool is_media(const mail::Part& part);
void open_media(Opener& opener, std::uint32_t part, const Blob& bytes);

// media_size - how far a file of one of these formats reaches; 0: the beginning is none of them
std::uint64_t media_size(std::string_view bytes);

}  // namespace tamis::worker
