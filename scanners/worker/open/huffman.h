// huffman - canonical prefix codes from the lengths of their words, read bit by bit
//
// The codes of LHA, ARJ, deflate64 and zip's implode are all of this form. No table in proportion to the longest word: making
// a code costs as much as its lengths, so that a stream of nothing but new codes is no more than linear. Pure; trusts nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace tamis::worker {

class Huffman {
public:
    static constexpr unsigned longest = 16;

    // build - false: words too long, or more words than there can be. A code with words missing is allowed: see decode.
    bool build(std::span<const std::uint8_t> lengths) {
        only_ = -1;
        counts_.fill(0);
        for (const auto length : lengths) {
            if (length > longest) return false;
            ++counts_[length];
        }
        counts_[0] = 0;
        int left = 1;
        for (unsigned length = 1; length <= longest; ++length) {
            left = left * 2 - counts_[length];
            if (left < 0) return false;
        }
        std::array<std::uint16_t, longest + 2> first{};
        for (unsigned length = 1; length <= longest; ++length)
            first[length + 1] = static_cast<std::uint16_t>(first[length] + counts_[length]);
        symbols_.assign(first[longest + 1], 0);
        for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol)
            if (lengths[symbol] != 0) symbols_[first[lengths[symbol]]++] = static_cast<std::uint16_t>(symbol);
        return true;
    }
    // build_only - one symbol, which takes no bits
    void build_only(unsigned symbol) { only_ = static_cast<int>(symbol); }

    // decode - the next symbol; -1: no word of this code. `inverted`: every bit is told as its contrary.
    template <class Bits>
    int decode(Bits& bits, unsigned inverted = 0) const {
        if (only_ >= 0) return only_;
        int code = 0, first = 0, index = 0;
        for (unsigned length = 1; length <= longest; ++length) {
            code |= static_cast<int>(bits.bit() ^ inverted);
            const int count = counts_[length];
            if (code - count < first) return symbols_[static_cast<std::size_t>(index + (code - first))];
            index += count;
            first = (first + count) * 2;
            code *= 2;
        }
        return -1;
    }

private:
    std::array<std::uint16_t, longest + 1> counts_{};
    std::vector<std::uint16_t> symbols_;
    int only_ = -1;
};

}  // namespace tamis::worker
