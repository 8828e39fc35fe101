// open_store - from a list of DSNs to the backend that serves them: one line per kind of database
#include "storage/custom_statement.h"
#include "storage/dsn.h"
#include "storage/pg/records.h"
#include "storage/sqlite/records.h"
#include "storage/store.h"

namespace tamis::storage {

Result<std::shared_ptr<RecordStore>> open_record_store(std::vector<Dsn> dsns, StoreOptions options) {
    if (auto same = same_kind(dsns, "storage.storage_dsn"); !same) return std::unexpected(std::move(same.error()));
    switch (dsns.front().kind) {
        case Dsn::Kind::postgresql: return pg::open_records(std::move(dsns), options);
        case Dsn::Kind::sqlite: return sqlite::open_records(std::move(dsns), options);
    }
    return fail(Errc::broken, "storage: unknown kind of database");
}

}  // namespace tamis::storage
