// release_settings - the table [release]
#pragma once

#include <string>
#include <vector>
#include "base/setting.h"

namespace tamis::quarantine {

struct ReleaseSettings {
    std::string forward;  // empty: server.forward
    std::string requeue;
    std::string format = "resend";
};

const std::vector<Setting<ReleaseSettings>>& release_rows();

}  // namespace tamis::quarantine
