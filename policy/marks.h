// marks - the header fields and subject tags a message gets, per recipient (docs/amavis/policy.md 8 and 11)
//
// Pure. Every text that a stranger may have chosen goes through mail::HeaderEdits, which cannot be broken out of.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "mail/header_edit.h"
#include "policy/case.h"

namespace tamis::policy {

// Site - names and switches that are the same for everybody
struct Site {
    std::string hostname = "localhost";        // amavisd's $myhostname
    std::string localhost_name = "localhost";  // in "by ..." of Received
    std::string virus_header = "X-Virus-Scanned";
    std::string virus_header_text = "Tamis";  // "Tamis at example.com"
    std::string spam_level_character = "*";
    bool add_received = true;
    bool remove_existing_spam_headers = true;
    bool ambiguity_header = true;
    mail::HeaderRepairs repairs;
};

// received_body - docs/amavis/smtp.md 5; `for` only with a single recipient
std::string received_body(const mail::Envelope& envelope, const mail::Message& message, const Site& site);

// edits_for - what changes in the message for the recipient of that index. `quarantined`: a copy was kept.
mail::HeaderEdits edits_for(const Case& of, std::size_t recipient, const Site& site, bool quarantined);

// alert_texts - the X-Amavis-Alert bodies of these categories; `banned` may be null
std::vector<std::string> alert_texts(const std::vector<mail::ContentCategory>& categories, const MessageFindings& findings,
                                     const BannedHit* banned);

// quarantine_prefix - the fields on top of the quarantined copy, LF line ends (docs/amavis/policy.md 8)
std::string quarantine_prefix(const Case& of, const Site& site);

// fill_subject_tag - the placeholders _SCORE_ _REQD_ _YESNO_ _YESNOCAPS_ _HOSTNAME_ _DATE_ _U_ _LOGID_
// _MAILID_ _SUBJPREFIX_
std::string fill_subject_tag(std::string_view tag, const RecipientVerdict& verdict, const RecipientPolicy& policy,
                             const mail::Message& message, const Site& site);

// rfc5322_date - "Tue, 3 Jan 2023 10:00:00 +0100 (CET)" in local time
std::string rfc5322_date(std::chrono::system_clock::time_point when);

}  // namespace tamis::policy
