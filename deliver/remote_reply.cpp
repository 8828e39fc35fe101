#include "deliver/remote_reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace tamis::deliver {
namespace {

// enhanced_length - how long the enhanced status code at the start of the text is, 0 when there is none
std::size_t enhanced_length(std::string_view text, int code) noexcept {
    const auto digits = [&](std::size_t at) {
        std::size_t count = 0;
        while (at + count < text.size() && count < 4 && is_digit(text[at + count])) ++count;
        return count >= 1 && count <= 3 ? count : 0;
    };
    if (text.size() < 5 || text[0] != static_cast<char>('0' + code / 100) || text[1] != '.') return 0;
    const auto subject = digits(2);
    if (subject == 0 || 2 + subject >= text.size() || text[2 + subject] != '.') return 0;
    const auto detail = digits(3 + subject);
    const std::size_t end = 3 + subject + detail;
    if (detail == 0 || (end < text.size() && text[end] != ' ' && text[end] != '\n')) return 0;
    return end;
}

}  // namespace

std::string_view RemoteReply::enhanced() const noexcept { return std::string_view(text).substr(0, enhanced_length(text, code)); }

std::string RemoteReply::one_line(std::size_t limit) const {
    std::string out = fmt::format("{}", code);
    bool first = true;
    for (auto line : split(text, '\n')) {
        const auto repeated = enhanced_length(line, code);
        if (!first && repeated != 0 && line.substr(0, repeated) == enhanced()) line = trim(line.substr(repeated));
        if (!line.empty()) {
            out += first ? " " : ", ";
            out += line;
        }
        first = false;
        if (out.size() > limit) break;
    }
    if (out.size() > limit) out = out.substr(0, limit - 3) + "...";
    return out;
}

Result<bool> ReplyParser::on_line(std::string_view line) {
    const auto wrong = [&](std::string_view why) { return fail(Errc::bad_reply, fmt::format("{}: \"{}\"", why, escaped(line))); };
    octets_ += line.size() + 2;
    if (octets_ > max_octets) return wrong("reply longer than 65536 octets");
    if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2]))
        return wrong("not an SMTP reply");
    const bool more = line.size() > 3 && line[3] == '-';
    if (line.size() > 3 && !more && line[3] != ' ') return wrong("not an SMTP reply");
    const int code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
    if (reply_.code != 0 && reply_.code != code) return wrong("reply changes its code");
    if (reply_.code != 0) reply_.text += '\n';
    reply_.code = code;
    const auto start = reply_.text.size();
    reply_.text += line.substr(std::min<std::size_t>(line.size(), 4));
    std::replace_if(
        reply_.text.begin() + static_cast<std::ptrdiff_t>(start), reply_.text.end(), [](char c) { return c < 0x20 || c > 0x7e; },
        '?');
    return !more;
}

RemoteReply ReplyParser::take() noexcept {
    octets_ = 0;
    return std::exchange(reply_, RemoteReply{});
}

}  // namespace tamis::deliver
