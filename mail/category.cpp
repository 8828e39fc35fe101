#include "mail/category.h"

#include <fmt/format.h>

#include <array>

namespace tamis::mail {

char sql_letter(ContentCategory category) noexcept {
    switch (category.major) {
        case Major::virus: return 'V';
        case Major::banned: return 'B';
        case Major::unchecked: return 'U';
        case Major::spam: return 'S';
        case Major::spammy: return 'Y';
        case Major::bad_header: return category.minor == bad_header_8bit ? 'M' : 'H';
        case Major::oversized: return 'O';
        case Major::mta: return 'T';
        case Major::clean: return 'C';
        case Major::catchall: return '?';
    }
    return '?';
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
