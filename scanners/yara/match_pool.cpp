#include "scanners/yara/match_pool.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/metric.h"
#include "base/slots.h"
#include "base/text.h"
#include "scanners/worker/match_wire.h"
#include "scanners/worker/packet.h"
#include "scanners/worker/wire.h"

namespace tamis::scanners {

namespace {

using Clock = Deadline::Clock;
using Matched = Result<std::vector<std::uint32_t>>;
using Channel = asio::posix::stream_descriptor;

constexpr auto start_limit = std::chrono::seconds(30);  // for a worker to load the rules and to confine itself
constexpr auto pause_after_bad_start = std::chrono::seconds(1);
constexpr int attempts_limit = 2;
constexpr int bad_starts_limit = 2;      // in a row: then scans fail at once for a moment
constexpr std::size_t rules_factor = 3;  // memory that loaded rules and their scanner need, times their size

struct Metrics {
    metric::Counter started{"tamis_match_workers_started_total", "processes started that match YARA rules"};
    metric::Counter crashes{"tamis_match_crashes_total", "of them, those that died or answered nonsense while they had a job"};
    metric::Counter timeouts{"tamis_match_timeouts_total", "of them, those ended because a job took too long"};
};
Metrics& metrics() {
    static Metrics counted;
    return counted;
}

bool is_small(const mail::SealedSpool& bytes) { return bytes.is_all_in_head() && bytes.size() <= worker::match_inline; }

// Worker - one process; it ends with this
struct Worker {
    Worker(worker::Spawner& starter, worker::Descriptor end, std::uint64_t id)
        : spawner(starter), channel(std::move(end)), cookie(id) {}
    ~Worker() {
        // when the spawner is gone the process is, too
        if (auto killed = spawner.kill_worker(cookie); !killed) log::debug({}, "{}", describe(killed.error()));
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // has_news - an idle worker has nothing to say: this is its death
    bool has_news() const {
        pollfd state{channel.get(), POLLIN, 0};
        return ::poll(&state, 1, 0) != 0;
    }

    worker::Spawner& spawner;
    worker::Descriptor channel;
    std::uint64_t cookie;
    std::uint32_t jobs = 0;
    std::uint32_t number = 0;  // of its present job
    bool is_ready = false;
    std::vector<char> buffer = std::vector<char>(worker::packet_limit);
};
using WorkerPtr = std::unique_ptr<Worker>;

// Watched - the channel on an executor for as long as somebody waits there
class Watched {
public:
    Watched(asio::any_io_executor executor, int number) : channel_(std::make_shared<Channel>(std::move(executor))) {
        channel_->assign(number, error_);
    }
    ~Watched() {
        if (channel_->is_open()) channel_->release();
    }
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    const std::shared_ptr<Channel>& get() const { return channel_; }
    const boost::system::error_code& error() const { return error_; }  // the system cannot watch it

private:
    std::shared_ptr<Channel> channel_;
    boost::system::error_code error_;
};

// receive - the next packet of the worker; Errc::timeout at the deadline
Task<Result<worker::Packet>> receive(Worker& worker, Deadline deadline) {
    const auto executor = co_await asio::this_coro::executor;
    const Watched watched(executor, worker.channel.get());
    if (watched.error()) co_return fail(watched.error(), "waiting for a process that matches YARA rules");
    asio::steady_timer alarm(executor, deadline.at);
    alarm.async_wait([channel = std::weak_ptr(watched.get())](const boost::system::error_code& stopped) {
        boost::system::error_code ignored;
        if (const auto held = channel.lock(); held && !stopped) held->cancel(ignored);
    });
    for (;;) {
        auto packet = worker::receive_packet(worker.channel.get(), worker.buffer, worker::Wait::no);
        if (packet || !packet.error().is(Errc::unavailable)) co_return packet;
        if (deadline.passed()) co_return fail(Errc::timeout, "no answer in time");
        auto [ignored] = co_await watched.get()->async_wait(Channel::wait_read, as_result);
        (void)ignored;
    }
}

// is_of_system - what our own system refused, in distinction to what the worker said or did: one that was killed resets the connection
bool is_of_system(const Fault& fault) {
    if (fault.code == std::errc::connection_reset || fault.code == std::errc::broken_pipe) return false;
    return fault.code.category() == std::system_category() || fault.code.category() == boost::system::system_category();
}

// death_of - the packet's words when it is a death notice
std::optional<std::string> death_of(const worker::Packet& packet) {
    if (worker::kind_of(packet.bytes) != worker::PacketKind::death) return {};
    const auto notice = worker::parse_death(packet.bytes);
    return notice ? worker::describe_death(*notice) : std::string("ended");
}

// Ask - one thing to look at
struct Ask {
    Ask(asio::any_io_executor executor, std::shared_ptr<const mail::SealedSpool> spool, Deadline limit)
        : bytes(std::move(spool)), deadline(limit), waker(std::move(executor)) {}

    void finish(Matched how) {
        result = std::move(how);
        waker.expires_at(Clock::time_point::min());
    }

    std::shared_ptr<const mail::SealedSpool> bytes;
    Deadline deadline;
    asio::steady_timer waker;  // when another scan carries it
    bool is_taken = false;     // guarded by the pool's mutex
    std::optional<Matched> result;
};
using AskPtr = std::shared_ptr<Ask>;

// Batch - what one scan carries, its own thing first. All on one executor; none is left without a result.
struct Batch {
    explicit Batch(std::vector<AskPtr> some) : asks(std::move(some)) {}
    ~Batch() {
        for (const auto& ask : asks)
            if (!ask->result) ask->finish(fail(Errc::broken, "the scan that carried it did not end"));
    }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    std::vector<AskPtr> asks;
};

Deadline soonest(std::span<const AskPtr> asks) {
    auto out = Deadline::never();
    for (const auto& ask : asks) out = out.sooner(ask->deadline);
    return out;
}

void finish_all(std::span<const AskPtr> asks, const Fault& fault) {
    for (const auto& ask : asks) ask->finish(std::unexpected(fault));
}

Matched matched_of(worker::MatchResult result) {
    switch (result.end) {
        case worker::MatchEnd::done: return std::move(result.rules);
        case worker::MatchEnd::timeout: return fail(Errc::timeout, "the rules were not matched in time");
        case worker::MatchEnd::limits:
            return fail(Errc::over_limit,
                        fmt::format("a limit of the rules was met: memory, or more matches than can be kept ({})", result.code));
        case worker::MatchEnd::failed: break;
    }
    return fail(Errc::unavailable, fmt::format("error {} of libyara", result.code));
}

}  // namespace

struct MatchPool::Impl {
    Impl(worker::Spawner* starter, std::shared_ptr<const YaraRules> compiled, MatchOptions how)
        : spawner(starter), rules(std::move(compiled)), options(how), turns(how.workers) {}

    // Lost - the worker is of no use any more
    struct Lost {
        std::string why;
        std::optional<Fault> ours = {};  // our own system was in the way: what was looked at is not to blame
    };

    std::vector<AskPtr> take_batch(const std::string& message, const AskPtr& own);
    void leave(const std::string& message, const AskPtr& ask);
    Result<WorkerPtr> start();
    Task<Result<WorkerPtr>> ready_worker(Deadline deadline);
    Task<Done> wait_until_ready(Worker& worker, Deadline deadline);
    void bad_start(std::string why);
    void put_back(WorkerPtr worker, bool is_last);
    Done hand(Worker& worker, std::span<const AskPtr> asks, Deadline deadline);
    Task<std::optional<Lost>> attempt(std::span<const AskPtr> asks);
    Task<void> look(const std::string& message, std::span<const AskPtr> asks, int attempts);

    worker::Spawner* spawner;
    std::shared_ptr<const YaraRules> rules;
    MatchOptions options;
    Slots turns;                                         // one for each worker that may be at work
    std::mutex mutex;                                    // guards what follows
    std::vector<WorkerPtr> idle;                         // used last, used next
    std::map<std::string, std::vector<AskPtr>> waiting;  // by message
    std::uint32_t next_job = 1;
    int bad_starts = 0;              // in a row
    Clock::time_point not_before{};  // no worker is started earlier
    std::string trouble;             // why the last one could not be started
};

// take_batch - one's own thing and others of the same message that wait for a worker too; nothing when another scan has it
std::vector<AskPtr> MatchPool::Impl::take_batch(const std::string& message, const AskPtr& own) {
    const std::lock_guard lock(mutex);
    if (own->is_taken) return {};
    std::vector<AskPtr> out{own};
    std::uint64_t total = own->bytes->size();
    const auto here = waiting.find(message);
    if (is_small(*own->bytes) && here != waiting.end())
        for (const auto& ask : here->second) {
            if (ask == own || out.size() == worker::match_items_most || !is_small(*ask->bytes)) continue;
            if (ask->waker.get_executor() != own->waker.get_executor() || total + ask->bytes->size() > worker::match_inline)
                continue;
            total += ask->bytes->size();
            out.push_back(ask);
        }
    for (const auto& ask : out) {
        ask->is_taken = true;
        if (here != waiting.end()) std::erase(here->second, ask);
    }
    if (here != waiting.end() && here->second.empty()) waiting.erase(here);
    return out;
}

void MatchPool::Impl::leave(const std::string& message, const AskPtr& ask) {
    const std::lock_guard lock(mutex);
    const auto here = waiting.find(message);
    if (here == waiting.end()) return;
    std::erase(here->second, ask);
    if (here->second.empty()) waiting.erase(here);
}

Result<WorkerPtr> MatchPool::Impl::start() {
    auto ends = worker::socket_pair();
    if (!ends) return std::unexpected(std::move(ends.error()));
    const auto cookie = spawner->start_worker(ends->second.get());
    if (!cookie) return std::unexpected(cookie.error());
    metrics().started.add();
    auto worker = std::make_unique<Worker>(*spawner, std::move(ends->first), *cookie);
    const std::array descriptors{rules->descriptor()};
    const auto setup = worker::encode_match_setup(match_setup_of(*rules, options));
    if (auto sent = worker::send_packet(worker->channel.get(), setup, {}, descriptors, worker::Wait::no); !sent)
        return std::unexpected(std::move(sent.error()));
    return worker;
}

Task<Done> MatchPool::Impl::wait_until_ready(Worker& worker, Deadline deadline) {
    auto packet = co_await receive(worker, deadline.sooner(start_limit));
    if (!packet) co_return std::unexpected(std::move(packet.error()));
    if (const auto death = death_of(*packet)) co_return fail(Errc::unavailable, *death);
    auto confined = worker::parse_hello(packet->bytes);
    if (!confined) co_return std::unexpected(std::move(confined.error()));
    if (spawner->first_report())
        log::info({}, "decoder processes: {}, confined by {}", spawner->worker(), escaped(*confined, 200));
    worker.is_ready = true;
    const std::lock_guard lock(mutex);
    bad_starts = 0;
    co_return Done{};
}

// ready_worker - an idle one, or a new one. After one that could not be started nobody tries again for a moment.
Task<Result<WorkerPtr>> MatchPool::Impl::ready_worker(Deadline deadline) {
    if (spawner == nullptr)
        co_return fail(Errc::unavailable, "the first [scanners.yara] needs a restart of tamisd, not a reload");
    for (;;) {
        WorkerPtr worker;
        {
            const std::lock_guard lock(mutex);
            if (!idle.empty()) {
                worker = std::move(idle.back());
                idle.pop_back();
            } else if (Clock::now() < not_before) {
                co_return fail(Errc::unavailable, fmt::format("no process to match the rules could be started ({})", trouble));
            }
        }
        if (worker && worker->is_ready) {
            if (!worker->has_news()) co_return std::move(worker);
            const auto last = worker::receive_packet(worker->channel.get(), worker->buffer, worker::Wait::no);
            log::warning({}, "a process that matches YARA rules ended: {}",
                         last ? death_of(*last).value_or("it spoke unasked") : describe(last.error()));
            continue;
        }
        if (!worker) {
            auto fresh = start();
            if (!fresh) {
                bad_start(describe(fresh.error()));
                continue;
            }
            worker = std::move(*fresh);
        }
        const auto ready = co_await wait_until_ready(*worker, deadline);
        if (ready) co_return std::move(worker);
        if (ready.error().is(Errc::timeout) && deadline.passed()) co_return std::unexpected(ready.error());
        bad_start(describe(ready.error()));
    }
}

void MatchPool::Impl::bad_start(std::string why) {
    const std::lock_guard lock(mutex);
    trouble = std::move(why);
    if (++bad_starts < bad_starts_limit) return;
    if (bad_starts == bad_starts_limit)
        log::error({}, "processes that match YARA rules cannot be started: {} {}", spawner->worker(), trouble);
    not_before = Clock::now() + pause_after_bad_start;
}

void MatchPool::Impl::put_back(WorkerPtr worker, bool is_last) {
    if (is_last || ++worker->jobs >= options.jobs_per_worker) {
        worker.reset();
        auto next = start();  // it gets ready while nobody waits; if it cannot be started, whoever needs it will say so
        if (!next) return;
        worker = std::move(*next);
    }
    const std::lock_guard lock(mutex);
    if (worker->is_ready) idle.push_back(std::move(worker));
    else idle.insert(idle.begin(), std::move(worker));
}

Done MatchPool::Impl::hand(Worker& worker, std::span<const AskPtr> asks, Deadline deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left()).count();
    worker::MatchJob job;
    {
        const std::lock_guard lock(mutex);
        job.number = next_job++;
    }
    job.time_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 1, worker::match_time_most));
    std::vector<int> descriptors;
    for (const auto& ask : asks) {
        const bool is_inline = is_small(*ask->bytes);
        job.items.push_back({ask->bytes->size(), is_inline, is_inline ? ask->bytes->head() : std::string_view{}});
        if (!is_inline) descriptors.push_back(ask->bytes->descriptor());
        if (!is_inline && descriptors.back() < 0) return fail(Errc::unavailable, "the system has no descriptor for the message");
    }
    worker.number = job.number;
    return worker::send_packet(worker.channel.get(), worker::encode_match_job(job), {}, descriptors, worker::Wait::no);
}

// attempt - all of them with one worker. Everybody has a result afterwards, or the worker was lost.
Task<std::optional<MatchPool::Impl::Lost>> MatchPool::Impl::attempt(std::span<const AskPtr> asks) {
    const auto deadline = soonest(asks);
    auto worker = co_await ready_worker(deadline);
    if (!worker) {
        finish_all(asks, worker.error());
        co_return std::nullopt;
    }
    if (auto sent = hand(**worker, asks, deadline); !sent) {
        if (sent.error().is(Errc::closed)) co_return Lost{"it had ended"};
        finish_all(asks, sent.error());
        co_return std::nullopt;
    }
    auto packet = co_await receive(**worker, deadline);
    if (!packet && packet.error().is(Errc::timeout)) {
        metrics().timeouts.add();
        finish_all(asks, {make_error_code(Errc::timeout), "the rules were not matched in time; the process was ended"});
        co_return std::nullopt;
    }
    if (!packet && is_of_system(packet.error())) co_return Lost{describe(packet.error()), packet.error()};
    if (!packet) co_return Lost{packet.error().is(Errc::closed) ? "closed its connection" : "answered what cannot be understood"};
    if (auto death = death_of(*packet)) co_return Lost{std::move(*death)};
    auto answer = worker::parse_match_answer(packet->bytes, asks.size(), rules->count());
    if (!answer || !packet->descriptors.empty() || answer->job != (*worker)->number) co_return Lost{"answered nonsense"};
    for (std::size_t i = 0; i < asks.size(); ++i) asks[i]->finish(matched_of(std::move(answer->results[i])));
    put_back(std::move(*worker), answer->is_last);
    co_return std::nullopt;
}

// look - with another worker when one was lost; of several things each alone, for only one of them is to blame
Task<void> MatchPool::Impl::look(const std::string& message, std::span<const AskPtr> asks, int attempts) {
    const auto lost = co_await attempt(asks);
    if (!lost) co_return;
    metrics().crashes.add();
    const bool is_over = asks.size() == 1 && attempts + 1 >= attempts_limit;
    log::warning(message, "a process that matches YARA rules failed with {}: {}; {}",
                 asks.size() == 1 ? std::string("something of this message")
                                  : fmt::format("one of {} things of this message", asks.size()),
                 lost->why, is_over ? "not tried again" : "tried with another one");
    if (is_over && lost->ours) co_return finish_all(asks, *lost->ours);
    if (is_over)
        co_return finish_all(asks, {make_error_code(Errc::bad_input),
                                    fmt::format("the process that matches the rules crashed twice ({})", lost->why)});
    for (std::size_t i = 0; i < asks.size(); ++i) co_await look(message, asks.subspan(i, 1), asks.size() == 1 ? attempts + 1 : 0);
}

worker::MatchSetup match_setup_of(const YaraRules& rules, const MatchOptions& options) {
    worker::MatchSetup out;
    out.memory = options.memory + rules_factor * rules.size();
    out.longest_job = static_cast<std::uint32_t>(options.longest.count()) + 60;
    out.rules_size = rules.size();
    out.rules = rules.count();
    return out;
}

MatchPool::MatchPool(worker::Spawner* spawner, std::shared_ptr<const YaraRules> rules, MatchOptions options)
    : impl_(std::make_shared<Impl>(spawner, std::move(rules), options)) {
    if (spawner == nullptr) return;
    if (auto first = impl_->start()) impl_->idle.push_back(std::move(*first));
    else log::warning({}, "a process that matches YARA rules could not be started: {}", describe(first.error()));
}

MatchPool::~MatchPool() = default;

Task<Matched> MatchPool::match(std::string message, std::shared_ptr<const mail::SealedSpool> bytes, Deadline deadline) {
    const auto pool = impl_;
    const auto own = std::make_shared<Ask>(co_await asio::this_coro::executor, std::move(bytes), deadline);
    {
        const std::lock_guard lock(pool->mutex);
        pool->waiting[message].push_back(own);
    }
    auto turn = co_await pool->turns.take(1, deadline);
    if (turn) {
        const Batch batch(pool->take_batch(message, own));
        if (!batch.asks.empty()) co_await pool->look(message, batch.asks, 0);
        turn->release();
    }
    pool->leave(message, own);
    if (!turn && !own->is_taken) co_return fail(turn.error().code, "waited for a free process (scanners.yara.max_scans)");
    while (!own->result) {  // another scan carries it
        own->waker.expires_at(Clock::time_point::max());
        co_await own->waker.async_wait(as_result);
    }
    co_return std::move(*own->result);
}

}  // namespace tamis::scanners
