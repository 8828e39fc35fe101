// static_tables - the recipients' settings that stand in the configuration: [recipients."KEY"], [[recipient_patterns]]
//
//     [recipients."user@example.com"]      # also "example.com", ".example.com" (with subdomains), "user@", "."
//     spam_kill_level = 10
//     [[recipient_patterns]]
//     match = '(?i)^info@'                 # RE2, on the whole address as given, not anchored
//     bypass_spam_checks = true
//
// For each setting the keys are tried in the order of policy::table_keys, then the patterns in the order of the file; the
// first that has the setting decides. Loaded once, then read from any thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "policy/fields.h"
#include "policy/lookup_keys.h"

namespace re2 {
class RE2;
}

namespace tamis::policy {

struct StaticEntry {
    std::string shown;  // `[recipients.".example.com"]`, for explanations
    Position position;
    FieldValues values;
    std::shared_ptr<const re2::RE2> pattern;  // null for a key
};

// StaticMatch - an entry that holds for an address, and what $1, $2, ... mean in its texts
struct StaticMatch {
    const StaticEntry* entry = nullptr;
    std::vector<std::string> captures;  // $1 is the first
};

class StaticTables {
public:
    // load - [recipients] and [[recipient_patterns]] of the whole configuration
    static StaticTables load(const ConfigTable& config, const KeyOptions& keys, Problems& problems);

    // match - all entries for the address, the one that decides first. Views into this object.
    std::vector<StaticMatch> match(const AddressPieces& address) const;

    bool empty() const noexcept { return by_key_.empty() && patterns_.empty(); }
    // sets - whether any entry says anything about that field: if not, nobody needs to look for matches
    bool sets(std::size_t field) const;

private:
    static StaticTables read(const ConfigTable& config, const KeyOptions& keys, Problems& problems);

    std::map<std::string, StaticEntry, std::less<>> by_key_;
    std::vector<StaticEntry> patterns_;
    std::vector<bool> sets_;  // by field
};

// value_of - a field of a match; in texts $1 ... $9, ${1} and $(1) are filled in: for a key, 1 the whole address, 2 the
// local part as given, 3 the user, 4 the extension with its delimiter, 5 the domain; for a pattern, its groups
std::optional<FieldValue> value_of(const StaticMatch& match, std::size_t field);

// compile_pattern - an RE2 with a bound on its memory; null after adding a problem
std::shared_ptr<const re2::RE2> compile_pattern(const std::string& text, Position at, std::string_view name, Problems& problems);

}  // namespace tamis::policy
