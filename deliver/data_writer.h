// data_writer - message bytes as they go out after 354: CRLF lines, stuffed dots, the final dot
//
// Guarantees, for any input bytes in any pieces: what comes out is ^([^\r\n\0]*\r\n)*\.\r\n and no line of it but the
// last begins with a single dot. A bare LF becomes CRLF, a bare CR and a NUL are dropped, a last line without an end
// gets one, all before dots are stuffed (SMTP smuggling: docs/security.md). Input that is clean leaves unchanged,
// and as views of where it lies: nothing is copied. Trusts nothing. No sockets; one thread at a time.
#pragma once

#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/edited_message.h"

namespace tamis::deliver {

// LineGuard - the rule itself: bytes in, views out (into the input or into constants)
class LineGuard {
public:
    using Views = std::vector<boost::asio::const_buffer>;

    // feed - appends to `out` what may leave of `bytes`, at most about `max_views` views; returns how many input bytes
    // were used (all of them unless the views ran out). The views point into `bytes`.
    std::size_t feed(std::string_view bytes, Views& out, std::size_t max_views);
    // finish - the end of the last line when it is missing, and the final dot
    void finish(Views& out);

private:
    bool at_line_start_ = true;
};

// DataWriter - a whole edited message through one LineGuard, in batches
class DataWriter {
public:
    static constexpr std::size_t batch_octets = 256 * 1024;
    static constexpr std::size_t batch_views = 512;

    // The message must outlive the writer.
    explicit DataWriter(const mail::EditedMessage& message) : message_(&message) {}

    // next - the next batch, good until the following call; empty at the end. A small message, with its final dot, is
    // one batch. A Fault when the spool cannot be read or a piece lies outside it: the final dot must not be sent then.
    Result<const LineGuard::Views*> next();
    // octets - the size of the message as the pieces say, for SIZE= (RFC 1870)
    static std::uint64_t octets(const mail::EditedMessage& message) noexcept;

private:
    Result<std::string_view> window(const mail::Piece& piece);

    const mail::EditedMessage* message_;
    LineGuard guard_;
    LineGuard::Views views_;
    std::unique_ptr<char[]> buffer_;  // for what is not in the spool's head; made on first use
    std::size_t piece_ = 0;           // the piece we are in
    std::uint64_t within_ = 0;        // and how much of it is done
    bool finished_ = false;
};

}  // namespace tamis::deliver
