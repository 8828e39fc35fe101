#include "scanners/clamd/clamd_dialog.h"

#include "base/text.h"
#include "scanners/answer_text.h"

namespace tamis::scanners {
namespace {

// without_subject - the reply without "stream: " or "fd[12]: " at its beginning; nothing when it is not there
std::optional<std::string_view> without_subject(std::string_view line, ClamdMethod method) {
    constexpr std::string_view stream = "stream: ", descriptor = "fd[", after = "]: ";
    if (method == ClamdMethod::stream) {
        if (!line.starts_with(stream)) return {};
        return line.substr(stream.size());
    }
    if (!line.starts_with(descriptor)) return {};
    line.remove_prefix(descriptor.size());
    const auto end = line.find(after);
    if (end == std::string_view::npos || !parse_unsigned(line.substr(0, end), 1'000'000)) return {};
    return line.substr(end + after.size());
}

}  // namespace

Result<ClamdAnswer> parse_clamd_reply(std::string_view line, ClamdMethod method) {
    constexpr std::string_view found = " FOUND", error = "ERROR", limits = "Heuristics.Limits.Exceeded";
    if (line == "INSTREAM size limit exceeded. ERROR") return fail(Errc::over_limit, std::string(stream_limit_text));
    const auto verdict = without_subject(line, method);
    if (verdict == "OK") return ClamdAnswer{mail::Clean{}};
    if (verdict && verdict->ends_with(found) && verdict->size() > found.size()) {
        const auto name = verdict->substr(0, verdict->size() - found.size());
        if (trim(name).empty()) return bad_reply("found something without a name", line);
        if (name.starts_with(limits))
            return fail(Errc::over_limit, "clamd reached a limit of its own: " + clean_virus_name(name));
        return ClamdAnswer{mail::Infected{{clean_virus_name(name)}}};
    }
    // "fd[10]: Time limit reached. ERROR", "No file descriptor received. ERROR", "COMMAND READ TIMED OUT"
    if (line.ends_with(error) || line == "COMMAND READ TIMED OUT" || line == "UNKNOWN COMMAND")
        return ClamdAnswer{ClamdError{escaped(line)}};
    return bad_reply("not an answer of clamd", line);
}

Result<bool> ClamdReply::feed(std::string_view bytes) {
    if (is_complete_) {
        if (bytes.empty()) return true;
        return bad_reply("more than one reply", bytes);
    }
    const auto end = bytes.find('\0');
    const auto part = bytes.substr(0, end);
    if (text_.size() + part.size() > limit) return fail(Errc::bad_reply, "a reply of more than 2048 bytes");
    text_ += part;
    if (end == std::string_view::npos) return false;
    is_complete_ = true;
    return feed(bytes.substr(end + 1));
}

Fault ClamdReply::end() const {
    if (text_.empty()) return {make_error_code(Errc::closed), "no reply"};
    return bad_reply("cut off in the middle of a reply", text_).error();
}

std::array<char, 4> chunk_length(std::uint32_t size) noexcept {
    return {static_cast<char>(size >> 24 & 0xff), static_cast<char>(size >> 16 & 0xff), static_cast<char>(size >> 8 & 0xff),
            static_cast<char>(size & 0xff)};
}

}  // namespace tamis::scanners
