// dialect - which era of amavisd's schema a connected database has, and how SQL is written for it
//
// Read once per connection, in one query. Tables of amavisd-new 2.3 (2005) to 2.13 are all served as they are: columns may
// be missing, addresses, ids and texts may be varchar or bytea, mail_text may be text, the encoding may be any. What is
// built on a Dialect asks it for columns instead of knowing them:
//     fmt::format("SELECT {} FROM msgs m JOIN msgrcpt r ON {}r.mail_id = m.mail_id",
//                 dialect.column("m", "msgs", "quar_loc", "''"), dialect.same_partition("m", "msgs", "r", "msgrcpt"));
#pragma once

#include <string>
#include <string_view>

#include "storage/pg/connection.h"
#include "storage/records/rows.h"
#include "storage/schema/catalogue.h"

namespace tamis::storage::pg {

struct Dialect {
    Catalogue catalogue;
    TextRules text;  // charset, and the widths of the columns

    bool has(std::string_view table, std::string_view column) const { return catalogue.column(table, column) != nullptr; }
    std::string type(std::string_view table, std::string_view column) const;  // "bytea", "varchar", ...; "" when missing
    bool is_bytea(std::string_view table, std::string_view column) const { return type(table, column) == "bytea"; }

    // column - "alias.column", or the SQL `otherwise` where the database does not have it
    std::string column(std::string_view alias, std::string_view table, std::string_view name, std::string_view otherwise) const;
    // same_partition - "a.partition_tag = b.partition_tag AND " when both tables have it, else ""
    std::string same_partition(std::string_view alias, std::string_view table, std::string_view other_alias,
                               std::string_view other_table) const;
    // in_partition - "alias.partition_tag = <value> AND " when the table has it, else ""; alias may be empty
    std::string in_partition(std::string_view alias, std::string_view table, std::string_view value) const;

    // stored_text - an expression to store the bytea parameter `bytes` in mail_text; the boolean parameter `as_is` is
    // is_plain() of the same bytes. Only for text columns; a bytea column takes the parameter itself.
    std::string stored_text(std::string_view bytes, std::string_view as_is) const;
    // is_plain - whether a text column can take these bytes as they are: no NUL, valid in the encoding
    bool is_plain(std::string_view bytes) const;
};

// mail_text - an expression that gives quarantine.mail_text of that alias (may be empty) as bytea, byte for byte as it was
// stored, also from a text column
std::string mail_text(const Catalogue& catalogue, std::string_view alias);

// escape_mark - how a chunk in a text column begins whose bytes no text of the database can hold; the rest of the chunk is
// encode(..., 'escape') of the bytes
constexpr std::string_view escape_mark = "[stored by Tamis with encode(bytes, 'escape')]\n";

// Use - what the asking code does with the tables maddr, msgs, msgrcpt and quarantine
enum class Use { read, write };

// dialect_of - from the facts of the catalogue; the Fault names what is missing, or what stands in the way, and what to do.
// A database that is not writable is no Fault.
Result<Dialect> dialect_of(Catalogue catalogue, Use use);

// detect - asks the server
Task<Result<Dialect>> detect(Connection& connection, Use use);

}  // namespace tamis::storage::pg
