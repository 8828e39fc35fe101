// people_notices - notices to administrators and recipients (docs/amavis/policy.md 10); who gets one, and its text
//
// An administrator gets one notice about a message, with only those recipients in it whose settings name him. A
// recipient is told about his own mail only, when it was blocked for good. There is never a notice about a notice: ours
// leave with Auto-Submitted and, unless the site says otherwise, the null sender, and mail that has both brings none.
// Pure; strangers' words cannot break out of their place.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/notices.h"

namespace tamis::policy {

// NoticeText - a template: placeholders in both, docs/notices.md lists them
struct NoticeText {
    std::string subject;
    std::string body;  // LF line ends
};

// parse_notice_text - a template file: "Subject: words", an empty line, the text; UTF-8, at most 64 KiB
Result<NoticeText> parse_notice_text(std::string_view file);

// NoticeTexts - the built-in ones, unless the site has its own
struct NoticeTexts {
    NoticeTexts();
    NoticeText virus_admin, spam_admin, banned_admin, bad_header_admin;
    NoticeText virus_recipient, banned_recipient, bad_header_recipient;
};

// PeopleOptions - what these notices depend on besides the case
struct PeopleOptions {
    const NoticeTexts* texts = nullptr;
    bool is_new_virus = false;  // a virus name that was not seen before
    bool warn_offsite = false;  // recipients that are not local are told as well
    std::string hostname;
    std::string from;    // address of the From field
    std::string sender;  // reverse-path
    std::chrono::system_clock::time_point now;
};

// PeopleNotice - a notice and what it is, for the log: "virus_admin notification"
struct PeopleNotice {
    Notice notice;
    std::string_view kind;
};

// people_notices - all that are due. None when the MTA will bring the whole message again (SMTP and a temporary
// failure).
std::vector<PeopleNotice> people_notices(const Case& of, const PeopleOptions& options);

}  // namespace tamis::policy
