// value_checks - texts of recipients' settings that must mean something: forward_method, *_quarantine_to, *_admin, addr_extension_*,
// sa_username
//
// What the configuration says is checked when it is loaded; what the database says when it is used, because it may change
// at any time. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/setting.h"
#include "policy/policy_layers.h"

namespace tamis::config {

// check_value - whether the text can be used as that field; fields that may hold anything are always fine
Done check_value(std::string_view field, std::string_view text);

// check_configured_values - of [policy], [recipients], [[recipient_patterns]] and [banks]; texts that get captures ($3) filled in are
// left to complaints(). A size limit that counts as another one is a warning
void check_configured_values(const ConfigTable& config, Problems& problems, Problems& warnings);

// complaints - one line for each value that cannot be used: where it comes from, what is wrong, what happens
std::vector<std::string> complaints(const policy::EffectivePolicy& effective, const policy::LoadedBanks& banks,
                                    const std::vector<policy::UserRow>& rows);

}  // namespace tamis::config
