#include "proxy/smtp/data_receiver.h"

#include <algorithm>

namespace tamis::proxy {
namespace {

bool any_8bit(std::string_view bytes) {
    unsigned char all = 0;
    for (const char c : bytes) all |= static_cast<unsigned char>(c);
    return all >= 0x80;
}

}  // namespace

// Marks - the next CR, LF and NUL at or behind a place that only moves forward: each byte is looked at once for each of
// them, however many there are of the others
class DataReceiver::Marks {
public:
    explicit Marks(std::string_view bytes) : bytes_(bytes) {}
    std::size_t lf(std::size_t from) { return next(lf_, '\n', from); }
    std::size_t cr(std::size_t from) { return next(cr_, '\r', from); }
    std::size_t nul(std::size_t from) { return next(nul_, '\0', from); }

private:
    struct Mark {
        std::size_t at = 0;
        bool is_known = false;
    };
    std::size_t next(Mark& mark, char wanted, std::size_t from) {
        if (!mark.is_known || mark.at < from) mark = {std::min(bytes_.find(wanted, from), bytes_.size()), true};
        return mark.at;
    }
    std::string_view bytes_;
    Mark lf_, cr_, nul_;
};

void DataReceiver::emit(std::string_view bytes) {
    constexpr std::size_t short_piece = 512, enough = 8 * 1024;
    size_ += bytes.size();
    if (!has_8bit_) has_8bit_ = any_8bit(bytes);
    if (sink_failed_ || too_big()) return;
    if (bytes.size() < short_piece) {
        small_ += bytes;
        if (small_.size() >= enough) hand_over();
        return;
    }
    hand_over();
    if (!sink_failed_ && !sink_(bytes)) sink_failed_ = true;
}

// hand_over - the short pieces collected so far
void DataReceiver::hand_over() {
    if (!small_.empty() && !sink_failed_ && !sink_(small_)) sink_failed_ = true;
    small_.clear();
}

void DataReceiver::take_out(char what) {
    constexpr std::size_t most = 100;
    ++normalised_;
    if (removed_.size() < most && size_ < mail::header_limit) removed_.push_back({static_cast<std::uint32_t>(size_), what});
}

// text_run - where the longest run from `from` on ends that is made of whole clean lines and clean text and needs no look
// at single bytes: it may hold CRLF, but no other CR or LF, no NUL, and no dot after a CRLF
std::size_t DataReceiver::text_run(std::string_view bytes, std::size_t from, Marks& marks) {
    for (std::size_t at = from;;) {
        const auto newline = marks.lf(at);
        const auto special = std::min(marks.cr(at), marks.nul(at));
        if (newline == bytes.size() || newline == at || special != newline - 1 || bytes[special] != '\r')
            return std::min(special, newline);
        at = newline + 1;
        if (at == bytes.size() || bytes[at] == '.') return at;
    }
}

// take_text - inside a line: a clean run, or one byte that needs a look; returns where it ended
std::size_t DataReceiver::take_text(std::string_view bytes, std::size_t at, Marks& marks) {
    const std::size_t end = text_run(bytes, at, marks);
    if (end != at) {
        emit(bytes.substr(at, end - at));
        if (bytes[end - 1] == '\n') state_ = State::line_start;
        return end;
    }
    const char c = bytes[at];
    if (c == '\r') {
        state_ = State::cr;
    } else if (c == '\n') {
        ++normalised_;
        emit("\r\n");
    } else {
        take_out(c);
    }
    return at + 1;
}

// feed - only these states lead to the end of the data: CRLF, dot, CR, LF, each of them seen as an octet of its own. Any shortcut
// here ("\n.\n", a dot behind a bare LF) would let a sender end our message where the next server does not, and the rest of it
// would be commands: SMTP smuggling (RFC 5321 section 4.1.1.4, 2.3.8).
std::size_t DataReceiver::feed(std::string_view bytes) {
    std::size_t at = 0;
    Marks marks(bytes);
    while (at < bytes.size() && state_ != State::finished) {
        const char c = bytes[at];
        switch (state_) {
            case State::line_start:
                if (c == '.') {
                    state_ = State::dot;
                    ++at;
                } else {
                    state_ = State::text;
                }
                break;
            case State::text: at = take_text(bytes, at, marks); break;
            case State::cr:
                if (c == '\n') {
                    emit("\r\n");
                    state_ = State::line_start;
                    ++at;
                } else {
                    take_out('\r');
                    state_ = State::text;
                }
                break;
            case State::dot:
                if (c == '\r') {
                    state_ = State::dot_cr;
                    ++at;
                } else {
                    state_ = State::text;  // one leading dot of a line is removed, whatever follows
                }
                break;
            case State::dot_cr:
                if (c == '\n') {
                    state_ = State::finished;
                    ++at;
                } else {
                    take_out('\r');
                    state_ = State::text;
                }
                break;
            case State::finished: break;
        }
    }
    hand_over();
    return at;
}

}  // namespace tamis::proxy
