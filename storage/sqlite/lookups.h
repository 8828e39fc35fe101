// lookups - the LookupStore and the PenPalStore on SQLite: one reading thread, statements per recipient in one go
//
// A new, empty file gets the whole schema; a database of somebody else that has the lookup tables is used as it is.
#pragma once

#include <memory>
#include <vector>

#include "storage/dsn.h"
#include "storage/lookups/custom_statement.h"
#include "storage/lookups/lookup_store.h"

namespace tamis::storage::sqlite {

// `changed` is never called: SQLite does not say when somebody else wrote
std::shared_ptr<LookupStore> open_lookups(std::vector<Dsn> dsns, const LookupOptions& options, CustomLookups custom,
                                          std::function<void()> changed);
std::shared_ptr<PenPalStore> open_pen_pals(std::vector<Dsn> dsns, const LookupOptions& options);

}  // namespace tamis::storage::sqlite
