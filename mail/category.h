// category - amavisd's content categories with minors, in order of severity (docs/amavis/policy.md 2)
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace tamis::mail {

enum class Major { catchall = 0, clean, mta, oversized, bad_header, spammy, spam, unchecked, banned, virus };

// ContentCategory - ordered: the worst is the greatest. Minors: clean 1 tagged; mta 1 tempfailed, 2 rejected;
// bad_header 1 mime, 2 8-bit, 3 control, 4 whitespace line, 5 long, 6 syntax, 7 missing, 8 duplicate; spammy 1 tag3;
// unchecked: see Unchecked.
struct ContentCategory {
    Major major = Major::catchall;
    int minor = 0;
    auto operator<=>(const ContentCategory&) const = default;
};

constexpr int bad_header_8bit = 2;
constexpr int mta_tempfailed = 1, mta_rejected = 2;

// Unchecked - the minors of Major::unchecked; amavisd knows those up to ambiguous
enum Unchecked : int {
    unchecked_engine = 0,       // a required engine failed, or a part cannot be deciphered
    unchecked_encrypted = 1,    //
    unchecked_over_limits = 2,  //
    unchecked_ambiguous = 3,    // it can be read in more than one way
    unchecked_unopened = 4,     // the decoder crashed or ran out of time
};

// sql_letter - the letter in msgs.content and msgrcpt.content (docs/amavis/sql.md 5)
char sql_letter(ContentCategory category) noexcept;
// log_word - the word in the summary line: "CLEAN", "SPAM", "BAD-HEADER-5", "UNCHECKED-ENCRYPTED", "MTA-BLOCKED"
std::string log_word(ContentCategory category);
// display_name - as in X-Amavis-Category: "Clean", "CleanTag", "BadHdrMime", ...
std::string_view display_name(ContentCategory category) noexcept;

}  // namespace tamis::mail
