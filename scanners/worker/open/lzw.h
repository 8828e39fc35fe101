// lzw - the LZW of old archivers: ARC (crunched, squashed), Spark, zoo and zip's shrink
//
// Pure: bytes in, bytes out through an Output. Total; a code costs at most the longest string of the table. Trusts nothing.
#pragma once

#include <string_view>

#include "scanners/worker/open/history.h"
#include "scanners/worker/open/transfer_decode.h"

namespace tamis::worker {

enum class LzwForm : std::uint8_t {
    compress,  // 256 clears; codes come in groups of eight, and a new width begins with a new group (ARC, Unix)
    zoo,       // 256 clears and the next code is a byte, 257 ends
    shrink,    // 256 and 1: wider codes, 256 and 2: forget the strings that no other begins with
};

// decode_lzw - codes of 9 to `widest` bits (at most 16) up to the end of `packed`, or until `size` bytes came out
Decoded decode_lzw(LzwForm form, unsigned widest, std::string_view packed, std::uint64_t size, Output& out);

}  // namespace tamis::worker
