// submitter - whoever takes a message for delivery: Reinjector (deliver/reinject.h) in the daemon, a fake in tests
//
// One transaction for recipients with equal edits; what it holds and what comes back for each recipient.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "deliver/next_hop.h"
#include "mail/edited_message.h"
#include "mail/envelope.h"

namespace tamis::deliver {

// SubmissionResult - for one recipient, in the order of Submission::recipients
struct SubmissionResult {
    int code = 451;  // 250: the next hop has taken responsibility; else 4xx or 5xx; its 421 is told as 451
    std::string enhanced = "4.5.0";
    std::string text;            // without code and enhanced code: "from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as X"
    std::string remote_reply;    // the next hop's own words, one line, printable: "250 2.0.0 Ok: queued as X"; may be empty
    bool from_next_hop = false;  // the code is the next hop's own
    bool takes_dsn = false;      // the next hop offered DSN: what was asked by NOTIFY is its business now
    bool unknown_outcome = false;  // the connection died after the final dot was sent: it may have been delivered
};

// Submission - one transaction with the next hop
struct Submission {
    const mail::Envelope* envelope = nullptr;  // BODY, SMTPUTF8, RET, ENVID, AUTH, XFORWARD client
    std::string sender;                        // reverse-path, usually the envelope's
    std::vector<mail::Recipient> recipients;
    mail::EditedMessage text;
    bool has_8bit = false;         // any octet above 127 in the text
    bool has_8bit_header = false;  // in its header section
    bool needs_smtputf8 = false;   // the client asked for it, or an address/header needs it
    std::string log_id;
    // abort_on_partial_refusal - SMTP input: when a recipient gets a 4xx, nobody shall get the mail
    // (docs/amavis/smtp.md 3.1)
    bool abort_on_partial_refusal = false;
    // on_taken - called at once when the next hop has answered 2xx for a recipient (by its place in `recipients`), before
    // anything else is read or sent: whoever must know it even if the process is killed the next moment notes it here
    std::function<void(std::size_t, const SubmissionResult&)> on_taken = {};
};

class Submitter {
public:
    virtual ~Submitter() = default;
    // submit - never throws; ends by the deadline; always one result per recipient. The envelope must outlive it.
    virtual Task<std::vector<SubmissionResult>> submit(NextHop to, Submission what, Deadline deadline) = 0;
};

}  // namespace tamis::deliver
