#include "config/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.h"

namespace tamis::config {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
    return app.get_subcommands([](const CLI::App* command) { return !command->get_name().empty(); });
}

std::vector<std::string> names_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* command : commands_of(app)) names.push_back(command->get_name());
    return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* option : app.get_options())
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    return names;
}

// path_of - "tamis quarantine list"
std::string path_of(const CLI::App& app) {
    return app.get_parent() == nullptr ? app.get_name() : path_of(*app.get_parent()) + " " + app.get_name();
}

// enumerated - "a, b or c"
std::string enumerated(std::vector<std::string> words, std::string_view between) {
    if (words.size() < 2) return join(words, "");
    const auto last = std::move(words.back());
    words.pop_back();
    return fmt::format("{} {} {}", join(words, ", "), between, last);
}

// meant - the one that begins like this, else the nearest
std::optional<std::string> meant(const std::string& word, const std::vector<std::string>& names) {
    std::vector<std::string> longer;
    for (const auto& name : names)
        if (word.size() >= 3 && name.starts_with(word)) longer.push_back(name);
    return longer.size() == 1 ? longer.front() : nearest(word, names);
}

// elsewhere - the command of that name, or nearly, one level further down
std::optional<std::string> elsewhere(const CLI::App& app, const std::string& word) {
    for (const auto* command : commands_of(app))
        if (const auto name = meant(word, names_of(*command))) return fmt::format("{} {}", path_of(*command), *name);
    return {};
}

std::string no_command(const CLI::App& app, const std::string& word) {
    const auto near = meant(word, names_of(app));
    const auto other = near ? std::nullopt : elsewhere(app, word);
    const auto hint = near    ? fmt::format("did you mean \"{}\"?", *near)
                      : other ? fmt::format("did you mean \"{}\"?", *other)
                              : fmt::format("there are {}", enumerated(names_of(app), "and"));
    return fmt::format("{}: there is no command \"{}\"; {}", path_of(app), escaped(word), hint);
}

// no_option - also "-dsn" for "--dsn", and options that belong to the command below or above
std::string no_option(const CLI::App& app, const std::string& word) {
    const std::string name = (word.starts_with("--") ? "" : "-") + word;
    constexpr std::size_t letter = 2;  // "-x" is like everything
    auto near = word.size() > letter ? meant(name, options_of(app)) : std::nullopt;
    std::string where;
    for (const auto* above = app.get_parent(); !near && above != nullptr; above = above->get_parent()) {
        const auto names = options_of(*above);
        if (std::ranges::find(names, name) == names.end()) continue;
        near = name;
        where = fmt::format(" before the word \"{}\"", app.get_name());
    }
    for (const auto* command : commands_of(app)) {
        const auto names = options_of(*command);
        if (near || std::ranges::find(names, name) == names.end()) continue;
        near = name;
        where = fmt::format(" behind the word \"{}\"", command->get_name());
    }
    return fmt::format(
        "{}: there is no option {}{}", path_of(app), escaped(word),
        near ? fmt::format("; did you mean {}{}?", *near, where) : fmt::format("; {} --help names them", path_of(app)));
}

}  // namespace

std::optional<std::string> complaint_about(const CLI::App& app, const std::vector<std::string>& words) {
    const CLI::App* at = &app;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto& word = words[i];
        if (word == "--") return {};
        if (word.size() > 1 && word.front() == '-') {
            const auto equals = word.find('=');
            const auto name = word.starts_with("--") ? word.substr(0, equals) : word.substr(0, 2);
            const auto* option = at->get_option_no_throw(name);
            if (option == nullptr) return no_option(*at, word.starts_with("--") ? name : word);
            const bool is_value_inside = word.size() > name.size();
            if (option->get_items_expected_max() > 0 && !is_value_inside) ++i;
            continue;
        }
        const auto below = commands_of(*at);
        const auto found = std::ranges::find_if(below, [&](const CLI::App* command) { return command->check_name(word); });
        if (found != below.end()) at = *found;
        else if (!below.empty()) return no_command(*at, word);
    }
    return {};
}

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
    try {
        app.parse(argc, argv);
        return {};
    } catch (const CLI::ParseError& wrong) {
        if (wrong.get_exit_code() == 0) return app.exit(wrong);  // help
        const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
        const CLI::App* at = &app;
        for (auto below = at->get_subcommands(); !below.empty(); below = at->get_subcommands()) at = below.front();
        const auto unknown = complaint_about(app, words);
        const bool lacks_command = !unknown && at->get_require_subcommand_min() > 0 && at->get_subcommands().empty();
        const std::string what =
            unknown         ? *unknown
            : lacks_command ? fmt::format("{}: a command is required: {}", path_of(*at), enumerated(names_of(*at), "or"))
                            : fmt::format("{}: {}; see {} --help", path_of(*at), escaped(wrong.what(), 400), path_of(*at));
        fmt::print(stderr, "{}\n", what);
        return wrong_usage;
    }
}

}  // namespace tamis::config
