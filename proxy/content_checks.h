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
#include "policy/recipient_policy.h"

namespace tamis::proxy {

// check_contents - sets `banned` of each policy and the header problems of the findings, unless everybody bypasses them
void check_contents(const config::Settings& settings, const mail::Envelope& envelope, const mail::Message& message,
                    const mail::Contents& contents, std::vector<policy::RecipientPolicy>& policies, policy::Findings& findings);

}  // namespace tamis::proxy
