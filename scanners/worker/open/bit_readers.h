// bit_readers - bits out of bytes, the highest or the lowest of each byte first
//
// Both give zeros behind the end and say so (is_over): a decoder asks once per block or symbol, and never reads outside.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tamis::worker {

// HighBits - as in LHA and ARJ: the first bit is the highest one of the first byte
class HighBits {
public:
    explicit HighBits(std::string_view bytes) noexcept : bytes_(bytes) {}
    // take - at most 24 bits
    unsigned take(unsigned count) noexcept {
        fill(count);
        held_ -= count;
        return static_cast<unsigned>(bits_ >> held_) & ((1U << count) - 1U);
    }
    unsigned bit() noexcept { return take(1); }
    bool is_over() const noexcept { return over_ * 8 > held_; }  // a bit was taken that is not there

private:
    void fill(unsigned count) noexcept {
        while (held_ < count) {
            if (at_ == bytes_.size()) ++over_;
            bits_ = bits_ << 8U | (at_ == bytes_.size() ? 0U : static_cast<unsigned char>(bytes_[at_++]));
            held_ += 8;
        }
    }
    std::string_view bytes_;
    std::size_t at_ = 0, over_ = 0;
    std::uint64_t bits_ = 0;
    unsigned held_ = 0;
};

// LowBits - as in deflate and LZW: the first bit is the lowest one of the first byte; a number's lowest bit comes first
class LowBits {
public:
    explicit LowBits(std::string_view bytes) noexcept : bytes_(bytes) {}
    // take - at most 32 bits
    unsigned take(unsigned count) noexcept {
        fill(count);
        const auto out = static_cast<unsigned>(bits_ & ((std::uint64_t{1} << count) - 1U));
        bits_ >>= count;
        held_ -= count;
        return out;
    }
    unsigned bit() noexcept { return take(1); }
    bool is_over() const noexcept { return over_ * 8 > held_; }
    // align - to the next whole byte
    void align() noexcept { take(held_ % 8); }

private:
    void fill(unsigned count) noexcept {
        while (held_ < count) {
            if (at_ == bytes_.size()) ++over_;
            bits_ |= static_cast<std::uint64_t>(at_ == bytes_.size() ? 0U : static_cast<unsigned char>(bytes_[at_++])) << held_;
            held_ += 8;
        }
    }
    std::string_view bytes_;
    std::size_t at_ = 0, over_ = 0;
    std::uint64_t bits_ = 0;
    unsigned held_ = 0;
};

}  // namespace tamis::worker
