// dialect - which amavis schema and which encoding a connected database has
//
// Asked once per connection, in one query. Today's statements need the columns of amavisd 2.7 to 2.13; what differs
// between installations of these (varchar or bytea for addresses, the server's encoding) is described here.
#pragma once

#include <string>
#include <vector>

#include "storage/pg/connection.h"
#include "storage/rows.h"

namespace tamis::storage::pg {

struct Dialect {
    std::string address_type = "bytea";  // of maddr.email: bytea or varchar
    std::string chunk_type = "bytea";    // of quarantine.mail_text
    TextRules   text;
    bool        is_writable = true;      // false: a standby, or default_transaction_read_only
};

struct ColumnFact {
    std::string table, column, type;
    bool        may_write = true;  // SELECT, INSERT and UPDATE on its table
};

// dialect_of - from the facts of the catalogue; the Fault names what is missing and what to do
Result<Dialect> dialect_of(const std::vector<ColumnFact>& columns, std::string_view server_encoding);

// detect_records - asks the server; a database that is not writable is no Fault here
Task<Result<Dialect>> detect_records(Connection& connection);

}  // namespace tamis::storage::pg
