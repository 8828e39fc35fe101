// reply - one SMTP or LMTP reply, single- or multi-line, that cannot be broken out of
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tamis::proxy {

struct Reply {
    int code = 250;
    std::string enhanced;            // "2.1.0"; empty: none (greeting, EHLO, 354)
    std::vector<std::string> lines;  // at least one

    // wire - as it goes on the line: continuation lines repeat code and enhanced code, at most 510 octets a line plus
    // CRLF; controls and non-ASCII bytes are escaped, over-long texts are wrapped (docs/amavis/smtp.md 2.1)
    std::string wire() const;
    bool operator==(const Reply&) const = default;
};

inline Reply reply(int code, std::string enhanced, std::string text) { return {code, std::move(enhanced), {std::move(text)}}; }

// parse_reply_line - "250 2.1.0 text" back to a Reply; for responses that are kept as one text
Reply reply_from_line(std::string_view line);

}  // namespace tamis::proxy
