#include "storage/schema_tool.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "base/text.h"
#include "storage/pg/blocking.h"
#include "storage/pg/catalogue.h"
#include "storage/sqlite/catalogue.h"

namespace tamis::storage {
namespace {

// at_statement - which of them it was
std::unexpected<Fault> at_statement(const Fault& why, const std::string& statement) {
    return fail(why.code, fmt::format("{}; nothing was changed. The statement was: {}", why.detail, escaped(statement, 400)));
}

Result<Catalogue> read_postgresql(const Dsn& dsn, Deadline::Clock::duration limit) {
    auto server = pg::Blocking::open(dsn, limit);
    if (!server) return std::unexpected(std::move(server.error()));
    auto rows = server->query(pg::catalogue_query());
    if (!rows) return std::unexpected(std::move(rows.error()));
    auto catalogue = pg::catalogue_of(rows->get());
    if (!catalogue.has_steps) return catalogue;
    // a role that only reads and writes mail may not look there; the table itself says enough
    auto step = server->query("SELECT coalesce(max(step), 1) FROM tamis_schema");
    catalogue.last_step = step ? std::atoi(PQgetvalue(step->get(), 0, 0)) : 1;
    return catalogue;
}

Done run_postgresql(const Dsn& dsn, const std::vector<std::string>& statements) {
    auto server = pg::Blocking::open(dsn);
    if (!server) return std::unexpected(std::move(server.error()));
    for (const auto* sql : {"BEGIN", "SELECT pg_advisory_xact_lock(hashtext('tamis schema'))", "SET LOCAL lock_timeout = '30s'",
                            "SET LOCAL statement_timeout = 0"})
        if (auto begun = server->query(sql); !begun) return std::unexpected(std::move(begun.error()));
    for (const auto& statement : statements)
        if (auto done = server->query(statement); !done) return at_statement(done.error(), statement);  // closing rolls back
    if (auto done = server->query("COMMIT"); !done) return at_statement(done.error(), "COMMIT");
    return {};
}

Done run_sqlite(const Dsn& dsn, const std::vector<std::string>& statements) {
    auto database = sqlite::Database::open(dsn.path, dsn.named());
    if (!database) return std::unexpected(std::move(database.error()));
    if (auto begun = (*database)->run("BEGIN IMMEDIATE"); !begun) return begun;
    for (const auto& statement : statements)
        if (auto done = (*database)->run(statement.c_str()); !done) return at_statement(done.error(), statement);
    return (*database)->run("COMMIT");
}

}  // namespace

Result<Catalogue> read_catalogue(const Dsn& dsn, Deadline::Clock::duration limit) {
    if (dsn.kind == Dsn::Kind::postgresql) return read_postgresql(dsn, limit);
    std::error_code ignored;
    if (!std::filesystem::exists(dsn.path, ignored)) return Catalogue{};
    auto database = sqlite::Database::open(dsn.path, dsn.named());
    if (!database) return std::unexpected(std::move(database.error()));
    return sqlite::catalogue_of(**database);
}

Done run_statements(const Dsn& dsn, const std::vector<std::string>& statements) {
    return dsn.kind == Dsn::Kind::postgresql ? run_postgresql(dsn, statements) : run_sqlite(dsn, statements);
}

}  // namespace tamis::storage
