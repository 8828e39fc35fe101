#include "storage/pg/expiry_sql.h"

#include <fmt/format.h>

#include "base/text.h"
#include "storage/pg/sql_dialect.h"
#include "storage/pg/transaction.h"

namespace tamis::storage::pg {
namespace {

template <class T, class F>
std::string number_array(std::span<const T> from, F number) {
    return "{" + number_list(from, number) + "}";
}

}  // namespace

RetentionSql::RetentionSql(const Catalogue& catalogue) : ExpirySql(catalogue, sql_dialect()) {}

std::string RetentionSql::type_of(std::string_view table, std::string_view column) const {
    const Column* found = catalogue().column(table, column);
    return found == nullptr ? "text" : found->type;
}

// keys - FROM-item k(partition_tag, mail_id[, quar_type, quar_loc]) of the messages
std::string RetentionSql::keys(std::span<const Candidate> messages, SqlQuery& query, bool with_places) const {
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
    add("mail_id", array_literal(ids, type == "bytea"), type);
    if (with_places) {
        add("quar_type", array_literal(types, false), "text");
        if (has("msgs", "quar_loc")) {
            const auto place_type = type_of("msgs", "quar_loc");
            add("quar_loc", array_literal(places, place_type == "bytea"), place_type);
        }
    }
    return fmt::format("unnest({}) AS k({})", join(arguments, ", "), join(names, ", "));
}

std::vector<SqlQuery> RetentionSql::delete_records(std::span<const Candidate> messages, const Walk& walk) const {
    SqlQuery query;
    const auto wanted = keys(messages, query);
    const auto* tag = has("msgs", "partition_tag") ? ", m.partition_tag" : "";
    query.sql = fmt::format(
        "WITH gone AS (SELECT m.mail_id{0} FROM {1} JOIN msgs m ON {2} WHERE {3} FOR UPDATE OF m SKIP LOCKED), "
        "chunks AS (DELETE FROM quarantine q USING gone g WHERE {4} RETURNING 1), "
        "recipients AS (DELETE FROM msgrcpt r USING gone g WHERE {5} RETURNING 1), "
        "records AS (DELETE FROM msgs m USING gone g WHERE {6} RETURNING 1) "
        "SELECT (SELECT count(*) FROM chunks), (SELECT count(*) FROM recipients), (SELECT count(*) FROM records)",
        tag, wanted, same("msgs", "m", "k"), still_due(walk), same("quarantine", "q", "g"), same("msgrcpt", "r", "g"),
        same("msgs", "m", "g"));
    return {std::move(query)};
}

std::vector<SqlQuery> RetentionSql::count_rows(std::span<const Candidate> messages) const {
    std::vector<SqlQuery> out;
    for (const auto* table : {"quarantine", "msgrcpt"}) {
        SqlQuery query;
        const auto wanted = keys(messages, query);
        query.sql = fmt::format("SELECT count(*) FROM {} JOIN {} x ON {}", wanted, table, same(table, "x", "k"));
        out.push_back(std::move(query));
    }
    return out;
}

std::vector<SqlQuery> RetentionSql::expire_copies(std::span<const Candidate> messages, bool chunks) const {
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
        tag, place, wanted, same("msgs", "m", "k"), nobody_wants(), chunk_part, place.empty() ? "" : ", quar_loc = g.quar_loc",
        same("msgs", "m", "g"));
    return {std::move(query)};
}

ExpirySql::Counts RetentionSql::counts_of(const std::vector<SqlAnswer>& answers, Asked asked) const {
    if (asked == Asked::counted) return {0, number_at(answers, 1, 0), number_at(answers, 0, 0)};
    return {number_at(answers, 0, 2), number_at(answers, 0, 1), number_at(answers, 0, 0)};
}

SqlQuery RetentionSql::delete_some_chunks(const Candidate& message, std::size_t most) const {
    SqlQuery query;
    const auto wanted = keys(std::span(&message, 1), query);
    const auto* tag = has_tags("quarantine") ? "q.partition_tag, " : "";
    query.sql = fmt::format(
        "WITH last AS (SELECT {0}q.mail_id, q.chunk_ind FROM {1} JOIN quarantine q ON {2} ORDER BY {0}q.mail_id, q.chunk_ind DESC LIMIT {3}) "
        "DELETE FROM quarantine q USING last l WHERE {4} AND q.chunk_ind = l.chunk_ind",
        tag, wanted, same("quarantine", "q", "k"), most, same("quarantine", "q", "l"));
    return query;
}

SqlQuery RetentionSql::pieces(std::string_view table, const std::optional<Piece>& after, std::size_t limit) const {
    SqlQuery query;
    const std::string tag = has_tags(table) ? "x.partition_tag" : "0";
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

// no_message - the query that finds the message of a row
std::string RetentionSql::no_message(std::string_view alias, std::string_view table) const {
    return fmt::format("SELECT 1 FROM msgs m WHERE {}{}", same(table, "m", alias), left_behind(table));
}

SqlQuery RetentionSql::delete_orphans(std::string_view table, std::span<const Piece> orphans) const {
    SqlQuery query;
    std::vector<std::string> ids;
    for (const auto& one : orphans) ids.push_back(one.key.mail_id);
    const auto type = type_of(table, "mail_id");
    query.values.push_back({number_array(orphans, [](const Piece& one) { return one.key.partition_tag; }), false});
    query.values.push_back({array_literal(ids, type == "bytea"), false});
    query.sql = fmt::format(
        "DELETE FROM {0} x USING unnest($1::bigint[], $2::{1}[]) AS k(partition_tag, mail_id) WHERE {2} AND NOT EXISTS ({3})",
        table, type, same(table, "x", "k"), no_message("x", table));
    return query;
}

std::vector<SqlQuery> RetentionSql::delete_addresses(std::span<const std::int64_t> ids) const {
    std::vector<SqlQuery> out(2);
    out[0].sql = fmt::format(
        "DELETE FROM maddr WHERE id IN (SELECT a.id FROM unnest($1::bigint[]) AS k(id) JOIN maddr a ON a.id = k.id WHERE {} "
        "FOR UPDATE OF a SKIP LOCKED) RETURNING id, {}, email, {}",
        is_alone("a"), has("maddr", "partition_tag") ? "partition_tag" : "NULL", has("maddr", "domain") ? "domain" : "NULL");
    out[0].values.push_back({number_array(ids, [](std::int64_t id) { return id; }), false});
    out[1].sql = "SELECT txid_current()";
    return out;
}

SqlQuery RetentionSql::oldest_transaction() const { return {"SELECT txid_snapshot_xmin(txid_current_snapshot())"}; }

SqlQuery RetentionSql::used_addresses(std::span<const Address> deleted) const {
    return {fmt::format("SELECT k.id FROM unnest($1::bigint[]) AS k(id) WHERE NOT ({})", is_alone("k")),
            {{number_array(deleted, [](const Address& one) { return one.id; }), false}}};
}

std::vector<SqlQuery> RetentionSql::restore_address(const Address& address) const {
    std::vector<std::string> columns{"id", "email"}, values{fmt::format("{}", address.id)};
    SqlQuery insert;
    const auto add = [&](std::string value, std::string_view column) {
        insert.values.push_back({std::move(value), type_of("maddr", column) == "bytea"});
        return fmt::format("${}::{}", insert.values.size(), type_of("maddr", column));
    };
    values.push_back(add(address.email, "email"));
    std::string partition;
    if (has("maddr", "partition_tag")) {
        columns.emplace_back("partition_tag");
        values.push_back(address.partition_tag.empty() ? "NULL" : address.partition_tag);
        if (catalogue().addresses_by_partition()) partition = fmt::format(" AND a.partition_tag = {}", values.back());
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

}  // namespace tamis::storage::pg
