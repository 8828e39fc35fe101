#include "storage/expiry_sql.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/pg/transaction.h"

namespace tamis::storage {
namespace {

using Kind = Walk::Kind;

std::string letters(std::string_view of) {
    std::string out;
    for (const char letter : of) out += fmt::format("{}'{}'", out.empty() ? "" : ", ", letter);
    return out;
}

std::string text_of(const SqlRow& row, std::size_t i) { return i < row.size() ? row[i].value_or("") : std::string(); }
std::int64_t number_of(const SqlRow& row, std::size_t i) {
    const auto text = text_of(row, i);
    const bool is_negative = text.starts_with('-');
    const auto value =
        static_cast<std::int64_t>(parse_unsigned(std::string_view(text).substr(is_negative ? 1 : 0), INT64_MAX).value_or(0));
    return is_negative ? -value : value;
}

SqlQuery query_of(std::string sql) {
    SqlQuery query;
    query.sql = std::move(sql);
    return query;
}

template <class T, class F>
std::string number_array(std::span<const T> from, F number) {
    std::string out = "{";
    for (const auto& one : from) out += fmt::format("{}{}", out.size() > 1 ? "," : "", number(one));
    return out + "}";
}

}  // namespace

bool ExpirySql::has_index(std::string_view table, std::string_view first_column) const {
    const Table* found = catalogue_.table(table);
    return found != nullptr && std::ranges::any_of(found->indexes, [&](const Index& index) {
               return !index.columns.empty() && index.columns.front() == first_column;
           });
}

Done ExpirySql::check() const {
    if (has_index("msgs", "time_num")) return {};
    return fail(
        Errc::bad_input,
        "there is no index on msgs.time_num, so that old messages could only be found by reading the whole table again and "
        "again: CREATE INDEX CONCURRENTLY msgs_idx_time_num ON msgs (time_num)");
}

bool ExpirySql::can_find_users() const { return has_index("msgs", "sid") && has_index("msgrcpt", "rid"); }

bool ExpirySql::can_walk(std::string_view table) const {
    return has_index(table, "mail_id") || has_index(table, "partition_tag");
}

std::string ExpirySql::type_of(std::string_view table, std::string_view column) const {
    const Column* found = catalogue_.column(table, column);
    if (found == nullptr) return "text";
    return found->type == "bytea" ? "bytea" : found->type == "bpchar" ? "bpchar" : found->type;
}

std::string ExpirySql::same(std::string_view table, std::string_view a, std::string_view b) const {
    auto out = fmt::format("{}.mail_id = {}.mail_id", a, b);
    if (has_tags(table)) out += fmt::format(" AND {}.partition_tag = {}.partition_tag", a, b);
    return out;
}

std::string ExpirySql::filter(const Walk& walk) const {
    std::string out;
    if (walk.kind == Kind::copies || walk.kind == Kind::deleted) out += " AND m.quar_type <> ' '";
    if (walk.kind == Kind::incomplete) out += " AND m.content IS NULL";
    if (walk.kind == Kind::deleted)
        out += fmt::format(" AND EXISTS (SELECT 1 FROM msgrcpt d WHERE {} AND d.rs = 'D')", same("msgrcpt", "d", "m"));
    if (!walk.only.empty()) out += fmt::format(" AND m.content IN ({})", letters(walk.only));
    if (!walk.except.empty()) out += fmt::format(" AND (m.content IS NULL OR m.content NOT IN ({}))", letters(walk.except));
    return out;
}

SqlQuery ExpirySql::first(const Walk& walk, std::int64_t from) const {
    return query_of(
        fmt::format("SELECT m.time_num FROM msgs m WHERE m.time_num >= {} AND m.time_num < {} ORDER BY m.time_num LIMIT 1", from,
                    walk.until));
}

SqlQuery ExpirySql::window_end(const Walk& walk, std::int64_t from, std::size_t rows) const {
    // with schema step 2 there is an index of what is quarantined
    const bool is_indexed = (walk.kind == Kind::copies || walk.kind == Kind::deleted) && has("msgrcpt", "time_num");
    return query_of(fmt::format(
        "SELECT m.time_num FROM msgs m WHERE m.time_num >= {} AND m.time_num < {}{} ORDER BY m.time_num LIMIT 1 OFFSET {}", from,
        walk.until, is_indexed ? " AND m.quar_type <> ' '" : "", rows));
}

SqlQuery ExpirySql::candidates(const Walk& walk, std::int64_t from, std::int64_t until, std::size_t limit) const {
    const bool of_copies = walk.kind == Kind::copies || walk.kind == Kind::deleted;
    std::string states = "''";
    if (of_copies)
        states = fmt::format("(SELECT {} FROM msgrcpt r WHERE {})",
                             is_pg_ ? "string_agg(DISTINCT r.rs::text, '')" : "group_concat(DISTINCT r.rs)",
                             same("msgrcpt", "r", "m"));
    const auto column = [&](std::string_view name, std::string_view otherwise) {
        return has("msgs", name) ? fmt::format("m.{}", name) : std::string(otherwise);
    };
    return query_of(fmt::format(
        "SELECT {}, m.mail_id, {}, m.time_num, m.content, m.quar_type, {}, {}, {} FROM msgs m WHERE m.time_num >= {} AND "
        "m.time_num < {}{} ORDER BY m.time_num LIMIT {}",
        column("partition_tag", "0"), is_pg_ ? "0" : "m.rowid", column("quar_loc", "''"), column("size", "0"), states, from,
        until, filter(walk), limit));
}

Candidate ExpirySql::candidate_of(const SqlRow& row) {
    Candidate out;
    out.key = {number_of(row, 0), text_of(row, 1)};
    out.row = number_of(row, 2);
    out.time = number_of(row, 3);
    out.content = row.size() > 4 && !row[4] ? '\0' : text_of(row, 4).empty() ? ' ' : text_of(row, 4).front();
    out.type = text_of(row, 5).empty() ? ' ' : text_of(row, 5).front();
    out.location = text_of(row, 6);
    out.size = static_cast<std::uint64_t>(std::max<std::int64_t>(0, number_of(row, 7)));
    for (const char letter : text_of(row, 8))
        if (letter != ',') out.states += letter;
    return out;
}

SqlQuery ExpirySql::oldest_kept(std::span<const Walk> walks, Walk::Kind kind) const {
    std::int64_t from = INT64_MAX;  // what is older goes, whatever it is
    std::string stays = kind == Kind::copies ? " AND m.quar_type <> ' '" : "";
    bool takes_all = false;
    for (const auto& walk : walks) {
        if (walk.kind != kind && walk.kind != Kind::records && walk.kind != Kind::incomplete) continue;
        if (walk.kind == kind) from = std::min(from, walk.until);
        takes_all = takes_all || (walk.kind == kind && walk.only.empty());
        stays += fmt::format(" AND (m.time_num < {}{}) IS NOT TRUE", walk.until, filter(walk));
    }
    return query_of(fmt::format("SELECT m.time_num FROM msgs m WHERE m.time_num >= {}{} ORDER BY m.time_num LIMIT 1",
                                takes_all ? from : 0, stays));
}

// keys - PostgreSQL: FROM-item k(partition_tag, mail_id[, quar_type, quar_loc]) of the messages
std::string ExpirySql::keys(std::span<const Candidate> messages, SqlQuery& query, bool with_places) const {
    std::vector<std::string> arguments, names;
    const auto add = [&](std::string name, std::string value, std::string_view type) {
        query.values.push_back({std::move(value), false});
        arguments.push_back(fmt::format("${}::{}[]", query.values.size(), type));
        names.push_back(std::move(name));
    };
    std::vector<std::string> ids, types, places;
    for (const auto& message : messages) {
        ids.push_back(message.key.mail_id);
        const auto left = without_stored_copy(message);
        types.emplace_back(1, left.type);
        places.push_back(left.location);
    }
    if (has("msgs", "partition_tag"))
        add("partition_tag", number_array(messages, [](const Candidate& one) { return one.key.partition_tag; }), "bigint");
    const auto type = type_of("msgs", "mail_id");
    add("mail_id", pg::array_literal(ids, type == "bytea"), type);
    if (with_places) {
        add("quar_type", pg::array_literal(types, false), "text");
        if (has("msgs", "quar_loc")) {
            const auto place_type = type_of("msgs", "quar_loc");
            add("quar_loc", pg::array_literal(places, place_type == "bytea"), place_type);
        }
    }
    return fmt::format("unnest({}) AS k({})", join(arguments, ", "), join(names, ", "));
}

std::string ExpirySql::rowids(std::span<const Candidate> messages) const {
    std::string out;
    for (const auto& message : messages) out += fmt::format("{}{}", out.empty() ? "" : ",", message.row);
    return out;
}

std::vector<SqlQuery> ExpirySql::delete_records(std::span<const Candidate> messages, const Walk& walk) const {
    const auto still =
        fmt::format("m.time_num < {}{}", walk.until, walk.kind == Kind::incomplete ? " AND m.content IS NULL" : "");
    if (!is_pg_) {
        const auto gone = fmt::format("SELECT m.rowid FROM msgs m WHERE m.rowid IN ({}) AND {}", rowids(messages), still);
        std::vector<SqlQuery> out;
        for (const auto* table : {"quarantine", "msgrcpt"})
            out.push_back(query_of(fmt::format(
                "DELETE FROM {0} WHERE rowid IN (SELECT x.rowid FROM msgs m CROSS JOIN {0} x WHERE m.rowid IN ({1}) AND {2}) "
                "RETURNING 1",
                table, gone, same(table, "x", "m"))));
        out.push_back(query_of(fmt::format("DELETE FROM msgs WHERE rowid IN ({}) RETURNING 1", gone)));
        return out;
    }
    SqlQuery query;
    const auto wanted = keys(messages, query);
    const auto* tag = has("msgs", "partition_tag") ? ", m.partition_tag" : "";
    query.sql = fmt::format(
        "WITH gone AS (SELECT m.mail_id{0} FROM {1} JOIN msgs m ON {2} WHERE {3} FOR UPDATE OF m SKIP LOCKED), "
        "chunks AS (DELETE FROM quarantine q USING gone g WHERE {4} RETURNING 1), "
        "recipients AS (DELETE FROM msgrcpt r USING gone g WHERE {5} RETURNING 1), "
        "records AS (DELETE FROM msgs m USING gone g WHERE {6} RETURNING 1) "
        "SELECT (SELECT count(*) FROM chunks), (SELECT count(*) FROM recipients), (SELECT count(*) FROM records)",
        tag, wanted, same("msgs", "m", "k"), still, same("quarantine", "q", "g"), same("msgrcpt", "r", "g"),
        same("msgs", "m", "g"));
    std::vector<SqlQuery> out;
    out.push_back(std::move(query));
    return out;
}

std::vector<SqlQuery> ExpirySql::count_rows(std::span<const Candidate> messages) const {
    std::vector<SqlQuery> out;
    for (const auto* table : {"quarantine", "msgrcpt"}) {
        SqlQuery query;
        if (is_pg_) {
            const auto wanted = keys(messages, query);
            query.sql = fmt::format("SELECT count(*) FROM {} JOIN {} x ON {}", wanted, table, same(table, "x", "k"));
        } else {
            query.sql = fmt::format("SELECT count(*) FROM msgs m CROSS JOIN {} x WHERE m.rowid IN ({}) AND {}", table,
                                    rowids(messages), same(table, "x", "m"));
        }
        out.push_back(std::move(query));
    }
    return out;
}

std::vector<SqlQuery> ExpirySql::expire_copies(std::span<const Candidate> messages, bool chunks) const {
    const auto nobody_wants =
        fmt::format("NOT EXISTS (SELECT 1 FROM msgrcpt w WHERE {} AND w.rs IN ('p', 't'))", same("msgrcpt", "w", "m"));
    std::vector<SqlQuery> out;
    if (!is_pg_) {
        const auto gone = fmt::format("SELECT m.rowid FROM msgs m WHERE m.rowid IN ({}) AND {}", rowids(messages), nobody_wants);
        out.push_back(query_of(
            !chunks
                ? "SELECT 1 WHERE 0"
                : fmt::format(
                      "DELETE FROM quarantine WHERE rowid IN (SELECT x.rowid FROM msgs m CROSS JOIN quarantine x WHERE m.rowid IN ({}) AND "
                      "{}) RETURNING 1",
                      gone, same("quarantine", "x", "m"))));
        for (const auto& message : messages) {
            const auto left = without_stored_copy(message);
            auto& query = out.emplace_back();
            query.sql = "UPDATE msgs AS m SET quar_type = ?1";
            query.values.push_back({std::string(1, left.type), false});
            if (has("msgs", "quar_loc")) {
                query.sql += ", quar_loc = ?2";
                query.values.push_back({left.location, false});
            }
            query.sql += fmt::format(" WHERE m.rowid = {} AND {} RETURNING 1", message.row, nobody_wants);
        }
        return out;
    }
    SqlQuery query;
    const auto wanted = keys(messages, query, true);
    const std::string tag = has("msgs", "partition_tag") ? ", m.partition_tag" : "";
    const std::string place = has("msgs", "quar_loc") ? ", k.quar_loc" : "";
    const std::string chunk_part =
        chunks ? fmt::format("DELETE FROM quarantine q USING gone g WHERE {} RETURNING 1", same("quarantine", "q", "g"))
               : "SELECT 1 WHERE false";
    query.sql = fmt::format(
        "WITH gone AS (SELECT m.mail_id{0}, k.quar_type{1} FROM {2} JOIN msgs m ON {3} WHERE {4} FOR UPDATE OF m SKIP LOCKED), "
        "chunks AS ({5}), "
        "records AS (UPDATE msgs m SET quar_type = g.quar_type{6} FROM gone g WHERE {7} RETURNING 1) "
        "SELECT (SELECT count(*) FROM chunks), 0, (SELECT count(*) FROM records)",
        tag, place, wanted, same("msgs", "m", "k"), nobody_wants, chunk_part, place.empty() ? "" : ", quar_loc = g.quar_loc",
        same("msgs", "m", "g"));
    out.push_back(std::move(query));
    return out;
}

ExpirySql::Counts ExpirySql::counts_of(const std::vector<SqlRows>& answers, Asked asked) const {
    Counts counts;
    const auto number = [&](std::size_t answer, std::size_t column) {
        return answer < answers.size() && !answers[answer].empty()
                   ? static_cast<std::uint64_t>(number_of(answers[answer].front(), column))
                   : 0;
    };
    if (asked == Asked::counted) {
        counts.chunks = number(0, 0);
        counts.recipients = number(1, 0);
    } else if (is_pg_) {
        counts = {number(0, 2), number(0, 1), number(0, 0)};
    } else {  // a row for each that went: chunks first
        counts.chunks = answers.empty() ? 0 : answers.front().size();
        const std::size_t records = asked == Asked::deleted_records ? 2 : 1;
        if (asked == Asked::deleted_records && answers.size() > 1) counts.recipients = answers[1].size();
        for (std::size_t i = records; i < answers.size(); ++i) counts.records += answers[i].size();
    }
    return counts;
}

SqlQuery ExpirySql::delete_some_chunks(const Candidate& message, std::size_t most) const {
    SqlQuery query;
    const std::span<const Candidate> one(&message, 1);
    if (is_pg_) {
        const auto wanted = keys(one, query);
        const auto* tag = has_tags("quarantine") ? "q.partition_tag, " : "";
        query.sql = fmt::format(
            "WITH last AS (SELECT {0}q.mail_id, q.chunk_ind FROM {1} JOIN quarantine q ON {2} ORDER BY {0}q.mail_id, q.chunk_ind DESC LIMIT {3}) "
            "DELETE FROM quarantine q USING last l WHERE {4} AND q.chunk_ind = l.chunk_ind RETURNING 1",
            tag, wanted, same("quarantine", "q", "k"), most, same("quarantine", "q", "l"));
    } else {
        query.sql = fmt::format(
            "DELETE FROM quarantine WHERE rowid IN (SELECT x.rowid FROM msgs m CROSS JOIN quarantine x WHERE m.rowid = {} AND {} "
            "ORDER BY x.chunk_ind DESC LIMIT {}) RETURNING 1",
            message.row, same("quarantine", "x", "m"), most);
    }
    return query;
}

SqlQuery ExpirySql::pieces(std::string_view table, const std::optional<Piece>& after, std::size_t limit) const {
    SqlQuery query;
    const std::string tag = has_tags(table) ? "x.partition_tag" : "0";
    if (!is_pg_) {
        query.sql =
            fmt::format("SELECT {}, x.mail_id, x.rowid, NOT EXISTS ({}) FROM {} x WHERE x.rowid > {} ORDER BY x.rowid LIMIT {}",
                        tag, no_message("x", table), table, after ? after->row : -1, limit);
        return query;
    }
    const bool tags = has_tags(table) && has_index(table, "partition_tag");
    const std::string order = tags ? "x.partition_tag, x.mail_id" : "x.mail_id";
    std::string behind = "true";
    if (after) {
        query.values.push_back({after->key.mail_id, true});
        const auto id = fmt::format("$1::{}", type_of(table, "mail_id"));
        behind = tags ? fmt::format("({}) > ({}, {})", order, after->key.partition_tag, id) : fmt::format("x.mail_id > {}", id);
    }
    query.sql = fmt::format(
        "SELECT n.partition_tag, n.mail_id, 0, NOT EXISTS ({0}) FROM (SELECT {1} AS partition_tag, x.mail_id FROM {2} x WHERE {3} ORDER BY {4} "
        "LIMIT {5}) AS n GROUP BY n.partition_tag, n.mail_id ORDER BY {6}",
        no_message("n", table), tag, table, behind, order, limit, tags ? "n.partition_tag, n.mail_id" : "n.mail_id");
    return query;
}

// no_message - the query that finds the message of a row. SQLite: amavisd may have written an id as text in one table and
// as bytes in the other.
std::string ExpirySql::no_message(std::string_view alias, std::string_view table) const {
    // chunks that were left when a run was broken off
    const std::string kept =
        table == "quarantine" && has("msgs", "quar_loc")
            ? fmt::format(" AND (m.quar_type IS NULL OR m.quar_type <> ' ' OR m.quar_loc IS NULL OR m.quar_loc <> '{}')",
                          expired_location)
            : "";
    if (is_pg_) return fmt::format("SELECT 1 FROM msgs m WHERE {}{}", same(table, "m", alias), kept);
    return fmt::format("SELECT 1 FROM msgs m WHERE m.mail_id IN (CAST({0}.mail_id AS TEXT), CAST({0}.mail_id AS BLOB)){1}{2}",
                       alias, has_tags(table) ? fmt::format(" AND m.partition_tag = {}.partition_tag", alias) : "", kept);
}

ExpirySql::Piece ExpirySql::piece_of(const SqlRow& row) {
    const auto orphan = text_of(row, 3);
    return {{number_of(row, 0), text_of(row, 1)}, number_of(row, 2), orphan == "t" || orphan == "1"};
}

SqlQuery ExpirySql::delete_orphans(std::string_view table, std::span<const Piece> orphans) const {
    SqlQuery query;
    if (!is_pg_) {
        const auto rows = number_array(orphans, [](const Piece& one) { return one.row; });
        query.sql = fmt::format("DELETE FROM {0} AS x WHERE x.rowid IN ({1}) AND NOT EXISTS ({2}) RETURNING 1", table,
                                rows.substr(1, rows.size() - 2), no_message("x", table));
        return query;
    }
    std::vector<std::string> ids;
    for (const auto& one : orphans) ids.push_back(one.key.mail_id);
    const auto type = type_of(table, "mail_id");
    query.values.push_back({number_array(orphans, [](const Piece& one) { return one.key.partition_tag; }), false});
    query.values.push_back({pg::array_literal(ids, type == "bytea"), false});
    query.sql = fmt::format(
        "DELETE FROM {0} x USING unnest($1::bigint[], $2::{1}[]) AS k(partition_tag, mail_id) WHERE {2} AND NOT EXISTS ({3}) RETURNING 1",
        table, type, same(table, "x", "k"), no_message("x", table));
    return query;
}

SqlQuery ExpirySql::newest_address(std::int64_t hour_ago) const {
    return query_of(fmt::format(
        "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM msgs WHERE time_num >= {0}) THEN (SELECT max(id) FROM maddr) ELSE "
        "(SELECT max(sid) FROM (SELECT sid FROM msgs WHERE time_num < {0} ORDER BY time_num DESC LIMIT 1000) AS seen) END",
        hour_ago));
}

// is_alone - nobody refers to the address
std::string ExpirySql::is_alone(std::string_view alias) const {
    return fmt::format(
        "NOT EXISTS (SELECT 1 FROM msgs s WHERE s.sid = {0}.id) AND NOT EXISTS (SELECT 1 FROM msgrcpt t WHERE t.rid = {0}.id)",
        alias);
}

SqlQuery ExpirySql::unused_addresses(std::int64_t after, std::int64_t last, std::size_t limit) const {
    return query_of(fmt::format(
        "SELECT a.id, {} FROM (SELECT id FROM maddr WHERE id > {} AND id <= {} ORDER BY id LIMIT {}) AS a ORDER BY a.id",
        is_alone("a"), after, last, limit));
}

std::vector<SqlQuery> ExpirySql::delete_addresses(std::span<const std::int64_t> ids) const {
    const auto list = number_array(ids, [](std::int64_t id) { return id; });
    const std::string tag = has("maddr", "partition_tag") ? "partition_tag" : "NULL";
    const std::string domain = has("maddr", "domain") ? "domain" : "NULL";
    std::vector<SqlQuery> out;
    if (is_pg_) {
        out.push_back(query_of(fmt::format(
            "DELETE FROM maddr WHERE id IN (SELECT a.id FROM unnest($1::bigint[]) AS k(id) JOIN maddr a ON a.id = k.id WHERE {} "
            "FOR UPDATE OF a SKIP LOCKED) RETURNING id, {}, email, {}",
            is_alone("a"), tag, domain)));
        out.back().values.push_back({list, false});
        out.push_back(query_of("SELECT txid_current()"));
    } else {
        out.push_back(query_of(fmt::format("DELETE FROM maddr AS a WHERE a.id IN ({}) AND {} RETURNING id, {}, email, {}",
                                           list.substr(1, list.size() - 2), is_alone("a"), tag, domain)));
    }
    return out;
}

ExpirySql::Address ExpirySql::address_of(const SqlRow& row) {
    return {number_of(row, 0), text_of(row, 1), text_of(row, 2), text_of(row, 3)};
}

SqlQuery ExpirySql::oldest_transaction() const { return query_of("SELECT txid_snapshot_xmin(txid_current_snapshot())"); }

SqlQuery ExpirySql::used_addresses(std::span<const Address> deleted) const {
    auto query = query_of(fmt::format("SELECT k.id FROM unnest($1::bigint[]) AS k(id) WHERE NOT ({})", is_alone("k")));
    query.values.push_back({number_array(deleted, [](const Address& one) { return one.id; }), false});
    return query;
}

std::vector<SqlQuery> ExpirySql::restore_address(const Address& address) const {
    std::vector<std::string> columns{"id", "email"}, values{fmt::format("{}", address.id)};
    SqlQuery insert;
    const auto add = [&](std::string value, std::string_view column) {
        insert.values.push_back({std::move(value), type_of("maddr", column) == "bytea"});
        return fmt::format("${}::{}", insert.values.size(), type_of("maddr", column));
    };
    const auto email = add(address.email, "email");
    values.push_back(email);
    std::string partition;
    if (has("maddr", "partition_tag")) {
        columns.emplace_back("partition_tag");
        values.push_back(address.partition_tag.empty() ? "NULL" : address.partition_tag);
        if (catalogue_.addresses_by_partition()) partition = fmt::format(" AND a.partition_tag = {}", values.back());
    }
    if (has("maddr", "domain")) {
        columns.emplace_back("domain");
        values.push_back(add(address.domain, "domain"));
    }
    insert.sql =
        fmt::format("INSERT INTO maddr ({}) VALUES ({}) ON CONFLICT DO NOTHING", join(columns, ", "), join(values, ", "));
    std::vector<SqlQuery> out;
    out.push_back(std::move(insert));
    // the same address is there again under a new number: the rows follow it
    for (const auto& [table, column] : {std::pair{"msgs", "sid"}, std::pair{"msgrcpt", "rid"}}) {
        SqlQuery follow;
        follow.values.push_back({address.email, type_of("maddr", "email") == "bytea"});
        follow.sql = fmt::format(
            "UPDATE {0} SET {1} = (SELECT a.id FROM maddr a WHERE a.email = $1::{2}{3} LIMIT 1) WHERE {1} = {4} AND "
            "NOT EXISTS (SELECT 1 FROM maddr b WHERE b.id = {4})",
            table, column, type_of("maddr", "email"), partition, address.id);
        out.push_back(std::move(follow));
    }
    return out;
}

}  // namespace tamis::storage
