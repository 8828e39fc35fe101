// setting_rows - the sections of tamis.toml that belong to the daemon, a row for each setting: adding one is one row
#pragma once

#include <vector>

#include "base/setting.h"
#include "policy/header_check.h"
#include "proxy/settings.h"

namespace tamis::proxy {

const std::vector<Setting<ServerSettings>>& server_rows();
const std::vector<Setting<LimitSettings>>& limit_rows();
const std::vector<Setting<LogSettings>>& log_rows();
// policy_rows - [policy] without the settings that can differ for each recipient: those are the rows of policy/fields.h
const std::vector<Setting<PolicySettings>>& policy_rows();
// FieldPlace - which fields the manual shows before a row of [policy]
struct FieldPlace {
    std::string_view before;
    std::vector<std::string_view> fields;
};
// field_places - for people only; a field that has no place is shown behind everything else
const std::vector<FieldPlace>& field_places();
const std::vector<Setting<StorageSettings>>& storage_rows();
const std::vector<Setting<NoticeSettings>>& notice_rows();
const std::vector<Setting<policy::HeaderChecks>>& header_rows();
const std::vector<Setting<ReleaseSettings>>& release_rows();
const std::vector<Setting<ControlSettings>>& control_rows();

// takes_storage_dsn - [storage] names storage_dsn alone, and lookups go to the same databases
bool takes_storage_dsn(const ConfigTable& config);

}  // namespace tamis::proxy
