// delivery_status - the fields of a message/delivery-status part (RFC 3464) and how addresses stand in them (RFC 6533)
//
// Guarantees: every line ends in CRLF and is at most 998 octets; no value can end its field. Without `utf8` the output
// is ASCII: octets above 127 are written as \x{HEX} (an address) or \xHH (a text). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/notices.h"

namespace tamis::policy {

// one_line - a text of a stranger for a field or a line of text: blanks for line ends and tabs, other controls and what
// is not UTF-8 (not ASCII, without `utf8`) as \xHH, at most `limit` octets and then "..."
std::string one_line(std::string_view text, bool utf8, std::size_t limit = 700);

// typed_address - "rfc822;user@example.com" or "utf-8;..." (RFC 6533 section 3) for Final-Recipient
std::string typed_address(std::string_view address, bool utf8);
// typed_original - an ORCPT value as it came (xtext; RFC 3461 section 4.2) for Original-Recipient
std::string typed_original(std::string_view orcpt, bool utf8);

// status_fields - the part: fields of the message, and a group for each recipient that is reported
std::string status_fields(const Case& of, const NotificationOptions& options, const std::vector<NotificationDecision>& decisions,
                          bool utf8);

}  // namespace tamis::policy
