// command_rules - what to call a scanner program with, and what its exit code and output mean; no I/O
//
// amavisd's @av_scanners tuple (docs/amavis/scanners.md 4.1). Guarantees: arguments are made of the configuration, our own
// directory and our own file names (p001, p002 ...) only. "Infected" is looked for first; a program that was ended by a
// signal, that said too much, or whose words mean neither clean nor infected has not answered.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/setting.h"
#include "mail/evidence.h"

namespace re2 {
class RE2;
}

namespace tamis::scanners {

constexpr std::size_t program_output_limit = 200 * 1024;  // bytes of a run's output, as amavisd
constexpr std::size_t file_arguments_limit = 4000;        // bytes of file names in one run, as amavisd
constexpr std::size_t files_most = 251;                   // the message and its parts

// Sign - exit codes, or a pattern that is looked for in the output (RE2; ^ and $ are ends of lines)
struct Sign {
    std::vector<int> codes;
    std::shared_ptr<const re2::RE2> pattern;
};
// parse_sign - of a setting: a number, a list of numbers, or a pattern
Result<Sign> parse_sign(const ConfigValue& value);
// parse_pattern - Errc::bad_input with RE2's own words
Result<std::shared_ptr<const re2::RE2>> parse_pattern(const std::string& text);

struct CommandRules {
    std::optional<Sign> clean;  // nothing: silence means nothing
    Sign infected;
    std::shared_ptr<const re2::RE2> name;  // null: no name can be told
};

// ProgramEnd - how one run ended
struct ProgramEnd {
    int status = 0;             // as waitpid(2) tells it
    bool is_truncated = false;  // it said more than program_output_limit
    std::string output;         // stdout and stderr
};
// judge_run - Clean or Infected, else why that is no answer
Result<mail::ScanOutcome> judge_run(const CommandRules& rules, const ProgramEnd& end);

// file_name - of the file with that number: "p001"
std::string file_name(std::size_t number);
// check_arguments - Errc::bad_input: an argument that cannot be passed, or a place holder where none can be
Done check_arguments(const std::vector<std::string>& arguments);
// make_runs - the arguments of each run for `files` files in `directory`: "{}" is the directory, "{}/*" all files with their
// paths, "*" all files by name (the run's working directory is `directory`)
std::vector<std::vector<std::string>> make_runs(const std::vector<std::string>& arguments, const std::string& directory,
                                                std::size_t files);
// find_program - the first candidate that `is_program`; a candidate without "/" is looked for in program_path. Nothing: none.
std::optional<std::string> find_program(const std::vector<std::string>& candidates,
                                        const std::function<bool(const std::string&)>& is_program);
constexpr std::string_view program_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

}  // namespace tamis::scanners
