#include "base/log_settings.h"

namespace tamis {

const std::vector<Setting<LogSettings>>& log_rows() {
    using S = LogSettings;
    static const std::vector<Setting<S>> rows = {
        {"target", &S::target, "Where log lines go: syslog, journal, stderr or file:/path."},
        {"ident", &S::ident, "The program name in the log; \"amavis\" is what log parsers look for."},
        {"level", &S::level, "0 one line per message, 1-2 more, 3-5 debugging.", 0, 5},
        {"format",
         &S::format,
         "The line per message: amavis (its exact short format), json, or both.",
         0,
         0,
         true,
         {"amavis", "json", "both"}},
    };
    return rows;
}

}  // namespace tamis
