// storage_checks - asks every database of lookup_dsn and storage_dsn, without changing anything in it
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <initializer_list>

#include "base/text.h"
#include "storage/pg/catalogue.h"
#include "storage/pg/connection.h"
#include "storage/sqlite/catalogue.h"
#include "storage/sqlite/database.h"
#include "tools/doctor/checks.h"
#include "tools/doctor/database_facts.h"
#include "tools/doctor/together.h"

namespace tamis::doctor {
namespace {

using storage::Dsn;
using storage::pg::Connection;

const std::string server_question =
    "SELECT extract(epoch FROM clock_timestamp()), current_setting('max_connections'), current_setting('superuser_reserved_connections'), "
    "(SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL), current_user, current_setting('server_version')";
const std::string rights_question =
    "SELECT c.relname, r.name FROM pg_class c, unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE']) AS r(name) "
    "WHERE c.oid IN (to_regclass('maddr'), to_regclass('msgs'), to_regclass('msgrcpt'), to_regclass('quarantine'), to_regclass('users'), "
    "to_regclass('policy'), to_regclass('mailaddr'), to_regclass('wblist')) AND NOT has_table_privilege(c.oid, r.name) "
    "UNION ALL SELECT 'maddr_id_seq', 'USAGE' WHERE to_regclass('maddr_id_seq') IS NOT NULL AND NOT has_sequence_privilege(to_regclass('maddr_id_seq')::oid, 'USAGE') "
    "ORDER BY 1, 2";

std::string text_at(const storage::pg::Reply& reply, int row, int column) { return PQgetvalue(reply.get(), row, column); }

double seconds_now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

Task<Done> ask_server(Connection& server, DatabaseFacts& facts) {
    auto catalogue = co_await server.run(storage::pg::catalogue_query());
    if (!catalogue) co_return std::unexpected(std::move(catalogue.error()));
    facts.catalogue = storage::pg::catalogue_of(catalogue->get());
    if (facts.catalogue.has_steps) {  // a role that only reads and writes mail may not look there
        auto step = co_await server.run("SELECT coalesce(max(step), 1) FROM tamis_schema");
        facts.catalogue.last_step = step ? std::atoi(text_at(*step, 0, 0).c_str()) : 1;
    }
    const double before = seconds_now();
    auto about = co_await server.run(server_question);
    const double after = seconds_now();
    if (!about) co_return std::unexpected(std::move(about.error()));
    if (const auto clock = parse_number(text_at(*about, 0, 0)); clock) {
        const double ahead = *clock - (before + after) / 2;
        if (std::abs(ahead) > (after - before) / 2) facts.clock_ahead = ahead;
    }
    facts.max_connections = std::atoll(text_at(*about, 0, 1).c_str());
    facts.reserved = std::atoll(text_at(*about, 0, 2).c_str());
    facts.used = std::atoll(text_at(*about, 0, 3).c_str());
    facts.role = escaped(text_at(*about, 0, 4));
    facts.version = escaped(text_at(*about, 0, 5), 40);
    facts.is_pooled = server.is_pooled();
    auto rights = co_await server.run(rights_question);
    if (!rights) co_return std::unexpected(std::move(rights.error()));
    for (int row = 0; row < PQntuples(rights->get()); ++row)
        facts.missing_rights.emplace_back(text_at(*rights, row, 0), text_at(*rights, row, 1));
    if (!facts.wants_keys) co_return Done{};
    for (const std::string table : {"users", "mailaddr"}) {
        if (facts.catalogue.table(table) == nullptr) continue;
        auto keys = co_await server.run(fmt::format("SELECT email FROM {} WHERE email IS NOT NULL LIMIT {}", table, keys_most));
        if (!keys) continue;  // a right that is missing was told
        for (int row = 0; row < PQntuples(keys->get()); ++row) facts.keys.emplace_back(table, key_text(text_at(*keys, row, 0)));
    }
    co_return Done{};
}

Task<void> ask_postgresql(asio::io_context& loop, DatabaseFacts& facts, std::chrono::milliseconds patience) {
    const auto deadline = Deadline::in(patience);
    auto server = co_await Connection::open(loop, facts.dsn, deadline);
    if (!server) {
        facts.trouble = describe(server.error());
        co_return;
    }
    (*server)->set_limit(Deadline::in(patience));
    if (auto asked = co_await ask_server(**server, facts); !asked) facts.trouble = describe(asked.error());
}

void ask_sqlite(DatabaseFacts& facts) {
    if (::access(facts.dsn.path.c_str(), F_OK) != 0 && errno == ENOENT) {
        facts.is_absent = true;
        return;
    }
    auto database = storage::sqlite::Database::open_to_read(facts.dsn.path, facts.dsn.named());
    auto catalogue = database ? storage::sqlite::catalogue_of(**database) : std::unexpected(std::move(database.error()));
    if (catalogue) facts.catalogue = std::move(*catalogue);
    else facts.trouble = describe(catalogue.error());
    if (!catalogue || !facts.wants_keys) return;
    for (const std::string table : {"users", "mailaddr"}) {
        if (facts.catalogue.table(table) == nullptr) continue;
        auto keys = (*database)->prepare(fmt::format("SELECT email FROM {} WHERE email IS NOT NULL LIMIT {}", table, keys_most));
        if (!keys) continue;
        for (auto row = keys->step(); row && *row; row = keys->step()) facts.keys.emplace_back(table, keys->column(0));
    }
}

// ask_all - the databases of both lists at the same time: several that are away keep us no longer than one
Task<void> ask_all(asio::io_context& loop, std::initializer_list<std::vector<DatabaseFacts>*> lists,
                   std::chrono::milliseconds patience) {
    Report unused("storage");
    Together all(unused, "storage");
    for (auto* list : lists)
        for (auto& facts : *list) {
            if (facts.dsn.kind == Dsn::Kind::sqlite) ask_sqlite(facts);
            else all.add(ask_postgresql(loop, facts, patience));
        }
    co_await all.ask_all();
}

std::vector<DatabaseFacts> facts_of(std::vector<Dsn> dsns, const std::string& setting, bool wants_keys) {
    storage::name_entries(dsns, setting);
    std::vector<DatabaseFacts> out;
    for (const auto& dsn : dsns) {
        if (dsn.path == ":memory:") continue;
        out.emplace_back().dsn = dsn;
        out.back().wants_keys = wants_keys;
    }
    return out;
}

}  // namespace

Task<void> check_storage(asio::io_context& loop, const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    const auto same = std::ranges::equal(settings.storage_dsns, settings.lookup_dsns, {}, &Dsn::shown, &Dsn::shown);
    constexpr std::int64_t for_quarantine = 2;
    const auto records = settings.storage.connections + (settings.control.listen.empty() ? 0 : for_quarantine) +
                         (settings.asks_records() ? settings.storage.lookup_connections : 0);
    const auto lookups = settings.storage.lookup_connections;
    DatabaseUse use{"storage_dsn", true, false, records, settings.file, from.user};
    if (same) {
        use.settings = "storage_dsn and lookup_dsn";
        use.is_lookups = true;
        use.connections += lookups;
    }
    const bool asks_own = settings.storage.select_policy.empty();  // with another statement other columns may be the keys
    use.no_at_means_domain = settings.storage.lookup_no_at_means_domain;
    auto storage = facts_of(settings.storage_dsns, use.settings, same && asks_own);
    auto lookup = same ? std::vector<DatabaseFacts>() : facts_of(settings.lookup_dsns, "lookup_dsn", asks_own);
    // a little less than the patience, so that the answer is there when it ends
    co_await ask_all(loop, {&storage, &lookup}, std::chrono::milliseconds(from.patience) * 4 / 5);
    if (settings.storage_dsns.empty()) report.ok("storage_dsn is an empty list: nothing is recorded");
    judge_databases(storage, use, report);
    judge_databases(lookup, {"lookup_dsn", false, true, lookups, settings.file, from.user, use.no_at_means_domain}, report);
}

}  // namespace tamis::doctor
