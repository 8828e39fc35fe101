#include "mail/category.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tamis::mail {

namespace {

constexpr std::array<CategoryWord, 11> all_words = {{{'V', Major::virus, "virus"},
                                                     {'B', Major::banned, "banned"},
                                                     {'U', Major::unchecked, "unchecked"},
                                                     {'S', Major::spam, "spam"},
                                                     {'Y', Major::spammy, "spammy"},
                                                     {'H', Major::bad_header, "bad-header"},
                                                     {'M', Major::bad_header, "bad-header-8bit"},
                                                     {'O', Major::oversized, "oversized"},
                                                     {'T', Major::mta, "mta"},
                                                     {'C', Major::clean, "clean"},
                                                     {'?', Major::catchall, "catchall"}}};

// row_of - the first one of that category; each has one
const CategoryWord& row_of(Major major) noexcept { return *std::ranges::find(all_words, major, &CategoryWord::major); }

}  // namespace

std::span<const CategoryWord> category_words() noexcept { return all_words; }

const CategoryWord* category_lettered(char letter) noexcept {
    const auto* found = std::ranges::find(all_words, letter, &CategoryWord::letter);
    return found == all_words.end() ? nullptr : found;
}

const CategoryWord* category_called(std::string_view word) noexcept {
    const auto* found = std::ranges::find_if(all_words, [&](const auto& row) { return equal_fold(word, row.word); });
    return found == all_words.end() ? nullptr : found;
}

std::string setting_word(Major major) {
    std::string word(row_of(major).word);
    std::ranges::replace(word, '-', '_');
    return word;
}

std::string category_choices() {
    std::string out;
    for (const auto& row : all_words) {
        if (row.major == Major::catchall) continue;
        if (!out.empty()) out += row.major == Major::clean ? " and " : ", ";
        out += row.word;
    }
    return out;
}

char sql_letter(ContentCategory category) noexcept {
    constexpr char bad_header_8bit_letter = 'M';
    const bool is_8bit = category.major == Major::bad_header && category.minor == bad_header_8bit;
    return is_8bit ? bad_header_8bit_letter : row_of(category.major).letter;
}

std::string log_word(ContentCategory category) {
    switch (category.major) {
        case Major::virus: return "INFECTED";
        case Major::banned: return "BANNED";
        case Major::unchecked: return category.minor == unchecked_encrypted ? "UNCHECKED-ENCRYPTED" : "UNCHECKED";
        case Major::spam: return "SPAM";
        case Major::spammy: return "SPAMMY";
        case Major::bad_header: return fmt::format("BAD-HEADER-{}", category.minor);
        case Major::oversized: return "OVERSIZED";
        case Major::mta: return "MTA-BLOCKED";
        case Major::clean: return "CLEAN";
        case Major::catchall: return "OTHER";
    }
    return "OTHER";
}

std::string_view display_name(ContentCategory category) noexcept {
    static constexpr std::array<std::string_view, 9> bad_header = {"BadHdr",       "BadHdrMime",    "BadHdr8bit",
                                                                   "BadHdrChar",   "BadHdrSpace",   "BadHdrLong",
                                                                   "BadHdrSyntax", "BadHdrMissing", "BadHdrDupl"};
    switch (category.major) {
        case Major::virus: return "Virus";
        case Major::banned: return "Banned";
        case Major::unchecked:
            return category.minor == 1   ? "UncheckedEncrypted"
                   : category.minor == 2 ? "UncheckedOverLimits"
                   : category.minor == 3 ? "UncheckedAmbiguousContent"
                   : category.minor == 4 ? "UncheckedUnopened"
                                         : "Unchecked";
        case Major::spam: return "Spam";
        case Major::spammy: return category.minor == 1 ? "Spammy3" : "Spammy";
        case Major::bad_header:
            return category.minor > 0 && category.minor < 9 ? bad_header[static_cast<std::size_t>(category.minor)]
                                                            : bad_header[0];
        case Major::oversized: return "Oversized";
        case Major::mta: return category.minor == 1 ? "MtaTempFailed" : category.minor == 2 ? "MtaRejected" : "MtaFailed";
        case Major::clean: return category.minor == 1 ? "CleanTag" : "Clean";
        case Major::catchall: return "CatchAll";
    }
    return "CatchAll";
}

}  // namespace tamis::mail
