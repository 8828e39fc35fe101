// runner - the SqlRunner on SQLite
#pragma once

#include "storage/kept/sql_runner.h"

namespace tamis::storage::sqlite {

std::shared_ptr<SqlRunner> open_runner(std::vector<Dsn> dsns, const QuarantineStoreOptions& options);

}  // namespace tamis::storage::sqlite
