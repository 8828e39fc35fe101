// schema - SQLite's part of storage/schema.h and storage/schema_tool.h
#pragma once

#include <string>
#include <vector>

#include "base/deadline.h"
#include "storage/catalogue.h"
#include "storage/schema.h"

namespace tamis::storage::sqlite {

Result<int> install_schema(const Dsn& dsn, Divided divided);
Result<Catalogue> read_catalogue(const Dsn& dsn, Deadline::Clock::duration limit);
Done run_statements(const Dsn& dsn, const std::vector<std::string>& statements);

}  // namespace tamis::storage::sqlite
