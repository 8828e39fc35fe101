// database_facts - what one database of a DSN list says, and what it means for tamisd; judging is pure
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/catalogue.h"
#include "storage/dsn.h"
#include "tools/doctor/finding.h"

namespace tamis::doctor {

struct DatabaseFacts {
    storage::Dsn dsn;
    std::string trouble;     // why it cannot be asked; "": it could
    bool is_absent = false;  // SQLite: the file is not there yet
    storage::Catalogue catalogue;
    bool is_pooled = false;
    bool wants_keys = false;  // the question: users.email and mailaddr.email are read
    std::string version, role;
    std::optional<double> clock_ahead;  // seconds, of the server against us
    std::int64_t max_connections = 0, reserved = 0, used = 0;
    std::vector<std::pair<std::string, std::string>> missing_rights;  // table (or sequence) and right
    std::vector<std::pair<std::string, std::string>>
        keys;  // of users and mailaddr: table and email, when it is asked for lookups
};

// DatabaseUse - the list it stands in
struct DatabaseUse {
    std::string settings;          // "storage_dsn", "lookup_dsn", "storage_dsn and lookup_dsn"
    bool is_records = false;       // written: maddr, msgs, msgrcpt, quarantine
    bool is_lookups = false;       // read: users, policy, mailaddr, wblist
    std::int64_t connections = 0;  // of one tamisd, at most
    std::string config_file, user;
    bool no_at_means_domain = false;  // storage.lookup_no_at_means_domain
};

// keys_most - rows of a table that are looked at
constexpr int keys_most = 100'000;
// key_text - of a column email: a bytea comes as "\\x75736572", a text as it is
std::string key_text(std::string_view column);

// is_usable - tamisd would take this one
bool is_usable(const DatabaseFacts& facts, const DatabaseUse& use);

// judge_databases - a list, in its order: what each entry lacks, and whether one of them will do
void judge_databases(const std::vector<DatabaseFacts>& list, const DatabaseUse& use, Report& report);

}  // namespace tamis::doctor
