#include "scanners/worker/pool.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <deque>
#include <iterator>
#include <list>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "scanners/worker/answer_of.h"
#include "scanners/worker/packet.h"
#include "scanners/worker/plain_look.h"
#include "scanners/worker/wire.h"

namespace tamis::open {

using Clock = Deadline::Clock;

namespace {

constexpr auto start_limit = std::chrono::seconds(30);  // for a worker to load its tables and to confine itself
constexpr auto pause_after_bad_starts = std::chrono::seconds(1);
constexpr auto long_wait = std::chrono::seconds(1);  // a long job that has waited so long goes before new ones
constexpr auto longest_wait_for_memory = std::chrono::seconds(30);
constexpr int bad_starts_limit = 3;  // in a row: then waiting jobs fail instead of waiting on
constexpr int attempts_limit = 2;

struct Metrics {
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
Metrics& metrics() {
    static Metrics counted;
    return counted;
}

mail::Contents failed(std::string why) {
    mail::Contents out;
    out.failure = std::move(why);
    return out;
}

// failed_on_it - the message itself did it
mail::Contents failed_on_it(std::string why) {
    auto out = failed(std::move(why));
    out.is_to_blame = true;
    return out;
}

}  // namespace

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

// fill - as many workers as there should be: the normal ones, and one more for each that has a long job or waits for the engines
void WorkerPool::Impl::fill() {
    if (is_stopped || Clock::now() < not_before) return;
    const std::size_t wanted = options.workers + std::min(long_running() + waiting_for_us(), options.extra);
    while (workers.size() < wanted && start()) {
    }
    while (workers.size() > wanted) {
        const auto surplus = idle();
        if (!surplus || !plain.empty() || !usual.empty() || !slow.empty()) break;
        drop(surplus);
    }
}

bool WorkerPool::Impl::start() {
    auto ends = socket_pair();
    if (!ends) {
        trouble = describe(ends.error());
        return false;
    }
    auto cookie = spawner.start_worker(ends->second.get());
    if (!cookie) {
        trouble = describe(cookie.error());
        return false;
    }
    metrics().restarts.add();
    Setup setup;
    setup.memory = options.memory;
    setup.quantum_ms = static_cast<std::uint32_t>(options.quantum.count());
    setup.file = options.file;
    // a worker with a long job is replaced after it: all others stay below the quantum
    setup.cpu_seconds =
        static_cast<std::uint32_t>((options.jobs_per_worker * options.quantum + 2 * options.cpu).count() / 1000 + 60);
    auto worker = std::make_shared<Worker>(context);
    worker->cookie = *cookie;
    if (auto sent = send_packet(ends->first.get(), encode_setup(setup), {}, {}, Wait::no); !sent) {
        trouble = describe(sent.error());
        return false;
    }
    boost::system::error_code error;
    worker->socket.assign(ends->first.get(), error);
    if (error) {
        trouble = error.message();
        return false;
    }
    ends->first.release();
    workers.push_back(worker);
    worker->alarm.expires_after(start_limit);
    worker->alarm.async_wait([self = shared_from_this(), worker](const boost::system::error_code& stopped) {
        if (stopped || worker->is_ready || worker->is_gone) return;
        self->drop(worker);
        self->bad_start("it was not ready in time");
    });
    watch(worker);
    return true;
}

void WorkerPool::Impl::watch(const WorkerPtr& worker) {
    worker->socket.async_wait(asio::posix::stream_descriptor::wait_read,
                              [self = shared_from_this(), worker](const boost::system::error_code& error) {
                                  if (!error && !worker->is_gone) self->on_readable(worker);
                              });
}

void WorkerPool::Impl::on_readable(const WorkerPtr& worker) {
    auto packet = receive_packet(worker->socket.native_handle(), buffer, Wait::no);
    if (packet) on_packet(worker, *packet);
    else if (packet.error().is(Errc::closed)) return on_gone(worker);
    else if (!packet.error().is(Errc::unavailable)) return lost(worker, "sent what cannot be understood");
    if (!worker->is_gone) watch(worker);
}

void WorkerPool::Impl::on_packet(const WorkerPtr& worker, Packet& packet) {
    switch (kind_of(packet.bytes)) {
        case PacketKind::hello: return on_hello(worker, packet.bytes);
        case PacketKind::long_job: return on_long(worker, packet.bytes);
        case PacketKind::answer:
        case PacketKind::batch:
        case PacketKind::elsewhere: return on_said(worker, packet);
        case PacketKind::wish: return on_wish(worker, packet.bytes);
        case PacketKind::death:
            if (auto notice = parse_death(packet.bytes)) {
                worker->death = describe_death(*notice);
                worker->used_cpu = is_cpu_death(*notice);
                return on_gone(worker);
            }
            break;
        default: break;
    }
    lost(worker, "sent what cannot be understood");
}

void WorkerPool::Impl::on_hello(const WorkerPtr& worker, std::string_view bytes) {
    const auto confinement = parse_hello(bytes);
    if (!confinement || worker->is_ready) {
        const auto why = confinement ? std::string("said hello twice") : confinement.error().detail;
        return lost(worker, why);
    }
    worker->is_ready = true;
    worker->alarm.cancel();
    bad_starts = 0;
    if (spawner.first_report())
        log::info({}, "decoder processes: {}, confined by {}", spawner.worker(), escaped(*confinement, 200));
    pump();
}

// on_long - the job goes on beside the others; when enough of them do that already, it is begun again later
void WorkerPool::Impl::on_long(const WorkerPtr& worker, std::string_view bytes) {
    const auto number = parse_long_job(bytes);
    if (!number || !worker->entry || *number != worker->number || worker->is_slow)
        return lost(worker, "spoke of a job that it does not have");
    worker->is_slow = true;
    const auto entry = worker->entry;
    entry->is_long = true;
    metrics().long_jobs.add();
    if (long_running() > long_allowed()) {
        worker->entry.reset();
        drop(worker);
        enqueue(entry, false);
    }
    fill();
    pump();
}

void WorkerPool::Impl::on_said(const WorkerPtr& worker, Packet& packet) {
    if (!worker->entry) return lost(worker, "answered without being asked");
    auto said = take_said(packet, worker->entry->job.limits);
    if (!said) return lost(worker, fmt::format("answered nonsense: {}", said.error().detail));
    if (auto* batch = std::get_if<TakenBatch>(&*said)) return on_batch(worker, std::move(*batch));
    on_answer(worker, std::get<TakenAnswer>(std::move(*said)));
}

void WorkerPool::Impl::on_answer(const WorkerPtr& worker, TakenAnswer answer) {
    const auto entry = worker->entry;
    if (answer.job != worker->number) return lost(worker, "answered for another job");
    worker->entry.reset();
    if (answer.is_last || worker->is_slow || worker->jobs >= options.jobs_per_worker) drop(worker);
    answer.contents.is_to_blame = !answer.contents.failure.empty();
    finish(entry, std::move(answer.contents));
    fill();
    pump();
}

// on_batch - the message's coroutine will look at it; the worker says nothing more of that kind until then
void WorkerPool::Impl::on_batch(const WorkerPtr& worker, TakenBatch batch) {
    const auto entry = worker->entry;
    if (batch.job != worker->number || std::exchange(worker->has_batch_out, true)) return lost(worker, "spoke out of turn");
    std::uint64_t bytes = 0;
    for (const auto& each : batch.shown) bytes += each.bytes->size();
    const auto& limits = entry->job.limits;
    if (batch.shown.size() > limits.extracts - entry->shown_parts || bytes > limits.extract_bytes - entry->shown_bytes)
        return lost(worker, "showed more than its limits allow");
    entry->shown_parts += static_cast<std::uint32_t>(batch.shown.size());
    entry->shown_bytes += bytes;
    metrics().batches.add();
    entry->said.push_back({batch.job, std::move(batch.shown), 0});
    entry->waker.cancel();
    fill();
    pump();
}

void WorkerPool::Impl::on_wish(const WorkerPtr& worker, std::string_view bytes) {
    const auto wish = parse_wish(bytes);
    if (!wish || !worker->entry || wish->job != worker->number || wish->bytes == 0 || std::exchange(worker->has_wish_out, true))
        return lost(worker, "spoke out of turn");
    worker->entry->said.push_back({wish->job, {}, wish->bytes});
    worker->entry->waker.cancel();
    fill();
    pump();
}

// go_on - lets the worker that has this job go on; one that has died or answered since needs no word
void WorkerPool::Impl::go_on(const EntryPtr& entry, const GoOn& answer) {
    const auto found = std::ranges::find(workers, entry, &Worker::entry);
    if (found == workers.end() || (*found)->number != answer.job) return;
    const auto worker = *found;
    (answer.is_grant ? worker->has_wish_out : worker->has_batch_out) = false;
    auto sent = send_packet(worker->socket.native_handle(), encode_go_on(answer), {}, {}, Wait::no);
    if (!sent && !sent.error().is(Errc::closed)) lost(worker, "does not listen");
    fill();
}

// grant - memory for a job that holds some already (Slots::grow). A wait that takes too long ends in a limit of this message.
Task<bool> WorkerPool::Impl::grant(Entry& entry, std::uint64_t bytes, Deadline deadline) {
    const auto& limits = entry.job.limits;
    if (bytes > limits.maximum_quota + limits.extract_bytes) co_return false;  // no honest job needs so much
    if (memory == nullptr) co_return true;
    const auto patience = deadline.sooner(std::min<Clock::duration>(longest_wait_for_memory, deadline.left() / 2));
    const auto granted = co_await memory->grow(entry.memory, bytes, patience);
    co_return granted.has_value();
}

// serve - one thing that a worker has said, in the message's own coroutine
Task<void> WorkerPool::Impl::serve(EntryPtr entry, Said said, const ShowParts& show, Deadline deadline) {
    const auto begun = Clock::now();
    GoOn answer{.job = said.job, .is_grant = said.wish != 0, .has_enough = entry->has_enough};
    if (said.wish != 0) {
        answer.is_allowed = co_await grant(*entry, said.wish, deadline);
    } else if (!show) {
        if (std::exchange(entry->kept_of, said.job) != said.job) entry->kept.clear();  // of a worker that has crashed
        std::ranges::move(said.shown, std::back_inserter(entry->kept));
    } else if (!entry->has_enough) {
        entry->has_enough = !co_await show(std::move(said.shown));
        answer.has_enough = entry->has_enough;
    }
    if (entry->until != Clock::time_point::max()) entry->until += Clock::now() - begun;
    go_on(entry, answer);
}

// on_gone - the process has ended by itself
void WorkerPool::Impl::on_gone(const WorkerPtr& worker) {
    lost(worker, worker->death.empty() ? std::string("closed its connection") : worker->death);
}

// drop - without a word about its job; the process is killed, it has nothing to lose
void WorkerPool::Impl::drop(const WorkerPtr& worker) {
    if (worker->is_gone) return;
    worker->is_gone = true;
    worker->alarm.cancel();
    if (auto killed = spawner.kill_worker(worker->cookie); !killed) trouble = describe(killed.error());
    boost::system::error_code ignored;
    worker->socket.close(ignored);
    workers.remove(worker);
}

// lost - a worker that is of no use any more, by its own fault or that of its message
void WorkerPool::Impl::lost(const WorkerPtr& worker, const std::string& why) {
    if (worker->is_gone) return;
    const auto entry = std::exchange(worker->entry, nullptr);
    drop(worker);
    if (!worker->is_ready) return bad_start(why);
    log::warning({}, "a decoder process {}: {}", entry ? "failed with a message" : "ended", why);
    if (entry) {
        metrics().crashes.add();
        ++entry->attempts;
        if (worker->used_cpu)
            finish(entry,
                   failed_on_it(fmt::format("the decoder used more than {} ms of CPU time", entry->job.limits.cpu.count())));
        else if (entry->attempts >= attempts_limit)
            finish(entry, failed_on_it(fmt::format("the decoder crashed twice ({})", why)));
        else enqueue(entry, true);
    }
    fill();
    pump();
}

// bad_start - a worker that never became ready. After a few in a row nobody goes on waiting for one.
void WorkerPool::Impl::bad_start(const std::string& why) {
    trouble = why;
    if (++bad_starts >= bad_starts_limit) {
        if (bad_starts == bad_starts_limit)
            log::error({}, "decoder processes cannot be started, messages are not opened and unchecked: {} {}", spawner.worker(),
                       why);
        not_before = Clock::now() + pause_after_bad_starts;
    }
    fill();
    if (workers.empty()) fail_waiting(fmt::format("no decoder process could be started ({})", trouble));
}

std::uint32_t WorkerPool::Impl::long_running() const {
    return static_cast<std::uint32_t>(
        std::ranges::count_if(workers, [](const auto& worker) { return worker->entry && worker->entry->is_long; }));
}

// waiting_for_us - workers that can do nothing until the engines have looked, or memory is free
std::uint32_t WorkerPool::Impl::waiting_for_us() const {
    return static_cast<std::uint32_t>(std::ranges::count_if(workers, [](const auto& worker) {
        return worker->entry && !worker->entry->is_long && (worker->has_batch_out || worker->has_wish_out);
    }));
}

// is_quiet - an idle worker has nothing to say: bytes that wait are the news of its death, and a message must not be blamed
// for that
bool is_quiet(int descriptor) noexcept {
    pollfd state{descriptor, POLLIN, 0};
    return ::poll(&state, 1, 0) == 0;
}

WorkerPtr WorkerPool::Impl::idle() const {
    const auto found = std::ranges::find_if(workers, [](const auto& worker) {
        return worker->is_ready && !worker->entry && is_quiet(worker->socket.native_handle());
    });
    return found == workers.end() ? nullptr : *found;
}

// may_take_any - the last idle worker is kept for messages that look plain: they never wait for a decoder at work
bool WorkerPool::Impl::may_take_any() const {
    const auto is_idle = [](const auto& worker) { return worker->is_ready && !worker->entry; };
    return std::cmp_greater_equal(std::ranges::count_if(workers, is_idle), std::min(options.workers, 2U));
}

// next - plain messages first; a long job when there is room for another one and it has waited or nobody else does
EntryPtr WorkerPool::Impl::next() {
    const auto take = [](std::deque<EntryPtr>& from) {
        auto entry = std::move(from.front());
        from.pop_front();
        return entry;
    };
    if (!plain.empty()) return take(plain);
    if (!may_take_any()) return nullptr;
    const bool long_may = !slow.empty() && long_running() < long_allowed();
    if (long_may && (usual.empty() || Clock::now() - slow.front()->arrived > long_wait)) return take(slow);
    return usual.empty() ? nullptr : take(usual);
}

void WorkerPool::Impl::pump() {
    while (const auto worker = idle()) {
        const auto entry = next();
        if (!entry) return;
        if (auto handed = hand(entry, worker); !handed) {
            if (!handed.error().is(Errc::closed)) {
                finish(entry,
                       failed(fmt::format("the message cannot be given to a decoder process: {}", describe(handed.error()))));
                continue;
            }
            drop(worker);  // it died since; nobody's fault
            enqueue(entry, true);
        }
        fill();
    }
    if (workers.empty() && Clock::now() < not_before)
        fail_waiting(fmt::format("no decoder process could be started ({})", trouble));
}

Done WorkerPool::Impl::hand(const EntryPtr& entry, const WorkerPtr& worker) {
    const auto& spool = *entry->message;
    Job job{next_number++,
            entry->job.limits,
            entry->job.extract,
            entry->is_long,
            spool.is_all_in_head() && spool.size() <= inline_message,
            spool.size()};
    const std::array descriptor{job.is_inline ? -1 : spool.descriptor()};
    if (!job.is_inline && descriptor[0] < 0) return fail(Errc::unavailable, "no descriptor for the message");
    auto sent = send_packet(worker->socket.native_handle(), encode_job(job), job.is_inline ? spool.head() : std::string_view{},
                            std::span(descriptor).first(job.is_inline ? 0 : 1), Wait::no);
    if (!sent) return sent;
    const auto now = Clock::now();
    metrics().jobs.add();
    metrics().waited.add(std::chrono::duration<double>(now - entry->arrived).count());
    worker->number = job.number;
    worker->entry = entry;
    worker->has_batch_out = worker->has_wish_out = false;
    entry->shown_parts = 0;
    entry->shown_bytes = 0;
    // without asking, so that no job waits for another's end before it begins
    if (memory != nullptr && entry->memory.amount() == 0) entry->memory = memory->try_take(job_reserve);
    worker->is_slow = worker->is_slow || entry->is_long;
    ++worker->jobs;
    entry->handed = now;
    entry->until = now + options.time;
    entry->waker.cancel();  // its coroutine, if it waits already, is to wait no longer than that
    return {};
}

void WorkerPool::Impl::finish(const EntryPtr& entry, mail::Contents result) {
    if (!result.failure.empty()) metrics().failures.add();
    entry->result = std::move(result);
    entry->is_done = true;
    entry->waker.expires_at(Clock::time_point::min());
}

// give_up - its time is over, in a queue or on a worker
void WorkerPool::Impl::give_up(const EntryPtr& entry) {
    for (auto* queue : {&plain, &usual, &slow})
        if (std::erase(*queue, entry) != 0)
            return finish(entry,
                          failed(fmt::format("no decoder process was free in time{}{}", trouble.empty() ? "" : ": ", trouble)));
    const auto found = std::ranges::find(workers, entry, &Worker::entry);
    if (found == workers.end()) return finish(entry, failed("the decoder process was lost"));
    const auto worker = *found;
    worker->entry.reset();
    metrics().timeouts.add();
    log::warning({}, "a decoder process was ended: its message took too long");
    const std::chrono::duration<double> spent = Clock::now() - entry->handed;
    finish(entry, failed_on_it(fmt::format("opening was not done within {:.1f} s", spent.count())));
    drop(worker);
    fill();
    pump();
}

void WorkerPool::Impl::fail_waiting(const std::string& why) {
    for (auto* queue : {&plain, &usual, &slow})
        for (const auto& entry : std::exchange(*queue, {})) finish(entry, failed(why));
}

// enqueue - how plain a message looks is only asked when somebody has to wait
void WorkerPool::Impl::enqueue(const EntryPtr& entry, bool in_front) {
    entry->until = Clock::time_point::max();
    auto& queue = entry->is_long ? slow : !may_take_any() && looks_plain(*entry->message) ? plain : usual;
    if (in_front) queue.push_front(entry);
    else queue.push_back(entry);
}

void WorkerPool::Impl::add(const EntryPtr& entry) {
    if (is_stopped) return finish(entry, failed("the daemon is stopping"));
    enqueue(entry, false);
    fill();
    pump();
    if (workers.empty()) fail_waiting(fmt::format("no decoder process could be started ({})", trouble));
}

void WorkerPool::Impl::stop() {
    is_stopped = true;
    while (!workers.empty()) {
        const auto worker = workers.front();
        const auto entry = std::exchange(worker->entry, nullptr);
        drop(worker);
        if (entry) finish(entry, failed("the daemon is stopping"));
    }
    fail_waiting("the daemon is stopping");
}

WorkerPool::State WorkerPool::Impl::state() const {
    State out;
    for (const auto& worker : workers) ++(!worker->is_ready ? out.starting : worker->entry ? out.busy : out.idle);
    out.long_jobs = long_running();
    out.waiting = static_cast<std::uint32_t>(plain.size() + usual.size() + slow.size());
    return out;
}

WorkerPool::WorkerPool(asio::io_context& context, Spawner& spawner, PoolOptions options, Slots* memory)
    : impl_(std::make_shared<Impl>(context, spawner, options, memory)) {
    impl_->fill();
}

WorkerPool::~WorkerPool() { impl_->stop(); }

void WorkerPool::set_options(PoolOptions options) {
    impl_->options = options;
    impl_->fill();
}

WorkerPool::State WorkerPool::state() const { return impl_->state(); }
void WorkerPool::stop() { impl_->stop(); }

namespace {

// charged - parts that keep the memory of their job charged as long as one of them lives
mail::ShownParts charged(mail::ShownParts parts, Slots::Units units) {
    if (units.amount() == 0) return parts;
    const auto shared = std::make_shared<Slots::Units>(std::move(units));
    struct Both {
        std::shared_ptr<const mail::SealedSpool> bytes;
        std::shared_ptr<Slots::Units> units;
    };
    for (auto& each : parts) {
        const auto both = std::make_shared<Both>(each.bytes, shared);
        each.bytes = std::shared_ptr<const mail::SealedSpool>(both, both->bytes.get());
    }
    return parts;
}

}  // namespace

Task<mail::Contents> WorkerPool::open(std::shared_ptr<const mail::SealedSpool> message, OpenJob job, Deadline deadline,
                                      ShowParts show) {
    const auto pool = impl_;  // outlives the WorkerPool if it must
    std::string trouble;
    try {
        const auto entry = std::make_shared<Entry>(co_await asio::this_coro::executor, std::move(message), std::move(job));
        pool->add(entry);
        while (!entry->is_done || !entry->said.empty()) {
            if (!entry->said.empty()) {
                auto said = std::move(entry->said.front());
                entry->said.pop_front();
                co_await pool->serve(entry, std::move(said), show, deadline);
                continue;
            }
            const auto limit = std::min(deadline.at, entry->until);
            if (Clock::now() >= limit) {
                pool->give_up(entry);
                break;
            }
            entry->waker.expires_at(limit);
            co_await entry->waker.async_wait(as_result);
        }
        auto& shown = entry->result.shown;
        if (entry->result.was_opened)
            shown.insert(shown.begin(), std::make_move_iterator(entry->kept.begin()), std::make_move_iterator(entry->kept.end()));
        shown = charged(std::move(shown), std::move(entry->memory));
        co_return std::move(entry->result);
    } catch (const std::exception& what) {
        trouble = what.what();
    }
    co_return failed(fmt::format("opening failed: {}", trouble));
}

}  // namespace tamis::open
