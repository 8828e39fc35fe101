// user_rows - what the database says about one recipient: rows of users with their policy, in the order that decides
//
// Pure data as a lookup query returned it: column names and texts, nothing believed yet.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tamis::policy {

// RowShape - the columns of one query's result. A name that comes twice counts by its last place (users.*, policy.*,
// users.id); names are lower case.
class RowShape {
public:
    explicit RowShape(std::vector<std::string> names);

    static constexpr int absent = -1;
    // column_of - where the field of policy/fields.h stands, or `absent`
    int column_of(std::size_t field) const { return by_field_[field]; }
    int id() const noexcept { return id_; }                  // users.id
    int email() const noexcept { return email_; }            // users.email
    int priority() const noexcept { return priority_; }      // users.priority
    int policy_id() const noexcept { return policy_id_; }    // users.policy_id
    int policy_row() const noexcept { return policy_row_; }  // policy.id, under the name of policy_row_column
    // unsupported - columns of amavisd's that Tamis has no use for (docs/policy.md)
    const std::vector<std::pair<int, std::string_view>>& unsupported() const noexcept { return unsupported_; }
    const std::vector<std::string>& names() const noexcept { return names_; }

private:
    int find(std::string_view name) const;
    std::vector<std::string> names_;
    std::vector<int> by_field_;
    std::vector<std::pair<int, std::string_view>> unsupported_;
    int id_, email_, priority_, policy_id_, policy_row_;
};

// policy_row_column - how our own statement names policy.id, to tell an empty policy from one that does not exist
constexpr std::string_view policy_row_column = "tamis_policy_row";

// SenderHit - the first row of wblist for one pair of user and sender
struct SenderHit {
    std::string wb;
    std::string key;  // mailaddr.email, or "" when the statement does not tell
    bool operator==(const SenderHit&) const = default;
};

struct UserRow {
    using Values = std::vector<std::optional<std::string>>;
    std::shared_ptr<const RowShape> shape;
    std::shared_ptr<const Values> values;               // by column; nothing is NULL. Shared by all recipients the row is for.
    std::vector<std::optional<SenderHit>> sender_hits;  // by sender, as many as the lookup asked for

    // at - the text of a column, null when it is NULL or `absent`
    const std::string* at(int column) const {
        if (column < 0) return nullptr;
        const auto& value = (*values)[static_cast<std::size_t>(column)];
        return value ? &*value : nullptr;
    }
    std::string_view id() const { return text(shape->id()); }        // "" when NULL or absent
    std::string_view email() const { return text(shape->email()); }  // the same

private:
    std::string_view text(int column) const {
        const auto* value = at(column);
        return value == nullptr ? std::string_view() : std::string_view(*value);
    }
};

// KnownListRow - one row of wblist with the sender it names, in descending order of mailaddr.priority
struct KnownListRow {
    std::string user_id;  // wblist.rid
    std::string key;      // mailaddr.email
    std::optional<std::int64_t> priority;
    std::optional<std::string> wb;
};

// UserRowIndex - the rows of a query for several recipients, given to each
class UserRowIndex {
public:
    explicit UserRowIndex(std::vector<UserRow> rows);

    // rows_for - the rows that match these keys, in the order that decides: by descending priority, among equals the more
    // specific key first (amavisd leaves the order of equals to the database). A row that matches only without regard to
    // case counts: the database matched it, its column may be case-insensitive.
    std::vector<UserRow> rows_for(const std::vector<std::string>& keys) const;

private:
    std::vector<UserRow> rows_;
    std::unordered_map<std::string, std::vector<std::size_t>> by_email_;  // in lower case
};

// assign_hits - fills sender_hits of every row: for each sender (its keys) the first row of that user, by descending
// priority, among equals the more specific key first. A NULL in wb is no row.
void assign_hits(std::vector<UserRow>& rows, const std::vector<KnownListRow>& list,
                 const std::vector<std::vector<std::string>>& sender_keys);

}  // namespace tamis::policy
