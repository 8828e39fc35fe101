#include "policy/policy_layers.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "mail/address.h"

namespace tamis::policy {
namespace {

constexpr std::size_t key_shown = 120;

struct Found {
    FieldValue value;
    Origin origin;
};

std::uint16_t index16(std::size_t index) { return static_cast<std::uint16_t>(std::min<std::size_t>(index, 0xffff)); }

// local_in - what one row says about `local`: nothing when it has no opinion
Result<std::optional<FieldValue>> local_in(const UserRow& row, std::size_t field) {
    if (row.email() == sql_catch_all) return std::nullopt;
    const int column = row.shape->column_of(field);
    if (column == RowShape::absent) return FieldValue(true);
    const auto* text = row.at(column);
    if (text == nullptr) return std::nullopt;
    return sql_value(fields()[field], *text);
}

std::optional<Found> in_rows(const std::vector<UserRow>& rows, std::size_t field, std::vector<std::string>& problems) {
    const FieldRow& wanted = fields()[field];
    const bool is_local = field == local_field();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const auto* text = rows[i].at(rows[i].shape->column_of(field));
        if (text == nullptr && !is_local) continue;
        auto value = is_local ? local_in(rows[i], field) : sql_value(wanted, *text);
        if (!value) {
            problems.push_back(
                fmt::format("{}: column {}: {}; taken as NULL", describe_row(rows[i]), wanted.name, value.error().detail));
            continue;
        }
        if (*value) return Found{std::move(**value), {Origin::Layer::row, index16(i)}};
    }
    return {};
}

std::optional<Found> in_tables(const std::vector<StaticMatch>& matches, std::size_t field) {
    for (std::size_t i = 0; i < matches.size(); ++i)
        if (auto value = value_of(matches[i], field)) return Found{std::move(*value), {Origin::Layer::table, index16(i)}};
    return {};
}

// in_banks - of all loaded ones, or of those that come before SQL
std::optional<Found> in_banks(const LoadedBanks& banks, std::size_t field, bool only_first_ones) {
    for (std::size_t i = 0; i < banks.banks.size(); ++i)
        if (only_first_ones && !banks.banks[i]->before_sql) continue;
        else if (const auto& value = banks.banks[i]->values[field]) return Found{*value, {Origin::Layer::bank, index16(i)}};
    return {};
}

// all_rule_names - of every row in their order, then what the configuration says; each name once
std::vector<std::string> all_rule_names(const std::vector<UserRow>& rows, const std::vector<std::string>& configured) {
    const auto field = rule_names_field();
    std::vector<std::string> out;
    const auto add = [&](const std::vector<std::string>& names) {
        for (const auto& name : names)
            if (std::ranges::find(out, name) == out.end()) out.push_back(name);
    };
    for (const auto& row : rows) {
        const auto* text = row.at(row.shape->column_of(field));
        if (text == nullptr) continue;
        const auto value = sql_value(fields()[field], *text);  // what is wrong with it was told before
        if (value && *value) add(std::get<std::vector<std::string>>(**value));
    }
    add(configured);
    return out;
}

// report_dangling - a users row whose policy_id names no policy
void report_dangling(const std::vector<UserRow>& rows, std::vector<std::string>& problems) {
    for (const auto& row : rows) {
        const auto* wanted = row.at(row.shape->policy_id());
        if (row.shape->policy_row() == RowShape::absent || wanted == nullptr) continue;
        if (row.at(row.shape->policy_row()) == nullptr)
            problems.push_back(
                fmt::format("users row {} (\"{}\"): column policy_id holds {}, but the table policy has no "
                            "such row; it says nothing",
                            escaped(row.id()), escaped(row.email(), key_shown), escaped(*wanted)));
    }
}

std::vector<IgnoredValue> ignored_in(const std::vector<UserRow>& rows) {
    std::vector<IgnoredValue> out;
    for (const auto& row : rows)
        for (const auto& [column, name] : row.shape->unsupported()) {
            const auto* text = row.at(column);
            if (text == nullptr || trim(*text).empty()) continue;
            out.push_back(
                {std::string(name), fmt::format("{}: column {} holds \"{}\", which Tamis does not support: it has no effect",
                                                describe_row(row), name, escaped(*text, key_shown))});
        }
    return out;
}

}  // namespace

bool PolicyTables::is_local(const AddressPieces& address) const {
    if (tables.sets(local_field()))
        if (const auto found = in_tables(tables.match(address), local_field())) return std::get<bool>(found->value);
    return !address.is_null() && mail::matches_address_list(local_domains, address.normal());
}

std::string describe_row(const UserRow& row) {
    const auto* policy = row.at(row.shape->policy_id());
    return fmt::format("users row {} (\"{}\"){}", row.id().empty() ? "without id" : escaped(row.id()),
                       escaped(row.email(), key_shown),
                       policy == nullptr ? "" : fmt::format(", policy row {}", escaped(*policy)));
}

EffectivePolicy effective_policy(const PolicyTables& configuration, const LoadedBanks& banks, const AddressPieces& recipient,
                                 const std::vector<UserRow>& rows) {
    EffectivePolicy out{configuration.site, std::vector<Origin>(fields().size()), configuration.tables.match(recipient), {}, {}};
    report_dangling(rows, out.problems);
    out.ignored = ignored_in(rows);
    for (std::size_t field = 0; field < fields().size(); ++field) {
        if (auto first = in_banks(banks, field, true)) {
            set_field(fields()[field], out.policy, first->value);
            out.origins[field] = first->origin;
            continue;
        }
        auto found = in_rows(rows, field, out.problems);
        auto configured = found && field != rule_names_field() ? std::nullopt : in_tables(out.matches, field);
        if (!configured && (!found || field == rule_names_field())) configured = in_banks(banks, field, false);
        if (found && field == rule_names_field())
            found->value = all_rule_names(
                rows, configured ? std::get<std::vector<std::string>>(configured->value) : configuration.site.banned_rule_names);
        if (!found) found = std::move(configured);
        if (!found && field == local_field())
            found = Found{mail::matches_address_list(configuration.local_domains, recipient.normal()),
                          {Origin::Layer::local_domains, 0}};
        if (!found) continue;
        set_field(fields()[field], out.policy, found->value);
        out.origins[field] = found->origin;
    }
    if (auto& origin = out.origins[banned_admin_field()]; origin == Origin{} && out.policy.banned_admin.empty()) {
        out.policy.banned_admin = out.policy.virus_admin;
        origin = out.origins[virus_admin_field()];
        origin.is_virus_admin = true;
    }
    return out;
}

std::string describe_origin(const EffectivePolicy& effective, std::size_t field, const LoadedBanks& banks,
                            const std::vector<UserRow>& rows) {
    const Origin& origin = effective.origins[field];
    const std::string_view column = fields()[origin.is_virus_admin ? virus_admin_field() : field].name;
    std::string where;
    switch (origin.layer) {
        case Origin::Layer::row: {
            const auto& row = rows[origin.index];
            const bool is_absent = row.shape->column_of(field) == RowShape::absent;
            where = describe_row(row) + (is_absent ? ", because there is a row" : fmt::format(", column {}", column));
            break;
        }
        case Origin::Layer::table: {
            const auto& entry = *effective.matches[origin.index].entry;
            where = fmt::format("{} line {}", entry.shown, entry.position.line);
            break;
        }
        case Origin::Layer::bank:
            where = fmt::format("[banks.{}] line {}", banks.banks[origin.index]->name, banks.banks[origin.index]->position.line);
            break;
        case Origin::Layer::local_domains: where = "server.local_domains"; break;
        case Origin::Layer::site: where = "site"; break;
    }
    return origin.is_virus_admin ? "as virus_admin: " + where : where;
}

}  // namespace tamis::policy
