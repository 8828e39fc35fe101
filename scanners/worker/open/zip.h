// zip - opens zip archives and what is made of them: OOXML, ODF, jar, apk, kmz, epub
//
// The structure is read twice and compared (zip_structure.h). Stored members are slices of the archive, deflated ones go
// through zlib, the rarer methods through libarchive. A member is a stream with a name; nothing is created anywhere.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

bool is_zip(const mail::Part& part);
// open_zip - a decoder's `open`: every member of either reading becomes a part in the container "zip"
void open_zip(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
