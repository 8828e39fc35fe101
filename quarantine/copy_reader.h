// copy_reader - brings a quarantined copy from where it is kept into a sealed spool: table, file, or compressed file
//
// Guarantees: memory is admitted first and the text is never whole in memory when it is large; a chunk that is missing in
// the middle, a gzip file that is damaged or ends early, and a file that is none are Faults that say so, never a part of a
// message. Names are relative to the quarantine directory and cannot leave it: no "..", no symbolic links. Files are read
// on a thread of its own; everything else never blocks.
#pragma once

#include <memory>
#include <string>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "base/slots.h"
#include "deliver/spool.h"
#include "quarantine/crlf_text.h"
#include "storage/kept/quarantine_store.h"

namespace tamis::quarantine {

// StoredText - a copy as it is kept, with CRLF line ends
struct StoredText {
    std::shared_ptr<const mail::SealedSpool> spool;
    bool has_8bit = false;
    std::uint64_t normalised = 0;
};

constexpr std::uint64_t copy_limit = 1ULL << 30;  // the largest copy we read, uncompressed

class CopyReader {
public:
    // `memory` must outlive what is read
    CopyReader(deliver::SpoolOptions spool, Slots& memory);
    ~CopyReader();
    CopyReader(const CopyReader&) = delete;
    CopyReader& operator=(const CopyReader&) = delete;

    // from_table - Errc::not_found when the table holds nothing of it
    Task<Result<StoredText>> from_table(storage::QuarantineStore& store, storage::MessageKey key, Deadline deadline);
    // from_file - `name` relative to `directory`, plain or gzip by what is in it; Errc::not_found when it is not there
    Task<Result<StoredText>> from_file(std::string directory, std::string name, Deadline deadline);
    // from_descriptor - takes over an open file and reads all of it, as it is
    Task<Result<StoredText>> from_descriptor(int descriptor, std::string shown, Deadline deadline);

private:
    struct Threads;
    deliver::SpoolOptions spool_;
    Slots& memory_;
    std::unique_ptr<Threads> threads_;
};

// open_beneath - a regular file below the directory, no symbolic link followed; the descriptor, or a Fault
Result<int> open_beneath(const std::string& directory, const std::string& name);

}  // namespace tamis::quarantine
