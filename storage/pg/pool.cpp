#include "storage/pg/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include "base/log.h"
#include "base/metric.h"

namespace tamis::storage::pg {
namespace {

constexpr std::chrono::seconds connect_limit{5};
constexpr std::chrono::seconds idle_limit{60};  // of a session beyond the first
constexpr std::chrono::seconds hour{3600};

metric::Counter& connects() {
    static metric::Counter counter("tamis_storage_connects_total", "Connections made to PostgreSQL");
    return counter;
}

}  // namespace

// Enrolled - a session's place in the list, and whether it works; given up also when its coroutine is destroyed
class Pool::Enrolled {
public:
    Enrolled(Pool& pool, std::shared_ptr<Session> session) : pool_(pool), session_(std::move(session)) {}
    ~Enrolled() {
        std::erase(pool_.sessions_, session_);
        if (working_) --pool_.busy_;
    }
    Enrolled(const Enrolled&) = delete;
    Enrolled& operator=(const Enrolled&) = delete;
    void working(bool now) {
        pool_.busy_ = pool_.busy_ + (now ? 1 : 0) - (working_ ? 1 : 0);
        working_ = now;
    }

private:
    Pool& pool_;
    std::shared_ptr<Session> session_;
    bool working_ = false;
};

Pool::Pool(std::vector<Dsn> dsns, Options options, std::shared_ptr<Health> health, Work& work)
    : dsns_(std::move(dsns)),
      options_(options),
      health_(std::move(health)),
      work_(work),
      loop_(std::make_unique<asio::io_context>(1)) {}

void Pool::start() {
    start_first();
    thread_ = std::thread([this] {
        const auto guard = asio::make_work_guard(*loop_);
        for (;;) try {
                loop_->run();
                return;
            } catch (const std::exception& trouble) {  // a bug of ours, or no memory: the other sessions go on
                log::error({}, "storage: {}", trouble.what());
            }
    });
}

void Pool::start_first() {
    asio::co_spawn(*loop_, keep_connected(), [this](const std::exception_ptr& trouble) {
        if (!trouble) return;  // it never ends by itself
        connected_ = false;
        log::error({}, "storage: a session ended by an exception; starting again");
        start_first();
    });
}

void Pool::stop() {
    if (!thread_.joinable()) return;
    loop_->stop();
    thread_.join();
    sessions_.clear();  // the coroutines own them, too
    loop_.reset();
}

void Pool::wake() {
    if (!wake_pending_.exchange(true)) asio::post(*loop_, [this] { pump(); });
}

void Pool::wake_later(std::chrono::milliseconds span) {
    if (timer_pending_.exchange(true)) return;
    asio::post(*loop_, [this, span] {
        auto timer = std::make_shared<asio::steady_timer>(*loop_, span);
        timer->async_wait([this, timer](const boost::system::error_code& error) {
            timer_pending_ = false;
            if (!error) pump();
        });
    });
}

std::size_t Pool::occupied() const {
    return busy_ +
           static_cast<std::size_t>(std::ranges::count_if(sessions_, [](const auto& session) { return session->called; }));
}

// pump - gives waiting work to a free session, or opens one more
void Pool::pump() {
    wake_pending_ = false;
    if (!connected_) return;
    const Wish wish = work_.wish(occupied());
    if (wish == Wish::soon) wake_later(options_.soon);
    if (wish != Wish::now) return;
    for (const auto& session : sessions_)
        if (session->idle) {
            session->idle = false;
            session->called = true;
            session->signal.expires_at(Deadline::Clock::time_point::min());
            return;
        }
    if (sessions_.size() >= options_.sessions) return;
    auto session = std::make_shared<Session>(*loop_);
    sessions_.push_back(session);
    asio::co_spawn(*loop_, extra_session(std::move(session)), asio::detached);
}

Task<Result<std::unique_ptr<Connection>>> Pool::connect_one(Dsn dsn, Deadline deadline) {
    auto connection = co_await Connection::open(*loop_, std::move(dsn), deadline);
    if (!connection) co_return connection;
    (*connection)->set_limit(options_.round ? deadline : Deadline::in(connect_limit));
    if (auto fit = co_await work_.set_up(**connection); !fit) co_return std::unexpected(std::move(fit.error()));
    connects().add();
    co_return connection;
}

Task<std::unique_ptr<Connection>> Pool::connect_any() {
    Fault why{make_error_code(Errc::unavailable), {}};
    const Deadline end = options_.round ? Deadline::in(*options_.round) : Deadline::never();
    for (std::size_t i = 0; i < dsns_.size(); ++i) {
        const auto share =
            options_.round ? end.left() / static_cast<int>(dsns_.size() - i) : Deadline::Clock::duration(connect_limit);
        auto connection = co_await connect_one(dsns_[i], Deadline{Deadline::Clock::now() + share});
        if (connection) {
            current_ = i;
            co_return std::move(*connection);
        }
        why.detail += (why.detail.empty() ? "" : "; ") + connection.error().detail;
    }
    health_->down(why);
    co_return nullptr;
}

Task<void> Pool::keep_connected() {
    for (;;) {
        auto connection = co_await connect_any();
        Outcome outcome = Outcome::trouble;
        if (connection) {
            health_->up(connection->dsn().named());
            connected_ = true;
            auto session = std::make_shared<Session>(*loop_);
            sessions_.push_back(session);
            outcome = co_await serve(*connection, std::move(session), false);
            connected_ = false;
            if (outcome != Outcome::trouble && connection->is_lost())
                health_->down({make_error_code(Errc::unavailable),
                               fmt::format("{}: {}", connection->dsn().named(), connection->complaint())});
            connection.reset();
        }
        if (const auto hopeless = health_->hopeless()) work_.away(*hopeless);
        if (outcome != Outcome::trouble) continue;
        asio::steady_timer pause(*loop_, backoff_.next());
        co_await pause.async_wait(as_result);
    }
}

Task<void> Pool::extra_session(std::shared_ptr<Session> session) {
    const std::size_t server = current_;
    auto connection = co_await connect_one(dsns_[server], Deadline::in(connect_limit));
    if (connection && connected_ && server == current_) {
        const Outcome outcome = co_await serve(**connection, std::move(session), true);
        if (outcome != Outcome::done) wake();  // what it had in hand waits again, and the others may be idle
        co_return;
    }
    if (!connection) log::info({}, "storage: no further session: {}", connection.error().detail);
    std::erase(sessions_, session);
}

// serve - works until the connection is no good any more (or, for an extra session, until there was nothing to do)
Task<Pool::Outcome> Pool::serve(Connection& connection, std::shared_ptr<Session> session, bool extra) {
    Enrolled enrolled(*this, session);
    for (;;) {
        while (work_.wish(occupied()) == Wish::now) {
            enrolled.working(true);
            const Outcome outcome = co_await work_.run(connection);
            enrolled.working(false);
            if (outcome != Outcome::done) co_return outcome;
            if (connection.is_lost()) co_return Outcome::reconnect;
            backoff_.reset();
        }
        session->idle = true;
        session->signal.expires_after(extra ? idle_limit : hour);
        const bool lost = co_await connection.wait_idle(session->signal);
        const bool was_woken = !session->idle;
        session->idle = session->called = false;
        if (lost) co_return Outcome::reconnect;
        work_.heard(connection);
        if (extra && !was_woken) co_return Outcome::done;
    }
}

}  // namespace tamis::storage::pg
