// prepared - what a reader of an SQLite database does when it was opened: looks for its tables, prepares its statements
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "storage/sqlite/database.h"

namespace tamis::storage::sqlite {

// has_table - and with an empty name: any table at all
Result<bool> has_table(Database& database, std::string_view name);

// prepared - the Fault begins with `shown` (may be empty), the setting that the statement came from
Result<std::unique_ptr<Statement>> prepared(Database& database, const std::string& sql, std::string_view shown);

}  // namespace tamis::storage::sqlite
