// address_extension - user+spam@example.com: the address under which a local recipient gets marked mail that passes
//
// docs/amavis/policy.md 11.4. Pure. Whatever cannot be extended safely keeps its address: mail is never lost by it.
#pragma once

#include <string>
#include <string_view>

#include "policy/judge.h"

namespace tamis::policy {

struct ExtensionRules {
    std::string delimiter = "+";   // as Postfix's recipient_delimiter: any of its characters separates, the first is written
    bool replace_existing = true;  // an extension that is there gives way; false: ours is appended
};

// extension_for - the one of the worst category that can have one (virus, banned, spam and spammy, bad header), also when that is
// empty; nothing for recipients that are not local or do not get the message
std::string extension_for(const RecipientVerdict& verdict, const RecipientPolicy& policy);

// extended_address - the address with the delimiter and that extension, as it was set; unchanged when there is nothing to do, when the address has no
// local part, or when the result would be no address or longer than 320 octets. With the delimiter "-", "owner-list"
// and "list-request" have no extension. A quoted local part stays quoted.
std::string extended_address(std::string_view address, std::string_view extension, const ExtensionRules& rules);

// original_recipient - an ORCPT value for this address (RFC 3461 section 4.2, RFC 6533 section 3), for the MAIL that
// leaves with another one: "rfc822;user+2Bx@example.com" or "utf-8;..."
std::string original_recipient(std::string_view address);

}  // namespace tamis::policy
