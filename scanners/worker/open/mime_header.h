// mime_header - structured fields of an entity (Content-Type, Content-Disposition, ...) in all their plausible readings
//
// RFC 2045 section 5.1, 2047, 2183, 2231, and what mail programs make of fields that break them (docs/opening-mime.md).
// Every function is total, linear in the field and bounded by `parameters_limit`. Pure; trusts nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tamis::worker {

struct Parameter {
    std::string name;          // lower case, with its asterisks: "filename*0*"; controls, blanks and comments removed
    std::string value;         // comments, quotes and escapes removed, folding undone
    std::string raw;           // as it stands between "=" and ";", folding undone, trimmed, outer quotes removed
    std::string first_quoted;  // the first quoted string in a value that holds more than that
    bool quoted = false;
    bool odd = false;     // unclosed quote, text beside the quotes, a control or comment within name or value
    bool folded = false;  // a line end within the value
};

struct Structured {
    std::string value;      // before the first ";": lower case, no comments, blanks or controls
    std::string raw_value;  // the same as it stands, lower case, trimmed
    std::vector<Parameter> parameters;
    bool has_comment = false;  // anywhere
    bool has_junk = false;     // text that is no parameter
    bool too_many = false;     // parameters beyond the limit
};

Structured parse_structured(std::string_view field_value, std::size_t parameters_limit);

// Readings - every plausible value of one parameter
struct Readings {
    std::vector<std::string> values;  // likeliest first, no doubles, at most 8
    bool duplicate = false;           // the same spelling twice with different values
    bool extended = false;            // RFC 2231 was used
    bool broken = false;              // pieces missing or twice, a charset or percent escape that cannot be read, odd quotes
    bool encoded_word = false;        // RFC 2047 inside
    bool has_plain = false;           // written without RFC 2231
};
constexpr std::size_t readings_limit = 8;

// readings_of - `name` in lower case without asterisks
Readings readings_of(const Structured& field, std::string_view name);

// naive_parameter - what a reader finds that looks for `name=` anywhere in the field and takes what follows, up to the
// closing quote or the next ";" or blank; "" when there is none
std::string naive_parameter(std::string_view field_value, std::string_view name);

// values_decoded_first - the parameter's values for a reader that decodes encoded words before it looks for parameters
std::vector<std::string> values_decoded_first(std::string_view field_value, std::string_view name, std::size_t parameters_limit);

// names_of - every spelling of a file's name under that parameter: decoded UTF-8 first, then raw ones that differ
// (encoded words not decoded, percent escapes, escapes with their backslashes, folded parts joined)
std::vector<std::string> names_of(const Structured& field, std::string_view field_value, std::string_view name);

// extension_of - lower case, after the last dot, trailing blanks and dots ignored; "" without one
std::string extension_of(std::string_view name);

}  // namespace tamis::worker
