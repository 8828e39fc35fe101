// notice_text - the words of our own messages: plain text templates with named placeholders
//
// A template is text; {name} is replaced by the value of that name, once (a value is never looked at again, so nobody
// can smuggle a placeholder in); an unknown {name} stays as it is. The built-in templates are here and nowhere else.
// Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tamis::policy {

// NoticeTemplate - placeholders in both: {host} {sender} {client} {subject} {message_id} {arrival} {failed} {relayed}
// {log_id} {mail_id}; {failed} and {relayed} are lists, one recipient with its reason per paragraph, or empty
struct NoticeTemplate {
    std::string_view subject;  // of the notice; one line
    std::string_view body;     // UTF-8, LF line ends
};

// the three cases of a delivery status notification
NoticeTemplate failure_template();
NoticeTemplate relayed_template();
NoticeTemplate mixed_template();

using TemplateValues = std::vector<std::pair<std::string_view, std::string>>;

// fill_template - linear in template and values
std::string fill_template(std::string_view text, const TemplateValues& values);

}  // namespace tamis::policy
