// layers_fixture - configurations from text and rows of users/policy as a query would return them
#pragma once

#include <catch2/catch.hpp>

#include "policy/policy_layers.h"
#include "policy/sender_lists.h"

namespace tamis::policy {

// configured - the tables of a TOML text that must be right; `extra` keys are read too
inline PolicyTables configured(std::string_view toml, std::string delimiter = "+") {
    Problems problems("t.toml");
    const auto config = parse_config(toml, problems);
    PolicyTables out;
    out.keys.recipient_delimiter = std::move(delimiter);
    out.local_domains = {".example.com"};
    out.tables = StaticTables::load(config, out.keys, problems);
    out.banks = Banks::load(config, problems);
    CHECK(problems.lines() == std::vector<std::string>{});
    return out;
}

// complaints - what is said about a TOML text
inline std::string complaints(std::string_view toml) {
    Problems problems("t.toml");
    const auto config = parse_config(toml, problems);
    const KeyOptions keys;
    (void)StaticTables::load(config, keys, problems);
    (void)Banks::load(config, problems);
    (void)SenderLists::load(config, keys, problems);
    std::string out;
    for (const auto& line : problems.lines()) out += line + "\n";
    return out;
}

using Cell = std::optional<std::string>;

inline UserRow user_row(std::vector<std::string> names, std::vector<Cell> values) {
    return {std::make_shared<const RowShape>(std::move(names)), std::make_shared<const UserRow::Values>(std::move(values)), {}};
}

}  // namespace tamis::policy
