// header - the header section of a message as fields with byte ranges; never rewrites
//
// Parsing is total and linear: every byte of the header section belongs to exactly one field (a line that is no field
// and no continuation becomes a field without a name). Trusts nothing. Limits: header_limit bytes; the field that
// reaches the limit and what lies beyond are left to the body and `truncated` is set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::mail {

constexpr std::size_t header_limit = 256 * 1024;

struct Field {
    std::uint32_t begin = 0;        // offset of the first byte of the field in the message
    std::uint32_t end = 0;          // one past its last byte, including the final line end
    std::uint32_t name_size = 0;    // bytes of the name; 0 when the line has no name
    std::uint32_t value_begin = 0;  // offset of the first byte after the colon
};

struct HeaderBlock {
    std::vector<Field> fields;
    std::uint32_t size = 0;      // bytes of the header section including the empty line, if there is one
    bool has_separator = false;  // the empty line was there
    bool truncated = false;

    // name / value - of a field, given the message's first bytes. A value has no final line end and is still folded.
    static std::string_view name(const Field& field, std::string_view head);
    static std::string_view value(const Field& field, std::string_view head);
    // find - the first field of that name (ASCII case-insensitive)
    const Field* find(std::string_view name, std::string_view head) const;
    std::vector<const Field*> find_all(std::string_view name, std::string_view head) const;
};

// parse_header - `head` is the beginning of the message, at least the whole header section or header_limit bytes
HeaderBlock parse_header(std::string_view head);

// unfolded - the value on one line: line ends removed, blanks trimmed at both ends
std::string unfolded(std::string_view value);

// decode_words - RFC 2047 encoded words to UTF-8. Total: what cannot be decoded stays as it is. Charsets: UTF-8,
// US-ASCII, ISO-8859-1, Windows-1252, and whatever iconv knows is left to the worker (kept undecoded here).
std::string decode_words(std::string_view text);

// encode_words - UTF-8 text as RFC 2047 "Q" words where it is not printable ASCII, folded for a field of that name
std::string encode_words(std::string_view text, std::size_t first_column);

// addresses_of - the addr-specs in a From-like field: comments, display names, groups and quoted strings understood;
// at most `limit` of them. Garbage gives none.
std::vector<std::string> addresses_of(std::string_view value, std::size_t limit = 100);

}  // namespace tamis::mail
