// expiry_session - one connection of its own for `tamis expire` and the daemon's timer: short transactions, one host at a time
//
// Everything on the io_context it was opened for. A database that is a file may block that thread for the length of a
// transaction.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "storage/dsn.h"
#include "storage/retention/expiry_sql.h"
#include "storage/retention/partitions.h"

namespace tamis::storage {

// FreePages - for a database whose free space does not go back to the disk by itself; the first and the last cannot be in a
// transaction
struct FreePages {
    std::string vacuum;       // the whole of it anew: nobody can write meanwhile
    std::string can_release;  // 1 when that can be done in small steps
    std::string count;        // how many pages are free
    std::string (*release)(std::size_t most) = nullptr;
};

class ExpirySession {
public:
    enum class Access { read, write };
    virtual ~ExpirySession() = default;

    virtual const ExpirySql& statements() const = 0;
    virtual const PartitionSql* partitions() const { return nullptr; }  // null: tables are never divided here
    virtual const FreePages* free_pages() const { return nullptr; }
    virtual const std::string& shown() const = 0;  // the DSN

    // take_turn - whether this host may work now; false: another one is at it. Holds as long as the session. Behind a pooler
    // nothing can be held: there every writing transaction asks anew, and run() says Errc::conflict.
    virtual Task<Result<bool>> take_turn() = 0;
    // give_turn_back - at once, when it was taken: a server notices the end of a session some time after us. Trouble does not
    // matter, the session ends anyway.
    virtual Task<void> give_turn_back() = 0;

    // run - all of them as one transaction; the answer to each. What takes longer than the limit, or waits for somebody's lock,
    // is rolled back: Errc::timeout, try with less. Errc::closed: the connection or the primary is gone, open a new session.
    // Errc::refused: a foreign key stands against it. Errc::unavailable: anything else that the server says.
    virtual Task<Result<std::vector<SqlAnswer>>> run(std::vector<SqlQuery> queries, std::chrono::milliseconds limit,
                                                     Access access) = 0;

    // run_alone - a statement that must not be in a transaction; the same faults
    virtual Task<Done> run_alone(std::string sql, std::chrono::milliseconds limit) = 0;
};

// open_expiry_session - on the first database of the list that answers and can be written. The Fault names all that do not;
// Errc::not_found: there is nothing yet at the place that is used.
Task<Result<std::unique_ptr<ExpirySession>>> open_expiry_session(asio::io_context& loop, std::vector<Dsn> dsns,
                                                                 Deadline deadline);

}  // namespace tamis::storage
