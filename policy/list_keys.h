// list_keys - keys and entries of lists as people write them: which can never match an address, and what to write instead. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/setting.h"
#include "policy/lookup_keys.h"

namespace tamis::policy {

// key_complaint - why a key of the configuration can never match an address, and what to write instead: "*@x" and "*.x" of other
// programs, "@x", blanks, "<a@x>"; nothing for a good one. `with_user`: "user@" (any domain) is a key too.
std::optional<std::string> key_complaint(std::string_view key, bool with_user);

// list_entry - an entry of server.local_domains and of sender lists in the form that mail::matches_address_list compares with
// AddressPieces::normal(): "!" kept, without quotes, A-labels; the Fault is key_complaint's
Result<std::string> list_entry(std::string_view entry, const KeyOptions& options);

// list_entries - all of a list; each that can never match is a problem at its own place (`from`: the list in the file)
std::vector<std::string> list_entries(const std::vector<std::string>& list, const ConfigValue* from, std::string_view setting,
                                      const KeyOptions& options, Problems& problems);

// sql_key_complaint - the same for a value of users.email or mailaddr.email, for `tamis doctor`
std::optional<std::string> sql_key_complaint(std::string_view email, bool no_at_means_domain);

}  // namespace tamis::policy
