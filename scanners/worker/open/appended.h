// appended - a second look at files that are something else: archives behind or inside other content
//
// A picture, a PDF or a program may carry an archive (a self-extracting one, or a polyglot that one program shows and another
// unpacks). What is found is opened too. After a program that is usual; anywhere else it is a polyglot anomaly.
#pragma once

#include "scanners/worker/open/opener.h"

namespace tamis::open {

// may_carry_more - everything that is neither an archive itself, nor a text
bool may_carry_more(const mail::Part& part);
void open_appended(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::open
