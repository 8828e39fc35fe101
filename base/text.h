// text - small pure helpers on strings: ASCII case, trimming, splitting, escaping for logs
//
// All are linear in their input and know only ASCII; bytes of 128 and above pass unchanged unless said otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tamis {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool equal_fold(std::string_view a, std::string_view b) noexcept;
bool starts_with_fold(std::string_view text, std::string_view prefix) noexcept;
bool is_ascii(std::string_view text) noexcept;
bool is_utf8(std::string_view text) noexcept;  // RFC 3629: no overlong forms, no surrogates

// trim - without blanks, CR and LF at both ends
std::string_view trim(std::string_view text) noexcept;

// split - the pieces between separators; with an empty text, one empty piece
std::vector<std::string_view> split(std::string_view text, char separator);
// words - the non-empty pieces between any of the separators
std::vector<std::string_view> words(std::string_view text, std::string_view separators = " \t\r\n");
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// escaped - for logs and replies: control and non-ASCII bytes as \xHH, backslash doubled, cut to `limit` characters
// with "..." as the end. Safe to print on one line whatever the input.
std::string escaped(std::string_view text, std::size_t limit = 80);
// printable_or - every byte outside 0x20-0x7e replaced
std::string printable_or(std::string_view text, char replacement);
// utf8_or_replaced - the text with every invalid UTF-8 sequence and NUL replaced by U+FFFD, cut to at most `limit`
// code points
std::string utf8_or_replaced(std::string_view text, std::size_t limit);

// parse_unsigned - digits only, the whole text, at most `maximum`; nothing otherwise
std::optional<std::uint64_t> parse_unsigned(std::string_view text, std::uint64_t maximum = UINT64_MAX) noexcept;
// parse_number - a decimal number with optional sign, fraction and exponent, the whole text, finite
std::optional<double> parse_number(std::string_view text) noexcept;

std::string to_hex(std::string_view bytes);
std::string base64_encode(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);  // strict: alphabet, padding, no blanks

// xtext (RFC 3461 section 4): '+' and '=' and everything outside 0x21-0x7e as +HH
std::string xtext_encode(std::string_view text);
std::optional<std::string> xtext_decode(std::string_view text);

// nearest - the candidate with the smallest edit distance, when it is near enough to be a typing error
std::optional<std::string> nearest(std::string_view wanted, const std::vector<std::string>& candidates);

}  // namespace tamis
