// perl_pattern - a regular expression of Perl as RE2, which has no look-around and no back references. Pure.
#pragma once

#include <string>

#include "base/result.h"
#include "tools/import/perl_value.h"

namespace tamis::tools {

// where the pattern is used decides what Tamis takes for granted
enum class PatternUse {
    address,  // upper and lower case are different
    banned,   // they are the same
    scanner,  // they are different; ^ and $ are ends of lines
    name,     // as scanner; a negative look-ahead is left out, since the pattern only takes names from a line
};

// shown_pattern - a pattern as it stands in the file, for the report: qr/.../ of one line
std::string shown_pattern(const std::string& text);

// re2_pattern - of a value of Kind::pattern (or a text); the Fault has RE2's words
Result<std::string> re2_pattern(const PerlValue& pattern, PatternUse use);

// without_blanks - of a pattern with the flag x: blanks and comments taken out
std::string without_blanks(std::string_view pattern);

}  // namespace tamis::tools
