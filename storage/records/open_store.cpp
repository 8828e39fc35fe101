// open_store - from a list of DSNs to the store of their backend
#include <fmt/format.h>

#include "storage/backend.h"

namespace tamis::storage {

Result<std::shared_ptr<RecordStore>> open_record_store(std::vector<Dsn> dsns, StoreOptions options) {
    if (auto same = same_kind(dsns, "storage.storage_dsn"); !same) return std::unexpected(std::move(same.error()));
    const Backend& backend = *dsns.front().backend;
    if (backend.open.records == nullptr)
        return fail(Errc::bad_input, fmt::format("storage.storage_dsn: {} cannot keep records", backend.name));
    return backend.open.records(std::move(dsns), options);
}

}  // namespace tamis::storage
