// probe - what one database of a DSN list says of itself when `tamis doctor` asks it
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/dsn.h"
#include "storage/schema/catalogue.h"

namespace tamis::storage {

struct DatabaseFacts {
    Dsn dsn;
    std::string trouble;     // why it cannot be asked; "": it could
    bool is_absent = false;  // there is nothing at that place yet
    Catalogue catalogue;
    bool is_pooled = false;
    bool wants_keys = false;                                          // the question: users.email and mailaddr.email are read
    std::string version, role;                                        // empty: it has none to speak of
    std::optional<double> clock_ahead;                                // seconds, of the server against us
    std::int64_t max_connections = 0, reserved = 0, used = 0;         // 0: they are not counted
    std::vector<std::pair<std::string, std::string>> missing_rights;  // table (or sequence) and right
    std::vector<std::pair<std::string, std::string>>
        keys;  // of users and mailaddr: table and email, when it is asked for lookups
};

// keys_most - rows of a table that are looked at
constexpr int keys_most = 100'000;

// Advised - what a recommendation about a database speaks of
struct Advised {
    std::string config_file, setting;  // "storage_dsn", as it stands in [storage] of that file
    std::string home;                  // of tamisd's user
    std::string install;               // the command that makes the tables
};

}  // namespace tamis::storage
