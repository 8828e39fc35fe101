// notices - who is told, and when nobody may be: delivery status notifications (RFC 3464, RFC 6533), pure
//
// The suppression rules are amavis-policy.md section 10: no backscatter, ever. The text of a notice is a complete
// message with CRLF line ends, ready to be submitted with the null reverse-path.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "mail/envelope.h"
#include "mail/message.h"
#include "policy/judge.h"
#include "policy/summary.h"

namespace tamis::policy {

// DsnInput - the finished message as a whole
struct DsnInput {
    const mail::Envelope*                envelope = nullptr;
    const mail::Message*                 message = nullptr;
    const Findings*                      findings = nullptr;
    const std::vector<RecipientVerdict>* verdicts = nullptr;
    const std::vector<RecipientPolicy>*  policies = nullptr;
    const std::vector<RecipientOutcome>* outcomes = nullptr;  // response: before one-response-for-all
    bool        per_recipient_replies = false;  // LMTP: a 5xx can be given back, the MTA bounces itself
    bool        next_hop_takes_dsn = true;      // NOTIFY=SUCCESS was passed on
    bool        originating = false;
    bool        sender_is_fake = true;          // a virus that fakes senders (the default for all)
    std::string hostname;                       // ours, for Reporting-MTA and From
    std::string postmaster;                     // "postmaster@host" for From
    std::string mail_id;                        // of the notice itself, for its Message-ID
    std::chrono::system_clock::time_point now;
};

enum class DsnKind { none, suppressed, failed, relayed, delayed };

// DsnDecision - per recipient: whether the sender is told, and when not, why
struct DsnDecision {
    DsnKind     kind = DsnKind::none;
    std::string why;  // for the log: "NOTIFY=NEVER", "null sender", "bulk mail", "score 15 >= dsn cutoff 10", ...
};
std::vector<DsnDecision> decide_dsn(const DsnInput& input);

// Notice - a message of our own
struct Notice {
    std::string              sender;      // reverse-path; empty for a DSN
    std::vector<std::string> recipients;
    std::string              text;        // CRLF line ends
    bool                     smtputf8 = false;
};

// delivery_status_notification - one for all recipients that are to be reported; nothing when there are none
std::optional<Notice> delivery_status_notification(const DsnInput& input, const std::vector<DsnDecision>& decisions);

// is_bulk_mail - mailing lists, automatic answers and bulk (amavis-policy.md section 7.4)
bool is_bulk_mail(const mail::Envelope& envelope, const mail::Message& message);

}  // namespace tamis::policy
