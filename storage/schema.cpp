#include "storage/schema.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <memory>

#include "storage/pg/connect_advice.h"
#include "storage/pg/connection.h"
#include "storage/sqlite/database.h"

namespace tamis::storage {
namespace {

struct Finish {
    void operator()(PGconn* handle) const noexcept { PQfinish(handle); }
};
using Handle = std::unique_ptr<PGconn, Finish>;

Result<pg::Reply> query(PGconn* handle, const Dsn& dsn, const std::string& sql) {
    pg::Reply reply(PQexec(handle, sql.c_str()));
    const auto status = PQresultStatus(reply.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return reply;
    const char* code = PQresultErrorField(reply.get(), PG_DIAG_SQLSTATE);
    return fail(Errc::unavailable, fmt::format("{}: {} (SQLSTATE {})", dsn.shown, pg::one_line(PQresultErrorMessage(reply.get())),
                                               code != nullptr ? code : "none"));
}

// last_step - 0 in an empty database; amavisd's own tables are step 1
Result<int> last_step(PGconn* handle, const Dsn& dsn) {
    auto has = query(handle, dsn, "SELECT to_regclass('tamis_schema') IS NOT NULL, to_regclass('msgs') IS NOT NULL");
    if (!has) return std::unexpected(std::move(has.error()));
    const std::string_view recorded = PQgetvalue(has->get(), 0, 0);
    const std::string_view present = PQgetvalue(has->get(), 0, 1);
    if (recorded != "t") return present == "t" ? 1 : 0;
    auto step = query(handle, dsn, "SELECT coalesce(max(step), 0) FROM tamis_schema");
    if (!step) return std::unexpected(std::move(step.error()));
    return std::atoi(PQgetvalue(step->get(), 0, 0));
}

Result<int> install_postgresql(const Dsn& dsn) {
    const std::string conninfo = dsn.conninfo + " connect_timeout=10";
    const char* const keywords[] = {"dbname", "password", "client_encoding", nullptr};
    const char* const values[] = {conninfo.c_str(), dsn.password.empty() ? nullptr : dsn.password.reveal().c_str(), "UTF8", nullptr};
    const Handle handle(PQconnectdbParams(keywords, values, 1));
    if (PQstatus(handle.get()) != CONNECTION_OK)
        return fail(Errc::unavailable, fmt::format("{}: {}", dsn.shown, pg::connect_advice(handle.get())));
    PQsetNoticeReceiver(handle.get(), [](void*, const PGresult*) {}, nullptr);
    const auto last = last_step(handle.get(), dsn);
    if (!last) return last;
    int installed = 0;
    for (const auto& step : schema_steps(Dsn::Kind::postgresql)) {
        if (step.number <= *last) continue;
        // one query string of several statements is one transaction
        if (auto done = query(handle.get(), dsn, std::string(step.sql)); !done)
            return fail(done.error().code, fmt::format("schema step {}: {}", step.name, done.error().detail));
        ++installed;
    }
    return installed;
}

}  // namespace

std::span<const SchemaStep> schema_steps(Dsn::Kind kind) {
    return kind == Dsn::Kind::postgresql ? detail::postgresql_steps() : detail::sqlite_steps();
}

Result<int> install_schema(const Dsn& dsn) {
    if (dsn.kind == Dsn::Kind::postgresql) return install_postgresql(dsn);
    auto database = sqlite::Database::open(dsn.path, dsn.shown);
    if (!database) return std::unexpected(std::move(database.error()));
    return sqlite::install_steps(**database, dsn.shown);
}

}  // namespace tamis::storage
