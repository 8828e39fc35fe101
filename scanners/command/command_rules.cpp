#include "scanners/command/command_rules.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "scanners/answer_text.h"

namespace tamis::scanners {
namespace {

constexpr std::size_t max_names = 100;
constexpr std::size_t max_matches = 1000;  // a pattern may look far ahead for each of them

bool matches(const Sign& sign, int code, std::string_view output) {
    if (std::ranges::find(sign.codes, code) != sign.codes.end()) return true;
    return sign.pattern && re2::RE2::PartialMatch(output, *sign.pattern);
}

// names_in - every match's first group that took part, or the whole match of a pattern without groups
std::vector<std::string> names_in(std::string_view output, const re2::RE2& pattern) {
    std::vector<std::string> names;
    std::vector<re2::StringPiece> groups(static_cast<std::size_t>(pattern.NumberOfCapturingGroups()) + 1);
    const re2::StringPiece text(output.data(), output.size());
    for (std::size_t at = 0, matches = 0; at <= output.size() && names.size() < max_names && matches < max_matches; ++matches) {
        if (!pattern.Match(text, at, text.size(), re2::RE2::UNANCHORED, groups.data(), static_cast<int>(groups.size()))) break;
        auto found = groups[0];
        const auto taken =
            std::ranges::find_if(groups.begin() + 1, groups.end(), [](const auto& group) { return !group.empty(); });
        if (taken != groups.end()) found = *taken;
        const auto name = clean_virus_name(trim(std::string_view(found.data(), found.size())));
        if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(name);
        const auto end = static_cast<std::size_t>(groups[0].data() + groups[0].size() - output.data());
        at = std::max(end, at + 1);
    }
    return names;
}

Result<int> parse_code(const ConfigValue& value) {
    const auto* code = std::get_if<std::int64_t>(&value.value);
    if (code == nullptr || *code < 0 || *code > 255) return fail(Errc::bad_input, "an exit code is a number from 0 to 255");
    return static_cast<int>(*code);
}

}  // namespace

Result<std::shared_ptr<const re2::RE2>> parse_pattern(const std::string& text) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_encoding(re2::RE2::Options::EncodingLatin1);  // bytes: a program may say anything
    options.set_max_mem(8 << 20);
    auto pattern = std::make_shared<const re2::RE2>("(?m)" + text, options);
    if (text.empty()) return fail(Errc::bad_input, "an empty pattern, which everything matches");
    if (!pattern->ok())
        return fail(Errc::bad_input,
                    fmt::format("the pattern \"{}\" cannot be used: {}", escaped(text), escaped(pattern->error())));
    return pattern;
}

Result<Sign> parse_sign(const ConfigValue& value) {
    Sign sign;
    if (const auto* text = value.text()) {
        auto pattern = parse_pattern(*text);
        if (!pattern) return std::unexpected(std::move(pattern.error()));
        sign.pattern = std::move(*pattern);
        return sign;
    }
    const std::vector<ConfigValue> one{value};
    const auto& list = value.array() != nullptr ? *value.array() : one;
    if (list.empty()) return fail(Errc::bad_input, "an empty list");
    for (const auto& item : list) {
        auto code = parse_code(item);
        if (!code) return fail(Errc::bad_input, "neither a list of exit codes (0 to 255) nor a pattern");
        sign.codes.push_back(*code);
    }
    return sign;
}

Result<mail::ScanOutcome> judge_run(const CommandRules& rules, const ProgramEnd& end) {
    const auto said = [&] {
        return end.output.empty() ? std::string("it said nothing") : fmt::format("it said \"{}\"", escaped(trim(end.output), 80));
    };
    if (WIFSIGNALED(end.status)) {
        const char* name = ::sigabbrev_np(WTERMSIG(end.status));
        return fail(Errc::broken,
                    fmt::format("ended by signal {} ({}); {}", WTERMSIG(end.status), name != nullptr ? name : "?", said()));
    }
    if (!WIFEXITED(end.status)) return fail(Errc::broken, "ended in an unknown way");
    const int code = WEXITSTATUS(end.status);
    if (matches(rules.infected, code, end.output)) {
        auto names = rules.name ? names_in(end.output, *rules.name) : std::vector<std::string>{};
        constexpr std::string_view limits = "Heuristics.Limits.Exceeded";
        if (!names.empty() && std::ranges::all_of(names, [&](const auto& name) { return name.starts_with(limits); }))
            return fail(Errc::over_limit, "it reached a limit of its own: " + names[0]);
        if (names.empty()) names.emplace_back("unknown");
        return mail::ScanOutcome(mail::Infected{std::move(names)});
    }
    if (end.is_truncated) return fail(Errc::over_limit, fmt::format("it said more than {} KiB", program_output_limit / 1024));
    if (!rules.clean) return fail(Errc::unavailable, "it found nothing, which is no answer without the setting clean");
    if (matches(*rules.clean, code, end.output)) return mail::ScanOutcome(mail::Clean{});
    return fail(Errc::bad_reply, fmt::format("exit code {} and what it said mean neither clean nor infected; {}", code, said()));
}

std::string file_name(std::size_t number) { return fmt::format("p{:03}", number); }

Done check_arguments(const std::vector<std::string>& arguments) {
    bool has_files = false;
    for (const auto& argument : arguments) {
        const auto wrong = [&](std::string_view why) {
            return fail(Errc::bad_input, fmt::format("\"{}\": {}", escaped(argument), why));
        };
        if (argument.find('\0') != std::string::npos) return wrong("a NUL cannot be passed to a program");
        if (argument.size() > 4096) return wrong("longer than 4096 bytes");
        if (argument.find("{}/*") != std::string::npos && argument != "{}/*") return wrong("{}/* must be an argument of its own");
        has_files = has_files || argument == "*" || argument.find("{}") != std::string::npos;
    }
    if (arguments.size() > 100) return fail(Errc::bad_input, "more than 100 arguments");
    if (!has_files) return fail(Errc::bad_input, "no argument says what to scan: {}, {}/* or *");
    return {};
}

std::vector<std::vector<std::string>> make_runs(const std::vector<std::string>& arguments, const std::string& directory,
                                                std::size_t files) {
    const auto is_list = [](const std::string& argument) { return argument == "*" || argument == "{}/*"; };
    const bool has_list = std::ranges::any_of(arguments, is_list);
    const std::size_t each = (std::ranges::find(arguments, "{}/*") != arguments.end() ? directory.size() + 1 : 0) + 5;
    const std::size_t at_once =
        has_list ? std::max<std::size_t>(1, file_arguments_limit / each) : std::max<std::size_t>(1, files);
    std::vector<std::vector<std::string>> runs;
    for (std::size_t first = 0; first < std::max<std::size_t>(1, files); first += at_once) {
        auto& run = runs.emplace_back();
        for (const auto& argument : arguments) {
            if (is_list(argument)) {
                for (std::size_t i = first; i < std::min(files, first + at_once); ++i)
                    run.push_back((argument == "*" ? "" : directory + "/") + file_name(i + 1));
                continue;
            }
            std::string out = argument;
            for (auto at = out.find("{}"); at != std::string::npos; at = out.find("{}", at + directory.size()))
                out.replace(at, 2, directory);
            run.push_back(std::move(out));
        }
    }
    return runs;
}

std::optional<std::string> find_program(const std::vector<std::string>& candidates,
                                        const std::function<bool(const std::string&)>& is_program) {
    for (const auto& candidate : candidates) {
        if (candidate.find('/') != std::string::npos) {
            if (is_program(candidate)) return candidate;
            continue;
        }
        for (const auto folder : split(program_path, ':')) {
            const std::string full = std::string(folder) + "/" + candidate;
            if (is_program(full)) return full;
        }
    }
    return {};
}

}  // namespace tamis::scanners
