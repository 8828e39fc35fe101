// known_formats - containers, compressed data and file systems by signatures of our own, and which of them nobody here reads
//
// libmagic knows most of them, but some by two bytes and some not at all; here each needs enough evidence that an ordinary file is not
// taken for one (docs/opening-archives.md has the list). What is known and not read makes the message unchecked, never clean.
// Pure but for the marks; trusts nothing.
#pragma once

#include <optional>
#include <string_view>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

// KnownFormat - a row: its kind and what it is in words
struct KnownFormat {
    std::string_view kind, description;
};
// known_format - what the bytes begin with, nothing when they are none of them
std::optional<KnownFormat> known_format(std::string_view head, std::uint64_t size);
// is_false_alarm - a description of libmagic that stands on too few bytes, and the bytes are no such thing
bool is_false_alarm(std::string_view kind, std::string_view head, std::uint64_t size);

// Decoder of what is known and not read: it marks the part, with the reason. ISO images too, when they are not to be opened.
bool wants_unread(const mail::Part& part);
void open_unread(Opener& opener, std::uint32_t part, const Blob& bytes);

}  // namespace tamis::worker
