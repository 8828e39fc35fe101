// sql_dialect - the SqlDialect of PostgreSQL
#pragma once

#include "storage/sql/sql_dialect.h"

namespace tamis::storage::pg {

const SqlDialect& sql_dialect();

}  // namespace tamis::storage::pg
