// reinject - hands a message to the next hop over SMTP or LMTP, one transaction for recipients with equal edits
//
// docs/amavis/smtp.md 3.1, 3.3 and 3.4: cached connections, pipelined MAIL/RCPT/DATA, XFORWARD, extensions passed
// on, results per recipient. The writer can only emit CRLF: whatever the pieces hold, a bare CR, a bare LF or NUL never
// leaves (SMTP smuggling: Postfix exempts $mynetworks from its bare-newline check).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/tls.h"
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

struct ReinjectOptions {
    std::string ehlo_name = "localhost";
    std::chrono::seconds connect_timeout{35};
    std::chrono::seconds command_timeout{300};
    std::chrono::seconds data_init_timeout{120};
    std::chrono::seconds data_block_timeout{180};
    std::chrono::seconds data_done_timeout{600};
    std::chrono::seconds idle_limit{30};  // a cached connection is closed after this idle time
    std::chrono::seconds age_limit{60};
    std::chrono::seconds probe_after{18};  // idle longer: NOOP first
    std::size_t cached_connections = 64;   // per thread
    bool use_xforward = true;
    std::shared_ptr<const TlsContext> tls = nullptr;  // STARTTLS when offered; null: never
    bool require_tls = false;
};

// Reinjector - the connections of one thread; all calls on that thread's executor. It may be destroyed while a submit
// is under way: that submit ends normally and closes its connection.
class Reinjector {
public:
    explicit Reinjector(ReinjectOptions options);
    ~Reinjector();
    Reinjector(const Reinjector&) = delete;
    Reinjector& operator=(const Reinjector&) = delete;

    // submit - never throws; ends by the deadline; always one result per recipient. The envelope must outlive it. A
    // kept connection that is found dead before the next hop accepted anything is replaced by a new one, once.
    Task<std::vector<SubmissionResult>> submit(NextHop to, Submission what, Deadline deadline);
    // close_idle - closes cached connections that are over their limits; call it now and then
    void close_idle();
    void close_all();

private:
    struct Cache;
    struct Attempt;
    std::shared_ptr<Cache> cache_;
};

}  // namespace tamis::deliver
