// zip_methods - what zip once used or rarely uses: shrink (1), reduce (2 to 5), implode (6) and deflate64 (9)
//
// APPNOTE.TXT 6.3.10, sections 5.1 to 5.3 and 5.6. Pure: bytes in, bytes out through an Output. Total and linear; trusts nothing.
#pragma once

#include <cstdint>
#include <string_view>

#include "scanners/worker/open/history.h"
#include "scanners/worker/open/transfer_decode.h"

namespace tamis::worker {

Decoded decode_shrink(std::string_view packed, std::uint64_t size, Output& out);
// decode_reduce - method 2 to 5
Decoded decode_reduce(unsigned method, std::string_view packed, std::uint64_t size, Output& out);
// decode_implode - `flags` are the member's: bit 1 tells the window, bit 2 whether literals have a code
Decoded decode_implode(std::uint16_t flags, std::string_view packed, std::uint64_t size, Output& out);
// decode_deflate64 - to the end of the stream, whatever its size
Decoded decode_deflate64(std::string_view packed, Output& out);

}  // namespace tamis::worker
