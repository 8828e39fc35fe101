#include "scanners/worker/open/zip_methods.h"

#include <algorithm>
#include <array>
#include <vector>

#include "scanners/worker/open/bit_readers.h"
#include "scanners/worker/open/huffman.h"
#include "scanners/worker/open/lzw.h"

namespace tamis::worker {
namespace {

// read_implode_tree - lengths in runs: a byte each, four bits for the length and four for how many
bool read_implode_tree(LowBits& bits, unsigned symbols, Huffman& code) {
    std::vector<std::uint8_t> lengths;
    for (auto runs = bits.take(8) + 1U; runs != 0; --runs) {
        const auto length = bits.take(4) + 1U, count = bits.take(4) + 1U;
        lengths.insert(lengths.end(), count, static_cast<std::uint8_t>(length));
    }
    return !bits.is_over() && lengths.size() == symbols && code.build(lengths);
}

// Deflate64 - deflate with a window of 64 KiB, lengths up to 65538 and two more distances
class Deflate64 {
public:
    Deflate64(std::string_view packed, Output& out) : bits_(packed), history_(65536, '\0', out) {}

    Decoded run() {
        while (true) {
            const bool is_last = bits_.bit() != 0;
            const auto type = bits_.take(2);
            if (bits_.is_over()) return end(Decoded::damaged);
            const auto how = type == 0 ? stored() : type == 3 ? Decoded::damaged : codes(type) ? block() : Decoded::damaged;
            if (how != Decoded::whole || is_last) return end(how);
            if (!history_.flush()) return Decoded::stopped;  // blocks may be empty and many: the budget is asked
        }
    }

private:
    Decoded end(Decoded how) { return history_.flush() ? how : Decoded::stopped; }

    Decoded stored() {
        bits_.align();
        const auto size = bits_.take(16), check = bits_.take(16);
        if (bits_.is_over() || (size ^ check) != 0xffff) return Decoded::damaged;
        for (unsigned i = 0; i < size; ++i) {
            const auto byte = static_cast<char>(static_cast<unsigned char>(bits_.take(8)));
            if (bits_.is_over()) return Decoded::damaged;
            if (!history_.put(byte)) return Decoded::stopped;
        }
        return Decoded::whole;
    }

    bool codes(unsigned type) {
        std::array<std::uint8_t, 320> lengths{};
        if (type == 1) {
            for (unsigned i = 0; i < 288; ++i)
                lengths[i] = static_cast<std::uint8_t>(i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8);
            std::fill_n(lengths.begin() + 288, 32, std::uint8_t{5});
            return symbols_.build(std::span(lengths).first(288)) && distances_.build(std::span(lengths).subspan(288, 32));
        }
        constexpr std::array<std::uint8_t, 19> order = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
        const auto symbols = bits_.take(5) + 257, distances = bits_.take(5) + 1, count = bits_.take(4) + 4;
        std::array<std::uint8_t, 19> small{};
        for (unsigned i = 0; i < count; ++i) small[order[i]] = static_cast<std::uint8_t>(bits_.take(3));
        Huffman lengths_code;
        if (!lengths_code.build(small)) return false;
        for (unsigned i = 0; i < symbols + distances;) {
            const int code = lengths_code.decode(bits_);
            if (code < 0 || bits_.is_over() || (code == 16 && i == 0)) return false;
            if (code < 16) {
                lengths[i++] = static_cast<std::uint8_t>(code);
                continue;
            }
            const auto value = code == 16 ? lengths[i - 1] : std::uint8_t{0};
            const auto times = code == 16 ? bits_.take(2) + 3 : code == 17 ? bits_.take(3) + 3 : bits_.take(7) + 11;
            if (times > symbols + distances - i) return false;
            std::fill_n(lengths.begin() + i, times, value);
            i += times;
        }
        return symbols_.build(std::span(lengths).first(symbols)) &&
               distances_.build(std::span(lengths).subspan(symbols, distances));
    }

    Decoded block() {
        constexpr std::array<std::uint16_t, 29> length_base = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                                               31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 3};
        while (true) {
            const int symbol = symbols_.decode(bits_);
            if (symbol < 0 || symbol > 285 || bits_.is_over()) return Decoded::damaged;
            if (symbol == 256) return Decoded::whole;
            if (symbol < 256) {
                if (!history_.put(static_cast<char>(static_cast<unsigned char>(symbol)))) return Decoded::stopped;
                continue;
            }
            const auto index = static_cast<unsigned>(symbol) - 257U;
            const auto more = index == 28 ? 16 : index < 8 ? 0 : (index - 4) / 4;
            const auto length = length_base[index] + bits_.take(more);
            const int place = distances_.decode(bits_);
            if (place < 0) return Decoded::damaged;
            const auto wide = place < 4 ? 0U : (static_cast<unsigned>(place) - 2U) / 2U;
            const auto back = place < 4 ? static_cast<unsigned>(place) + 1U
                                        : (2U + (static_cast<unsigned>(place) & 1U)) * (1U << wide) + 1U + bits_.take(wide);
            if (bits_.is_over() || back > history_.produced()) return Decoded::damaged;
            if (!history_.copy(back, length)) return Decoded::stopped;
        }
    }

    LowBits bits_;
    History history_;
    Huffman symbols_, distances_;
};

}  // namespace

Decoded decode_shrink(std::string_view packed, std::uint64_t size, Output& out) {
    constexpr unsigned widest = 13;
    return decode_lzw(LzwForm::shrink, widest, packed, size, out);
}

// decode_reduce - PKWARE's own description is two machines in a row (follower sets, then a run-length automaton of four states); they
// share the octet before, so they are one loop here. Longer than other functions: each state is a few lines and none stands alone.
Decoded decode_reduce(unsigned method, std::string_view packed, std::uint64_t size, Output& out) {
    constexpr unsigned mark = 144;
    LowBits bits(packed);
    std::array<std::string, 256> followers;
    for (unsigned byte = 256; byte-- > 0;) {
        const auto count = bits.take(6);
        if (count > 32) return Decoded::damaged;
        for (unsigned i = 0; i < count; ++i)
            followers[byte].push_back(static_cast<char>(static_cast<unsigned char>(bits.take(8))));
    }
    const auto width_of = [](std::size_t count) {
        unsigned width = 1;
        while ((std::size_t{1} << width) < count) ++width;
        return width;
    };
    const unsigned low_bits = 9U - method, low_mask = (1U << low_bits) - 1U;  // method 2 is factor 1
    History history(4096, '\0', out);
    unsigned before = 0, state = 0, value = 0, length = 0;
    while (history.produced() < size) {
        const auto& set = followers[before];
        unsigned byte = 0;
        if (set.empty() || bits.bit() != 0) {
            byte = bits.take(8);
        } else if (const auto index = bits.take(width_of(set.size())); index < set.size()) {
            byte = static_cast<unsigned char>(set[index]);
        } else {
            return history.flush() ? Decoded::damaged : Decoded::stopped;
        }
        if (bits.is_over()) return history.flush() ? Decoded::damaged : Decoded::stopped;
        before = byte;
        bool goes_on = true;
        switch (state) {
            case 0:
                if (byte == mark) state = 1;
                else goes_on = history.put(static_cast<char>(static_cast<unsigned char>(byte)));
                break;
            case 1:
                if (byte == 0) {
                    goes_on = history.put(static_cast<char>(static_cast<unsigned char>(mark)));
                    state = 0;
                } else {
                    value = byte;
                    length = byte & low_mask;
                    state = length == low_mask ? 2 : 3;
                }
                break;
            case 2:
                length += byte;
                state = 3;
                break;
            default: {
                const auto back = ((value >> low_bits) << 8U) + byte + 1U;
                const auto count = std::min<std::uint64_t>(length + 3U, size - history.produced());
                goes_on = history.copy(back, static_cast<std::size_t>(count));
                state = 0;
            }
        }
        if (!goes_on) return Decoded::stopped;
    }
    return history.flush() ? Decoded::whole : Decoded::stopped;
}

Decoded decode_implode(std::uint16_t flags, std::string_view packed, std::uint64_t size, Output& out) {
    const bool is_large = (flags & 2U) != 0, has_literals = (flags & 4U) != 0;
    const unsigned low_bits = is_large ? 7 : 6, shortest = has_literals ? 3 : 2;
    LowBits bits(packed);
    Huffman literals, lengths, distances;
    if ((has_literals && !read_implode_tree(bits, 256, literals)) || !read_implode_tree(bits, 64, lengths) ||
        !read_implode_tree(bits, 64, distances))
        return Decoded::damaged;
    History history(is_large ? 8192 : 4096, '\0', out);
    while (history.produced() < size) {
        if (bits.bit() != 0) {
            const int byte = has_literals ? literals.decode(bits, 1) : static_cast<int>(bits.take(8));
            if (byte < 0 || bits.is_over()) return history.flush() ? Decoded::damaged : Decoded::stopped;
            if (!history.put(static_cast<char>(static_cast<unsigned char>(byte)))) return Decoded::stopped;
            continue;
        }
        const auto low = bits.take(low_bits);
        const int high = distances.decode(bits, 1), symbol = lengths.decode(bits, 1);
        if (high < 0 || symbol < 0) return history.flush() ? Decoded::damaged : Decoded::stopped;
        auto length = static_cast<unsigned>(symbol) + shortest;
        if (symbol == 63) length += bits.take(8);
        if (bits.is_over()) return history.flush() ? Decoded::damaged : Decoded::stopped;
        const auto count = std::min<std::uint64_t>(length, size - history.produced());
        if (!history.copy((static_cast<std::size_t>(high) << low_bits) + low + 1U, static_cast<std::size_t>(count)))
            return Decoded::stopped;
    }
    return history.flush() ? Decoded::whole : Decoded::stopped;
}

Decoded decode_deflate64(std::string_view packed, Output& out) { return Deflate64(packed, out).run(); }

}  // namespace tamis::worker
