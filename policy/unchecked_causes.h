// unchecked_causes - why a message is unchecked, in words: which part, and what could not be done with it
//
// Names come from strangers: they are escaped and cut here, and may be shown anywhere. Pure.
#pragma once

#include <string>
#include <vector>

#include "mail/contents.h"

namespace tamis::policy {

// UncheckedCause - `part 1/2/1 "a.txt": encrypted`
struct UncheckedCause {
    int minor = 0;  // mail::Unchecked
    std::string text;
};

// unchecked_causes - of what opening the message found; empty: everything was read. The first of each minor is always among
// them, the rest is counted from a few on.
std::vector<UncheckedCause> unchecked_causes(const mail::Contents& contents);

// causes_text - joined by "; ", those of `minor` first
std::string causes_text(const std::vector<UncheckedCause>& causes, int minor);

}  // namespace tamis::policy
