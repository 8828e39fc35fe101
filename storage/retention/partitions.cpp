#include "storage/retention/partitions.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/retention/week_tag.h"

namespace tamis::storage {
namespace {

using std::chrono::days;

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

std::vector<MissingPartition> missing_partitions(const PartitionedTable& table, std::chrono::sys_seconds now, int ahead) {
    std::vector<MissingPartition> out;
    if (!std::ranges::all_of(table.partitions, is_week)) return out;
    for (int week = 0; week <= ahead; ++week) {
        const auto tag = week_tag(now + days(7 * week)), next = week_tag(now + days(7 * (week + 1)));
        if (std::ranges::any_of(table.partitions, [&](const Partition& one) { return one.holds(tag); })) continue;
        std::int64_t end = next;  // a range of the site's that begins inside the week's numbers stays as it is
        for (const auto& one : table.partitions)
            if (!one.is_default && !one.is_list && one.from > tag) end = std::min(end, one.from);
        out.push_back({table.name, fmt::format("{}_{}", table.name, tag), table.is_list, tag, end});
    }
    return out;
}

}  // namespace tamis::storage
