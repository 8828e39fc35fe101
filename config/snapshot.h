// snapshot - what one loading of tamis.toml makes: the settings, and what was opened by them; never changes
//
// A message takes one Snapshot at its beginning and keeps it to its end, whatever SIGHUP does meanwhile.
#pragma once

#include <memory>

#include "base/tls.h"
#include "config/settings.h"
#include "deliver/spool.h"
#include "policy/marks.h"
#include "scanners/scanner.h"
#include "scanners/worker/spawner.h"

namespace tamis::config {

struct Snapshot {
    std::shared_ptr<const Settings> settings;
    scanners::ScannerList scanners;
    policy::Site site;
    deliver::SpoolOptions spool;
    std::shared_ptr<const TlsContext> tls;  // null: STARTTLS is not offered
};

// make_snapshot - opens what the settings name; problems are added, and then nothing is returned
std::shared_ptr<const Snapshot> make_snapshot(std::shared_ptr<const Settings> settings, Problems& problems,
                                              worker::Spawner* spawner = nullptr);

}  // namespace tamis::config
