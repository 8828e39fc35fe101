// questions - reads from a PostgreSQL pool: any thread asks, a session answers many questions in one round trip
//
// A question queues its prepared statements and takes their results. It is tried again on a fresh connection when the
// session breaks, or when the tables changed under a prepared statement. Thread-safe; ask() and take() of a Question run
// on the pool's thread.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "base/deadline.h"
#include "storage/health.h"
#include "storage/pg/pool.h"
#include "storage/sql/sql_text.h"

namespace tamis::storage::pg {

class Question {
public:
    explicit Question(Deadline until) : deadline(until) {}
    virtual ~Question() = default;
    // ask - queues statements (not the sync); returns how many results will come
    virtual Result<std::size_t> ask(Connection& connection) = 0;
    // take - all results, none of which is an error
    virtual void take(Connection& connection, const std::vector<Reply>& replies) = 0;
    // refuse - there will be no answer
    virtual void refuse(Fault why) = 0;

    const Deadline deadline;
    const Deadline::Clock::time_point asked_at = Deadline::Clock::now();
    int tries = 0;
};

class Questions : private Pool::Work {
public:
    // SetUp - makes a connection fit: session settings and prepared statements
    class SetUp {
    public:
        virtual ~SetUp() = default;
        virtual Task<Done> set_up(Connection& connection) = 0;
        virtual void heard() {}  // a notification came, or one may have been missed
    };

    // The DSNs must not be empty. `setup` must live until stop(). `round`: see Pool::Options.
    Questions(std::vector<Dsn> dsns, std::size_t sessions, std::chrono::milliseconds patience, SetUp& setup,
              std::optional<std::chrono::milliseconds> round = {});
    ~Questions() override { stop(); }
    void start() { pool_.start(); }
    void stop();

    // put - queues the question; at once refused when the database is away for longer than the patience
    void put(std::shared_ptr<Question> question);
    const Health& health() const noexcept { return *health_; }

private:
    using Batch = std::vector<std::shared_ptr<Question>>;
    class InHand;

    Task<Done> set_up(Connection& connection) override;
    Pool::Wish wish(std::size_t busy) const override;
    Task<Pool::Outcome> run(Connection& connection) override;
    void away(const Fault& why) override;
    void heard(Connection& connection) override;

    Batch take_batch();
    void put_back(Batch batch);
    Task<Done> answer_all(Connection& connection, InHand& hand, bool& stale);

    const std::shared_ptr<Health> health_;
    SetUp& setup_;
    mutable std::mutex mutex_;
    std::deque<std::shared_ptr<Question>> waiting_;
    Pool pool_;  // last: its thread uses the rest
};

// prepare_all - prepares the statements and asks for the types of their parameters, in one round trip; the Fault names the
// setting whose statement was refused
struct Preparation {
    const char* name;
    std::string sql;
    std::string shown;  // "storage.select_policy", or "" for ours
};
struct Prepared {
    std::vector<std::vector<Oid>> parameter_types;  // per statement
};
Task<Result<Prepared>> prepare_all(Connection& connection, std::vector<Preparation> statements);

constexpr Oid oid_bytea = 17;
constexpr Oid oid_bytea_array = 1001;

// answer_of - the rows of a result, or how many rows it was about
SqlAnswer answer_of(PGresult* result);

// cell - a value of a text result as bytes: bytea is decoded, NULL is nothing
std::optional<std::string> cell(const PGresult* result, int row, int column);

}  // namespace tamis::storage::pg
