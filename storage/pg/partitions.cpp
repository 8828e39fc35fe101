#include "storage/pg/partitions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tamis::storage::pg {
namespace {

constexpr int detach_concurrently = 140'000;  // server version

std::optional<std::int64_t> number(std::string_view text) {
    text = trim(text);
    if (text.starts_with('\'') && text.ends_with('\'') && text.size() >= 2) text = text.substr(1, text.size() - 2);
    if (text == "MINVALUE") return Partition::lowest;
    if (text == "MAXVALUE") return Partition::highest;
    const bool is_negative = text.starts_with('-');
    const auto value = parse_unsigned(text.substr(is_negative ? 1 : 0), INT64_MAX);
    if (!value) return {};
    return is_negative ? -static_cast<std::int64_t>(*value) : static_cast<std::int64_t>(*value);
}

// within - what stands in the parentheses after a word
std::optional<std::string_view> within(std::string_view text, std::string_view word) {
    const auto at = text.find(fmt::format("{} (", word));
    if (at == std::string_view::npos) return {};
    const auto begin = at + word.size() + 2;
    const auto end = text.find(')', begin);
    if (end == std::string_view::npos) return {};
    return text.substr(begin, end - begin);
}

}  // namespace

SqlQuery RetentionPartitions::query() const {
    SqlQuery query;
    query.sql =
        "SELECT p.relname, pg_get_partkeydef(p.oid), pg_has_role(p.relowner, 'USAGE')::text, "
        "quote_ident(n.nspname) || '.' || quote_ident(c.relname), pg_get_expr(c.relpartbound, c.oid), "
        "coalesce(to_jsonb(i)->>'inhdetachpending', 'false') "
        "FROM pg_class p LEFT JOIN pg_inherits i ON i.inhparent = p.oid LEFT JOIN pg_class c ON c.oid = i.inhrelid "
        "LEFT JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE p.relkind = 'p' AND p.oid IN (to_regclass('maddr'), to_regclass('msgs'), to_regclass('msgrcpt'), to_regclass('quarantine')) "
        "ORDER BY p.relname, c.relname";
    return query;
}

bool parse_bound(std::string_view text, Partition& into) {
    if (text == "DEFAULT") {
        into.is_default = true;
        return true;
    }
    if (const auto values = within(text, "IN")) {
        into.is_list = true;
        for (const auto one : split(*values, ',')) {
            const auto tag = number(one);
            if (!tag) return false;
            into.tags.push_back(*tag);
        }
        std::ranges::sort(into.tags);
        return !into.tags.empty();
    }
    const auto from = within(text, "FROM"), to = within(text, "TO");
    if (!from || !to) return false;
    const auto first = number(*from), last = number(*to);
    if (!first || !last) return false;
    into.from = *first;
    into.to = *last;
    return true;
}

std::vector<PartitionedTable> RetentionPartitions::tables(const SqlRows& rows) const {
    std::vector<PartitionedTable> out;
    for (const auto& row : rows) {
        const auto text = [&](std::size_t i) { return i < row.size() ? row[i].value_or("") : std::string(); };
        const auto key = to_lower(text(1));
        if (key != "range (partition_tag)" && key != "list (partition_tag)") continue;  // a site's own way: left alone
        if (out.empty() || out.back().name != text(0)) {
            auto& table = out.emplace_back();
            table.name = text(0);
            table.is_list = key.starts_with("list");
            table.is_owned = text(2) == "true";
        }
        if (text(3).empty()) continue;
        Partition partition;
        partition.table = text(0);
        partition.name = partition.rows = text(3);
        partition.is_list = out.back().is_list;
        partition.is_detaching = text(5) == "true";
        if (parse_bound(text(4), partition)) out.back().partitions.push_back(std::move(partition));
    }
    return out;
}

std::vector<std::string> make_statements(const MissingPartition& missing) {
    const auto bound =
        missing.is_list ? fmt::format("IN ({})", missing.tag) : fmt::format("FROM ({}) TO ({})", missing.tag, missing.to);
    return {fmt::format("CREATE TABLE {} (LIKE {} INCLUDING ALL)", missing.name, missing.table),
            fmt::format("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES {}", missing.table, missing.name, bound)};
}

std::vector<std::string> RetentionPartitions::make(const MissingPartition& missing) const { return make_statements(missing); }

std::vector<PartitionSql::Step> RetentionPartitions::drop(const Partition& partition, bool has_default) const {
    Step detach{fmt::format("ALTER TABLE {} DETACH PARTITION {}", partition.table, partition.name), true};
    if (partition.is_detaching) detach.sql += " FINALIZE";
    else if (!has_default && server_version_ >= detach_concurrently) detach.sql += " CONCURRENTLY";
    else detach.is_alone = false;
    return {std::move(detach), {fmt::format("DROP TABLE {}", partition.name), false}};
}

std::vector<std::string> partitioning_statements(std::chrono::sys_seconds now, int ahead) {
    std::vector<std::string> out;
    for (const auto* name : {"msgs", "msgrcpt", "quarantine"}) {
        out.push_back(fmt::format("CREATE TABLE {0}_divided (LIKE {0} INCLUDING ALL) PARTITION BY RANGE (partition_tag)", name));
        out.push_back(fmt::format("DROP TABLE {}", name));
        out.push_back(fmt::format("ALTER TABLE {0}_divided RENAME TO {0}", name));
        PartitionedTable table;
        table.name = name;
        for (const auto& missing : missing_partitions(table, now, ahead))
            for (auto& statement : make_statements(missing)) out.push_back(std::move(statement));
    }
    return out;
}

}  // namespace tamis::storage::pg
