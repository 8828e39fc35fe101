// stored_copy - a quarantined copy: the fields that were put on top of it, and where the message itself begins
//
// docs/amavis/policy.md 9. The prefix ends at the first field that amavisd does not put there, and also at the second
// one of a kind: a message cannot add recipients or another sender by beginning with such fields itself. Pure.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/message.h"

namespace tamis::quarantine {

struct StoredCopy {
    std::shared_ptr<const mail::SealedSpool> spool;   // all of it, CRLF line ends
    std::uint64_t begin = 0;                          // of the message
    std::string mail_id;                              // X-Quarantine-ID without its brackets
    std::optional<std::string> sender;                // X-Envelope-From, else Return-Path
    std::vector<std::string> recipients;              // X-Envelope-To
    std::optional<std::vector<std::string>> blocked;  // X-Envelope-To-Blocked; nothing: all of them
    bool has_8bit = false;                            // the message; not the fields on top of it
    bool has_8bit_header = false;
};

// Keep - for a report the findings (X-Spam-*, X-Amavis-*) stay on the message
enum class FindingFields : bool { strip, keep };

// parse_stored_copy - a Fault (bad_input) when it is none: no X-Quarantine-ID, no X-Envelope-From
Result<StoredCopy> parse_stored_copy(std::shared_ptr<const mail::SealedSpool> spool, bool has_8bit,
                                     FindingFields findings = FindingFields::strip);

// angle_addresses - the addresses in "<a@b>,\n <c@d>", octet by octet, quoted local parts understood; without "<" like a From
// field. One that never ends is given as it is: nobody is left out unsaid.
std::vector<std::string> angle_addresses(std::string_view value);

}  // namespace tamis::quarantine
