// pool - a store's sessions with PostgreSQL: own thread, failover over a list of DSNs, back-off, health
//
// The pool knows nothing of SQL. A Work gives the sessions something to do (records now, lookups next). One session is
// always kept connected; more are opened while the work asks for them, and close after a minute without work. At every
// (re)connect the DSNs are tried in order; the other sessions only go where the first one is. The destructor ends the
// thread at once, whatever the server does: what a session had in hand is given up (its coroutine frame is destroyed).
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "storage/backoff.h"
#include "storage/health.h"
#include "storage/pg/connection.h"

namespace tamis::storage::pg {

class Pool {
public:
    // Outcome - of one piece of work on a session
    enum class Outcome {
        done,       // go on
        reconnect,  // the connection is broken or the database is not as it was: close it, try again
        trouble,    // the database cannot take anything now: the same, after a pause
    };

    enum class Wish { none, soon, now };

    // Work - every function is called on the pool's thread
    class Work {
    public:
        virtual ~Work() = default;
        // set_up - makes a fresh connection fit for run(); a Fault lets the next DSN be tried
        virtual Task<Done> set_up(Connection& connection) = 0;
        // wish - whether a session that is free should run now, while `busy` others do (or are about to); `soon`: ask again in a moment
        virtual Wish wish(std::size_t busy) const = 0;
        // run - takes work and does it
        virtual Task<Outcome> run(Connection& connection) = 0;
        // away - the database is away for longer than callers are patient
        virtual void away(const Fault& why) = 0;
        // heard - an idle session got something unasked from the server: a notification, perhaps
        virtual void heard(Connection&) {}
    };

    struct Options {
        std::size_t sessions = 4;
        std::chrono::milliseconds soon{25};  // after Wish::soon the work is asked again
        // the time to try every DSN of the list once, set-up included: for tools, which must answer soon. Nothing: each its usual one.
        std::optional<std::chrono::milliseconds> round = {};
    };

    Pool(std::vector<Dsn> dsns, Options options, std::shared_ptr<Health> health, Work& work);
    ~Pool() { stop(); }
    void start();
    void stop();

    // wake - something waits; any thread, cheap when the pool is awake already
    void wake();
    // wake_later - the same, within `span`; one timer for all calls
    void wake_later(std::chrono::milliseconds span);

private:
    struct Session {
        explicit Session(asio::io_context& loop) : signal(loop) {}
        asio::steady_timer signal;  // expires: look for work
        bool idle = false;          // connected and waiting
        bool called = false;        // told to look for work, which it will do in a moment
    };
    using Sessions = std::vector<std::shared_ptr<Session>>;
    class Enrolled;

    void start_first();
    Task<void> keep_connected();                                 // the first session
    Task<void> extra_session(std::shared_ptr<Session> session);  // the others
    Task<std::unique_ptr<Connection>> connect_any();
    Task<Result<std::unique_ptr<Connection>>> connect_one(Dsn dsn, Deadline deadline);
    Task<Outcome> serve(Connection& connection, std::shared_ptr<Session> session, bool extra);
    void pump();
    std::size_t occupied() const;  // sessions that work or are about to

    const std::vector<Dsn> dsns_;
    const Options options_;
    const std::shared_ptr<Health> health_;
    Work& work_;
    std::atomic<bool> wake_pending_{false};
    std::atomic<bool> timer_pending_{false};
    std::size_t current_ = 0;  // index of the DSN the first session uses
    bool connected_ = false;
    std::size_t busy_ = 0;
    Backoff backoff_;
    Sessions sessions_;                       // connected ones and those that connect
    std::unique_ptr<asio::io_context> loop_;  // destroyed first: coroutine frames refer to the rest
    std::thread thread_;
};

}  // namespace tamis::storage::pg
