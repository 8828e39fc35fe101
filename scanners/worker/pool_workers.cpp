// pool_workers - how workers start, what they say of their jobs, and how they end
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "scanners/worker/pool_impl.h"

namespace tamis::worker {
namespace {

constexpr auto start_limit = std::chrono::seconds(30);  // for a worker to load its tables and to confine itself
constexpr auto pause_after_bad_starts = std::chrono::seconds(1);
constexpr auto longest_wait_for_memory = std::chrono::seconds(30);
constexpr int bad_starts_limit = 3;  // in a row: then waiting jobs fail instead of waiting on
constexpr int attempts_limit = 2;

}  // namespace

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

// start - the worker gets its limits as its first packet and is used only after it has said that it is confined (is_ready). It is
// never waited for: what comes too late is dropped by its alarm, and the message goes to another one.
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

}  // namespace tamis::worker
