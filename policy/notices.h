// notices - who is told, and when nobody may be: delivery status notifications (RFC 3464, RFC 6533), pure
//
// The suppression rules are docs/amavis/policy.md 10, and one more: mail from outside that is infected, banned or
// spam is never answered to its alleged sender, unless the site says so (no backscatter). The text of a notice is a
// complete message with CRLF line ends, ready to be submitted with the null reverse-path. What strangers wrote (sender,
// recipients, HELO, XFORWARD, virus names, replies of the next hop, their header) can never break out of its place:
// not out of a field, not out of a MIME part.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "mail/envelope.h"
#include "mail/message.h"
#include "policy/case.h"

namespace tamis::policy {

// NotificationOptions - what a notification depends on besides the case
struct NotificationOptions {
    bool next_hop_takes_dsn = true;     // NOTIFY=SUCCESS was passed on for all; else see RecipientOutcome::takes_dsn
    bool bounces_outside_mail = false;  // amavisd's way: viruses and spam from outside may be bounced as well
    bool sender_is_fake = true;         // a virus that fakes senders (the default for all)
    std::string hostname;               // ours, for Reporting-MTA and From
    std::string postmaster;             // "postmaster@host" for From
    std::string mail_id;                // of the notice itself, for its Message-ID
    std::chrono::system_clock::time_point now;
};

// NotificationKind - none: nothing to tell, the answer of the dialogue tells it. suppressed: it should be told and may not be.
enum class NotificationKind { none, suppressed, failed, relayed };

// NotificationDecision - per recipient: whether the sender is told, and when not, why
struct NotificationDecision {
    NotificationKind kind = NotificationKind::none;
    std::string why;  // for the log: "NOTIFY=NEVER", "null sender", "bulk mail", "score 15 >= dsn cutoff 10", ...
};

// decide_notifications - one decision per recipient, in their order. The rules apply in the order of docs/amavis/policy.md 10. A recipient that was to pass and got a 5xx was refused by the
// next hop: the destiny of that is Destinies::mta_rejected.
std::vector<NotificationDecision> decide_notifications(const Case& of, const NotificationOptions& options);

// Notice - a message of our own
struct Notice {
    std::string sender;  // reverse-path; empty for a DSN
    std::vector<std::string> recipients;
    std::string text;  // CRLF line ends
    bool smtputf8 = false;
};

// delivery_status_notification - one for all recipients that are to be reported; nothing when there are none, and for
// the null sender whatever the decisions say. multipart/report (RFC 6522) of a text, the status (RFC 3464; RFC 6533 when
// the message came with SMTPUTF8) and the header of the message, at most 64 KiB of it; never its body. Pure ASCII unless
// `smtputf8` is set: then it needs SMTPUTF8 and 8BITMIME.
std::optional<Notice> delivery_status_notification(const Case& of, const NotificationOptions& options,
                                                   const std::vector<NotificationDecision>& decisions);

// is_notice - an automatic message that nobody can answer (null sender, Auto-Submitted): nobody is notified about it
bool is_notice(const mail::Envelope& envelope, const mail::Message& message);

// is_bulk_mail - mailing lists, automatic answers and bulk (docs/amavis/policy.md 7.4), so nothing may be answered
// automatically; true for the null sender
bool is_bulk_mail(const mail::Envelope& envelope, const mail::Message& message);

}  // namespace tamis::policy
