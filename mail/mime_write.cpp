#include "mail/mime_write.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tamis::mail {
namespace {

bool may_travel(std::string_view text, bool eight_bit) noexcept {
    std::size_t column = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte == '\r') {
            if (i + 1 == text.size() || text[i + 1] != '\n') return false;
            ++i;
            column = 0;
            continue;
        }
        if (byte == '\n' || byte == 0 || (byte >= 0x80 && !eight_bit) || ++column > line_limit) return false;
    }
    return true;
}

}  // namespace

bool is_seven_bit(std::string_view text) noexcept { return may_travel(text, false); }
bool is_eight_bit(std::string_view text) noexcept { return may_travel(text, true); }

std::string quoted_printable(std::string_view text) {
    constexpr std::size_t width = 75;  // and one column for the "=" of a soft line end
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    out.reserve(text.size() + text.size() / 8);
    std::size_t column = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text.substr(i).starts_with("\r\n")) {
            out += "\r\n";
            column = 0;
            ++i;
            continue;
        }
        const auto byte = static_cast<unsigned char>(text[i]);
        const bool ends_line = i + 1 == text.size() || text.substr(i + 1).starts_with("\r\n");
        const bool plain = (byte > 0x20 && byte < 0x7f && byte != '=') || (is_blank(text[i]) && !ends_line);
        const std::size_t size = plain ? 1 : 3;
        if (column + size > width) {
            out += "=\r\n";
            column = 0;
        }
        if (plain) out += text[i];
        else out += {'=', digits[byte >> 4], digits[byte & 15]};
        column += size;
    }
    return out;
}

std::string boundary_for(std::string_view seed, const std::vector<std::string_view>& texts) {
    constexpr std::size_t seed_limit = 32;
    std::string clean;
    for (const char c : seed.substr(0, seed_limit))
        if (is_alpha(c) || is_digit(c)) clean += c;
    for (std::size_t n = 0;; ++n) {
        std::string boundary = fmt::format("=_{}_{}", clean, n);
        if (std::ranges::none_of(texts, [&](auto text) { return text.find(boundary) != std::string_view::npos; }))
            return boundary;
    }
}

}  // namespace tamis::mail
