// schema_check - from the facts of a database: which era of amavisd's schema it is, what of it works as it is, and which
// statements would bring it to today's. Pure.
//
// An upgrade only adds and widens: no column, row or byte is dropped, and what a site added itself stays. Columns that hold
// bytes get a type for bytes, by expressions that give back exactly what was stored. Running it again finds nothing to do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "storage/dsn.h"
#include "storage/schema/catalogue.h"

namespace tamis::storage {

struct SchemaChange {
    std::string gain;                     // what it is good for, in words
    std::vector<std::string> statements;  // without a final semicolon
    bool is_new = false;                  // only makes tables of a kind of which there was none: what `install` does
};

struct SchemaReport {
    bool is_empty = false;              // none of the tables is there
    std::string era;                    // "amavisd-new 2.4 (2006)", ...
    std::vector<std::string> works;     // differs from today's, and works as it is
    std::vector<std::string> problems;  // Tamis cannot work with this
    std::vector<std::string> remarks;   // what else the administrator should know, e.g. settings of amavisd
    std::vector<SchemaChange> changes;  // what an upgrade would do, in order

    std::vector<std::string> statements() const;
};

// Needed - what the database is for. Of tables of which some are there, those that are missing are always needed.
struct Needed {
    bool records = false;   // maddr, msgs, msgrcpt, quarantine: it is the storage_dsn
    bool policies = false;  // policy, users, mailaddr, wblist: it is the lookup_dsn
};

SchemaReport check_schema(const Catalogue& catalogue, const Backend& backend, Needed needed = {});

}  // namespace tamis::storage
