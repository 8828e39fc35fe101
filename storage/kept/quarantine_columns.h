// quarantine_columns - pieces of the quarantine's statements: the columns that a database has, and what belongs to a message
#pragma once

#include <string>
#include <string_view>

#include "storage/kept/quarantine_store.h"
#include "storage/sql/sql_text.h"

namespace tamis::storage {

// quarantined - of a row of msgs m: there is a copy of it somewhere
inline constexpr std::string_view quarantined = "m.quar_type <> ' '";

// tag_of - the partition_tag of a table's row; databases before amavisd 2.6 have none
std::string tag_of(const SqlTarget& target, std::string_view alias, std::string_view table);
// column_or - of a table's row, or the SQL `otherwise`
std::string column_or(const SqlTarget& target, std::string_view alias, std::string_view table, std::string_view name,
                      std::string_view otherwise);
// same_message - the rows belong to one message
std::string same_message(const SqlTarget& target, std::string_view a, std::string_view b);
// key_of - a row of the table belongs to that message; the alias with its dot, or empty
std::string key_of(const SqlTarget& target, SqlText& text, std::string_view alias, std::string_view table, const MessageKey& key);
// item_fields - of a row of msgs m, as item_of() reads them
std::string item_fields(const SqlTarget& target);
inline constexpr std::size_t item_field_count = 16;

}  // namespace tamis::storage
