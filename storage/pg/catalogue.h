// catalogue - reads the facts about amavisd's tables from PostgreSQL: one query, for the daemon's sessions and for tools
#pragma once

#include <libpq-fe.h>

#include <string>

#include "storage/schema/catalogue.h"

namespace tamis::storage::pg {

// catalogue_query - one statement without parameters; needs no rights beyond CONNECT
const std::string& catalogue_query();

// catalogue_of - from the rows of catalogue_query()
Catalogue catalogue_of(const PGresult* rows);

}  // namespace tamis::storage::pg
