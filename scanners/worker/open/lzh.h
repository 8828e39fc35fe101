// lzh - the compression of LHA (lh4 to lh7, lhx), ARJ (1 to 4) and zoo 2, LZSS with Huffman codes per block; and SZDD's, without
//
// Pure: bytes in, bytes out through an Output. Total and linear in what goes in and comes out; never more than `size` bytes come out.
// Trusts nothing; one thread; no I/O.
#pragma once

#include <cstdint>
#include <string_view>

#include "scanners/worker/open/history.h"
#include "scanners/worker/open/transfer_decode.h"

namespace tamis::worker {

// LzhForm - what differs between the methods
struct LzhForm {
    std::size_t window;   // bytes
    unsigned distances;   // symbols of the code of distances
    unsigned count_bits;  // width of their number
};
constexpr LzhForm lh4_form{1UL << 12U, 14, 4}, lh5_form{1UL << 13U, 14, 4}, lh6_form{1UL << 15U, 16, 5},
    lh7_form{1UL << 16U, 17, 5}, lhx_form{1UL << 19U, 20, 5}, arj_form{26624, 17, 5};

// decode_lzh - `size` bytes are to come out
Decoded decode_lzh(const LzhForm& form, std::string_view packed, std::uint64_t size, Output& out);
// decode_arj_fastest - ARJ's method 4
Decoded decode_arj_fastest(std::string_view packed, std::uint64_t size, Output& out);
// decode_lzss - without Huffman codes, as Microsoft's SZDD has it: a window of 4096 blanks in which copies are told by their place,
// `start` is where the first byte comes to stand
Decoded decode_lzss(std::size_t start, std::string_view packed, std::uint64_t size, Output& out);

}  // namespace tamis::worker
