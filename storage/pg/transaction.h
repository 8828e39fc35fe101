// transaction - writes a group of jobs in one transaction and one round trip
//
// Statements are queued in pipeline mode and flushed whenever 128 KiB are waiting, so a message of any size needs constant
// memory. The first error of the server stops the sending and rolls everything back. One object per attempt.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/pg/connection.h"
#include "storage/pg/dialect.h"
#include "storage/pg/statements.h"
#include "storage/records/record_queue.h"

namespace tamis::storage::pg {

// Attempt - how it ended
struct Attempt {
    enum class End {
        committed,  // the server said so
        refused,    // an error; nothing was written: sqlstate, message and perhaps whose fault it was
        lost,       // the connection broke or is late; when the commit had been sent, nobody knows yet
    };
    End end = End::lost;
    bool commit_sent = false;
    std::string sqlstate;  // empty: the fault is ours (`why`)
    Fault why;
    std::optional<std::size_t> guilty;   // index of the job whose statement failed
    bool is_in_function = false;         // a trigger's, or another function in the database, said so
    bool is_about_copy = false;          // it was the text of the quarantined message that was refused
    std::vector<std::size_t> not_found;  // committed: `finish` jobs without a record
};

// RecordSession - what is known of a connection that writes records
struct RecordSession {
    Dialect dialect;
    RecordStatements statements;
    bool has_proven = false;  // something was committed: the dialect is right
    // the database has refused an address that is no UTF-8 (iRedMail's trigger): no other one is tried
    bool takes_utf8_only = false;
};

// rows_for - the rows of a job as this database takes them
MessageRows rows_for(const RecordJob& job, const RecordSession& session);

class Transaction {
public:
    Transaction(Connection& connection, const RecordSession& session, const Jobs& jobs)
        : connection_(connection), session_(session), dialect_(session.dialect), statements_(session.statements), jobs_(jobs) {}

    Task<Attempt> run();

private:
    enum class Step { begin, addresses, row, chunk, update, commit, rollback };
    struct Expected {
        Step step;
        std::size_t job;  // no_job when the statement serves all
    };
    static constexpr std::size_t no_job = static_cast<std::size_t>(-1);

    Task<Done> send_all();
    Task<Done> end_it();
    Done send_addresses();
    Done send_message(std::size_t job);
    Done send_update(std::size_t job);
    Task<Done> send_chunks(std::size_t job);
    Done send(Step step, std::size_t job, const char* name, std::span<const Value> values, std::size_t bytes = 300);
    Task<Done> relieve();
    Task<Done> flush();
    Task<Done> begin();
    Task<Done> collect(std::chrono::seconds limit);
    void take(const PGresult* reply);
    bool has_failed() const noexcept { return failed_; }
    void fail_locally(std::size_t job, const Fault& why);

    Connection& connection_;
    const RecordSession& session_;
    const Dialect& dialect_;
    const RecordStatements& statements_;
    const Jobs& jobs_;
    std::vector<MessageRows> rows_;
    std::deque<Expected> expected_;
    std::size_t queued_ = 0;  // bytes since the last flush, roughly
    bool failed_ = false;
    bool committed_ = false;
    Attempt attempt_;
};

// array_literal - PostgreSQL's text form of an array of bytea or varchar
std::string array_of(std::span<const std::string_view> values, bool bytea);
std::string array_literal(const std::vector<std::string>& values, bool bytea);

}  // namespace tamis::storage::pg
