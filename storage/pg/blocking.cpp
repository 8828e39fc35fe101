#include "storage/pg/blocking.h"

#include <fmt/format.h>

#include "storage/pg/connect_advice.h"

namespace tamis::storage::pg {

Result<Blocking> Blocking::open(const Dsn& dsn) {
    const std::string conninfo = dsn.conninfo + (dsn.conninfo.find("://") == std::string::npos ? " connect_timeout=10" : "");
    const char* const keywords[] = {"dbname", "password", "client_encoding", nullptr};
    const char* const values[] = {conninfo.c_str(), dsn.password.empty() ? nullptr : dsn.password.reveal().c_str(), "UTF8", nullptr};
    Blocking server;
    server.shown_ = dsn.shown;
    server.handle_.reset(PQconnectdbParams(keywords, values, 1));
    if (PQstatus(server.handle_.get()) != CONNECTION_OK)
        return fail(Errc::unavailable, fmt::format("{}: {}", dsn.shown, connect_advice(server.handle_.get())));
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
