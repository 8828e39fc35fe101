// release_recipients - whom a quarantined message is released to: the addresses of its copy matched with the rows of its record
//
// The copy has the addresses octet by octet, the record has them as the database took them: lower case, unquoted (amavisd),
// with "?" for octets that it refused, cut to the column. Each row belongs to one recipient. Nobody is dropped in silence:
// who cannot be served is there with the reason. Pure; linear in the number of recipients.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "quarantine/stored_copy.h"
#include "storage/kept/quarantine_store.h"

namespace tamis::quarantine {

struct ReleaseRecipient {
    std::string address;                         // as it goes to the next hop
    std::optional<storage::RecipientState> row;  // nothing: the record has no such recipient
    std::string left_out;                        // why it is not delivered to; empty: it may be
};

// release_recipients - those asked for, else those from whom the message was kept. An address asked for may be written as the
// copy has it, as the record has it, or as lists and logs show it; one that the message was not for is taken as it is.
// `rows` is nothing when there is no record.
std::vector<ReleaseRecipient> release_recipients(const std::vector<std::string>& asked, const StoredCopy& copy,
                                                 const std::optional<std::vector<storage::RecipientState>>& rows);

// release_sender - the sender of the copy; one that an older Tamis kept as "a\xFFb" is taken from the record
std::string release_sender(const std::string& in_copy, const std::string& in_record);

// recorded_forms - how an address may stand in maddr.email, the likeliest first
std::vector<std::string> recorded_forms(std::string_view address);

}  // namespace tamis::quarantine
