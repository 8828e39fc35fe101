// pool - opens messages in worker processes: one per thread of the daemon, with workers started ahead
//
// Guarantees: open() always returns Contents and never throws; a message whose worker crashed, was killed, answered
// nonsense or took too long has a `failure` (and is therefore unchecked), never a clean look. Other messages do not
// notice: a worker serves one message at a time, a job that uses much CPU goes on at low priority in at most
// `extra` workers beside the normal ones, and messages that plainly hold no attachment go first: of two or more workers
// the last idle one is kept for them. Trusts nothing a worker says: its answer is checked against the limits (wire.h). All
// calls belong to the thread of the io_context; no call blocks.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>

#include "base/async.h"
#include "base/deadline.h"
#include "base/slots.h"
#include "mail/contents.h"
#include "scanners/worker/message_opener.h"
#include "scanners/worker/spawner.h"

namespace tamis::worker {

struct PoolOptions {
    std::uint32_t workers = 2;               // kept running
    std::uint32_t extra = 4;                 // more of them, only while as many jobs are long
    std::uint32_t jobs_per_worker = 1000;    // then it is replaced
    std::uint64_t memory = 256ULL << 20;     // private memory of one worker
    std::uint64_t file = 300ULL << 20;       // largest decoded part
    std::chrono::milliseconds cpu{2000};     // the most that any job may use: Limits::cpu
    std::chrono::milliseconds time{30'000};  // one job, from being handed to a worker to its answer
    std::chrono::milliseconds quantum{100};  // CPU after which a job counts as long
};

class WorkerPool final : public MessageOpener {
public:
    // `spawner` outlives the pool. The first workers are started now; nobody waits for them.
    // `memory`, if there is one, is charged for the memory files of jobs beyond what each has in reserve (wire.h); it outlives
    // everything that open() has returned.
    WorkerPool(asio::io_context& context, Spawner& spawner, PoolOptions options, Slots* memory = nullptr);
    ~WorkerPool() override;  // ends the workers; jobs that wait get a failure
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    // open - as MessageOpener says; waits for a free worker and for the answer until the deadline. A second attempt after a crash
    // shows again what the first one has shown. The time that `show` takes is not the worker's.
    Task<mail::Contents> open(std::shared_ptr<const mail::SealedSpool> message, OpenJob job, Deadline deadline,
                              ShowParts show = {}) override;

    // set_options - after a reload; workers that run keep their memory limit until they are replaced
    void set_options(PoolOptions options);

    // figures for tests and the status page
    struct State {
        std::uint32_t starting = 0, idle = 0, busy = 0, long_jobs = 0, waiting = 0;
    };
    State state() const;
    // stop - ends the workers and fails what waits; later calls of open() fail at once. For the end of the io_context.
    void stop();

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tamis::worker
