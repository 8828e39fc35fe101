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

void DataReceiver::emit(std::string_view bytes) {
    size_ += bytes.size();
    if (!has_8bit_) has_8bit_ = any_8bit(bytes);
    if (sink_failed_ || too_big()) return;
    if (!sink_(bytes)) sink_failed_ = true;
}

void DataReceiver::take_out(char what) {
    constexpr std::size_t most = 100;
    ++normalised_;
    if (removed_.size() < most && size_ < mail::header_limit) removed_.push_back({static_cast<std::uint32_t>(size_), what});
}

// text_run - the longest prefix made of whole clean lines and clean text that needs no look at single bytes: it may
// hold CRLF, but no other CR or LF, no NUL, and no dot after a CRLF
std::size_t DataReceiver::text_run(std::string_view bytes) {
    std::size_t at = 0;
    for (;;) {
        const auto newline = bytes.find('\n', at);
        const auto line = bytes.substr(at, newline == std::string_view::npos ? newline : newline - at);
        const auto special = std::min(line.find('\r'), line.find('\0'));  // two memchr, far quicker than a set
        if (newline == std::string_view::npos)  // the last, unfinished line: up to the first byte to look at
            return at + (special == std::string_view::npos ? line.size() : special);
        if (line.empty() || special != line.size() - 1 || line[special] != '\r')
            return at + (special == std::string_view::npos ? line.size() : special);
        at = newline + 1;
        if (at == bytes.size() || bytes[at] == '.') return at;
    }
}

std::size_t DataReceiver::feed(std::string_view bytes) {
    std::size_t at = 0;
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
            case State::text: {
                const std::size_t run = text_run(bytes.substr(at));
                if (run != 0) {
                    const auto clean = bytes.substr(at, run);
                    emit(clean);
                    at += run;
                    if (clean.ends_with('\n')) state_ = State::line_start;
                    break;
                }
                ++at;
                if (c == '\r') {
                    state_ = State::cr;
                } else if (c == '\n') {
                    ++normalised_;
                    emit("\r\n");
                } else if (c == '\0') {
                    take_out(c);
                } else {
                    emit(bytes.substr(at - 1, 1));
                }
                break;
            }
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
    return at;
}

}  // namespace tamis::proxy
