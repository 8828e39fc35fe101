// event_log - the log of the daemon's configuration, for commands that do what the daemon does too (a release, an expiry)
#pragma once

#include "config/settings.h"

namespace tamis::tools {

// open_event_log - the same target, ident and level. "journal" goes by syslog, which journald keeps as well: our standard error is
// not the service's. A log file that root makes here belongs to server.user. When it cannot be opened, the lines go to standard
// error, and so does the reason.
void open_event_log(const config::Settings& settings);

// open_quiet_log - for commands that only look: what goes wrong is their answer, and the storage's own lines would say it again
void open_quiet_log();

// who_asks - for the records: the user who called us, also through sudo: "root@filter.example.com"
std::string who_asks(const config::Settings& settings);

}  // namespace tamis::tools
