// pdf - the files attached to a PDF, whether it needs a password, and which bytes belong to it
//
// Attachments are the streams that a file specification names (also one in an object stream) or that call themselves
// embedded files; they become parts with their names. Objects belong to the PDF: what lies within them is no second file.
// Trusts nothing; objects, decoded bytes and filters are limited; linear.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

bool is_pdf_part(const mail::Part& part);
void open_pdf(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
