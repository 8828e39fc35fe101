// main - tamisd: reads its arguments and its configuration, then runs the daemon in the foreground
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <filesystem>

#include "base/log.h"
#include "base/text.h"
#include "config/command_line.h"
#include "config/snapshot.h"
#include "config/start_checks.h"
#include "proxy/app.h"
#include "proxy/daemonize.h"

namespace {

int report(const tamis::Problems& problems) {
    for (const auto& line : problems.lines()) fmt::print(stderr, "{}\n", line);
    return 1;
}

int run(int argc, char** argv) {
    CLI::App cli("tamisd - mail content filter between two MTAs, the modern amavisd", "tamisd");
    std::string file = "/etc/tamis/tamis.toml";
    bool check = false;
    bool print = false;
    bool manual = false;
    bool version = false;
    bool take_over = false;
    bool daemon = false;
    std::string pid_file;
    cli.add_option("-c,--config", file, "configuration file")->capture_default_str();
    cli.add_flag("--check", check, "check the configuration and exit: 0 good, 1 bad with FILE:LINE:COL: what is wrong");
    cli.add_flag("--print-config", print, "print every setting, its value and where it comes from");
    cli.add_flag("--settings-manual", manual, "print docs/settings.md");
    cli.add_flag("--take-over", take_over,
                 "take the listening sockets from the tamisd that runs, which then ends: a restart that refuses no connection");
    cli.add_flag("--daemon", daemon, "go into the background once everything works; the exit status says whether it does");
    cli.add_option("--pid-file", pid_file, "with --daemon: write the process id there");
    cli.add_flag("-V,--version", version, "print the version");
    if (const auto status = tamis::config::parse_command_line(cli, argc, argv)) return *status;
    if (version) {
        fmt::print("tamisd {}\n", TAMIS_VERSION);
        return 0;
    }
    if (manual) {
        fmt::print("{}", tamis::config::settings_manual());
        return 0;
    }
    std::unique_ptr<tamis::proxy::Background> background;
    if (daemon && !check && !print) {
        file = std::filesystem::absolute(file).string();  // the background is in /
        auto entered = tamis::proxy::Background::enter(pid_file);
        if (!entered) {
            fmt::print(stderr, "tamisd: {}\n", tamis::describe(entered.error()));
            return 1;
        }
        background = std::move(*entered);
    }
    tamis::Problems problems(file);
    const auto settings = tamis::config::load_settings_file(file, problems);
    if (!problems.none()) return report(problems);
    tamis::Problems warnings(file);
    if (check) tamis::config::check_start(*settings, problems, warnings);
    const auto show_warnings = [&] {
        for (const auto* list : {&settings->warnings, &warnings.lines()})
            for (const auto& line : *list) fmt::print(stderr, "warning: {}\n", line);
    };
    if (check) show_warnings();
    if (check || print) {
        if (!tamis::config::make_snapshot(settings, problems) || !problems.none()) return report(problems);
        if (print) fmt::print("{}", tamis::config::print_config(*settings));
        else fmt::print("{}: fine\n", file);
        return 0;
    }
    tamis::config::check_start(*settings, problems, warnings);
    // a log file is opened by App::start(), when we are the user that goes on writing to it
    const auto& log = settings->log;
    const bool is_file = log.target.starts_with("file:");
    if (auto done = tamis::log::open({is_file ? "stderr" : log.target, log.ident, static_cast<int>(log.level)}); !done) {
        fmt::print(stderr, "{}: {}\n", file, tamis::describe(done.error()));
        return 1;
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file limit is an error of write(), not the end
    for (const auto& line : settings->warnings) tamis::log::warning({}, "{}", line);
    if (!problems.none()) {
        for (const auto& line : problems.lines()) tamis::log::error({}, "{}", line);
        tamis::log::error({}, "cannot start: the configuration has problems");
        return report(problems);
    }
    tamis::proxy::App app(settings);
    if (auto done = app.start(problems, take_over ? tamis::proxy::App::TakeOver::yes : tamis::proxy::App::TakeOver::no); !done) {
        for (const auto& line : problems.lines()) tamis::log::error({}, "{}", line);
        tamis::log::error({}, "cannot start: {}", tamis::describe(done.error()));
        fmt::print(stderr, "tamisd: cannot start: {}\n", tamis::describe(done.error()));
        for (const auto& line : problems.lines()) fmt::print(stderr, "{}\n", line);
        return 1;
    }
    return app.run([&] {
        if (background) background->ready(log.target == "stderr");
    });
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& trouble) {
        fmt::print(stderr, "tamisd: {}\n", trouble.what());
        return 1;
    }
}
