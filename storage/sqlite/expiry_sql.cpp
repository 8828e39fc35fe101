#include "storage/sqlite/expiry_sql.h"

#include <fmt/format.h>

#include "storage/sqlite/sql_dialect.h"

namespace tamis::storage::sqlite {
namespace {

std::string rowids(std::span<const Candidate> messages) {
    return number_list(messages, [](const Candidate& one) { return one.row; });
}

// still - the query of those messages for which the condition on m holds
std::string still(std::span<const Candidate> messages, std::string_view condition) {
    return fmt::format("SELECT m.rowid FROM msgs m WHERE m.rowid IN ({}) AND {}", rowids(messages), condition);
}

}  // namespace

RetentionSql::RetentionSql(const Catalogue& catalogue) : ExpirySql(catalogue, sql_dialect()) {}

std::string RetentionSql::row_address(std::string_view alias) const { return fmt::format("{}.rowid", alias); }

// delete_rows_of - those of the table that belong to the messages of that query
std::string RetentionSql::delete_rows_of(std::string_view table, std::string_view messages) const {
    return fmt::format(
        "DELETE FROM {0} WHERE rowid IN (SELECT x.rowid FROM msgs m CROSS JOIN {0} x WHERE m.rowid IN ({1}) AND {2})", table,
        messages, same(table, "x", "m"));
}

std::vector<SqlQuery> RetentionSql::delete_records(std::span<const Candidate> messages, const Walk& walk) const {
    const auto gone = still(messages, still_due(walk));
    return {{delete_rows_of("quarantine", gone)},
            {delete_rows_of("msgrcpt", gone)},
            {fmt::format("DELETE FROM msgs WHERE rowid IN ({})", gone)}};
}

std::vector<SqlQuery> RetentionSql::count_rows(std::span<const Candidate> messages) const {
    std::vector<SqlQuery> out;
    for (const auto* table : {"quarantine", "msgrcpt"})
        out.push_back({fmt::format("SELECT count(*) FROM msgs m CROSS JOIN {} x WHERE m.rowid IN ({}) AND {}", table,
                                   rowids(messages), same(table, "x", "m"))});
    return out;
}

std::vector<SqlQuery> RetentionSql::expire_copies(std::span<const Candidate> messages, bool chunks) const {
    std::vector<SqlQuery> out;
    out.push_back({chunks ? delete_rows_of("quarantine", still(messages, nobody_wants())) : "SELECT 1 WHERE 0"});
    for (const auto& message : messages) {
        const auto left = without_stored_copy(message);
        auto& query = out.emplace_back();
        query.sql = "UPDATE msgs AS m SET quar_type = ?1";
        query.values.push_back({std::string(1, left.type), false});
        if (has("msgs", "quar_loc")) {
            query.sql += ", quar_loc = ?2";
            query.values.push_back({left.location, false});
        }
        query.sql += fmt::format(" WHERE m.rowid = {} AND {}", message.row, nobody_wants());
    }
    return out;
}

// counts_of - chunks first, records last
ExpirySql::Counts RetentionSql::counts_of(const std::vector<SqlAnswer>& answers, Asked asked) const {
    if (asked == Asked::counted) return {0, number_at(answers, 1, 0), number_at(answers, 0, 0)};
    Counts counts;
    counts.chunks = answers.empty() ? 0 : answers.front().changed;
    const std::size_t records = asked == Asked::deleted_records ? 2 : 1;
    if (asked == Asked::deleted_records && answers.size() > 1) counts.recipients = answers[1].changed;
    for (std::size_t i = records; i < answers.size(); ++i) counts.records += answers[i].changed;
    return counts;
}

SqlQuery RetentionSql::delete_some_chunks(const Candidate& message, std::size_t most) const {
    return {fmt::format(
        "DELETE FROM quarantine WHERE rowid IN (SELECT x.rowid FROM msgs m CROSS JOIN quarantine x WHERE m.rowid = {} AND {} "
        "ORDER BY x.chunk_ind DESC LIMIT {})",
        message.row, same("quarantine", "x", "m"), most)};
}

SqlQuery RetentionSql::pieces(std::string_view table, const std::optional<Piece>& after, std::size_t limit) const {
    return {fmt::format("SELECT {}, x.mail_id, x.rowid, NOT EXISTS ({}) FROM {} x WHERE x.rowid > {} ORDER BY x.rowid LIMIT {}",
                        has_tags(table) ? "x.partition_tag" : "0", no_message("x", table), table, after ? after->row : -1,
                        limit)};
}

// no_message - the query that finds the message of a row: amavisd may have written an id as text in one table and as bytes in
// the other
std::string RetentionSql::no_message(std::string_view alias, std::string_view table) const {
    return fmt::format("SELECT 1 FROM msgs m WHERE m.mail_id IN (CAST({0}.mail_id AS TEXT), CAST({0}.mail_id AS BLOB)){1}{2}",
                       alias, has_tags(table) ? fmt::format(" AND m.partition_tag = {}.partition_tag", alias) : "",
                       left_behind(table));
}

SqlQuery RetentionSql::delete_orphans(std::string_view table, std::span<const Piece> orphans) const {
    return {fmt::format("DELETE FROM {0} AS x WHERE x.rowid IN ({1}) AND NOT EXISTS ({2})", table,
                        number_list(orphans, [](const Piece& one) { return one.row; }), no_message("x", table))};
}

std::vector<SqlQuery> RetentionSql::delete_addresses(std::span<const std::int64_t> ids) const {
    return {{fmt::format("DELETE FROM maddr AS a WHERE a.id IN ({}) AND {}", number_list(ids, [](std::int64_t id) { return id; }),
                         is_alone("a"))}};
}

}  // namespace tamis::storage::sqlite
