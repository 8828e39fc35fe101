// content_checks - step 7, first part: what is in the message that a recipient's rules ban, and what is wrong with its header
//
// Each list of banned rules is evaluated once per message, however many recipients have it. Pure but for the log.
#pragma once

#include <vector>

#include "config/settings.h"
#include "mail/envelope.h"
#include "mail/evidence.h"
#include "mail/message.h"
#include "policy/judge.h"
#include "policy/recipient_findings.h"
#include "policy/recipient_policy.h"

namespace tamis::proxy {

// check_contents - sets `banned` of each recipient's findings, and the header problems of the message's unless everybody bypasses
// them; `policies` and `found` have one entry per recipient
void check_contents(const config::Settings& settings, const mail::Envelope& envelope, const mail::Message& message,
                    const mail::Contents& contents, const std::vector<policy::RecipientPolicy>& policies,
                    std::vector<policy::RecipientFindings>& found, policy::MessageFindings& findings);

}  // namespace tamis::proxy
