// ids - the identifiers of one message: mail_id and secret_id (docs/amavis/sql.md 5), log ids
//
// The secret is 9 random bytes; secret_id is its base64url text (12 characters); mail_id is the first 12 characters of
// base64url(MD5(secret bytes)), drawn again until it begins and ends alphanumeric. Whoever knows the secret_id proves
// that he may release the message. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/named.h"

namespace tamis::mail {

using MailId = Named<std::string, struct MailIdTag>;
using SecretId = Named<std::string, struct SecretIdTag>;
using LogId = Named<std::string, struct LogIdTag>;

struct MessageIds {
    MailId mail_id;
    SecretId secret_id;
};

MessageIds draw_message_ids();

// log_id_of - what the log lines of a message begin with: the process, the connection it came by, and behind its first message
// which of the connection it is: "12345-07", "12345-07-2"
LogId log_id_of(std::uint64_t connection, std::uint64_t transaction = 1);

// secret_matches - whether the secret belongs to the mail_id; takes the same time whatever the answer. Both the form
// of amavisd 2.7 and later (base64url) and the older one (base64 of the MD5 of the text, "/" as "-") are accepted.
bool secret_matches(const MailId& mail_id, const SecretId& secret_id);

// is_mail_id - [A-Za-z0-9][A-Za-z0-9_+-]*={0,2}, at most 16 characters
bool is_mail_id(std::string_view text) noexcept;

}  // namespace tamis::mail
