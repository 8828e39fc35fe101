// groups - which recipients can share a transaction with a next hop (docs/amavis/smtp.md 3.2); pure
//
// Equal edits and the same next hop: one transaction. Addresses may differ within it, so also rewritten ones.
#pragma once

#include <vector>

#include "deliver/next_hop.h"
#include "mail/envelope.h"
#include "mail/header_edit.h"
#include "policy/address_extension.h"
#include "policy/judge.h"

namespace tamis::deliver {

struct DeliveryGroup {
    mail::HeaderEdits edits;
    NextHop to;
    std::vector<std::size_t> members;         // indices into the envelope's recipients
    std::vector<mail::Recipient> recipients;  // as they are told to the next hop, in the same order
};

// next_hop_of - the recipient's own forward_method, or the site's; a Fault when his cannot be understood
Result<NextHop> next_hop_of(const policy::RecipientPolicy& policy, const NextHop& site);

// addressed_as - the recipient as the next hop is told: with the address extension that fits what was found, and then
// with an ORCPT that says the address it came with (an ORCPT that is there stays)
mail::Recipient addressed_as(const mail::Recipient& recipient, const policy::RecipientVerdict& verdict,
                             const policy::RecipientPolicy& policy, const policy::ExtensionRules& rules);

// join_group - puts the recipient into the group that fits, or opens a new one
void join_group(std::vector<DeliveryGroup>& groups, mail::HeaderEdits edits, NextHop to, std::size_t index,
                mail::Recipient recipient);

}  // namespace tamis::deliver
