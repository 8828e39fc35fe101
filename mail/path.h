// path - envelope addresses at the borders: what may stand between the angle brackets of an SMTP line, how it is kept in a
// quarantined copy, and amavisd's unquoted form of it
//
// One rule for all: an address that SMTP accepts here can be kept, read back and sent on, octet by octet. Pure; trusts nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tamis::mail {

constexpr std::size_t longest_path = 1000;  // RFC 5321 says 256; longer ones exist, lines of 2048 are common

// is_path - whether the address may stand on an SMTP line: no control character, quoted strings closed, blanks and angle
// brackets only inside a quoted string that is a whole word of the local part (RFC 5321 4.1.2, RFC 5322 4.4). Octets above
// 127 may be anything: servers without SMTPUTF8 pass them on as they came. "" is the null sender's.
bool is_path(std::string_view address) noexcept;

// needs_smtputf8 - UTF-8 that is not ASCII; octets that are no UTF-8 came from a mail server without that extension, and go out
// as they came
bool needs_smtputf8(std::string_view address) noexcept;

// path_end - where the address that begins the text ends: the first ">" that is outside quotes; npos when there is none
std::size_t path_end(std::string_view text) noexcept;

// bare_address - without the angle brackets that may stand around it
std::string bare_address(std::string_view address);

// stored_path - "<address>" with every octet as it is, for a field of the stored copy; line ends and NUL, which no
// address on an SMTP line has, become "?"
std::string stored_path(std::string_view address);

// unquoted_path - as amavisd has addresses in its tables: the local part without its quoting
std::string unquoted_path(std::string_view address);

// quoted_path - an address that somebody wrote without the quoting it needs ("a b@example.com"), as it goes on an SMTP line;
// what is_path(), or has no domain, stays as it is
std::string quoted_path(std::string_view address);

// unescaped - "a\xFFb", as logs and lists show an octet, with that octet; nothing when there is no such thing in it
std::optional<std::string> unescaped(std::string_view text);

}  // namespace tamis::mail
