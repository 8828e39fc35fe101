// lookup_list - an amavisd's list of lookup tables (@virus_lovers_maps) as keys and patterns in the order in which they decide
//
// docs/amavis/policy.md 5. Tamis looks at keys first, the most specific one first, and at patterns after them; a list says
// the same when entries that are never reached are left out, and keys behind a pattern become patterns too. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "tools/import/amavisd_conf.h"

namespace tamis::tools {

struct LookupEntry {
    enum class Kind { key, pattern, everything };
    Kind kind = Kind::key;
    std::string text = {};  // key: "user@example.com", "user@", "example.com", ".example.com"; pattern: RE2
    PerlValue result = {};  // "1" and "0" of lists
    Place place = {};
};

struct LookupList {
    struct Trouble {
        Place place;
        std::string what, why;
    };
    std::vector<LookupEntry> entries;
    std::vector<Trouble> troubles;  // tables that cannot be said in this way
    std::set<std::string> names;    // the variables it is made of
};

// lookup_list - of the tables in `maps` (a list, or one table). With `as_keys`, keys stay keys whatever comes before them.
LookupList lookup_list(const AmavisdConf& conf, const PerlValue& maps, bool as_keys = false);

// key_pattern - the pattern that matches what a key matches
std::string key_pattern(std::string_view key);
// covers - every address that `narrow` matches is matched by `wide`
bool covers(std::string_view wide, std::string_view narrow);

}  // namespace tamis::tools
