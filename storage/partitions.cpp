#include "storage/partitions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/week_tag.h"

namespace tamis::storage {
namespace {

using std::chrono::days;

constexpr std::int64_t lowest = INT64_MIN, highest = INT64_MAX;

std::optional<std::int64_t> number(std::string_view text) {
    text = trim(text);
    if (text.starts_with('\'') && text.ends_with('\'') && text.size() >= 2) text = text.substr(1, text.size() - 2);
    if (text == "MINVALUE") return lowest;
    if (text == "MAXVALUE") return highest;
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

// week_end - Monday after the tag's week
std::optional<std::chrono::sys_seconds> week_end(std::int64_t tag) {
    const auto begin = week_begin(tag);
    if (!begin) return {};
    return *begin + days(7);
}

bool is_week(const Partition& partition) { return partition.is_default || partition.end().has_value(); }

}  // namespace

bool Partition::holds(std::int64_t tag) const {
    if (is_default) return false;
    return is_list ? std::ranges::find(tags, tag) != tags.end() : tag >= from && tag < to;
}

std::optional<std::chrono::sys_seconds> Partition::end() const {
    if (is_default) return {};
    if (!is_list) {
        if (to == highest) return {};
        if (const auto first_outside = week_begin(to)) return first_outside;
        for (const auto last : {to - 1, to - 2})  // "TO (202653)", "TO (202654)": past the last week of a year
            if (const auto after = week_end(last)) return after;
        return {};
    }
    std::optional<std::chrono::sys_seconds> out;
    for (const auto tag : tags) {
        const auto one = week_end(tag);
        if (!one) return {};
        out = out ? std::max(*out, *one) : *one;
    }
    return out;
}

std::string Partition::condition(std::string_view column) const {
    if (is_list) {
        std::vector<std::string> values;
        for (const auto tag : tags) values.push_back(fmt::format("{}", tag));
        return fmt::format("{} IN ({})", column, join(values, ", "));
    }
    std::string out = from == lowest ? std::string("true") : fmt::format("{} >= {}", column, from);
    if (to != highest) out += fmt::format(" AND {} < {}", column, to);
    return out;
}

bool PartitionedTable::has_default() const { return std::ranges::any_of(partitions, &Partition::is_default); }

SqlQuery partitions_query() {
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

std::vector<PartitionedTable> partitioned_tables(const SqlRows& rows) {
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
        partition.name = text(3);
        partition.is_list = out.back().is_list;
        partition.is_detaching = text(5) == "true";
        if (parse_bound(text(4), partition)) out.back().partitions.push_back(std::move(partition));
    }
    return out;
}

std::vector<MissingPartition> missing_partitions(const PartitionedTable& table, std::chrono::sys_seconds now, int ahead) {
    std::vector<MissingPartition> out;
    if (!std::ranges::all_of(table.partitions, is_week)) return out;
    for (int week = 0; week <= ahead; ++week) {
        const auto tag = week_tag(now + days(7 * week)), next = week_tag(now + days(7 * (week + 1)));
        if (std::ranges::any_of(table.partitions, [&](const Partition& one) { return one.holds(tag); })) continue;
        std::int64_t end = next;  // a range of the site's that begins inside the week's numbers stays as it is
        for (const auto& one : table.partitions)
            if (!one.is_default && !one.is_list && one.from > tag) end = std::min(end, one.from);
        const auto name = fmt::format("{}_{}", table.name, tag);
        const auto bound = table.is_list ? fmt::format("IN ({})", tag) : fmt::format("FROM ({}) TO ({})", tag, end);
        // attached, not created in place: that would lock out everybody who reads or writes the table
        out.push_back({table.name,
                       name,
                       {fmt::format("CREATE TABLE {} (LIKE {} INCLUDING ALL)", name, table.name),
                        fmt::format("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES {}", table.name, name, bound)}});
    }
    return out;
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
            out.insert(out.end(), missing.statements.begin(), missing.statements.end());
    }
    return out;
}

}  // namespace tamis::storage
