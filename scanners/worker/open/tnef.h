// tnef - opens winmail.dat: attachments under all their names, and the message's body
//
// MS-OXTNEF. Strict and linear: every attribute has a length and a checksum; one that is wrong makes the file damaged
// (bad_archive, undecipherable), what was read until there stands. Trusts nothing.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

bool is_tnef(const mail::Part& part);
void open_tnef(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
