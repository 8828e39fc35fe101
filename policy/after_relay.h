// after_relay - what the next hop's answer makes of verdict and outcome of one recipient (docs/amavis/smtp.md 2.10); pure
//
// The only place where a verdict changes once it was given: mail that was to pass and was not taken is blocked by the mail
// server (mail::Major::mta), with the destiny that the recipient's settings have for that.
#pragma once

#include <string>
#include <string_view>

#include "policy/judge.h"
#include "policy/recipient_outcome.h"
#include "policy/recipient_policy.h"

namespace tamis::policy {

// RelayReply - what the next hop, or whoever delivers in its place, answered about one recipient: 2xx, 4xx or 5xx
struct RelayReply {
    int code = 451;
    std::string enhanced;
    std::string text;               // as our client is told it, without the codes
    std::string remote_reply = {};  // the next hop's own words; empty: it said none
    std::string remote_mta = {};    // its name or address; empty: the code is not its own
    bool takes_dsn = false;         // it offered DSN
};

// SoftBounce - policy.soft_bounce: no 5xx of ours is final
enum class SoftBounce : bool { no, yes };

struct AfterRelay {
    RecipientVerdict verdict;
    RecipientOutcome outcome;
    bool is_temporary = false;  // not taken for now: the next hop's 4xx, not one that soft_bounce made
};

// outcome_of - the outcome with that answer in it; `before` has what was known until then
RecipientOutcome outcome_of(RecipientOutcome before, const RelayReply& reply);

// after_relay - taken (2xx): the verdict stays. Else it becomes mta 1 (4xx) or mta 2 (anything else), with its destiny from
// `policy`; the text of the outcome names the log id. A 5xx whose destiny is to discard becomes a 250, one with soft bounce a 450.
AfterRelay after_relay(RecipientVerdict verdict, RecipientOutcome outcome, const RelayReply& reply, const RecipientPolicy& policy,
                       std::string_view log_id, SoftBounce soft_bounce);

}  // namespace tamis::policy
