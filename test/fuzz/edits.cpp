#include <algorithm>
#include <memory>
#include <string>

#include "mail/header_edit.h"
#include "mail/message.h"
#include "test/fuzz/targets.h"

namespace tamis::fuzz {

// the first line is a value that a stranger chose, the rest a message
void edits(std::string_view bytes) {
    const auto end = bytes.find('\n');
    const auto value = bytes.substr(0, end);
    std::string text(end == std::string_view::npos ? "" : bytes.substr(end + 1));
    mail::Message message;
    message.header = mail::parse_header(text);
    message.size = text.size();
    const auto size = text.size();
    message.spool = std::make_shared<mail::SealedSpool>(-1, size, std::move(text));
    mail::HeaderEdits edits;
    edits.prepend("X-Fuzz", value);
    edits.replace_next("Subject", value);
    edits.remove("X-Spam-Flag");
    const auto& added = edits.prepended();
    must(added.size() == 1, "one field was added");
    std::size_t lines = 0;
    for (std::size_t at = 0; at < added[0].size(); ++lines) {
        const auto stop = added[0].find("\r\n", at);
        must(stop != std::string::npos, "a field ends with CRLF");
        const auto line = std::string_view(added[0]).substr(at, stop - at);
        must(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos, "no bare CR, LF or NUL leaves");
        must(lines == 0 || line.starts_with(' ') || line.starts_with('\t'), "what follows is a continuation");
        must(lines == 0 || line.find_first_not_of(" \t") != std::string_view::npos, "no blank continuation line");
        at = stop + 2;
    }
    const auto edited = edits.apply(message);
    (void)edited;
}

}  // namespace tamis::fuzz
