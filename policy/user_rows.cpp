#include "policy/user_rows.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "policy/fields.h"

namespace tamis::policy {
namespace {

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();

// Rank - what decides between two rows: smaller is earlier
struct Rank {
    std::int64_t descending_priority = 0;
    std::size_t  key = 0;
    std::size_t  row = 0;
    auto operator<=>(const Rank&) const = default;
};

// place_of - exactly, or else without regard to case: the database matched it, its column may be case-insensitive
std::optional<std::size_t> place_of(const std::vector<std::string>& keys, std::string_view key) {
    auto found = std::ranges::find(keys, key);
    if (found == keys.end())
        found = std::ranges::find_if(keys, [&](const auto& each) { return equal_fold(each, key); });
    return found == keys.end() ? std::nullopt : std::optional(static_cast<std::size_t>(found - keys.begin()));
}

std::int64_t priority_of(const UserRow& row) {
    const auto* text = row.at(row.shape->priority());
    const auto value = text == nullptr ? std::nullopt : parse_number(trim(*text));
    return value && *value > -9e15 && *value < 9e15 ? static_cast<std::int64_t>(*value) : lowest;
}

}  // namespace

RowShape::RowShape(std::vector<std::string> names) : names_(std::move(names)) {
    for (auto& name : names_) name = to_lower(name);
    for (const auto& field : fields()) by_field_.push_back(find(field.name));
    id_ = find("id");
    email_ = find("email");
    priority_ = find("priority");
    policy_id_ = find("policy_id");
    policy_row_ = find(policy_row_column);
}

int RowShape::find(std::string_view name) const {
    for (std::size_t i = names_.size(); i > 0; --i)
        if (names_[i - 1] == name) return static_cast<int>(i - 1);
    return absent;
}

std::vector<UserRow> assign_rows(const std::vector<UserRow>& rows, const std::vector<std::string>& keys) {
    std::vector<std::pair<Rank, const UserRow*>> mine;
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (const auto place = place_of(keys, rows[i].email()))
            mine.push_back({{-(priority_of(rows[i]) + 1), *place, i}, &rows[i]});
    std::ranges::sort(mine, {}, &std::pair<Rank, const UserRow*>::first);
    std::vector<UserRow> out;
    for (const auto& [rank, row] : mine) out.push_back(*row);
    return out;
}

void assign_hits(std::vector<UserRow>& rows, const std::vector<KnownListRow>& list,
                 const std::vector<std::vector<std::string>>& sender_keys) {
    for (auto& row : rows) {
        row.sender_hits.assign(sender_keys.size(), std::nullopt);
        if (row.id().empty()) continue;
        for (std::size_t i = 0; i < sender_keys.size(); ++i) {
            std::optional<Rank> best;
            for (const auto& entry : list) {
                const auto place = entry.wb && entry.user_id == row.id() ? place_of(sender_keys[i], entry.key) : std::nullopt;
                if (!place) continue;
                const Rank rank{-(entry.priority.value_or(lowest) + 1), *place, 0};
                if (best && *best <= rank) continue;
                best = rank;
                row.sender_hits[i] = SenderHit{*entry.wb, entry.key};
            }
        }
    }
}

}  // namespace tamis::policy
