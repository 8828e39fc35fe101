// schema - the numbered steps under schema/, embedded, and how they get into a database
//
// A step is a file NNNN-name.sql; steps are run once, in order, each in a transaction of its own. SQLite remembers the
// last step in PRAGMA user_version, PostgreSQL in the table tamis_schema; a PostgreSQL database with a table msgs but
// without tamis_schema is amavisd's and has step 1.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "storage/dsn.h"

namespace tamis::storage {

struct SchemaStep {
    int number = 0;
    std::string_view name;  // file name
    std::string_view sql;
};

// schema_steps - of that kind of database, ascending
std::span<const SchemaStep> schema_steps(Dsn::Kind kind);

// Divided - the tables msgs, msgrcpt and quarantine have a partition for each week of partition_tag (PostgreSQL 13 and
// later, in a database that has no tables yet)
enum class Divided : bool { no, by_week };

// table_statements - what creates one of amavisd's tables and its indexes, as step 1 does; without final semicolons
std::vector<std::string> table_statements(Dsn::Kind kind, std::string_view table);

// index_statements - the CREATE INDEX statements of a step
std::vector<std::string> index_statements(const SchemaStep& step);

// install_schema - runs the steps that the database lacks; returns how many ran. Blocks until done or refused: for the
// command line and for tests, never for an io_context's thread.
Result<int> install_schema(const Dsn& dsn, Divided divided = Divided::no);

namespace detail {
std::span<const SchemaStep> postgresql_steps();  // generated
std::span<const SchemaStep> sqlite_steps();      // generated
}  // namespace detail

}  // namespace tamis::storage
