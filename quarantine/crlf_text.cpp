#include "quarantine/crlf_text.h"

namespace tamis::quarantine {

bool CrlfText::flush() {
    const bool taken = out_.empty() || sink_(out_);
    out_.clear();
    return taken;
}

bool CrlfText::feed(std::string_view bytes) {
    constexpr std::size_t block = 64 * 1024;
    for (std::size_t i = 0; i < bytes.size();) {
        const char c = bytes[i];
        if (pending_cr_ && c != '\n') ++normalised_;  // the CR before was bare: it is gone
        pending_cr_ = c == '\r';
        if (c == '\n') {
            out_ += "\r\n";
            in_line_ = false;
            ++i;
        } else if (c == '\r' || c == '\0') {
            if (c == '\0') ++normalised_;
            ++i;
        } else {
            const auto end = std::min(bytes.find_first_of(std::string_view("\r\n\0", 3), i), bytes.size());
            const auto run = bytes.substr(i, end - i);
            if (!has_8bit_)
                for (const char b : run) has_8bit_ = has_8bit_ || static_cast<unsigned char>(b) > 127;
            out_ += run;
            in_line_ = true;
            i = end;
        }
        if (out_.size() >= block && !flush()) return false;
    }
    return flush();
}

bool CrlfText::finish() {
    if (pending_cr_) ++normalised_;
    pending_cr_ = false;
    if (in_line_) out_ += "\r\n";
    in_line_ = false;
    return flush();
}

}  // namespace tamis::quarantine
