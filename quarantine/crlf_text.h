// crlf_text - turns stored text (LF line ends, as amavisd and its milters keep it) into the form in which mail travels
//
// Guarantees: only CRLF ends a line in what comes out; a CR that no LF follows and NUL are taken out and counted, as the
// data receiver does with what comes by SMTP. Text of any size, in pieces of any size. A last line without an end gets
// one by finish(). Sans-io.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace tamis::quarantine {

class CrlfText {
public:
    using Sink = std::function<bool(std::string_view)>;  // false: it cannot take more
    explicit CrlfText(Sink sink) : sink_(std::move(sink)) {}

    bool feed(std::string_view bytes);
    bool finish();

    bool has_8bit() const noexcept { return has_8bit_; }
    std::uint64_t normalised() const noexcept { return normalised_; }

private:
    bool flush();

    Sink sink_;
    std::string out_;
    bool pending_cr_ = false;
    bool in_line_ = false;
    bool has_8bit_ = false;
    std::uint64_t normalised_ = 0;
};

}  // namespace tamis::quarantine
