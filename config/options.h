// reinject_options - how we speak to next hops and what leaves the quarantine, from the settings: for the daemon and for the
// command line
#pragma once

#include "base/result.h"
#include "config/settings.h"
#include "deliver/reinject.h"
#include "quarantine/release.h"

namespace tamis::config {

// reinject_options - reads the CA certificates; a Fault when these cannot be used
Result<deliver::ReinjectOptions> reinject_options(const Settings& settings);

quarantine::ReleaseOptions release_options(const Settings& settings);

}  // namespace tamis::config
