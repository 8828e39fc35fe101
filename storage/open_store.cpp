// open_store - from a list of DSNs to the backend that serves them: one line per kind of database
#include <fmt/format.h>

#include <algorithm>

#include "storage/dsn.h"
#include "storage/pg/records.h"
#include "storage/sqlite/records.h"
#include "storage/store.h"

namespace tamis::storage {

Result<std::shared_ptr<RecordStore>> open_record_store(std::vector<Dsn> dsns, StoreOptions options) {
    if (dsns.empty()) return fail(Errc::bad_input, "storage: no DSN is given");
    const auto kind = dsns.front().kind;
    if (!std::ranges::all_of(dsns, [&](const Dsn& dsn) { return dsn.kind == kind; }))
        return fail(Errc::bad_input, "storage: all DSNs of a list must be of the same kind of database");
    switch (kind) {
        case Dsn::Kind::postgresql: return pg::open_records(std::move(dsns), options);
        case Dsn::Kind::sqlite: return sqlite::open_records(std::move(dsns), options);
    }
    return fail(Errc::broken, "storage: unknown kind of database");
}

}  // namespace tamis::storage
