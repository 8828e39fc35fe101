#include "policy/header_settings.h"

namespace tamis::policy {

const std::vector<Setting<HeaderChecks>>& header_rows() {
    using S = HeaderChecks;
    static const std::vector<Setting<S>> rows = {
        {"mime", &S::mime, "Bad header 1: the MIME structure is damaged."},
        {"8bit", &S::eight_bit, "Bad header 2: bytes above 127 that are not UTF-8, or control characters among UTF-8."},
        {"utf8", &S::utf8, "Bad header 2: UTF-8 in mail that did not come with SMTPUTF8."},
        {"control", &S::control, "Bad header 3: a NUL or a bare CR (they are taken out in any case)."},
        {"empty", &S::empty, "Bad header 4: a continuation line of nothing but blanks."},
        {"long", &S::long_lines, "Bad header 5: a line of more than 998 octets."},
        {"syntax", &S::syntax, "Bad header 6: a line that is no header field, or a field name with bytes above 127."},
        {"from", &S::from, "Bad header 6: From without an address, or several authors and no Sender; bounces are spared."},
        {"missing", &S::missing, "Bad header 7: no Date or no From."},
        {"multiple", &S::multiple, "Bad header 8: From, Subject, Content-Type or another field twice that may stand there once."},
        {"fix_folding", &S::fix_folding, "Mail that passes loses continuation lines of nothing but blanks."},
        {"fix_long_lines", &S::fix_long_lines,
         "Mail that passes has header lines of more than 998 octets cut to 995 and \"...\"."},
    };
    return rows;
}

}  // namespace tamis::policy
