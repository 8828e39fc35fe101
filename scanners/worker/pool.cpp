#include "scanners/worker/pool.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "scanners/worker/plain_look.h"
#include "scanners/worker/pool_impl.h"

namespace tamis::worker {
namespace {

constexpr auto long_wait = std::chrono::seconds(1);  // a long job that has waited so long goes before new ones

}  // namespace

PoolMetrics& metrics() {
    static PoolMetrics counted;
    return counted;
}

mail::Contents failed(std::string why) {
    mail::Contents out;
    out.failure = std::move(why);
    return out;
}

mail::Contents failed_on_it(std::string why) {
    auto out = failed(std::move(why));
    out.is_to_blame = true;
    return out;
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

}  // namespace tamis::worker
