#include "scanners/worker/open/media.h"

#include <zlib.h>

#include <algorithm>
#include <string_view>

#include "scanners/worker/open/byte_order.h"
#include "scanners/worker/open/members.h"

namespace tamis::worker {
namespace {

std::uint64_t png_size(std::string_view bytes) {
    std::uint64_t at = 8;
    while (bytes.size() - at >= 12) {
        const auto length = big(bytes, at, 4);
        const auto type = window(bytes, at + 4, 4);
        if (length > bytes.size() - at - 12) break;
        const auto covered = window(bytes, at + 4, 4 + length);
        if (::crc32_z(0, reinterpret_cast<const Bytef*>(covered.data()), covered.size()) != big(bytes, at + 8 + length, 4)) break;
        at += 12 + length;
        if (type == "IEND") break;
    }
    return at;
}

// jpeg_size - segments, and the coded data behind a start of scan: there, FF is followed by 00 or a restart marker. What is broken
// owns nothing: something else may have been put into it
std::uint64_t jpeg_size(std::string_view bytes) {
    std::uint64_t at = 2;
    while (at + 4 <= bytes.size()) {
        if (byte_at(bytes, at) != 0xff) return 0;
        const auto marker = byte_at(bytes, at + 1);
        if (marker == 0xff) {
            ++at;
            continue;
        }
        if (marker == 0xd9) return at + 2;
        if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
            at += 2;
            continue;
        }
        at += 2 + std::max<std::uint64_t>(2, big(bytes, at + 2, 2));
        if (marker != 0xda) continue;
        for (; at < bytes.size(); ++at) {
            at = bytes.find('\xff', at);
            if (at == std::string_view::npos) return bytes.size();
            const auto next = byte_at(bytes, at + 1);
            if (next != 0 && !(next >= 0xd0 && next <= 0xd7) && next != 0xff) break;
        }
    }
    return window(bytes, at, 2) == "\xff\xd9" ? at + 2 : std::min<std::uint64_t>(at, bytes.size());
}

// gif_size - as jpeg_size, broken ones own nothing
std::uint64_t gif_size(std::string_view bytes) {
    const auto table = [](unsigned flags) { return (flags & 0x80U) != 0 ? 3ULL << ((flags & 7U) + 1U) : 0ULL; };
    std::uint64_t at = 13 + table(byte_at(bytes, 10));
    const auto skip_blocks = [&] {
        while (at < bytes.size()) {
            const auto length = byte_at(bytes, at++);
            if (length == 0) break;
            at += length;
        }
    };
    while (at < bytes.size()) {
        const auto kind = byte_at(bytes, at++);
        if (kind == 0x3b) break;
        if (kind == 0x21) {
            ++at;
        } else if (kind == 0x2c) {
            at += 9 + table(byte_at(bytes, at + 8)) + 1;
        } else {
            return 0;
        }
        skip_blocks();
    }
    return std::min<std::uint64_t>(at, bytes.size());
}

// boxes_size - MP4 and its relations: a length and four letters, one behind the other
std::uint64_t boxes_size(std::string_view bytes) {
    std::uint64_t at = 0;
    while (bytes.size() - at >= 8) {
        auto length = big(bytes, at, 4);
        const auto type = window(bytes, at + 4, 4);
        if (!std::ranges::all_of(type, [](unsigned char c) { return c >= 0x20 && (c < 0x7f || c == 0xa9); })) break;
        if (length == 1) length = big(bytes, at + 8, 8);
        if (length == 0) return bytes.size();
        if (length < 8 || length > bytes.size() - at) break;
        at += length;
    }
    return at;
}

std::uint64_t ogg_size(std::string_view bytes) {
    std::uint64_t at = 0;
    while (window(bytes, at, 4) == "OggS") {
        const auto segments = byte_at(bytes, at + 26);
        std::uint64_t size = 27U + segments;
        for (unsigned i = 0; i < segments; ++i) size += byte_at(bytes, at + 27 + i);
        at += size;
    }
    return std::min<std::uint64_t>(at, bytes.size());
}

std::uint64_t id3_size(std::string_view bytes) {
    std::uint64_t size = 0;
    for (unsigned i = 6; i < 10; ++i) size = size << 7U | (byte_at(bytes, i) & 0x7fU);
    return std::min<std::uint64_t>(10 + size, bytes.size());
}

}  // namespace

std::uint64_t media_size(std::string_view bytes) {
    if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return png_size(bytes);
    if (bytes.starts_with("\xff\xd8\xff")) return jpeg_size(bytes);
    if (bytes.starts_with("GIF8")) return gif_size(bytes);
    if (bytes.starts_with("RIFF"))
        return std::min<std::uint64_t>(8ULL + little32(bytes, 4) + (little32(bytes, 4) & 1U), bytes.size());
    if (bytes.starts_with("BM") && little32(bytes, 2) >= 26) return std::min<std::uint64_t>(little32(bytes, 2), bytes.size());
    if (window(bytes, 4, 4) == "ftyp") return boxes_size(bytes);
    if (bytes.starts_with("OggS")) return ogg_size(bytes);
    if (bytes.starts_with("ID3")) return id3_size(bytes);
    return 0;
}

bool is_media(const mail::Part& part) { return has_kind(part, "image") || has_kind(part, "audio") || has_kind(part, "movie"); }

void open_media(Opener& opener, std::uint32_t part, const Blob& bytes) {
    if (const auto size = media_size(bytes.bytes()); size != 0) opener.own(part, 0, size, Owned::carried);
}

}  // namespace tamis::worker
