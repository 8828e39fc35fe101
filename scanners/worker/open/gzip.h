// gzip - opens gzip files: the stored name, members one after the other, bytes behind the last one
//
// RFC 1952. Each gzip member continues the same data (as gzip itself reads them). Bytes behind the last member that are no
// padding are another reading: a mismatched_archive anomaly, and they become a part.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

bool is_gzip(const mail::Part& part);
void open_gzip(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
