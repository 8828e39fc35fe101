#include "storage/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "base/text.h"
#include "storage/partitions.h"
#include "storage/pg/blocking.h"
#include "storage/sqlite/database.h"

namespace tamis::storage {
namespace {

// last_step - 0 in an empty database; amavisd's own tables are step 1
Result<int> last_step(pg::Blocking& server) {
    auto has = server.query("SELECT to_regclass('tamis_schema') IS NOT NULL, to_regclass('msgs') IS NOT NULL");
    if (!has) return std::unexpected(std::move(has.error()));
    const std::string_view recorded = PQgetvalue(has->get(), 0, 0);
    const std::string_view present = PQgetvalue(has->get(), 0, 1);
    if (recorded != "t") return present == "t" ? 1 : 0;
    auto step = server.query("SELECT coalesce(max(step), 0) FROM tamis_schema");
    if (!step) return std::unexpected(std::move(step.error()));
    return std::atoi(PQgetvalue(step->get(), 0, 0));
}

// statements_of - one by one, without comments. Bodies of triggers fall into pieces: nobody asks for them.
std::vector<std::string> statements_of(std::string_view sql) {
    std::string text;
    while (!sql.empty()) {
        const auto line = sql.substr(0, sql.find('\n'));
        sql.remove_prefix(std::min(sql.size(), line.size() + 1));
        text += line.substr(0, line.find("--"));
        text += '\n';
    }
    std::vector<std::string> out;
    for (const auto statement : split(text, ';'))
        if (const auto trimmed = trim(statement); !trimmed.empty()) out.emplace_back(trimmed);
    return out;
}

constexpr int weeks_ahead = 8;

// divide - the new and empty tables, by week
Done divide(pg::Blocking& server) {
    auto version = server.query("SELECT current_setting('server_version_num')::integer >= 130000");
    if (!version) return std::unexpected(std::move(version.error()));
    if (std::string_view(PQgetvalue(version->get(), 0, 0)) != "t")
        return fail(Errc::unavailable, "tables divided by week need PostgreSQL 13 or later");
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    auto divided = server.query(join(partitioning_statements(now, weeks_ahead), ";\n"));
    if (!divided) return std::unexpected(std::move(divided.error()));
    return {};
}

Result<int> install_postgresql(const Dsn& dsn, Divided divided) {
    auto server = pg::Blocking::open(dsn);
    if (!server) return std::unexpected(std::move(server.error()));
    const auto last = last_step(*server);
    if (!last) return last;
    if (divided == Divided::by_week && *last != 0)
        return fail(Errc::conflict, "there are tables already: only new ones can be divided by week");
    int installed = 0;
    for (const auto& step : schema_steps(Dsn::Kind::postgresql)) {
        if (step.number <= *last) continue;
        // one query string of several statements is one transaction
        if (auto done = server->query(std::string(step.sql)); !done)
            return fail(done.error().code, fmt::format("schema step {}: {}", step.name, done.error().detail));
        ++installed;
        if (divided == Divided::by_week && step.number == 1)
            if (auto done = divide(*server); !done) return std::unexpected(std::move(done.error()));
    }
    return installed;
}

}  // namespace

std::span<const SchemaStep> schema_steps(Dsn::Kind kind) {
    return kind == Dsn::Kind::postgresql ? detail::postgresql_steps() : detail::sqlite_steps();
}

std::vector<std::string> table_statements(Dsn::Kind kind, std::string_view table) {
    auto all = statements_of(schema_steps(kind).front().sql);
    std::erase_if(all, [&](const std::string& one) {
        return !one.starts_with(fmt::format("CREATE TABLE {} (", table)) &&
               !(one.starts_with("CREATE INDEX ") && one.find(fmt::format(" ON {} (", table)) != std::string::npos);
    });
    return all;
}

std::vector<std::string> index_statements(const SchemaStep& step) {
    auto all = statements_of(step.sql);
    std::erase_if(all, [](const std::string& one) { return !one.starts_with("CREATE INDEX "); });
    return all;
}

Result<int> install_schema(const Dsn& dsn, Divided divided) {
    if (dsn.kind == Dsn::Kind::postgresql) return install_postgresql(dsn, divided);
    if (divided == Divided::by_week) return fail(Errc::bad_input, "SQLite has no partitions");
    auto database = sqlite::Database::open(dsn.path, dsn.named());
    if (!database) return std::unexpected(std::move(database.error()));
    return sqlite::install_steps(**database, dsn.named());
}

}  // namespace tamis::storage
