// released_message - the text of a message that leaves the quarantine (docs/amavis/policy.md 9); pure
//
// resend: the original message below Resent-* and Received fields; attach: a short note with the original as an attached
// message; plain: the note and the original as one text; arf: an abuse report (RFC 5965). The original's bytes are ranges
// of the stored copy in every form, and nothing in them can end the part they stand in: boundaries are drawn at random.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "mail/edited_message.h"
#include "quarantine/stored_copy.h"

namespace tamis::quarantine {

enum class ReleaseFormat { resend, attach, plain, arf };

struct ReleaseFacts {
    ReleaseFormat format = ReleaseFormat::resend;
    std::string mail_id;  // of the quarantined message
    std::string new_id;   // of this release
    std::string hostname;
    std::string from;          // address of the content filter
    std::string requested_by;  // address of who asked; may be empty
    std::vector<std::string> recipients;
    std::string feedback_type;   // arf: "abuse" or "miscategorized"
    std::string client_address;  // of the original client, when known
    std::string boundary;        // random
    std::chrono::system_clock::time_point now, received_at;
};

mail::EditedMessage released_message(const StoredCopy& copy, const ReleaseFacts& facts);

}  // namespace tamis::quarantine
