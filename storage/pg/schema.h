// schema - PostgreSQL's part of storage/schema/schema.h and storage/schema/schema_tool.h
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "storage/schema/catalogue.h"
#include "storage/schema/schema.h"

namespace tamis::storage::pg {

Result<int> install_schema(const Dsn& dsn, Divided divided);
Result<Catalogue> read_catalogue(const Dsn& dsn, Deadline::Clock::duration limit);
Done run_statements(const Dsn& dsn, const std::vector<std::string>& statements);
std::vector<std::string> grant_statements(std::string_view role);

}  // namespace tamis::storage::pg
