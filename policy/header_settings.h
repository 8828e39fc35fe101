// header_settings - the table [header_checks]
#pragma once

#include <vector>
#include "base/setting.h"
#include "policy/header_check.h"

namespace tamis::policy {

const std::vector<Setting<HeaderChecks>>& header_rows();

}  // namespace tamis::policy
