// command_line - arguments into options, and for what cannot be understood a line that says what and, where it is near, what was meant
//
// One place for `tamis`, at every level of its commands, and for `tamisd`. What a person typed is shown escaped.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tamis::config {

constexpr int wrong_usage = 2;  // exit status

// parse_command_line - the exit status when the program ends here: help was asked for (0), or the line is wrong (2)
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv);

// complaint_about - the first word that is no command or option of `app` where it stands, with what may have been meant; nothing
// when each is one. `words`: without the program's name.
std::optional<std::string> complaint_about(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace tamis::config
