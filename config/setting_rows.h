// setting_rows - the table [policy], a row for each setting: adding one is one row. The other tables are beside their users
#pragma once

#include <vector>

#include "base/setting.h"
#include "config/settings.h"

namespace tamis::config {

const std::vector<Setting<PolicySettings>>& policy_rows();

// takes_storage_dsn - [storage] names storage_dsn alone, and lookups go to the same databases
bool takes_storage_dsn(const ConfigTable& config);

}  // namespace tamis::config
