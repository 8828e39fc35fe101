#include "storage/pg/schema.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "base/text.h"
#include "storage/pg/backend.h"
#include "storage/pg/blocking.h"
#include "storage/pg/catalogue.h"
#include "storage/pg/partitions.h"
#include "storage/schema/schema_tool.h"

namespace tamis::storage::pg {
namespace {

// last_step - 0 in an empty database; amavisd's own tables are step 1
Result<int> last_step(Blocking& server) {
    // a table in the FROM makes the session look at what others committed: without one it may remember that there was none
    auto has =
        server.query("SELECT to_regclass('tamis_schema') IS NOT NULL, to_regclass('msgs') IS NOT NULL FROM pg_class LIMIT 1");
    if (!has) return std::unexpected(std::move(has.error()));
    const std::string_view recorded = PQgetvalue(has->get(), 0, 0);
    const std::string_view present = PQgetvalue(has->get(), 0, 1);
    if (recorded != "t") return present == "t" ? 1 : 0;
    auto step = server.query("SELECT coalesce(max(step), 0) FROM tamis_schema");
    if (!step) return std::unexpected(std::move(step.error()));
    return std::atoi(PQgetvalue(step->get(), 0, 0));
}

constexpr int weeks_ahead = 8;

// of two that change the tables at once, one waits for the other's end
constexpr const char* lock_schema = "SELECT pg_advisory_xact_lock(hashtext('tamis schema'))";

// divide - the new and empty tables, by week
Done divide(Blocking& server) {
    auto version = server.query("SELECT current_setting('server_version_num')::integer >= 130000");
    if (!version) return std::unexpected(std::move(version.error()));
    if (std::string_view(PQgetvalue(version->get(), 0, 0)) != "t")
        return fail(Errc::unavailable, "tables divided by week need PostgreSQL 13 or later");
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    auto divided = server.query(join(partitioning_statements(now, weeks_ahead), ";\n"));
    if (!divided) return std::unexpected(std::move(divided.error()));
    return {};
}

// install_step - in a transaction of its own, which closing the connection rolls back; false: somebody else was faster
Result<bool> install_step(Blocking& server, const SchemaStep& step, Divided divided) {
    for (const auto* sql : {"BEGIN", lock_schema})
        if (auto begun = server.query(sql); !begun) return std::unexpected(std::move(begun.error()));
    const auto last = last_step(server);
    if (!last) return std::unexpected(last.error());
    const bool is_needed = step.number > *last;
    if (is_needed)
        if (auto done = server.query(std::string(step.sql)); !done) return std::unexpected(std::move(done.error()));
    if (is_needed && divided == Divided::by_week && step.number == 1)
        if (auto done = divide(server); !done) return std::unexpected(std::move(done.error()));
    if (auto done = server.query("COMMIT"); !done) return std::unexpected(std::move(done.error()));
    return is_needed;
}

}  // namespace

Result<int> install_schema(const Dsn& dsn, Divided divided) {
    auto server = Blocking::open(dsn);
    if (!server) return std::unexpected(std::move(server.error()));
    const auto last = last_step(*server);
    if (!last) return last;
    if (divided == Divided::by_week && *last != 0)
        return fail(Errc::conflict, "there are tables already: only new ones can be divided by week");
    int installed = 0;
    for (const auto& step : schema_steps(backend)) {
        if (step.number <= *last) continue;
        const auto ran = install_step(*server, step, divided);
        if (!ran) return fail(ran.error().code, fmt::format("schema step {}: {}", step.name, ran.error().detail));
        installed += *ran ? 1 : 0;
    }
    return installed;
}

Result<Catalogue> read_catalogue(const Dsn& dsn, Deadline::Clock::duration limit) {
    auto server = Blocking::open(dsn, limit);
    if (!server) return std::unexpected(std::move(server.error()));
    auto rows = server->query(catalogue_query());
    if (!rows) return std::unexpected(std::move(rows.error()));
    auto catalogue = catalogue_of(rows->get());
    if (!catalogue.has_steps) return catalogue;
    // a role that only reads and writes mail may not look there; the table itself says enough
    auto step = server->query("SELECT coalesce(max(step), 1) FROM tamis_schema");
    catalogue.last_step = step ? std::atoi(PQgetvalue(step->get(), 0, 0)) : 1;
    return catalogue;
}

Done run_statements(const Dsn& dsn, const std::vector<std::string>& statements) {
    auto server = Blocking::open(dsn);
    if (!server) return std::unexpected(std::move(server.error()));
    for (const auto* sql : {"BEGIN", lock_schema, "SET LOCAL lock_timeout = '30s'", "SET LOCAL statement_timeout = 0"})
        if (auto begun = server->query(sql); !begun) return std::unexpected(std::move(begun.error()));
    for (const auto& statement : statements)
        if (auto done = server->query(statement); !done) return at_statement(done.error(), statement);  // closing rolls back
    if (auto done = server->query("COMMIT"); !done) return at_statement(done.error(), "COMMIT");
    return {};
}

std::vector<std::string> grant_statements(std::string_view role) {
    std::string quoted = "\"";
    for (const char c : role) quoted += c == '"' ? "\"\"" : std::string(1, c);
    quoted += '"';
    return {fmt::format("GRANT SELECT ON policy, users, mailaddr, wblist, tamis_schema TO {}", quoted),
            fmt::format("GRANT SELECT, INSERT, UPDATE, DELETE ON maddr, msgs, msgrcpt, quarantine TO {}", quoted),
            fmt::format("GRANT USAGE, UPDATE ON maddr_id_seq TO {}", quoted)};
}

}  // namespace tamis::storage::pg
