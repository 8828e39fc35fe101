// pool_impl - what the pool is made of: messages that wait, workers, and what is counted. For pool.cpp (the queue) and
// pool_workers.cpp (the life of workers and what they say) alone.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/metric.h"
#include "scanners/worker/answer_of.h"
#include "scanners/worker/packet.h"
#include "scanners/worker/pool.h"
#include "scanners/worker/wire.h"

namespace tamis::worker {

using Clock = Deadline::Clock;

struct PoolMetrics {
    metric::Counter jobs{"tamis_open_jobs_total", "messages handed to a decoder process"};
    metric::Counter failures{"tamis_open_failures_total", "messages that could not be opened"};
    metric::Counter crashes{"tamis_open_crashes_total",
                            "decoder processes that died or answered nonsense while they had a message"};
    metric::Counter timeouts{"tamis_open_timeouts_total", "decoder processes ended because a message took too long"};
    metric::Counter restarts{"tamis_open_workers_started_total", "decoder processes started"};
    metric::Counter long_jobs{"tamis_open_long_jobs_total", "messages that used more than the quantum of CPU"};
    metric::Counter batches{"tamis_open_batches_total",
                            "batches of parts shown to the virus scanners while their message was still being opened"};
    metric::Counter waited{"tamis_open_wait_seconds_total", "time that messages waited for a free decoder process"};
};
PoolMetrics& metrics();

// failed - the contents of a message that could not be opened; failed_on_it: the message itself did it
mail::Contents failed(std::string why);
mail::Contents failed_on_it(std::string why);

// Said - what a worker said of its job before the answer: parts to be shown, or a wish for memory
struct Said {
    std::uint32_t job = 0;
    mail::ShownParts shown;
    std::uint64_t wish = 0;  // bytes; 0: it is a batch
};

// Entry - one message on its way; shared by its coroutine and the pool
struct Entry {
    Entry(asio::any_io_executor executor, std::shared_ptr<const mail::SealedSpool> spool, OpenJob how)
        : message(std::move(spool)), job(std::move(how)), waker(std::move(executor)) {}

    std::shared_ptr<const mail::SealedSpool> message;
    OpenJob job;
    asio::steady_timer waker;  // wakes the coroutine: at its time limit, or when done
    Clock::time_point arrived = Clock::now();
    Clock::time_point handed{};                          // to a worker
    Clock::time_point until = Clock::time_point::max();  // end of its time on that worker
    int attempts = 0;
    bool is_long = false;
    bool is_done = false;
    std::deque<Said> said;          // in this order, at most one of each kind of a job
    std::uint32_t shown_parts = 0;  // of the present attempt
    std::uint64_t shown_bytes = 0;
    bool has_enough = false;
    Slots::Units memory;        // of its workers' memory files
    mail::ShownParts kept;      // batches, when nobody takes them
    std::uint32_t kept_of = 0;  // the job that they belong to
    mail::Contents result;
};
using EntryPtr = std::shared_ptr<Entry>;

// Worker - one process, seen from here
struct Worker {
    explicit Worker(asio::io_context& context) : socket(context), alarm(context) {}

    asio::posix::stream_descriptor socket;
    asio::steady_timer alarm;  // for its start
    std::uint64_t cookie = 0;
    std::uint32_t jobs = 0;
    std::uint32_t number = 0;  // of its present job
    bool is_ready = false;
    bool is_slow = false;  // has low priority, for good
    bool is_gone = false;
    bool has_batch_out = false, has_wish_out = false;  // it may say no second one
    EntryPtr entry;                                    // what it works on
    std::string death;                                 // how it ended, once the spawner has said so
    bool used_cpu = false;                             // it ended because of that
};
using WorkerPtr = std::shared_ptr<Worker>;

struct WorkerPool::Impl : std::enable_shared_from_this<Impl> {
    Impl(asio::io_context& io, Spawner& starter, PoolOptions how, Slots* charged)
        : context(io), spawner(starter), options(how), memory(charged) {}

    void fill();
    bool start();
    void watch(const WorkerPtr& worker);
    void on_readable(const WorkerPtr& worker);
    void on_packet(const WorkerPtr& worker, Packet& packet);
    void on_hello(const WorkerPtr& worker, std::string_view bytes);
    void on_long(const WorkerPtr& worker, std::string_view bytes);
    void on_said(const WorkerPtr& worker, Packet& packet);
    void on_answer(const WorkerPtr& worker, TakenAnswer answer);
    void on_batch(const WorkerPtr& worker, TakenBatch batch);
    void on_wish(const WorkerPtr& worker, std::string_view bytes);
    Task<bool> grant(Entry& entry, std::uint64_t bytes, Deadline deadline);
    Task<void> serve(EntryPtr entry, Said said, const ShowParts& show, Deadline deadline);
    void go_on(const EntryPtr& entry, const GoOn& answer);
    void on_gone(const WorkerPtr& worker);
    void drop(const WorkerPtr& worker);
    void lost(const WorkerPtr& worker, const std::string& why);
    void bad_start(const std::string& why);
    void pump();
    EntryPtr next();
    Done hand(const EntryPtr& entry, const WorkerPtr& worker);
    void finish(const EntryPtr& entry, mail::Contents result);
    void give_up(const EntryPtr& entry);
    void fail_waiting(const std::string& why);
    void enqueue(const EntryPtr& entry, bool in_front);
    void add(const EntryPtr& entry);
    void stop();
    std::uint32_t long_running() const;
    std::uint32_t waiting_for_us() const;
    std::uint32_t long_allowed() const { return std::max(1U, options.extra); }
    WorkerPtr idle() const;
    bool may_take_any() const;
    State state() const;

    asio::io_context& context;
    Spawner& spawner;
    PoolOptions options;
    Slots* memory;  // null: nothing is charged
    std::list<WorkerPtr> workers;
    std::deque<EntryPtr> plain, usual, slow;  // who goes first
    std::vector<char> buffer = std::vector<char>(packet_limit);
    std::uint32_t next_number = 1;
    int bad_starts = 0;
    Clock::time_point not_before{};
    std::string trouble;  // why the last worker could not be started
    bool is_stopped = false;
};

}  // namespace tamis::worker
