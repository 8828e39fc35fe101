#include "storage/pg/dialect.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/pg/connect_advice.h"

namespace tamis::storage::pg {
namespace {

constexpr const char* facts_sql =
    "SELECT c.relname, a.attname, t.typname, "
    "has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') "
    "AND (c.relname IN ('maddr', 'quarantine') OR has_table_privilege(c.oid, 'UPDATE')), "
    "pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' "
    "FROM (VALUES (1)) AS one(x) LEFT JOIN pg_class c ON c.oid IN "
    "(to_regclass('maddr'), to_regclass('msgs'), to_regclass('msgrcpt'), to_regclass('quarantine')) "
    "LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "LEFT JOIN pg_type t ON t.oid = a.atttypid";

struct Needed {
    std::string_view              table;
    std::vector<std::string_view> columns;
};
const std::vector<Needed>& needed() {
    static const std::vector<Needed> tables{
        {"maddr", {"id", "partition_tag", "email", "domain"}},
        {"msgs", {"partition_tag", "mail_id", "secret_id", "am_id", "time_num", "time_iso", "sid", "policy", "client_addr",
                  "size", "originating", "content", "quar_type", "quar_loc", "dsn_sent", "spam_level", "message_id",
                  "from_addr", "subject", "host"}},
        {"msgrcpt", {"partition_tag", "mail_id", "rseqnum", "rid", "is_local", "content", "ds", "rs", "bl", "wl",
                     "bspam_level", "smtp_resp"}},
        {"quarantine", {"partition_tag", "mail_id", "chunk_ind", "mail_text"}}};
    return tables;
}

TextRules::Charset charset_of(std::string_view encoding) {
    if (encoding == "UTF8") return TextRules::Charset::utf8;
    if (encoding == "SQL_ASCII") return TextRules::Charset::any_bytes;
    return TextRules::Charset::ascii;
}

}  // namespace

Result<Dialect> dialect_of(const std::vector<ColumnFact>& columns, std::string_view server_encoding) {
    const auto find = [&](std::string_view table, std::string_view column) {
        return std::ranges::find_if(columns, [&](const ColumnFact& fact) {
            return fact.table == table && (column.empty() || fact.column == column);
        });
    };
    for (const auto& [table, names] : needed()) {
        const auto any = find(table, {});
        if (any == columns.end())
            return fail(Errc::unavailable, fmt::format("no table \"{}\": {}", table, statement_advice("42P01")));
        if (!any->may_write)
            return fail(Errc::unavailable, fmt::format("no permission to write the table \"{}\": {}", table, statement_advice("42501")));
        for (const auto name : names)
            if (find(table, name) == columns.end())
                return fail(Errc::unavailable, fmt::format("no column \"{}.{}\": {}", table, name, statement_advice("42703")));
    }
    Dialect dialect;
    dialect.address_type = find("maddr", "email")->type == "bytea" ? "bytea" : "varchar";
    dialect.chunk_type = find("quarantine", "mail_text")->type;
    dialect.text.charset = charset_of(server_encoding);
    dialect.text.eight_bit_addresses = dialect.address_type == "bytea";
    if (dialect.chunk_type != "bytea")
        return fail(Errc::unavailable, fmt::format("quarantine.mail_text is of type {}, which cannot hold every byte: ALTER TABLE "
                                                   "quarantine ALTER mail_text TYPE bytea USING "
                                                   "decode(replace(mail_text,'\\','\\\\'),'escape')", dialect.chunk_type));
    return dialect;
}

Task<Result<Dialect>> detect_records(Connection& connection) {
    auto reply = co_await connection.run(facts_sql);
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    PGresult* rows = reply->get();
    const auto text = [&](int row, int column) { return std::string(PQgetvalue(rows, row, column)); };
    std::vector<ColumnFact> columns;
    bool read_only = false;
    for (int row = 0; row < PQntuples(rows); ++row) {
        columns.push_back({text(row, 0), text(row, 1), text(row, 2), text(row, 3) == "t"});
        read_only = text(row, 4) == "t";
    }
    auto dialect = dialect_of(columns, connection.parameter("server_encoding"));
    if (!dialect)
        co_return fail(dialect.error().code, fmt::format("{}: {}", connection.dsn().shown, dialect.error().detail));
    dialect->is_writable = !read_only;
    co_return dialect;
}

}  // namespace tamis::storage::pg
