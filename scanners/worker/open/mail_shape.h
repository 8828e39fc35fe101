// mail_shape - tells a mail, an mbox or an MHT file by its first lines, whatever its name and declared type
//
// RFC 5322, RFC 4155, RFC 2557. Strict: header fields from the very first line on, and among them those that only mail has.
// "Key: value" lists, HTTP headers, logs and letters that quote a mail are none. Pure, linear, total; trusts nothing.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "scanners/worker/open/multipart.h"

namespace tamis::worker {

enum class MailShape : std::uint8_t {
    none,
    message,  // an entity with header fields: a mail, an MHT file
    mbox,     // mails behind "From " lines
};
MailShape mail_shape(std::string_view head);

// mail_begin - where the first line that is not empty begins, a byte order mark apart
std::size_t mail_begin(std::string_view text);

// is_mime_entity - begins with header fields of which one says how the rest is to be read
bool is_mime_entity(std::string_view text);

// mbox_messages - the ranges of the mails, without their "From " lines; at most `most`
std::vector<Range> mbox_messages(std::string_view text, std::size_t most);

}  // namespace tamis::worker
