// answers - from the outcomes of all recipients to what the client is told (docs/amavis/smtp.md 2.10 to 2.12); pure
#pragma once

#include <string>
#include <vector>

#include "mail/envelope.h"
#include "policy/notices.h"
#include "policy/recipient_outcome.h"
#include "proxy/smtp/reply.h"

namespace tamis::proxy {

// one_for_all - the single reply of SMTP
Reply one_for_all(const std::vector<policy::RecipientOutcome>& outcomes, const std::vector<policy::RecipientVerdict>& verdicts,
                  const std::vector<policy::NotificationKind>& notifications, const std::string& log_id);

// one_each - the replies of LMTP, in the order of the recipients
std::vector<Reply> one_each(const mail::Envelope& envelope, const std::vector<policy::RecipientOutcome>& outcomes,
                            const std::vector<policy::RecipientVerdict>& verdicts,
                            const std::vector<policy::NotificationKind>& notifications);

}  // namespace tamis::proxy
