// remote_reply - what an SMTP or LMTP server answered (RFC 5321 section 4.2), read strictly and bounded
//
// A reply is lines of three digits 200 to 599, then "-" (more follow), " " or nothing (the last). Anything else is a
// Fault. What is kept is printable ASCII: every other octet has become "?", so a reply can go into logs and into our
// own replies. Trusts nothing. No I/O.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tamis::deliver {

struct RemoteReply {
    int code = 0;      // 200..599
    std::string text;  // without codes; lines separated by '\n'; printable otherwise

    // enhanced - the RFC 3463 code at the start of the text, "2.1.5"; empty when absent or of another class than `code`
    std::string_view enhanced() const noexcept;
    // one_line - "250 2.0.0 Ok: queued as X"; lines of a longer reply joined by ", "; at most `limit` octets
    std::string one_line(std::size_t limit = 400) const;
};

class ReplyParser {
public:
    static constexpr std::size_t max_octets = 65536;  // of one whole reply

    // on_line - takes one line without its line end; true when it was the last of its reply. After a Fault the
    // connection is only good for closing.
    Result<bool> on_line(std::string_view line);
    // take - the finished reply; the parser starts afresh
    RemoteReply take() noexcept;

private:
    RemoteReply reply_;
    std::size_t octets_ = 0;
};

}  // namespace tamis::deliver
