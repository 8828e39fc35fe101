// database_facts - what one database of a DSN list says, and what it means for tamisd; judging is pure
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/probe.h"
#include "tools/doctor/finding.h"

namespace tamis::doctor {

using storage::DatabaseFacts;

// DatabaseUse - the list it stands in
struct DatabaseUse {
    std::string settings;          // "storage_dsn", "lookup_dsn", "storage_dsn and lookup_dsn"
    bool is_records = false;       // written: maddr, msgs, msgrcpt, quarantine
    bool is_lookups = false;       // read: users, policy, mailaddr, wblist
    std::int64_t connections = 0;  // of one tamisd, at most
    std::string config_file, user;
    bool no_at_means_domain = false;  // storage.lookup_no_at_means_domain
};

// is_usable - tamisd would take this one
bool is_usable(const DatabaseFacts& facts, const DatabaseUse& use);

// judge_databases - a list, in its order: what each entry lacks, and whether one of them will do
void judge_databases(const std::vector<DatabaseFacts>& list, const DatabaseUse& use, Report& report);

}  // namespace tamis::doctor
