// tamis - the administrator's command: asks and explains, one subcommand per row
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <exception>

#include "config/command_line.h"
#include "tools/command.h"

namespace {

using tamis::tools::Command;

constexpr std::array commands = {
    Command{"doctor",
            "check the running set-up from outside: databases, engines, next hop, Postfix, rights; each finding with its fix",
            tamis::doctor::configure_doctor},
    Command{"expire", "remove records and quarantined copies that are past their age", tamis::tools::configure_expire},
    Command{"explain", "print each effective setting of a recipient with where it comes from, and what would happen to a message",
            tamis::tools::configure_explain},
    Command{"import-amavisd", "translate the configuration of an amavisd-new into one of Tamis",
            tamis::tools::configure_import_amavisd},
    Command{"open", "print the tree of parts of a message as the filter sees it", tamis::tools::configure_open},
    Command{"quarantine", "list, show, release and delete what is in the quarantine", tamis::tools::configure_quarantine},
    Command{"schema", "check a database, create the tables, or bring an amavisd's tables of any age up to date",
            tamis::tools::configure_schema},
};

int run(int argc, char** argv) {
    CLI::App cli("tamis - ask and manage Tamis", "tamis");
    cli.require_subcommand(0, 1);
    bool version = false;
    cli.add_flag("-V,--version", version, "print the version");
    std::function<int()> chosen;
    for (const auto& command : commands) {
        auto* options = cli.add_subcommand(std::string(command.name), std::string(command.text));
        options->callback([&chosen, action = command.configure(*options)] { chosen = action; });
    }
    if (const auto status = tamis::config::parse_command_line(cli, argc, argv)) return *status;
    if (version) {
        fmt::print("tamis {}\n", TAMIS_VERSION);
        return 0;
    }
    if (chosen) return chosen();
    fmt::print("{}", cli.help());
    return tamis::config::wrong_usage;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& trouble) {
        fmt::print(stderr, "tamis: {}\n", trouble.what());
        return 1;
    }
}
