// lzop - opens .lzo files of the program lzop: its container and the LZO1X compression
//
// Debian's libarchive would start a program for it, so here is our own reader. Strict and bounded: a block is at most as long
// as it says, and that is charged first. Trusts nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "scanners/worker/open/opener.h"

namespace tamis::worker {

bool is_lzop(const mail::Part& part);
void open_lzop(Opener& opener, std::uint32_t part, const Blob& bytes);

// decompress_lzo1x - exactly `size` bytes; nothing when the data are damaged
std::optional<std::string> decompress_lzo1x(std::string_view packed, std::size_t size);

}  // namespace tamis::worker
