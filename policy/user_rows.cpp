#include "policy/user_rows.h"

#include <algorithm>
#include <limits>
#include <unordered_map>

#include "base/text.h"
#include "policy/fields.h"

namespace tamis::policy {
namespace {

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();

// Rank - what decides between two rows: smaller is earlier
struct Rank {
    std::int64_t descending_priority = 0;
    std::size_t key = 0;
    bool differs_in_case = false;
    std::size_t row = 0;
    auto operator<=>(const Rank&) const = default;
};

std::int64_t priority_of(const UserRow& row) {
    const auto* text = row.at(row.shape->priority());
    const auto value = text == nullptr ? std::nullopt : parse_number(trim(*text));
    return value && *value > -9e15 && *value < 9e15 ? static_cast<std::int64_t>(*value) : lowest;
}

}  // namespace

RowShape::RowShape(std::vector<std::string> names) : names_(std::move(names)) {
    for (auto& name : names_) name = to_lower(name);
    for (const auto& field : fields()) by_field_.push_back(find(field.name));
    for (const std::string_view name : {"disclaimer_options", "sa_userconf"})
        if (const int column = find(name); column != absent) unsupported_.emplace_back(column, name);
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

UserRowIndex::UserRowIndex(std::vector<UserRow> rows) : rows_(std::move(rows)) {
    for (std::size_t i = 0; i < rows_.size(); ++i) by_email_[to_lower(rows_[i].email())].push_back(i);
}

std::vector<UserRow> UserRowIndex::rows_for(const std::vector<std::string>& keys) const {
    std::vector<Rank> mine;
    for (std::size_t key = 0; key < keys.size(); ++key) {
        const auto found = by_email_.find(to_lower(keys[key]));
        if (found == by_email_.end()) continue;
        for (const auto row : found->second) {
            const Rank rank{-(priority_of(rows_[row]) + 1), key, rows_[row].email() != keys[key], row};
            const auto known = std::ranges::find(mine, row, &Rank::row);
            if (known == mine.end()) mine.push_back(rank);
            else *known = std::min(*known, rank);
        }
    }
    std::ranges::sort(mine);
    std::vector<UserRow> out;
    for (const auto& rank : mine) out.push_back(rows_[rank.row]);
    return out;
}

void assign_hits(std::vector<UserRow>& rows, const std::vector<KnownListRow>& list,
                 const std::vector<std::vector<std::string>>& sender_keys) {
    std::unordered_map<std::string_view, std::vector<const KnownListRow*>> by_user;
    for (const auto& entry : list)
        if (entry.wb) by_user[entry.user_id].push_back(&entry);
    for (auto& row : rows) {
        row.sender_hits.assign(sender_keys.size(), std::nullopt);
        const auto mine = row.id().empty() ? by_user.end() : by_user.find(row.id());
        if (mine == by_user.end()) continue;
        for (std::size_t i = 0; i < sender_keys.size(); ++i) {
            std::optional<Rank> best;
            for (const auto* entry : mine->second)
                for (std::size_t key = 0; key < sender_keys[i].size(); ++key) {
                    if (!equal_fold(sender_keys[i][key], entry->key)) continue;
                    const Rank rank{-(entry->priority.value_or(lowest) + 1), key, sender_keys[i][key] != entry->key, 0};
                    if (best && *best <= rank) continue;
                    best = rank;
                    row.sender_hits[i] = SenderHit{*entry->wb, entry->key};
                }
        }
    }
}

}  // namespace tamis::policy
