// wire_bytes - numbers and texts to bytes and back; little endian, each text with its length before it
//
// A Reader never reads past its end: after the first thing that does not fit, ok() is false and everything reads as zero.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tamis::worker {

class ByteWriter {
public:
    void number(std::uint64_t value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i) out_.push_back(static_cast<char>(value >> (8 * i) & 0xff));
    }
    void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }
    void u16(std::uint16_t value) { number(value, 2); }
    void u32(std::uint32_t value) { number(value, 4); }
    void u64(std::uint64_t value) { number(value, 8); }
    void flag(bool value) { u8(value ? 1 : 0); }
    void text(std::string_view value) {
        u32(static_cast<std::uint32_t>(value.size()));
        out_.append(value);
    }
    // text - at most `limit` bytes of it
    void text(std::string_view value, std::size_t limit) { text(value.substr(0, limit)); }
    std::size_t size() const noexcept { return out_.size(); }
    void cut(std::size_t size) { out_.resize(size); }
    void put_u32(std::size_t at, std::uint32_t value) {
        for (unsigned i = 0; i < 4; ++i) out_[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
    }
    std::string take() { return std::move(out_); }

private:
    std::string out_;
};

class ByteReader {
public:
    explicit ByteReader(std::string_view bytes) noexcept : rest_(bytes) {}

    bool ok() const noexcept { return ok_; }
    bool at_end() const noexcept { return ok_ && rest_.empty(); }
    void refuse() noexcept { ok_ = false; }

    std::uint64_t number(unsigned bytes) noexcept {
        const auto part = take(bytes);
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < part.size(); ++i) value |= std::uint64_t{static_cast<unsigned char>(part[i])} << (8 * i);
        return value;
    }
    std::uint8_t u8() noexcept { return static_cast<std::uint8_t>(number(1)); }
    std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() noexcept { return number(8); }
    bool flag() noexcept { return up_to(1) == 1; }
    // up_to - one byte that is at most `most`
    std::uint8_t up_to(std::uint8_t most) noexcept {
        const auto value = u8();
        if (value > most) refuse();
        return ok_ ? value : std::uint8_t{0};
    }
    // count - a number of things, at most `most`, each of which needs at least `each` more bytes
    std::uint32_t count(std::uint64_t most, std::size_t each) noexcept {
        const auto value = u32();
        if (value > most || value > rest_.size() / each) refuse();
        return ok_ ? value : 0;
    }
    std::string_view view(std::size_t limit) noexcept {
        const auto size = u32();
        if (size > limit) refuse();
        return ok_ ? take(size) : std::string_view{};
    }
    std::string text(std::size_t limit) { return std::string(view(limit)); }
    std::string_view rest() noexcept { return take(rest_.size()); }

private:
    std::string_view take(std::size_t size) noexcept {
        if (!ok_ || size > rest_.size()) {
            ok_ = false;
            return {};
        }
        const auto out = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return out;
    }
    std::string_view rest_;
    bool ok_ = true;
};

}  // namespace tamis::worker
