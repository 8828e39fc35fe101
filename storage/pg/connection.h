// connection - one PostgreSQL session on an io_context, asynchronous, in pipeline mode
//
// send() queues statements in libpq's memory, flush() moves them to the server, next() gives their results in order.
// Results of a pipeline: one per statement, then one PGRES_PIPELINE_SYNC per sync(). A server's error is a result; only
// a broken or late connection is a Fault, and the Connection is then good for nothing but destruction.
// Behind a connection pooler in transaction mode (pgbouncer and its like: what answers is not the process that greeted) no
// session exists: statements are then sent with their text each time, settings must be made for the transaction, and
// LISTEN cannot work. Texts come and go in UTF-8, except that a database of encoding SQL_ASCII gets and gives bytes.
// Never blocks: names are resolved before (name_lookup), waiting is done on a duplicate of libpq's socket, which libpq
// may replace while connecting and which is thereby released before PQfinish. Everything on one thread.
#pragma once

#include <libpq-fe.h>

#include <any>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "storage/dsn.h"

namespace tamis::storage::pg {

struct PqClear {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using Reply = std::unique_ptr<PGresult, PqClear>;

// Value - one parameter of a statement. Texts must not hold NUL and are given as null-terminated strings; binary values
// (bytea, or varchar whose bytes are the same) may hold anything. The bytes are copied by send().
struct Value {
    const char* data = nullptr;  // null: SQL NULL
    int size = 0;
    bool binary = false;

    static Value null() { return {}; }
    static Value text(const std::string& value) { return {value.c_str(), static_cast<int>(value.size()), false}; }
    static Value bytes(std::string_view value) {
        return {value.data() != nullptr ? value.data() : "", static_cast<int>(value.size()), true};
    }
};

// pooler_patience - how long a pooler may take to give us a server; longer means that there is none behind it
constexpr std::chrono::seconds pooler_patience{3};

class Connection {
public:
    // open - connects to one server and enters pipeline mode. Of several hosts (or addresses of a host) each is tried in
    // order with its part of the time; a Dsn that needs the primary only stays with a host that can be written. The Fault
    // names the DSN and says what to do.
    static Task<Result<std::unique_ptr<Connection>>> open(asio::io_context& loop, Dsn dsn, Deadline deadline);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // set_limit - when waiting for the server ends with Errc::timeout; set it anew for every piece of progress
    void set_limit(Deadline limit);

    // prepare - gives the statement a name for send(); behind a pooler the server only checks it
    Done prepare(const char* name, const std::string& sql);
    Done send(const char* name, std::span<const Value> values, bool binary_result = false);
    // query - a statement that is not prepared, in the pipeline like send()
    Done query(const std::string& sql, std::span<const Value> values);
    // describe - of the statement prepared just before: a result with the types of its parameters
    Done describe(const char* name);
    Done sync();
    // flush - until everything queued has been taken by the kernel; reads meanwhile, so that neither side gets stuck
    Task<Done> flush();
    // next - the next result, waiting for it
    Task<Result<Reply>> next();
    // next_now - the next result if it is here already
    std::optional<Reply> next_now();
    // wait_idle - until the server says something unasked (usually: it goes away), or `wake` fires; true when it is lost
    Task<bool> wait_idle(asio::steady_timer& wake);

    // take_notifications - how many of LISTEN came since the last call; never waits
    std::size_t take_notifications();

    // run - one statement with its sync, for set-up: the result, or a Fault with the server's message
    Task<Result<Reply>> run(const std::string& sql);

    bool is_pooled() const noexcept { return is_pooled_; }  // see above
    bool is_lost() const noexcept { return PQstatus(handle_.get()) == CONNECTION_BAD; }
    std::string complaint() const;                 // libpq's message, escaped, on one line
    std::any& notes() noexcept { return notes_; }  // whatever the user of the connection knows of it
    const Dsn& dsn() const noexcept { return dsn_; }
    std::string_view parameter(const char* name) const noexcept;  // server parameter, empty when unknown
    int server_version() const noexcept { return PQserverVersion(handle_.get()); }

private:
    struct Finish {
        void operator()(PGconn* handle) const noexcept { PQfinish(handle); }
    };
    struct Alarm;
    struct Idling;
    Connection(asio::io_context& loop, Dsn dsn);
    Task<Done> connect(Deadline deadline);
    Task<Done> connect_to(std::map<std::string, std::string, std::less<>> words, Deadline deadline);
    Task<Done> get_to_know();
    Task<Done> poll_until_connected();
    Task<Done> wait(bool readable, bool writable);
    Done follow_socket();
    std::unexpected<Fault> lost(std::string_view doing) const;

    Dsn dsn_;
    std::any notes_;
    std::unique_ptr<PGconn, Finish> handle_;
    asio::posix::stream_descriptor socket_;  // a duplicate, closed before handle_ goes
    std::shared_ptr<Alarm> alarm_;
    bool owed_null_ = false;  // PQgetResult's null between two results
    bool is_pooled_ = false;
    std::map<std::string, std::string, std::less<>> statements_;  // by name, when pooled
};

// one_line - a message of libpq or the server without line ends, escaped and cut
std::string one_line(std::string_view message);

}  // namespace tamis::storage::pg
