// notify - hands messages of our own to the next hop for notices (step 9 of docs/life-of-a-message.md)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "deliver/submitter.h"
#include "policy/notices.h"
#include "policy/people_notices.h"

namespace tamis::proxy {

// submit_notice - true: taken for all its recipients; false: refused for good for at least one (logged as an error). A
// Fault: a 4xx, the message that caused it must be tried again. `what` names the notice in the log.
Task<Result<bool>> submit_notice(policy::Notice notice, std::string what, deliver::NextHop to, deliver::Submitter& submitter,
                                 std::string log_id, Deadline deadline);

// submit_all - the notices one after the other; ends with the first Fault
Task<Done> submit_all(std::vector<policy::PeopleNotice> notices, deliver::NextHop to, deliver::Submitter& submitter,
                      std::string log_id, Deadline deadline);

}  // namespace tamis::proxy
