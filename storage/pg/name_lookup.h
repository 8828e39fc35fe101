// name_lookup - host names to addresses without blocking an io_context
//
// getaddrinfo() may block for as long as the resolver likes, so each lookup has a thread of its own, which is detached:
// it owns everything it touches, and a store that is stopped meanwhile does not wait for it. Lookups happen only on
// (re)connect, paced by the back-off.
#pragma once

#include <string>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"

namespace tamis::storage::pg {

// resolve - the numeric addresses of a host, at least one; addresses are given back as they are
Task<Result<std::vector<std::string>>> resolve(std::string host, Deadline deadline);

}  // namespace tamis::storage::pg
