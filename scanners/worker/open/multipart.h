// multipart - where the delimiter lines of a multipart lie, and the ways to cut its body at them
//
// RFC 2046 section 5.1. One pass over the body per boundary finds every line that is, or that some reader takes for, a
// delimiter; the cuts are made from that list. Pure, total, linear; trusts nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace tamis::worker {

struct Range {
    std::size_t begin = 0, end = 0;
    std::size_t size() const noexcept { return end - begin; }
    auto operator<=>(const Range&) const = default;
};

// Delimiter - a line that begins with "--" and the boundary, more or less
struct Delimiter {
    enum class Look : std::uint8_t {
        exact,
        padded,     // blanks behind it
        lookalike,  // blanks or controls before it, other text behind it, a bare CR around it
    };
    std::size_t text_end = 0;  // where the text before it ends, its line end excluded
    std::size_t end = 0;       // behind its own line end
    Look look = Look::exact;
    bool closing = false;
    bool lf_only = false;  // the line before it ends with LF alone
};

struct Cuts {
    Range preamble, epilogue;
    std::vector<Range> parts;
    bool closed = false;
};

struct MultipartScan {
    Cuts main;
    std::vector<Cuts> others;  // other readings
    bool found = false;        // at least one delimiter line in the first reading
    bool lookalikes = false, padded = false, after_closing = false, mixed_line_ends = false;
    bool padded_matters = false;         // whoever passes over padded lines still finds others
    bool goes_on_behind_padded = false;  // a closing line with blanks behind it, and delimiter lines after that
    bool too_many = false;               // more lines than anybody needs: the list was cut
};

// scan_multipart - `lines_limit`: delimiter lines looked at
MultipartScan scan_multipart(std::string_view body, std::string_view boundary, std::size_t lines_limit);

// guess_boundary - of a multipart that names none, or one that does not occur: the text behind "--" in the first line that
// begins with it and is followed by a header field or an empty line; empty when there is none
std::string_view guess_boundary(std::string_view body);

}  // namespace tamis::worker
