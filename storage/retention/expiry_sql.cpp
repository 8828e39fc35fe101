#include "storage/retention/expiry_sql.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

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

}  // namespace

bool ExpirySql::has_index(std::string_view table, std::string_view first_column) const {
    const Table* found = target_.catalogue.table(table);
    return found != nullptr && std::ranges::any_of(found->indexes, [&](const Index& index) {
               return !index.columns.empty() && index.columns.front() == first_column;
           });
}

Done ExpirySql::check() const {
    if (has_index("msgs", "time_num")) return {};
    return fail(
        Errc::bad_input,
        "there is no index on msgs.time_num, so that old messages could only be found by reading the whole table again and "
        "again: " +
            target_.dialect.create_index("msgs_idx_time_num", "msgs", "time_num"));
}

bool ExpirySql::can_find_users() const { return has_index("msgs", "sid") && has_index("msgrcpt", "rid"); }

bool ExpirySql::can_walk(std::string_view table) const {
    return has_index(table, "mail_id") || has_index(table, "partition_tag");
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
        states =
            fmt::format("(SELECT {} FROM msgrcpt r WHERE {})", target_.dialect.distinct_texts("r.rs"), same("msgrcpt", "r", "m"));
    const auto column = [&](std::string_view name, std::string_view otherwise) {
        return has("msgs", name) ? fmt::format("m.{}", name) : std::string(otherwise);
    };
    return query_of(fmt::format(
        "SELECT {}, m.mail_id, {}, m.time_num, m.content, m.quar_type, {}, {}, {} FROM msgs m WHERE m.time_num >= {} AND "
        "m.time_num < {}{} ORDER BY m.time_num LIMIT {}",
        column("partition_tag", "0"), row_address("m"), column("quar_loc", "''"), column("size", "0"), states, from, until,
        filter(walk), limit));
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

ExpirySql::Piece ExpirySql::piece_of(const SqlRow& row) {
    const auto orphan = text_of(row, 3);
    return {{number_of(row, 0), text_of(row, 1)}, number_of(row, 2), orphan == "t" || orphan == "1"};
}

SqlQuery ExpirySql::newest_address(std::int64_t hour_ago) const {
    return query_of(fmt::format(
        "SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM msgs WHERE time_num >= {0}) THEN (SELECT max(id) FROM maddr) ELSE "
        "(SELECT max(sid) FROM (SELECT sid FROM msgs WHERE time_num < {0} ORDER BY time_num DESC LIMIT 1000) AS seen) END",
        hour_ago));
}

std::string ExpirySql::is_alone(std::string_view alias) {
    return fmt::format(
        "NOT EXISTS (SELECT 1 FROM msgs s WHERE s.sid = {0}.id) AND NOT EXISTS (SELECT 1 FROM msgrcpt t WHERE t.rid = {0}.id)",
        alias);
}

SqlQuery ExpirySql::unused_addresses(std::int64_t after, std::int64_t last, std::size_t limit) const {
    return query_of(fmt::format(
        "SELECT a.id, {} FROM (SELECT id FROM maddr WHERE id > {} AND id <= {} ORDER BY id LIMIT {}) AS a ORDER BY a.id",
        is_alone("a"), after, last, limit));
}

ExpirySql::Address ExpirySql::address_of(const SqlRow& row) {
    return {number_of(row, 0), text_of(row, 1), text_of(row, 2), text_of(row, 3)};
}

std::string ExpirySql::still_due(const Walk& walk) {
    return fmt::format("m.time_num < {}{}", walk.until, walk.kind == Kind::incomplete ? " AND m.content IS NULL" : "");
}

std::string ExpirySql::nobody_wants() const {
    return fmt::format("NOT EXISTS (SELECT 1 FROM msgrcpt w WHERE {} AND w.rs IN ('p', 't'))", same("msgrcpt", "w", "m"));
}

std::string ExpirySql::left_behind(std::string_view table) const {
    if (table != "quarantine" || !has("msgs", "quar_loc")) return {};
    return fmt::format(" AND (m.quar_type IS NULL OR m.quar_type <> ' ' OR m.quar_loc IS NULL OR m.quar_loc <> '{}')",
                       expired_location);
}

std::uint64_t ExpirySql::number_at(const std::vector<SqlAnswer>& answers, std::size_t answer, std::size_t column) {
    if (answer >= answers.size() || answers[answer].rows.empty()) return 0;
    return static_cast<std::uint64_t>(number_of(answers[answer].rows.front(), column));
}

}  // namespace tamis::storage
