// log_settings - the table [log]
#pragma once

#include <cstdint>
#include <string>
#include <vector>
#include "base/setting.h"

namespace tamis {

struct LogSettings {
    std::string target = "syslog";
    std::string ident = "amavis";
    std::int64_t level = 0;
    std::string format = "amavis";
};

const std::vector<Setting<LogSettings>>& log_rows();

}  // namespace tamis
