// backend - the row of the backend in memory, which only this program has: "memory:name"
//
// It keeps the promises of the stores without SQL, to show that they can be kept so. What it cannot do: statements of the
// site's own, a catalogue and upgrades, retention (expiry_session.h asks in SQL).
#pragma once

#include "storage/backend.h"

namespace tamis::test::memory {

extern const storage::Backend backend;

std::shared_ptr<storage::RecordStore> open_records(std::vector<storage::Dsn> dsns, const storage::StoreOptions& options);
std::shared_ptr<storage::LookupStore> open_lookups(std::vector<storage::Dsn> dsns, const storage::LookupOptions& options,
                                                   storage::CustomLookups custom, std::function<void()> changed);
std::shared_ptr<storage::PenPalStore> open_pen_pals(std::vector<storage::Dsn> dsns, const storage::LookupOptions& options);
std::shared_ptr<storage::QuarantineStore> open_quarantine(std::vector<storage::Dsn> dsns,
                                                          const storage::QuarantineStoreOptions& options);

}  // namespace tamis::test::memory
