// catalogue - the facts about amavisd's tables in an SQLite database
#pragma once

#include "storage/schema/catalogue.h"
#include "storage/sqlite/database.h"

namespace tamis::storage::sqlite {

// catalogue_of - blocks for as long as reading takes; one thread
Result<Catalogue> catalogue_of(Database& database);

}  // namespace tamis::storage::sqlite
