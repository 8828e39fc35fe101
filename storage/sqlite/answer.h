// answer - runs one of the shared statements, already prepared, to its end
#pragma once

#include "storage/sql/sql_text.h"
#include "storage/sqlite/database.h"

namespace tamis::storage::sqlite {

Result<SqlAnswer> answer_of(Database& database, Statement& statement, const SqlQuery& query);

}  // namespace tamis::storage::sqlite
