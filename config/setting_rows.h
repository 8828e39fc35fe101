// setting_rows - the table [policy], a row for each setting: adding one is one row. The other tables are beside their users
#pragma once

#include <string_view>
#include <vector>

#include "base/setting.h"
#include "config/settings.h"

namespace tamis::config {

// policy_rows - [policy] without the settings that can differ for each recipient: those are the rows of policy/fields.h
const std::vector<Setting<PolicySettings>>& policy_rows();
// FieldPlace - which fields the manual shows before a row of [policy]
struct FieldPlace {
    std::string_view before;
    std::vector<std::string_view> fields;
};
// field_places - for people only; a field that has no place is shown behind everything else
const std::vector<FieldPlace>& field_places();

// takes_storage_dsn - [storage] names storage_dsn alone, and lookups go to the same databases
bool takes_storage_dsn(const ConfigTable& config);

}  // namespace tamis::config
