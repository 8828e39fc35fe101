#include "config/command_line.h"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

#include "base/text.h"
#include "tools/command.h"

using namespace tamis::config;
using namespace tamis::tools;

namespace {

// Programs - as `tamis` has them
struct Programs {
    CLI::App tamis{"", "tamis"};
    Programs() {
        tamis.require_subcommand(0, 1);
        tamis::doctor::configure_doctor(*tamis.add_subcommand("doctor"));
        configure_expire(*tamis.add_subcommand("expire"));
        configure_explain(*tamis.add_subcommand("explain"));
        configure_import_amavisd(*tamis.add_subcommand("import-amavisd"));
        configure_open(*tamis.add_subcommand("open"));
        configure_quarantine(*tamis.add_subcommand("quarantine"));
        configure_schema(*tamis.add_subcommand("schema"));
    }
    std::string complaint(std::string_view line) const {
        std::vector<std::string> words;
        for (const auto word : tamis::words(line)) words.emplace_back(word);
        return complaint_about(tamis, words).value_or("");
    }
};

// misspelled - two letters changed places, or one too many
std::string misspelled(std::string name) {
    const auto last = name.size() - 1;
    if (name[last] == name[last - 1]) return name + "x";
    std::swap(name[last], name[last - 1]);
    return name;
}

// check_all - every command and option below, each with a typing error
void check_all(const CLI::App& root, const CLI::App& app, const std::vector<std::string>& path, std::size_t& count) {
    const auto complaint = [&](const std::string& word) {
        auto words = path;
        words.push_back(word);
        return complaint_about(root, words).value_or("");
    };
    for (const auto* option : app.get_options())
        for (const auto& name : option->get_lnames()) {
            INFO(tamis::join(path, " ") << " --" << misspelled(name));
            CHECK_THAT(complaint("--" + misspelled(name)), Catch::Contains("did you mean --" + name + "?"));
            CHECK(complaint("--" + name) == "");
            ++count;
        }
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        const auto name = command->get_name();
        INFO(tamis::join(path, " ") << " " << misspelled(name));
        CHECK_THAT(complaint(misspelled(name)), Catch::Contains("did you mean \"" + name + "\"?"));
        ++count;
        auto below = path;
        below.push_back(name);
        check_all(root, *command, below, count);
    }
}

}  // namespace

TEST_CASE("every misspelled command and option of tamis is answered with the right one") {
    const Programs programs;
    std::size_t count = 0;
    check_all(programs.tamis, programs.tamis, {}, count);
    CHECK(count > 80);
}

TEST_CASE("what was meant") {
    const Programs programs;
    CHECK(programs.complaint("quarantine lst") == "tamis quarantine: there is no command \"lst\"; did you mean \"list\"?");
    CHECK(programs.complaint("lst") == "tamis: there is no command \"lst\"; did you mean \"tamis quarantine list\"?");
    CHECK(programs.complaint("quarantine list --recip x") ==
          "tamis quarantine list: there is no option --recip; did you mean --recipient?");
    CHECK(programs.complaint("quarantine list -dsn x") == "tamis quarantine list: there is no option -dsn; did you mean --dsn?");
    CHECK(programs.complaint("quarantine --json list") ==
          "tamis quarantine: there is no option --json; did you mean --json behind the word \"list\"?");
    CHECK(programs.complaint("schema frobnicate") ==
          "tamis schema: there is no command \"frobnicate\"; there are check, install and upgrade");
    CHECK(programs.complaint("schema check --frobnicate") ==
          "tamis schema check: there is no option --frobnicate; tamis schema check --help names them");
    CHECK(programs.complaint("open --cofnig=/x file") == "tamis open: there is no option --cofnig; did you mean --config?");
    CHECK(programs.complaint("quarantine \x1b[2J") ==
          "tamis quarantine: there is no command \"\\x1B[2J\"; there are list, show, raw, release, requeue, delete and stats");
}

TEST_CASE("a line that can be understood gets no complaint") {
    const Programs programs;
    const std::string line = GENERATE("quarantine list --since 3d --json", "quarantine release abcdefghijkl --to a@example.com",
                                      "expire -n --older-than 30d", "explain user@example.com --score 5",
                                      "quarantine list --sender -x", "open -", "doctor --only=storage", "");
    CHECK(programs.complaint(line) == "");
}
