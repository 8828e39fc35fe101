// backend - PostgreSQL's row of storage/backends.cpp
#pragma once

#include "storage/backend.h"

namespace tamis::storage::pg {

extern const Backend backend;

}  // namespace tamis::storage::pg
