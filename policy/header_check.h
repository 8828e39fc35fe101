// header_check - what is wrong with the header section of a message, and what of it we put right (docs/amavis/policy.md 7.1, 11.3)
//
// One problem per field at most, then what is missing or there too often; at most 100. The texts are amavisd's; bytes that
// are not printable ASCII stand in them as \x{XX}. Linear in the header section. Trusts nothing. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mail/envelope.h"
#include "mail/message.h"

namespace tamis::policy {

// HeaderChecks - which tests are made; the names and values of amavisd's %allowed_header_tests, and ours from `from` on
struct HeaderChecks {
    bool mime = true;            // minor 1: the MIME structure is damaged
    bool syntax = true;          // minor 6: a line that is no field, a field name with bytes above 127
    bool empty = true;           // minor 4: a continuation line of blanks only
    bool long_lines = true;      // minor 5: a line of more than 998 octets
    bool control = true;         // minor 3: NUL or bare CR in what was received
    bool eight_bit = true;       // minor 2: bytes above 127 that are not UTF-8, or control characters among UTF-8
    bool utf8 = false;           // minor 2: UTF-8 in mail that did not come with SMTPUTF8
    bool missing = true;         // minor 7: no Date or no From
    bool multiple = true;        // minor 8: a field twice that may stand there once
    bool from = true;            // minor 6: From without an address, or several authors and no Sender; not for bounces
    bool fix_folding = true;     // passed mail loses continuation lines of blanks only
    bool fix_long_lines = true;  // passed mail has header lines of more than 998 octets cut
};

// HeaderProblem - the minor of the category, and one line of printable ASCII, at most a few hundred characters
using HeaderProblem = std::pair<int, std::string>;

// check_header - all problems in the order of the fields; empty: a good header. Without `mime`.
std::vector<HeaderProblem> check_header(const mail::Message& message, const mail::Envelope& envelope, const HeaderChecks& checks);

// mime_problem - "MIME error: ..." from Contents::mime_error
HeaderProblem mime_problem(std::string_view mime_error);

}  // namespace tamis::policy
