// schema_rules - the SchemaRules of PostgreSQL
#pragma once

#include <memory>

#include "storage/schema/schema_rules.h"

namespace tamis::storage::pg {

std::unique_ptr<SchemaRules> schema_rules();

}  // namespace tamis::storage::pg
