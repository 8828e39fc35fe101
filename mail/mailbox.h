// mailbox - whether a text of a setting is one mailbox that mail can be sent to, and how to write it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tamis::mail {

// mailbox_complaint - why a text of a setting is no mailbox (RFC 5321 section 4.1.2, UTF-8 as in RFC 6531) and how to write it;
// nothing for user@example.com, "quoted user"@example.com, user@[192.0.2.1], and for a user without a domain, which the mail
// server completes. One mailbox only: neither "Name <user@example.com>" nor a list of them.
std::optional<std::string> mailbox_complaint(std::string_view address);

}  // namespace tamis::mail
