// records - the RecordStore on PostgreSQL: waiting messages share transactions over a small pool of sessions
//
// A batch takes everything that waits (at most 128 messages or 1 MiB of quarantine text; a bigger message goes alone and
// is streamed). A second session works at the same time only when a batch takes long or a whole further one waits, so
// that under load commits are shared rather than multiplied. When one message spoils a batch, it alone fails.
#pragma once

#include <memory>
#include <vector>

#include "storage/dsn.h"
#include "storage/records/store.h"

namespace tamis::storage::pg {

std::shared_ptr<RecordStore> open_records(std::vector<Dsn> dsns, const StoreOptions& options);

}  // namespace tamis::storage::pg
