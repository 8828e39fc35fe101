// openpgp - OpenPGP messages, binary or in ASCII armor, and PEM armor of CMS messages, anywhere in a part
//
// A message is encrypted when its packets say so, not when a type or name does. Signed, compressed and literal messages are
// opened: the file in them becomes a part. Keys and detached signatures hold nothing; a text that is signed in the clear is a
// text. Trusts nothing; armor blocks and nesting are limited; linear.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// may_be_openpgp - a decoder's `wants`: texts of all kinds, data of no kind, and what another of its rows took out
bool may_be_openpgp(const mail::Part& part);
void open_openpgp(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
