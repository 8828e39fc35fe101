#include "deliver/groups.h"

#include <algorithm>

namespace tamis::deliver {

Result<NextHop> next_hop_of(const policy::RecipientPolicy& policy, const NextHop& site) {
    if (policy.forward_method.empty()) return site;
    return parse_next_hop(policy.forward_method);
}

mail::Recipient addressed_as(const mail::Recipient& recipient, const policy::RecipientVerdict& verdict,
                             const policy::RecipientPolicy& policy, const policy::ExtensionRules& rules) {
    mail::Recipient out = recipient;
    out.address = policy::extended_address(recipient.address, policy::extension_for(verdict, policy), rules);
    if (out.address != recipient.address && out.original_recipient.empty())
        out.original_recipient = policy::original_recipient(recipient.address);
    return out;
}

void join_group(std::vector<DeliveryGroup>& groups, mail::HeaderEdits edits, NextHop to, std::size_t index,
                mail::Recipient recipient) {
    auto group = std::ranges::find_if(groups, [&](const auto& known) { return known.to == to && known.edits == edits; });
    if (group == groups.end()) group = groups.insert(groups.end(), {std::move(edits), std::move(to), {}, {}});
    group->members.push_back(index);
    group->recipients.push_back(std::move(recipient));
}

}  // namespace tamis::deliver
