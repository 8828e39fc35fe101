// log - log lines in amavisd's levels, to syslog, stderr or a file
//
// Never blocks on a slow reader for long and never throws: a line that cannot be written is dropped and counted.
// Safe from any thread. Levels are amavisd's $log_level (docs/amavis/operations.md 2): error and warning always appear,
// notice is level 0 (one line per message), info 1-2, debug 3-5. A record is one line, always: amavisd splits what is longer
// than 980 octets, and then a parser that looks at lines can be made to overlook the end of one. Here a text line is cut
// to line_limit and says how much is missing; a record() is never cut. The caller escapes what strangers wrote.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tamis::log {

enum class Level { error = -2, warning = -1, notice = 0, info = 1, detail = 2, debug = 3, trace = 5 };

constexpr std::size_t line_limit = 980;            // octets of a text line with its log id, amavisd's $logline_maxlen
constexpr std::size_t syslog_record_limit = 7900;  // what syslog daemons take in one piece (rsyslog: 8 KiB with its own prefix)

struct Options {
    std::string target = "stderr";  // "stderr", "syslog", "journal", "file:/path"
    std::string ident = "amavis";   // as amavisd's $syslog_ident, so that its log parsers find the lines
    int level = 0;                  // 0..5
};

// open - points the log somewhere; may be called again (SIGHUP reopens a file)
Done open(const Options& options);
bool enabled(Level level) noexcept;
// write - one line; `id` is the log id "(id) " put before it, empty for none
void write(Level level, std::string_view id, std::string_view line) noexcept;
// record - one line of any length, for those that a program reads: a JSON object stays whole
void record(Level level, std::string_view id, std::string_view line) noexcept;

template <class... Args>
void error(std::string_view id, fmt::format_string<Args...> format, Args&&... args) {
    write(Level::error, id, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(std::string_view id, fmt::format_string<Args...> format, Args&&... args) {
    write(Level::warning, id, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void notice(std::string_view id, fmt::format_string<Args...> format, Args&&... args) {
    write(Level::notice, id, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void info(std::string_view id, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::info)) write(Level::info, id, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void debug(std::string_view id, fmt::format_string<Args...> format, Args&&... args) {
    if (enabled(Level::debug)) write(Level::debug, id, fmt::format(format, std::forward<Args>(args)...));
}

// capture - for tests: lines go to a list instead; returns the lines so far and clears them
void capture(bool on);
std::vector<std::string> captured();

}  // namespace tamis::log
