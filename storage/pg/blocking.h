// blocking - a plain PostgreSQL session for command line tools and tests: every call waits for the server
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "base/deadline.h"
#include "base/result.h"
#include "storage/dsn.h"
#include "storage/pg/connection.h"

namespace tamis::storage::pg {

class Blocking {
public:
    // open - within the limit, whatever the server or the resolver does; the Fault says what to do
    static Result<Blocking> open(const Dsn& dsn, Deadline::Clock::duration limit = std::chrono::seconds(10));
    // query - one or more statements; the last result. The Fault has the server's words and the SQLSTATE.
    Result<Reply> query(const std::string& sql);

private:
    struct Finish {
        void operator()(PGconn* handle) const noexcept { PQfinish(handle); }
    };
    std::unique_ptr<PGconn, Finish> handle_;
    std::string shown_;
};

}  // namespace tamis::storage::pg
