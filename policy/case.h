// case - one message with all that is known of it: what the log line, the notices and the stored copy's prefix tell of
//
// Borrowed, not owned: everything a reference leads to must outlive it. Each list has one entry per recipient, in the order of the
// envelope. It can be looked at before the end; what is not known yet then has its default. Pure data.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "mail/envelope.h"
#include "mail/message.h"
#include "policy/judge.h"
#include "policy/recipient_findings.h"
#include "policy/recipient_outcome.h"
#include "policy/recipient_policy.h"

namespace tamis::policy {

// KeptCopy - a copy of the message that was kept, by its name in the records
struct KeptCopy {
    std::string location;
    bool is_archive = false;  // kept because everything is, not because of what was found
};

struct Case {
    const mail::Envelope& envelope;
    const mail::Message& message;
    const MessageFindings& findings;
    const std::vector<RecipientPolicy>& policies;
    const std::vector<RecipientFindings>& found;
    const std::vector<RecipientVerdict>& verdicts;
    const std::vector<RecipientOutcome>& outcomes;  // response: before one-response-for-all
    std::string policy_path = {};                   // "MYNETS/..."
    bool originating = false;                       // from our own users
    bool per_recipient_replies = false;             // LMTP: each recipient has a reply of its own
    std::vector<KeptCopy> copies = {};
    bool dsn_sent = false;              // a notice about a failure went to the sender
    std::optional<int> one_reply = {};  // SMTP: the code of the reply that stands for all recipients
    std::chrono::milliseconds elapsed{};
};

}  // namespace tamis::policy
