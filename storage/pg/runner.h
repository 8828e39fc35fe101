// runner - the SqlRunner on PostgreSQL
#pragma once

#include "storage/kept/sql_runner.h"

namespace tamis::storage::pg {

std::shared_ptr<SqlRunner> open_runner(std::vector<Dsn> dsns, const QuarantineStoreOptions& options);

}  // namespace tamis::storage::pg
