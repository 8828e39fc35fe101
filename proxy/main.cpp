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

struct Options {
    std::string file = "/etc/tamis/tamis.toml", pid_file;
    bool check = false, print = false, manual = false, version = false, take_over = false, daemon = false;
};

void declare(CLI::App& cli, Options& options) {
    cli.add_option("-c,--config", options.file, "configuration file")->capture_default_str();
    cli.add_flag("--check", options.check, "check the configuration and exit: 0 good, 1 bad with FILE:LINE:COL: what is wrong");
    cli.add_flag("--print-config", options.print, "print every setting, its value and where it comes from");
    cli.add_flag("--settings-manual", options.manual, "print docs/settings.md");
    cli.add_flag("--take-over", options.take_over,
                 "take the listening sockets from the tamisd that runs, which then ends: a restart that refuses no connection");
    cli.add_flag("--daemon", options.daemon,
                 "go into the background once everything works; the exit status says whether it does");
    cli.add_option("--pid-file", options.pid_file, "with --daemon: write the process id there");
    cli.add_flag("-V,--version", options.version, "print the version");
}

// look - --check and --print-config: says what there is to say of the settings, and changes nothing
int look(const Options& options, std::shared_ptr<const tamis::config::Settings> settings) {
    tamis::Problems problems(options.file), warnings(options.file);
    if (options.check) {
        tamis::config::check_start(*settings, problems, warnings);
        for (const auto* list : {&settings->warnings, &warnings.lines()})
            for (const auto& line : *list) fmt::print(stderr, "warning: {}\n", line);
    }
    if (!tamis::config::make_snapshot(settings, problems) || !problems.none()) return report(problems);
    if (options.print) fmt::print("{}", tamis::config::print_config(*settings));
    else fmt::print("{}: fine\n", options.file);
    return 0;
}

// open_log - a log file is opened by App::start(), when we are the user that goes on writing to it
tamis::Done open_log(const tamis::LogSettings& log) {
    const bool is_file = log.target.starts_with("file:");
    return tamis::log::open({is_file ? "stderr" : log.target, log.ident, static_cast<int>(log.level)});
}

int serve(const Options& options, std::shared_ptr<const tamis::config::Settings> settings, tamis::proxy::Background* background) {
    tamis::Problems problems(options.file), warnings(options.file);
    tamis::config::check_start(*settings, problems, warnings);
    if (auto done = open_log(settings->log); !done) {
        fmt::print(stderr, "{}: {}\n", options.file, tamis::describe(done.error()));
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
    using TakeOver = tamis::proxy::App::TakeOver;
    tamis::proxy::App app(settings);
    if (auto done = app.start(problems, options.take_over ? TakeOver::yes : TakeOver::no); !done) {
        for (const auto& line : problems.lines()) tamis::log::error({}, "{}", line);
        tamis::log::error({}, "cannot start: {}", tamis::describe(done.error()));
        fmt::print(stderr, "tamisd: cannot start: {}\n", tamis::describe(done.error()));
        return report(problems);
    }
    return app.run([&] {
        if (background != nullptr) background->ready(settings->log.target == "stderr");
    });
}

int run(int argc, char** argv) {
    CLI::App cli("tamisd - mail content filter between two MTAs, the modern amavisd", "tamisd");
    Options options;
    declare(cli, options);
    if (const auto status = tamis::config::parse_command_line(cli, argc, argv)) return *status;
    if (options.version) {
        fmt::print("tamisd {}\n", TAMIS_VERSION);
        return 0;
    }
    if (options.manual) {
        fmt::print("{}", tamis::config::settings_manual());
        return 0;
    }
    const bool only_looks = options.check || options.print;
    std::unique_ptr<tamis::proxy::Background> background;
    if (options.daemon && !only_looks) {
        options.file = std::filesystem::absolute(options.file).string();  // the background is in /
        auto entered = tamis::proxy::Background::enter(options.pid_file);
        if (!entered) {
            fmt::print(stderr, "tamisd: {}\n", tamis::describe(entered.error()));
            return 1;
        }
        background = std::move(*entered);
    }
    tamis::Problems problems(options.file);
    const auto settings = tamis::config::load_settings_file(options.file, problems);
    if (!problems.none()) return report(problems);
    return only_looks ? look(options, settings) : serve(options, settings, background.get());
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
