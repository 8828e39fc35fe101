// bounce - whether a message looks like a bounce or an automatic answer, and the mail that it claims to be about
//
// docs/amavis/policy.md 6; pure. What is recognised here is believed only when the records know the
// original (policy/pen_pals.h: bounce_score). Everything in Contents comes from a stranger.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mail/contents.h"
#include "mail/envelope.h"
#include "mail/message.h"

namespace tamis::policy {

// BounceSigns - what the envelope and the header section of the message itself say
struct BounceSigns {
    bool null_sender = false;
    bool is_reply_of_automat = false;  // Auto-Submitted: auto-replied (RFC 3834)
    bool from_daemon = false;          // the first From address is MAILER-DAEMON or postmaster
    std::string answered = {};         // In-Reply-To, else the last of References: a Message-ID with its angle brackets, or ""
};
BounceSigns bounce_signs(const mail::Envelope& envelope, const mail::Message& message);

// Bounce - what was recognised
struct Bounce {
    std::string_view kind;  // "DSN", "MDN", "ARF", "bounce" or "autoresponse"
    std::string original;   // the original's Message-ID with angle brackets; "" when it is not told
};

// recognise_bounce - nothing when it is no bounce, or one that says nothing about the original (then nobody can tell):
//   - multipart/report with a delivery status (RFC 3464, RFC 6533), a disposition notification (RFC 8098) or a feedback
//     report (RFC 5965), and the original or its header section beside it
//   - with the null sender, or From MAILER-DAEMON or postmaster: a text, or a multipart with a part, that holds the header
//     section of an original: From and at least 3 fields with Message-ID, or at least 5 without
//   - an automatic answer with the null sender that names the message it answers
std::optional<Bounce> recognise_bounce(const mail::Contents& contents, const BounceSigns& signs);

// message_id_domain - "<x@Example.COM>" is "example.com"; "" when there is none
std::string message_id_domain(std::string_view message_id);

}  // namespace tamis::policy
