// backend - SQLite's row of storage/backends.cpp
#pragma once

#include "storage/backend.h"

namespace tamis::storage::sqlite {

extern const Backend backend;

}  // namespace tamis::storage::sqlite
