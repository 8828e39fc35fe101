// mime_write - the few pieces of MIME that our own messages need: quoted-printable and boundaries
//
// Guarantees: the output of quoted_printable is printable ASCII in lines of at most 76 characters that end in CRLF
// (RFC 2045 section 6.7), whatever bytes go in; a boundary occurs in none of the given texts. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tamis::mail {

// line_limit - the longest line without its CRLF that may travel (RFC 5322 section 2.1.1)
constexpr std::size_t line_limit = 998;

// is_seven_bit - ASCII without NUL, only CRLF as line ends, no line longer than line_limit: may travel as "7bit"
bool is_seven_bit(std::string_view text) noexcept;
// is_eight_bit - the same, octets above 127 allowed: may travel as "8bit"
bool is_eight_bit(std::string_view text) noexcept;

// quoted_printable - CRLF stays a line end; a lone CR or LF, NUL and every octet above 127 are encoded
std::string quoted_printable(std::string_view text);

// boundary_for - "=_<seed>_<n>" that is in none of the texts; of the seed only letters and digits are used, at most 32
// of them. Nothing in quoted-printable looks like it ("=_" cannot occur there).
std::string boundary_for(std::string_view seed, const std::vector<std::string_view>& texts);

}  // namespace tamis::mail
