// reinject - hands a message to the next hop over SMTP or LMTP, one transaction for recipients with equal edits
//
// docs/amavis/smtp.md 3.1, 3.3 and 3.4: cached connections, pipelined MAIL/RCPT/DATA, XFORWARD, extensions passed
// on, results per recipient. The writer can only emit CRLF: whatever the pieces hold, a bare CR, a bare LF or NUL never
// leaves (SMTP smuggling: Postfix exempts $mynetworks from its bare-newline check).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/tls.h"
#include "deliver/submitter.h"

namespace tamis::deliver {

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
class Reinjector final : public Submitter {
public:
    explicit Reinjector(ReinjectOptions options);
    ~Reinjector() override;
    Reinjector(const Reinjector&) = delete;
    Reinjector& operator=(const Reinjector&) = delete;

    // submit - as Submitter says; a kept connection that is found dead before the next hop accepted anything is replaced by a
    // new one, once
    Task<std::vector<SubmissionResult>> submit(NextHop to, Submission what, Deadline deadline) override;
    // close_idle - closes cached connections that are over their limits; call it now and then
    void close_idle();
    void close_all();

private:
    struct Cache;
    struct Attempt;
    std::shared_ptr<Cache> cache_;
};

}  // namespace tamis::deliver
