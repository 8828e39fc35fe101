// look_up - step 4 in parts: which policy banks hold, what is asked of the tables, and what every recipient then wants
//
// Pure, except that problems are returned as texts for the log. The pipeline and `tamis explain` use the same functions.
#pragma once

#include <string>
#include <vector>

#include "config/settings.h"
#include "mail/envelope.h"
#include "mail/message.h"
#include "policy/policy_layers.h"
#include "policy/sender_lists.h"
#include "storage/lookups/lookup_store.h"

namespace tamis::config {

// choose_banks - by listener, original client and sender
policy::LoadedBanks choose_banks(const Settings& settings, const mail::Envelope& envelope);

// make_lookup - recipients and senders (envelope, then From) with their keys
storage::LookupRequest make_lookup(const Settings& settings, const mail::Envelope& envelope,
                                   const std::vector<std::string>& from_addresses);

// from_addresses - of all From fields of the message
std::vector<std::string> from_addresses(const mail::Message& message);

// Wishes - what one recipient wants of this message, and why
struct Wishes {
    policy::EffectivePolicy effective;
    policy::SenderDecision senders;  // what the sender lists say is a finding, not a setting
};

// resolve - for each recipient of the request; `rows` has the database's rows of each, or is empty without a database
std::vector<Wishes> resolve(const Settings& settings, const policy::LoadedBanks& banks, const storage::LookupRequest& request,
                            const std::vector<std::vector<policy::UserRow>>& rows);

storage::LookupOptions lookup_options(const Settings& settings);

// referenced_message_ids - the ids in References and In-Reply-To, with their angle brackets, the last 30
std::vector<std::string> referenced_message_ids(const mail::Message& message);

}  // namespace tamis::config
