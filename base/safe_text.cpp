#include "base/safe_text.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tamis {
namespace {

// is_unsafe - a code point that does something to a terminal or to the order of text
bool is_unsafe(char32_t point) {
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0x61c ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
           point == 0xfeff || (point >= 0xfff9 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe0fff);
}

char32_t point_of(std::string_view character) {
    const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(character[i])); };
    switch (character.size()) {
        case 1: return byte(0);
        case 2: return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
        case 3: return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
        default: return (byte(0) & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
    }
}

}  // namespace

std::string safe_text(std::string_view text, std::size_t limit, Lines lines) {
    std::string out;
    for (std::size_t count = 0; !text.empty(); ++count) {
        if (count >= limit) return out + "...";
        std::size_t length = 1;
        while (length < text.size() && length < 4 && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) ++length;
        const auto character = text.substr(0, is_utf8(text.substr(0, length)) ? length : 1);
        text.remove_prefix(character.size());
        if (lines == Lines::many && (character == "\n" || character == "\t")) {
            out += character;
        } else if (lines == Lines::many && character == "\r" && text.starts_with('\n')) {
            continue;
        } else if (!is_utf8(character)) {
            out += fmt::format("\\x{:02x}", static_cast<unsigned char>(character.front()));
        } else if (const auto point = point_of(character); is_unsafe(point)) {
            out += point < 0x80 ? fmt::format("\\x{:02x}", static_cast<unsigned>(point))
                                : fmt::format("\\u{{{:04x}}}", static_cast<unsigned>(point));
        } else {
            out += character;
        }
    }
    return out;
}

}  // namespace tamis
