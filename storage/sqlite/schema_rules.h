// schema_rules - the SchemaRules of SQLite
#pragma once

#include <memory>

#include "storage/schema/schema_rules.h"

namespace tamis::storage::sqlite {

std::unique_ptr<SchemaRules> schema_rules();

}  // namespace tamis::storage::sqlite
