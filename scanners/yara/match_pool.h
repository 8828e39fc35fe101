// match_pool - matches compiled YARA rules in confined worker processes (scanners/worker/match_role.h)
//
// Guarantees: match() answers with the rules that matched or with a Fault, never with "none" because it could not look: a
// worker that crashed, was killed or answered nonsense is replaced and the same bytes are shown to another one, once; one
// that does not answer by the deadline is ended. Small things of one message that wait at the same time go to a worker
// together. Trusts nothing a worker says (match_wire.h). Any thread: a scan runs on its caller's executor, which is also
// where it talks to the worker it was lent; nothing blocks and there is no thread of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "mail/message.h"
#include "scanners/worker/match_wire.h"
#include "scanners/worker/spawner.h"
#include "scanners/yara/yara_rules.h"

namespace tamis::scanners {

struct MatchOptions {
    std::uint32_t workers = 4;             // at most; the first is started at once, others when they are needed
    std::uint64_t memory = 256ULL << 20;   // private memory of one, the rules not counted
    std::uint32_t jobs_per_worker = 5000;  // then it is replaced
    std::chrono::seconds longest{60};      // of one job
};

// match_setup_of - the first packet for a worker with these rules
worker::MatchSetup match_setup_of(const YaraRules& rules, const MatchOptions& options);

class MatchPool {
public:
    // `spawner` outlives the pool; null: every match() fails
    MatchPool(worker::Spawner* spawner, std::shared_ptr<const YaraRules> rules, MatchOptions options);
    ~MatchPool();
    MatchPool(const MatchPool&) = delete;
    MatchPool& operator=(const MatchPool&) = delete;

    // match - numbers of the rules that match, ascending. `message` says which message the bytes are of: for the log, and for
    // what may go together. Errc::timeout, Errc::over_limit (memory, too many matches), Errc::bad_input (two workers
    // failed with it: it is to blame), Errc::unavailable (no worker can be started).
    Task<Result<std::vector<std::uint32_t>>> match(std::string message, std::shared_ptr<const mail::SealedSpool> bytes,
                                                   Deadline deadline);

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tamis::scanners
