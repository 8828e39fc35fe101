#include "storage/pg/probe.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdlib>

#include "base/text.h"
#include "storage/pg/catalogue.h"
#include "storage/pg/connection.h"

namespace tamis::storage::pg {
namespace {

const std::string server_question =
    "SELECT extract(epoch FROM clock_timestamp()), current_setting('max_connections'), current_setting('superuser_reserved_connections'), "
    "(SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL), current_user, current_setting('server_version')";
const std::string rights_question =
    "SELECT c.relname, r.name FROM pg_class c, unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE']) AS r(name) "
    "WHERE c.oid IN (to_regclass('maddr'), to_regclass('msgs'), to_regclass('msgrcpt'), to_regclass('quarantine'), to_regclass('users'), "
    "to_regclass('policy'), to_regclass('mailaddr'), to_regclass('wblist')) AND NOT has_table_privilege(c.oid, r.name) "
    "UNION ALL SELECT 'maddr_id_seq', 'USAGE' WHERE to_regclass('maddr_id_seq') IS NOT NULL AND NOT has_sequence_privilege(to_regclass('maddr_id_seq')::oid, 'USAGE') "
    "ORDER BY 1, 2";

// key_text - of a column email: a bytea comes as "\\x75736572", a text as it is
std::string key_text(std::string_view column) {
    if (!column.starts_with("\\x") || column.size() % 2 != 0) return std::string(column);
    std::string out;
    for (std::size_t i = 2; i < column.size(); i += 2) {
        const auto digit = [](char c) {
            return is_digit(c) ? c - '0' : lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
        };
        const int high = digit(column[i]), low = digit(column[i + 1]);
        if (high < 0 || low < 0) return std::string(column);
        out += static_cast<char>(high * 16 + low);
    }
    return out;
}

std::string text_at(const Reply& reply, int row, int column) { return PQgetvalue(reply.get(), row, column); }

double seconds_now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

Task<Done> ask_server(Connection& server, DatabaseFacts& facts) {
    auto catalogue = co_await server.run(catalogue_query());
    if (!catalogue) co_return std::unexpected(std::move(catalogue.error()));
    facts.catalogue = catalogue_of(catalogue->get());
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

}  // namespace

Task<void> probe(asio::io_context& loop, DatabaseFacts& facts, std::chrono::milliseconds patience) {
    const auto deadline = Deadline::in(patience);
    auto server = co_await Connection::open(loop, facts.dsn, deadline);
    if (!server) {
        facts.trouble = describe(server.error());
        co_return;
    }
    (*server)->set_limit(Deadline::in(patience));
    if (auto asked = co_await ask_server(**server, facts); !asked) facts.trouble = describe(asked.error());
}

std::vector<std::string> reach(const DatabaseFacts& facts, const Advised& advised) {
    const auto has = [&](std::string_view part) { return facts.trouble.find(part) != std::string::npos; };
    if (has("no password supplied"))
        return {fmt::format("{}: [storage] {} = {{ dsn = \"{}\", password = \"...\" }}", advised.config_file, advised.setting,
                            facts.dsn.shown),
                fmt::format("or a line HOST:PORT:DATABASE:USER:PASSWORD in {}/.pgpass, mode 600", advised.home)};
    if (has("wrong password"))
        return {
            fmt::format("{}: [storage] {}: the password that the server knows, or on the server: ALTER ROLE ... PASSWORD '...'",
                        advised.config_file, advised.setting)};
    if (has("no database")) return {"createdb, then: " + advised.install};
    if (has("pg_hba.conf"))
        return {
            "on the server: a line \"host DATABASE USER ADDRESS/32 scram-sha-256\" in pg_hba.conf, then: SELECT pg_reload_conf()"};
    if (has("no free connection")) return {"on the server: ALTER SYSTEM SET max_connections = ...; restart it"};
    return {fmt::format(
        "start it (systemctl start postgresql), or correct {} in {}; listen_addresses in postgresql.conf must name its address",
        advised.setting, advised.config_file)};
}

std::string grant(std::string_view right, const std::vector<std::string>& tables, std::string_view role) {
    return fmt::format("GRANT {} ON {}{} TO \"{}\";", right, right == "USAGE" ? "SEQUENCE " : "", join(tables, ", "), role);
}

std::string allow_connections(std::int64_t connections) {
    return fmt::format("ALTER SYSTEM SET max_connections = {}; restart it", connections);
}

}  // namespace tamis::storage::pg
