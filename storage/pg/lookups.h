// lookups - the LookupStore and the PenPalStore on PostgreSQL
//
// users.email may be bytea, varchar, text or citext; columns of users and policy may be missing or added while we run;
// the tables wblist and mailaddr may be missing. Nothing of an address ever becomes SQL.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "storage/dsn.h"
#include "storage/lookups/custom_statement.h"
#include "storage/lookups/lookup_store.h"

namespace tamis::storage::pg {

// `changed` is called on the store's thread after a notification, and whenever one may have been missed
std::shared_ptr<LookupStore> open_lookups(std::vector<Dsn> dsns, const LookupOptions& options, CustomLookups custom,
                                          std::function<void()> changed);
std::shared_ptr<PenPalStore> open_pen_pals(std::vector<Dsn> dsns, const LookupOptions& options);

}  // namespace tamis::storage::pg
