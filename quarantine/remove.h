// remove - takes a kept message out of the quarantine: its copy goes, its record stays until it expires
//
// First the rows, which any host can change, then the file, which only the host that has it can. A mailbox file has other mail
// in it and stays.
#pragma once

#include <string>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "storage/kept/quarantine_store.h"

namespace tamis::quarantine {

struct RemovalOptions {
    std::string directory;  // of copies in files
    std::string hostname;   // ours
    std::string by;         // who asks, for the log: "root@filter1.example.com"
};

struct Removal {
    bool is_removed = false;  // the rows say so: nobody can release it any more
    Done file;                // what became of the copy's file; a success too when it had none
};

// remove - a Fault when nothing was done: Errc::not_found names the host whose file it is. It is in the log either way.
Task<Result<Removal>> remove(storage::QuarantineStore& store, storage::QuarantineItem item, RemovalOptions options,
                             Deadline deadline);

}  // namespace tamis::quarantine
