// notice_parts - what all messages of our own are made of: safe words from strangers, the top fields, the text part
//
// Guarantees: nothing that a stranger chose can end its field or its line; lines end in CRLF and are short enough to
// travel. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "mail/envelope.h"
#include "mail/message.h"

namespace tamis::policy {

// with_crlf - LF line ends become CRLF
std::string with_crlf(std::string_view text);
// header_words - a field of the message for people: decoded, UTF-8, on one line, at most 200 octets; "-" when missing
std::string header_words(const mail::Message& message, std::string_view name);
// client_words - "mx.example.net [192.0.2.1]", or "-"
std::string client_words(const mail::Client& client);
// can_be_named - an address that may stand between < and > in a header field of ours
bool can_be_named(std::string_view address, bool utf8);
// host_text - a host name or address of ours for a header field
std::string host_text(std::string_view name);

// NoticeFields - the top of a message of ours
struct NoticeFields {
    std::string_view hostname;
    std::string_view from;        // address
    std::vector<std::string> to;  // those that cannot be named are left out
    std::string subject;          // UTF-8
    std::string date;
    std::string_view id_prefix;  // "DSN", "VA", ...
    std::string_view id;         // of the Message-ID; letters, digits and -_+ are used
    std::string_view auto_submitted;
    bool utf8 = false;
};
std::string notice_fields(const NoticeFields& fields);

// text_body - MIME fields of a text/plain message and its text (CRLF), as 7bit or quoted-printable
std::string text_body(std::string_view text);

}  // namespace tamis::policy
