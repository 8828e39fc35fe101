// policy_layers - what one recipient effectively wants, setting by setting, and where each value comes from
//
// The layers, the first that has an opinion decides: policy banks that come before SQL (before_sql), the rows of the database in their order (NULL is no opinion), the
// tables and patterns of the configuration, the policy banks, the site's settings. A value that cannot be understood
// counts as NULL and is reported; it never makes anything kinder. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/bank.h"
#include "policy/static_tables.h"
#include "policy/user_rows.h"

namespace tamis::policy {

// PolicyTables - all of the configuration that decides about recipients; part of the settings snapshot
struct PolicyTables {
    KeyOptions keys;
    std::vector<std::string> local_domains;  // mail::matches_address_list
    StaticTables tables;
    Banks banks;
    RecipientPolicy site;  // what everybody starts from

    // is_local - by the configuration alone: a table's `local`, else local_domains
    bool is_local(const AddressPieces& address) const;
};

// Origin - where a value comes from: the index is one of rows, of matches, or of loaded banks
struct Origin {
    enum class Layer : std::uint8_t { site, local_domains, bank, table, row };
    Layer layer = Layer::site;
    std::uint16_t index = 0;
    bool is_virus_admin = false;  // banned_admin, which nobody set
    bool operator==(const Origin&) const = default;
};

// IgnoredValue - a column that Tamis has no use for holds something
struct IgnoredValue {
    std::string column;
    std::string shown;  // one line for the log, with the row
};

struct EffectivePolicy {
    RecipientPolicy policy;
    std::vector<Origin> origins;        // by field
    std::vector<StaticMatch> matches;   // what origins of the layer `table` point into
    std::vector<std::string> problems;  // one line each: table, row, column and what is wrong
    std::vector<IgnoredValue> ignored;  // values of columns that have no effect
};

// effective_policy - `rows` come from UserRowIndex or from a custom statement, in the order that decides
//
// `local`: a users row means that the recipient is ours, unless its column `local` says otherwise (NULL: no opinion); the
// row of the catch-all "@." never says anything about it.
//
// `banned_rulenames`: the names of all rows, one row after the other, and behind them those that the configuration alone
// gives (docs/amavis/policy.md 7.2); so a name in SQL that means nothing does not switch the checks off.
EffectivePolicy effective_policy(const PolicyTables& configuration, const LoadedBanks& banks, const AddressPieces& recipient,
                                 const std::vector<UserRow>& rows);

// describe_origin - for a person: `users row 7 ("@example.com"), policy row 3, column spam_kill_level`,
// `[recipients.".example.com"] line 12`, `[banks.MYNETS]`, `[policy]`
std::string describe_origin(const EffectivePolicy& effective, std::size_t field, const LoadedBanks& banks,
                            const std::vector<UserRow>& rows);

// describe_row - `users row 7 ("@example.com"), policy row 3`
std::string describe_row(const UserRow& row);

}  // namespace tamis::policy
