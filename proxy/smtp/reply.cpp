#include "proxy/smtp/reply.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tamis::proxy {
namespace {

// safe - one line's text: what is not printable ASCII is escaped; UTF-8 stays (RFC 6531 replies may hold it)
std::string safe(std::string_view text) {
    const bool utf8 = is_utf8(text);
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) out += escaped(std::string_view(&c, 1));
        else out += c;
    }
    return out;
}

}  // namespace

std::string Reply::wire() const {
    constexpr std::size_t line_limit = 510;
    const std::string mark = enhanced.empty() ? "" : enhanced + " ";
    const std::size_t room = line_limit - 4 - mark.size();
    std::vector<std::string> wrapped;
    for (const auto& line : lines) {
        std::string text = safe(line);
        while (text.size() > room) {
            std::size_t cut = text.rfind(' ', room);
            if (cut == std::string::npos || cut < room / 2) {
                cut = room;
                while (cut > 1 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
            }
            wrapped.push_back(text.substr(0, cut));
            text.erase(0, cut);
        }
        wrapped.push_back(std::move(text));
    }
    std::string out;
    for (const auto& line : wrapped) out += fmt::format("{}{}{}{}\r\n", code, &line == &wrapped.back() ? ' ' : '-', mark, line);
    return out;
}

Reply reply_from_line(std::string_view line) {
    Reply out{451, "4.5.0", {std::string(line)}};
    if (line.size() < 4 || !is_digit(line[0]) || !is_digit(line[1]) || !is_digit(line[2])) return out;
    out.code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    line.remove_prefix(4);
    const auto word = line.substr(0, line.find(' '));
    const auto parts = split(word, '.');
    const bool is_enhanced =
        parts.size() == 3 && parse_unsigned(parts[0], 5) && parse_unsigned(parts[1], 999) && parse_unsigned(parts[2], 999);
    out.enhanced = is_enhanced ? std::string(word) : "";
    if (is_enhanced) line.remove_prefix(std::min(line.size(), word.size() + 1));
    out.lines = {std::string(line)};
    return out;
}

}  // namespace tamis::proxy
