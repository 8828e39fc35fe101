// summary - the one line per message that log parsers read, in amavisd's exact short format (docs/amavis/operations.md 2)
//
// Up to two lines: "Passed ..." for the recipients that got the mail, "Blocked ..." for the others. Attacker text is
// escaped. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "mail/message.h"
#include "policy/case.h"

namespace tamis::policy {

// summary_lines - each of at most log::line_limit octets with its log id: where a value is too long for that, it is cut inside
// ("..."), and recipients that are left out are counted ("...[998 more]"). No field is ever missing, whatever strangers write.
std::vector<std::string> summary_lines(const Case& of);
// summary_json - the same as one JSON object (docs/amavis/operations.md 3, the keys we know). Always a whole object: when it
// would be longer than `limit` octets (0: none), texts are cut and recipients left out, which "rcpt_omitted" counts.
std::string summary_json(const Case& of, std::size_t limit = 0);

// queue_id_of - "3BD2F41C0A" of "250 2.0.0 Ok: queued as 3BD2F41C0A", otherwise the whole reply
std::string queue_id_of(std::string_view reply);

// oldest_public_address - the first public IP address in the Received fields, from the oldest; empty when none
std::string oldest_public_address(const mail::Message& message);

}  // namespace tamis::policy
