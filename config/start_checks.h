// start_checks - what would stop tamisd at its start, or fail with the first message, found by looking: `tamisd --check` and the
// start itself ask here, so they say the same words
//
// Nothing is opened for good, created or changed. What can be said from the text alone is check_texts(), which every load does.
#pragma once

#include <string>
#include <vector>

#include "base/setting.h"
#include "config/settings.h"
#include "config/unit_places.h"

namespace tamis::config {

// check_texts - texts that must mean something: names, addresses, header fields, statements of the site's own. Pure.
void check_texts(const Settings& settings, Problems& problems);

// check_destinies - `reject` behind a queue makes the mail server bounce to strangers: a warning. Pure.
void check_destinies(const Settings& settings, Problems& warnings);

// check_start - users, files and directories, listeners, next hops that are ourselves, the decoder program, the unit
void check_start(const Settings& settings, Problems& problems, Problems& warnings);

// UsedPath - a path of the configuration, and what tamisd does with it
struct UsedPath {
    std::string setting, path;
    Position position;
    bool is_written = false;
};
// used_paths - of all settings, absolute ones
std::vector<UsedPath> used_paths(const Settings& settings);
// check_unit_paths - paths that the unit keeps from tamisd: problems when that unit starts it with this file, else warnings
void check_unit_paths(const Settings& settings, const UnitPlaces& unit, Problems& problems, Problems& warnings);

// unit_drop_in - the lines of a drop-in that lets the unit start tamisd with these settings; "" when it does already
std::string unit_drop_in(const Settings& settings, const UnitPlaces& unit);

}  // namespace tamis::config
