#include "scanners/worker/open/lzh.h"

#include <algorithm>
#include <array>
#include <vector>

#include "scanners/worker/open/bit_readers.h"
#include "scanners/worker/open/huffman.h"

namespace tamis::worker {
namespace {

constexpr unsigned literals = 256, shortest = 3, symbols = 510, symbol_bits = 9, length_codes = 19, length_bits = 5;

class Lzh {
public:
    Lzh(const LzhForm& form, std::string_view packed, std::uint64_t size, Output& out)
        : form_(form), bits_(packed), size_(size), history_(form.window, ' ', out) {}

    Decoded run() {
        while (history_.produced() < size_) {
            if (!history_.flush()) return Decoded::stopped;  // blocks may be small and many: the budget is asked
            auto left = bits_.take(16);
            if (left == 0 || !read_codes() || bits_.is_over()) return end(Decoded::damaged);
            for (; left != 0 && history_.produced() < size_; --left)
                if (const auto step = one(); step != Decoded::whole) return end(step);
        }
        return end(Decoded::whole);
    }

private:
    // end - what was decoded goes out in any case
    Decoded end(Decoded how) { return history_.flush() ? how : Decoded::stopped; }

    Decoded one() {
        const int symbol = symbols_.decode(bits_);
        if (symbol < 0 || bits_.is_over()) return Decoded::damaged;
        if (static_cast<unsigned>(symbol) < literals)
            return history_.put(static_cast<char>(symbol)) ? Decoded::whole : Decoded::stopped;
        const int width = distances_.decode(bits_);
        if (width < 0) return Decoded::damaged;
        const std::size_t back =
            width == 0 ? 0 : (std::size_t{1} << (width - 1U)) + bits_.take(static_cast<unsigned>(width) - 1U);
        if (bits_.is_over() || back >= history_.size()) return Decoded::damaged;
        const auto count =
            std::min<std::uint64_t>(static_cast<unsigned>(symbol) - literals + shortest, size_ - history_.produced());
        return history_.copy(back + 1, static_cast<std::size_t>(count)) ? Decoded::whole : Decoded::stopped;
    }

    bool read_codes() {
        if (!read_lengths(length_code_, length_codes, length_bits, 3) || !read_symbols()) return false;
        return read_lengths(distances_, form_.distances, form_.count_bits, 0);
    }

    // read_lengths - of a small code; behind the third of the lengths' own code stands how many zeros follow
    bool read_lengths(Huffman& code, unsigned most, unsigned count_bits, unsigned zeros_behind) {
        const auto count = bits_.take(count_bits);
        if (count == 0) {
            code.build_only(bits_.take(count_bits));
            return true;
        }
        if (count > most) return false;
        std::vector<std::uint8_t> lengths(count + 4U, 0);
        for (unsigned i = 0; i < count;) {
            auto length = bits_.take(3);
            while (length >= 7 && length <= Huffman::longest && bits_.bit() != 0) ++length;
            if (length > Huffman::longest) return false;
            lengths[i++] = static_cast<std::uint8_t>(length);
            if (i == zeros_behind) i += bits_.take(2);
        }
        lengths.resize(most);
        return code.build(lengths);
    }

    bool read_symbols() {
        const auto count = bits_.take(symbol_bits);
        if (count == 0) {
            symbols_.build_only(bits_.take(symbol_bits));
            return true;
        }
        if (count > symbols) return false;
        std::array<std::uint8_t, symbols> lengths{};
        for (unsigned i = 0; i < count;) {
            const int code = length_code_.decode(bits_);
            if (code < 0 || bits_.is_over()) return false;
            if (code > 2) {
                lengths[i++] = static_cast<std::uint8_t>(code - 2);
            } else {
                i += code == 0 ? 1 : code == 1 ? bits_.take(4) + 3 : bits_.take(symbol_bits) + 20;
            }
        }
        return symbols_.build(lengths);
    }

    const LzhForm& form_;
    HighBits bits_;
    std::uint64_t size_;
    History history_;
    Huffman length_code_, symbols_, distances_;
};

// arj_number - ARJ's numbers: as many ones as more bits follow
unsigned arj_number(HighBits& bits, unsigned narrowest, unsigned widest) {
    unsigned width = narrowest, base = 0;
    for (; width < widest && bits.bit() != 0; ++width) base += 1U << width;
    return base + (width == 0 ? 0 : bits.take(width));
}

}  // namespace

Decoded decode_lzh(const LzhForm& form, std::string_view packed, std::uint64_t size, Output& out) {
    return Lzh(form, packed, size, out).run();
}

Decoded decode_arj_fastest(std::string_view packed, std::uint64_t size, Output& out) {
    HighBits bits(packed);
    History history(arj_form.window, ' ', out);
    auto how = Decoded::whole;
    while (how == Decoded::whole && history.produced() < size) {
        const auto length = arj_number(bits, 0, 7);
        if (length == 0) {
            const auto byte = static_cast<char>(static_cast<unsigned char>(bits.take(8)));
            how = bits.is_over() ? Decoded::damaged : history.put(byte) ? Decoded::whole : Decoded::stopped;
            continue;
        }
        const std::size_t back = arj_number(bits, 9, 13);
        if (bits.is_over() || back >= history.size()) how = Decoded::damaged;
        const auto count = std::min<std::uint64_t>(length - 1U + shortest, size - history.produced());
        if (how == Decoded::whole && !history.copy(back + 1, static_cast<std::size_t>(count))) how = Decoded::stopped;
    }
    return history.flush() ? how : Decoded::stopped;
}

Decoded decode_lzss(std::size_t start, std::string_view packed, std::uint64_t size, Output& out) {
    constexpr std::size_t window = 4096;
    History history(window, ' ', out);
    std::size_t at = 0;
    unsigned flags = 1;  // eight of them, the lowest first, and a mark above
    while (history.produced() < size) {
        if (flags == 1) flags = at < packed.size() ? static_cast<unsigned char>(packed[at++]) | 0x100U : 0x100U;
        const bool is_literal = (flags & 1U) != 0;
        flags >>= 1U;
        if (packed.size() - at < (is_literal ? 1U : 2U)) return history.flush() ? Decoded::damaged : Decoded::stopped;
        if (is_literal) {
            if (!history.put(packed[at++])) return Decoded::stopped;
            continue;
        }
        const unsigned low = static_cast<unsigned char>(packed[at]), high = static_cast<unsigned char>(packed[at + 1]);
        at += 2;
        const auto here = (start + static_cast<std::size_t>(history.produced() % window)) % window;
        const auto back = (here + window - (low | (high & 0xf0U) << 4U)) % window;
        const auto count = std::min<std::uint64_t>((high & 0x0fU) + shortest, size - history.produced());
        if (!history.copy(back == 0 ? window : back, static_cast<std::size_t>(count))) return Decoded::stopped;
    }
    return history.flush() ? Decoded::whole : Decoded::stopped;
}

}  // namespace tamis::worker
