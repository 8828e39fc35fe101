// byte_order - numbers out of bytes, never past their end
#pragma once

#include <cstdint>
#include <string_view>

namespace tamis::worker {

// little, big - `width` bytes at `at` as a number; 0 when they are not all there (callers check sizes where it matters)
constexpr std::uint64_t little(std::string_view bytes, std::uint64_t at, unsigned width) noexcept {
    if (at > bytes.size() || bytes.size() - at < width) return 0;
    std::uint64_t out = 0;
    for (unsigned i = width; i-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
    return out;
}
constexpr std::uint64_t big(std::string_view bytes, std::uint64_t at, unsigned width) noexcept {
    if (at > bytes.size() || bytes.size() - at < width) return 0;
    std::uint64_t out = 0;
    for (unsigned i = 0; i < width; ++i) out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
    return out;
}
constexpr std::uint16_t little16(std::string_view bytes, std::uint64_t at) noexcept {
    return static_cast<std::uint16_t>(little(bytes, at, 2));
}
constexpr std::uint32_t little32(std::string_view bytes, std::uint64_t at) noexcept {
    return static_cast<std::uint32_t>(little(bytes, at, 4));
}
constexpr std::uint64_t little64(std::string_view bytes, std::uint64_t at) noexcept { return little(bytes, at, 8); }
constexpr std::uint8_t byte_at(std::string_view bytes, std::uint64_t at) noexcept {
    return static_cast<std::uint8_t>(little(bytes, at, 1));
}

// window - at most `size` bytes from `at`; less, or nothing, where the bytes end
constexpr std::string_view window(std::string_view bytes, std::uint64_t at, std::uint64_t size = UINT64_MAX) noexcept {
    return at >= bytes.size() ? std::string_view() : bytes.substr(at, size);
}

}  // namespace tamis::worker
