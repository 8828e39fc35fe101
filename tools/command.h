// command - a subcommand of `tamis`: one row in tamis.cpp, one file here
#pragma once

#include <functional>
#include <string_view>

namespace CLI {
class App;
}

namespace tamis::tools {

struct Command {
    std::string_view name;
    std::string_view text;
    // configure - declares the options; returns what to do when this subcommand was given: the exit status
    std::function<int()> (*configure)(CLI::App& options);
};

std::function<int()> configure_expire(CLI::App& options);
std::function<int()> configure_explain(CLI::App& options);
std::function<int()> configure_import_amavisd(CLI::App& options);
std::function<int()> configure_open(CLI::App& options);
std::function<int()> configure_quarantine(CLI::App& options);
std::function<int()> configure_schema(CLI::App& options);

}  // namespace tamis::tools

namespace tamis::doctor {
std::function<int()> configure_doctor(CLI::App& options);
}
