// schema_rules - what a backend knows about bringing tables up to date, beyond the columns and indexes that all have
//
// check_schema() goes through the facts once and asks the rules at four places; what they find goes into the same report. Pure.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "storage/schema/catalogue.h"
#include "storage/schema/schema.h"
#include "storage/schema/schema_check.h"

namespace tamis::storage {

// SchemaWork - a check under way: the facts, and what was found until now
class SchemaWork {
public:
    explicit SchemaWork(const Catalogue& facts) : catalogue(facts) {}

    const Table* table(std::string_view name) const { return catalogue.table(name); }
    bool has(std::string_view of, std::string_view column) const { return catalogue.column(of, column) != nullptr; }
    std::string type(std::string_view of, std::string_view column) const;  // "": there is no such column
    // creates - an upgrade makes the table
    bool creates(std::string_view name) const;
    void change(std::string gain, std::vector<std::string> statements, bool is_new = false);

    const Catalogue& catalogue;
    SchemaReport report;
    std::vector<std::string> created;  // tables
};

class SchemaRules {
public:
    virtual ~SchemaRules() = default;
    virtual void before_columns(SchemaWork&) {}  // problems; what is in the way of the changes
    virtual void after_columns(SchemaWork&) {}   // types, widths, what the columns hold
    virtual void after_indexes(SchemaWork&) {}   // keys; what was in the way comes back
    virtual void at_end(SchemaWork&) {}          // encoding

    // remember_first - statements by which a database with amavisd's tables remembers that it has step 1
    virtual std::vector<std::string> remember_first() const = 0;
    // run_step - statements of a later step, with those that remember it; `is_done`: it was run before, and is for tables that
    // are made anew
    virtual std::vector<std::string> run_step(const SchemaStep& step, bool is_done, const SchemaWork& work) const = 0;
};

inline constexpr std::array<std::string_view, 4> storage_tables{"maddr", "msgs", "msgrcpt", "quarantine"};
inline constexpr std::array<std::string_view, 4> lookup_tables{"policy", "users", "mailaddr", "wblist"};

bool is_text(std::string_view type);
// has_index - on these columns ("a,b") or on more that begin with them; unique: on exactly these
bool has_index(const Table& table, std::string_view columns, bool unique = false);

}  // namespace tamis::storage
