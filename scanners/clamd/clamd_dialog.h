// clamd_dialog - what clamd's answers mean; no I/O
//
// Guarantees: only the exact words of clamd(8) are an answer, everything else is a Fault: a message is clean only when
// clamd said "OK" to all of it. Trusts nothing: the peer may be anybody who got hold of the port.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "mail/evidence.h"

namespace tamis::scanners {

// How the message went over: its descriptor (the reply begins with "fd[N]: ") or its bytes ("stream: ")
enum class ClamdMethod { descriptor, stream };

// ClamdAnswer - clean, infected, or clamd's own word that it could not tell ("... ERROR")
struct ClamdError {
    std::string text;  // as clamd said it, escaped and cut
};
using ClamdAnswer = std::variant<mail::Clean, mail::Infected, ClamdError>;

// what is said of "INSTREAM size limit exceeded"
constexpr std::string_view stream_limit_text =
    "it is larger than clamd's StreamMaxLength, which is below scanners.clamd.max_size";

// parse_clamd_reply - one reply without its NUL. Errc::over_limit for "INSTREAM size limit exceeded. ERROR" and for a
// Heuristics.Limits.Exceeded "virus" (clamd.conf AlertExceedsMax), Errc::bad_reply for anything clamd would not say.
Result<ClamdAnswer> parse_clamd_reply(std::string_view line, ClamdMethod method);

// ClamdReply - collects the one reply of a connection: text up to a NUL, and nothing behind it
class ClamdReply {
public:
    static constexpr std::size_t limit = 2048;  // bytes of a reply
    // feed - the bytes as they come; true when the reply is complete. Errc::bad_reply when there is more than one
    // and when it is too long.
    Result<bool> feed(std::string_view bytes);
    // end - the peer closed before the NUL: Errc::closed when it said nothing at all, else Errc::bad_reply
    Fault end() const;
    std::string_view text() const noexcept { return text_; }

private:
    std::string text_;
    bool is_complete_ = false;
};

// chunk_length - the four bytes before a chunk of INSTREAM, network order
std::array<char, 4> chunk_length(std::uint32_t size) noexcept;

}  // namespace tamis::scanners
