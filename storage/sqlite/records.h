// records - the RecordStore on SQLite: one writer thread, every commit is durable and shared by all that wait
//
// A message that cannot be written fails alone (savepoints); trouble with the file or the disk fails nobody for good:
// the batch waits, the file is opened anew with back-off, callers stop waiting at their deadlines.
#pragma once

#include <memory>
#include <vector>

#include "storage/dsn.h"
#include "storage/records/store.h"

namespace tamis::storage::sqlite {

std::shared_ptr<RecordStore> open_records(std::vector<Dsn> dsns, const StoreOptions& options);

}  // namespace tamis::storage::sqlite
