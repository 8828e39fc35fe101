// category - amavisd's content categories with minors, in order of severity (docs/amavis/policy.md 2)
#pragma once

#include <compare>
#include <span>
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

// CategoryWord - what a category is called where people name it: by commands, in settings, in reports
struct CategoryWord {
    char letter;            // in msgs.content and msgrcpt.content (docs/amavis/sql.md 5)
    Major major;            // bad_header has two letters, the second one for its 8-bit kind
    std::string_view word;  // "bad-header"
};
// category_words - the one list of them, worst first
std::span<const CategoryWord> category_words() noexcept;
// category_lettered / category_called - the one with that letter, or with that word in any case; null: there is none
const CategoryWord* category_lettered(char letter) noexcept;
const CategoryWord* category_called(std::string_view word) noexcept;
// setting_word - how it stands in names of settings: "bad_header" of bad_header_records and final_bad_header_destiny
std::string setting_word(Major major);
// category_choices - for people who wrote something else: "virus, banned, ..., mta and clean"
std::string category_choices();

// sql_letter - the letter of a category with this minor
char sql_letter(ContentCategory category) noexcept;
// log_word - the word in the summary line: "CLEAN", "SPAM", "BAD-HEADER-5", "UNCHECKED-ENCRYPTED", "MTA-BLOCKED"
std::string log_word(ContentCategory category);
// display_name - as in X-Amavis-Category: "Clean", "CleanTag", "BadHdrMime", ...
std::string_view display_name(ContentCategory category) noexcept;

}  // namespace tamis::mail
