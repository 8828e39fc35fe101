#include "storage/pg/blocking.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "storage/pg/connect_advice.h"

namespace tamis::storage::pg {

namespace {

// knock - whether the server answers within the limit: libpq's own connect_timeout begins anew for each address, and does not
// count the resolver
Done knock(const Dsn& dsn, Deadline::Clock::duration limit) {
    asio::io_context loop(1);
    Done answer;
    asio::co_spawn(loop, Connection::open(loop, dsn, Deadline::in(limit)),
                   [&answer](const std::exception_ptr&, Result<std::unique_ptr<Connection>> connection) {
                       if (!connection) answer = std::unexpected(std::move(connection.error()));
                   });
    loop.run();
    return answer;
}

}  // namespace

Result<Blocking> Blocking::open(const Dsn& dsn, Deadline::Clock::duration limit) {
    if (auto there = knock(dsn, limit); !there) return std::unexpected(std::move(there.error()));
    const auto seconds =
        fmt::format("{}", std::max<std::int64_t>(2, std::chrono::duration_cast<std::chrono::seconds>(limit).count()));
    const char* const keywords[] = {"dbname", "connect_timeout", "password", "client_encoding", nullptr};
    const char* const values[] = {dsn.place.c_str(), seconds.c_str(),
                                  dsn.password.empty() ? nullptr : dsn.password.reveal().c_str(), "UTF8", nullptr};
    Blocking server;
    server.shown_ = dsn.named();
    server.handle_.reset(PQconnectdbParams(keywords, values, 1));
    if (PQstatus(server.handle_.get()) != CONNECTION_OK)
        return fail(Errc::unavailable, fmt::format("{}: {}", dsn.named(), connect_advice(server.handle_.get())));
    PQsetNoticeReceiver(server.handle_.get(), [](void*, const PGresult*) {}, nullptr);
    return server;
}

Result<Reply> Blocking::query(const std::string& sql) {
    Reply reply(PQexec(handle_.get(), sql.c_str()));
    const auto status = PQresultStatus(reply.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return reply;
    const char* code = PQresultErrorField(reply.get(), PG_DIAG_SQLSTATE);
    return fail(Errc::unavailable, fmt::format("{}: {} (SQLSTATE {})", shown_, one_line(PQresultErrorMessage(reply.get())),
                                               code != nullptr ? code : "none"));
}

}  // namespace tamis::storage::pg
