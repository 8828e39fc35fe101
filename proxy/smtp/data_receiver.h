// data_receiver - turns the bytes after DATA into message bytes
//
// Guarantees: only CRLF.CRLF ends the data (RFC 5321 4.1.1.4); what comes out consists of CRLF-terminated lines without
// bare CR, bare LF or NUL: a bare LF becomes CRLF, a bare CR and a NUL are taken out and counted. A leading dot is
// removed only from a line that really began after CRLF. When the message is too large or cannot be stored it reads on
// to the real end, so that the rest of the mail is never taken for commands. Linear in the bytes, whatever they are.
// Trusts nothing. No I/O of its own; the sink gets the bytes. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/message.h"

namespace tamis::proxy {

class DataReceiver {
public:
    // Sink - takes message bytes; false: it cannot take more (the rest is read and dropped)
    using Sink = std::function<bool(std::string_view)>;

    // size_limit - RFC 1870 octets, 0 for none
    DataReceiver(std::uint64_t size_limit, Sink sink) : size_limit_(size_limit), sink_(std::move(sink)) {}

    // feed - uses up bytes until the end of the data; returns how many it used. After finished() it uses none.
    std::size_t feed(std::string_view bytes);

    bool finished() const noexcept { return state_ == State::finished; }
    std::uint64_t size() const noexcept { return size_; }  // octets received, also those beyond the limit
    bool too_big() const noexcept { return size_limit_ != 0 && size_ > size_limit_; }
    bool sink_failed() const noexcept { return sink_failed_; }
    bool has_8bit() const noexcept { return has_8bit_; }
    // normalised - how many bare CR, bare LF and NUL were put right
    std::uint64_t normalised() const noexcept { return normalised_; }
    // removed - the first 100 bare CR and NUL that were taken out within the first header_limit octets
    const std::vector<mail::RemovedControl>& removed() const noexcept { return removed_; }

private:
    enum class State {
        line_start,  // after a real CRLF, or at the very beginning
        text,        // inside a line
        cr,          // a CR inside a line, not yet known what it is
        dot,         // a dot at a line start
        dot_cr,      // a CR after that dot
        finished,
    };
    class Marks;  // where the next CR, LF and NUL are
    void emit(std::string_view bytes);
    void hand_over();
    void take_out(char what);
    std::size_t text_run(std::string_view bytes, std::size_t from, Marks& marks);
    std::size_t take_text(std::string_view bytes, std::size_t at, Marks& marks);

    std::uint64_t size_limit_;
    Sink sink_;
    std::string small_;  // short pieces on their way to the sink: it is called for many bytes at a time
    State state_ = State::line_start;
    std::uint64_t size_ = 0;
    std::uint64_t normalised_ = 0;
    std::vector<mail::RemovedControl> removed_;
    bool has_8bit_ = false;
    bool sink_failed_ = false;
};

}  // namespace tamis::proxy
