// sql_dialect - the SqlDialect of SQLite
#pragma once

#include "storage/sql/sql_dialect.h"

namespace tamis::storage::sqlite {

const SqlDialect& sql_dialect();

}  // namespace tamis::storage::sqlite
