// setting_rows - the sections of tamis.toml that belong to the daemon, a row for each setting: adding one is one row
#pragma once

#include <vector>

#include "base/setting.h"
#include "config/settings.h"
#include "policy/header_check.h"

namespace tamis::config {

const std::vector<Setting<ServerSettings>>& server_rows();
const std::vector<Setting<LimitSettings>>& limit_rows();
const std::vector<Setting<LogSettings>>& log_rows();
const std::vector<Setting<PolicySettings>>& policy_rows();
const std::vector<Setting<StorageSettings>>& storage_rows();
const std::vector<Setting<NoticeSettings>>& notice_rows();
const std::vector<Setting<policy::HeaderChecks>>& header_rows();
const std::vector<Setting<ReleaseSettings>>& release_rows();
const std::vector<Setting<ControlSettings>>& control_rows();

// takes_storage_dsn - [storage] names storage_dsn alone, and lookups go to the same databases
bool takes_storage_dsn(const ConfigTable& config);

}  // namespace tamis::config
