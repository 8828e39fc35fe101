// message_opener - whoever opens a message: WorkerPool (pool.h) in the daemon, a fake in tests
#pragma once

#include <functional>
#include <memory>

#include "base/async.h"
#include "base/deadline.h"
#include "mail/contents.h"
#include "scanners/worker/open/limits.h"

namespace tamis::worker {

// OpenJob - how one message is to be opened
struct OpenJob {
    Limits limits;  // `cpu` is also enforced: a worker that exceeds it by a second is ended
    Extract extract = Extract::not_plain;
};

// ShowParts - takes parts for the engines while the opening goes on, one batch after the other, and is done with their bytes when
// it returns; false: something was found, no further parts are needed
using ShowParts = std::function<Task<bool>(mail::ShownParts)>;

class MessageOpener {
public:
    virtual ~MessageOpener() = default;
    // open - what the message holds, by the deadline; never throws. `failure` says in one line why it could not be opened: "the
    // decoder crashed twice (SIGSEGV)", "opening took longer than 30 s", ... Parts for the engines go to `show` before, and the
    // last of them come with the contents; without `show` all of them do.
    virtual Task<mail::Contents> open(std::shared_ptr<const mail::SealedSpool> message, OpenJob job, Deadline deadline,
                                      ShowParts show) = 0;
};

}  // namespace tamis::worker
