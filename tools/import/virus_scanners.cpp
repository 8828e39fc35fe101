// virus_scanners - @av_scanners and @av_scanners_backup: clamd, and programs as [scanners.command.NAME]
//
// A program that is not installed on this machine becomes a commented table: amavisd would not have used it either.
#include <fmt/format.h>

#include <algorithm>

#include "base/endpoint.h"
#include "base/text.h"
#include "scanners/command/command_rules.h"
#include "tools/import/perl_pattern.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

struct Clamd {
    std::vector<std::string> sockets;
    std::vector<Place> from;
};

std::string table_name(std::string_view name, const std::vector<std::string>& taken) {
    constexpr std::size_t longest = 28;
    std::string out;
    for (const char c : name)
        if (is_alpha(c) || is_digit(c)) out += lower(c);
        else if (!out.empty() && !out.ends_with('-')) out += '-';
    out = out.substr(0, longest);
    while (out.ends_with('-')) out.pop_back();
    if (out.empty()) out = "scanner";
    std::string unique = out;
    for (int i = 2; std::ranges::find(taken, unique) != taken.end(); ++i) unique = fmt::format("{}-{}", out, i);
    return unique;
}

PerlValue item(const Translation& into, const PerlValue& tuple, std::size_t index) {
    return index < tuple.items.size() ? into.conf.followed(tuple.items[index]) : PerlValue{};
}

// sockets_of - the second element of ask_daemon's arguments: ["CONTSCAN {}\n", "/path"] or a list of them
std::vector<std::string> sockets_of(const PerlValue& arguments) {
    std::vector<std::string> out;
    for (std::size_t i = 1; i < arguments.items.size(); ++i)
        for (auto text : texts_of(arguments.items[i]).value_or(std::vector<std::string>())) {
            for (const std::string_view prefix : {"clamd:", "simple:", "inet:"})
                if (text.starts_with(prefix)) text.erase(0, prefix.size());
            out.push_back(std::move(text));
        }
    return out;
}

bool is_clamd(const std::string& name, const PerlValue& arguments) {
    const auto query = arguments.items.empty() ? std::string() : text_of(arguments.items.front()).value_or("");
    if (to_lower(name).find("clam") != std::string::npos || query.find("CONTSCAN") != std::string::npos ||
        query.find("MULTISCAN") != std::string::npos)
        return true;
    return std::ranges::any_of(arguments.items,
                               [](const PerlValue& each) { return text_of(each).value_or("").starts_with("clamd:"); });
}

// argument_list - amavisd splits at blanks; its own directories are not there any more
std::vector<std::string> argument_list(const Translation& into, const std::string& text) {
    std::vector<std::string> out;
    const auto temporary = text_of(into.value("$TEMPBASE")).value_or("");
    for (const auto word : words(text)) {
        std::string argument(word);
        for (const auto& folder : {temporary, text_of(into.value("$MYHOME")).value_or("")})
            if (const auto at = folder.empty() ? std::string::npos : argument.find(folder);
                at != std::string::npos && argument.find("{}") == std::string::npos)
                argument = argument.substr(0, at) + "{}/../tmp";
        out.push_back(std::move(argument));
    }
    return out;
}

// sign - exit codes, or a pattern; nothing: undef
Result<std::optional<std::string>> sign(const PerlValue& value) {
    if (value.is(Kind::undef)) return std::nullopt;
    if (value.is(Kind::pattern)) {
        auto pattern = re2_pattern(value, PatternUse::scanner);
        if (!pattern) return std::unexpected(std::move(pattern.error()));
        return toml_string(*pattern);
    }
    const auto codes = texts_of(value);
    if (!codes || codes->empty())
        return fail(Errc::bad_input, value.is_known() ? "neither exit codes nor a regular expression" : value.text);
    for (const auto& code : *codes)
        if (!parse_unsigned(code, 255)) return fail(Errc::bad_input, fmt::format("\"{}\" is no exit code", escaped(code)));
    return "[" + join(*codes, ", ") + "]";
}

// command - fills the table; the Fault says what cannot be said
Done command(Translation& into, const PerlValue& tuple, const std::vector<std::string>& programs, TomlTable& table) {
    const auto line = [](const PerlValue& value) { return std::vector<Place>{value.place}; };
    const PerlValue arguments = item(into, tuple, 2), clean = item(into, tuple, 3), infected = item(into, tuple, 4),
                    names = item(into, tuple, 5);
    table.put("program", toml_list(programs), line(tuple));
    const auto text = text_of(arguments);
    if (!text) return fail(Errc::bad_input, arguments.is_known() ? "its arguments are not a text" : arguments.text);
    const auto list = argument_list(into, *text);
    if (auto good = scanners::check_arguments(list); !good) return good;
    table.put("arguments", toml_list(list), line(arguments));
    auto is_clean = sign(clean);
    auto is_infected = sign(infected);
    if (!is_clean) return fail(Errc::bad_input, "clean: " + is_clean.error().detail);
    if (!is_infected) return fail(Errc::bad_input, "infected: " + is_infected.error().detail);
    if (!*is_infected) return fail(Errc::bad_input, "it never says that something is infected");
    if (*is_clean) table.put("clean", **is_clean, line(clean));
    else table.put("required", "false", line(tuple), "without exit codes for clean it can only find");
    table.put("infected", **is_infected, line(infected));
    if (!names.is(Kind::pattern)) return {};
    const auto pattern = re2_pattern(names, PatternUse::name);
    if (!pattern) return fail(Errc::bad_input, "name: " + pattern.error().detail);
    table.put("name", toml_string(*pattern), line(names),
              names.text.find("(?!") != std::string::npos ? "without its (?!...)" : "");
    return {};
}

class Scanners {
public:
    explicit Scanners(Translation& into) : into_(into) {}

    void list(std::string_view name, bool is_backup) {
        const PerlValue value = into_.value(name);
        if (into_.is_unknown(name, value)) return;
        into_.settle(name, Outcome::translated);
        absent_.clear();
        for (const auto& tuple : value.items) scanner(name, into_.conf.followed(tuple), is_backup);
        tell_absent(name);
        if (!clamd_.sockets.empty()) {
            auto& table = into_.toml.table("[scanners.clamd]");
            const auto* everybody = into_.toml.find("[recipients.\".\"]");
            if (everybody != nullptr && everybody->has("bypass_virus_checks"))
                table.remarks = {"Viruses are not looked for at present: bypass_virus_checks in [recipients.\".\"]."};
            if (!table.has("socket")) {
                table.put("socket", toml_list(clamd_.sockets), clamd_.from,
                          clamd_.sockets.size() > 1 ? "tried in this order" : "");
                if (is_backup) table.put("backup", "true", clamd_.from);
            } else if (is_backup) {
                into_.remark(clamd_.from.front(), "clamd", Outcome::missing,
                             "clamd is a primary and a backup engine; add the second address to scanners.clamd.socket");
            }
        }
        clamd_ = {};
    }

private:
    // tell_absent - programs that are not on this machine are of no use to anybody: one line for all
    void tell_absent(std::string_view list) {
        if (absent_.empty()) return;
        std::vector<std::string> names;
        for (const auto& [_, name] : absent_) names.push_back(fmt::format("'{}'", escaped(name, 60)));
        into_.remark(
            absent_.front().first, list, Outcome::needless,
            fmt::format(
                "not installed on this machine, so amavisd did not use {} either: {}; what can be said of them is there as a comment",
                names.size() == 1 ? "it" : "them", join(names, ", ")));
    }

    void scanner(std::string_view list, const PerlValue& tuple, bool is_backup) {
        const auto name = text_of(item(into_, tuple, 0)).value_or("");
        const auto missing = [&](std::string_view why) {
            into_.remark(tuple.place, fmt::format("{}: '{}'", list, escaped(name, 60)), Outcome::missing, why);
        };
        if (!tuple.is(Kind::list)) return missing(tuple.is_known() ? "not a list that describes a scanner" : tuple.text);
        const PerlValue how = tuple.items.size() > 1 ? tuple.items[1] : PerlValue{};
        const PerlValue arguments = item(into_, tuple, 2);
        if (how.is(Kind::variable) && how.text.starts_with("&")) {
            const bool asks_clamd = how.text == "&ask_daemon" && is_clamd(name, arguments);
            if (!asks_clamd)
                return missing(
                    how.text == "&ask_clamav"
                        ? "clamd is asked instead of a library: add [scanners.clamd] with its socket"
                        : "this protocol is not spoken: clamd, ICAP and programs are (docs/scanners); use the engine's ICAP service or its program");
            for (const auto& socket : sockets_of(arguments)) {
                auto endpoint = parse_endpoint(socket);
                if (!endpoint) missing(endpoint.error().detail);
                else if (std::ranges::find(clamd_.sockets, socket) == clamd_.sockets.end()) clamd_.sockets.push_back(socket);
            }
            clamd_.from.push_back(tuple.place);
            return;
        }
        if (!into_.conf.followed(how).is_known())
            return missing(
                name == "always-clean"
                    ? "a scanner that finds everything clean; what happens without a scanner is policy.scanner_failure and final_unchecked_destiny"
                    : "a scanner that is code of your own: " + how.text);
        const auto programs = texts_of(into_.conf.followed(how));
        if (!programs || programs->empty()) return missing("no program is named");
        program(list, name, tuple, *programs, is_backup);
    }

    void program(std::string_view list, const std::string& name, const PerlValue& tuple, const std::vector<std::string>& programs,
                 bool is_backup) {
        const auto what = fmt::format("{}: '{}'", list, escaped(name, 60));
        const bool is_installed =
            into_.around.is_program && scanners::find_program(programs, into_.around.is_program).has_value();
        const std::string key = table_name(name, taken_);
        auto& table = into_.toml.add(fmt::format("[scanners.command.{}]", key));
        table.is_comment = !is_installed;
        auto done = command(into_, tuple, programs, table);
        if (is_backup) table.put("backup", "true", {tuple.place});
        if (!done) {
            table.is_comment = true;
            table.remarks.push_back(escaped(name, 60) + ": " + escaped(done.error().detail, 300));
            if (!is_installed) return void(absent_.emplace_back(tuple.place, name));
            return into_.remark(tuple.place, what, Outcome::missing, done.error().detail);
        }
        taken_.push_back(key);
        if (!is_installed) absent_.emplace_back(tuple.place, name);
        else if (tuple.items.size() > 6)
            into_.remark(tuple.place, what, Outcome::needless,
                         "code before and after it is left out: it has a directory of its own");
    }

    Translation& into_;
    Clamd clamd_;
    std::vector<std::string> taken_;
    std::vector<std::pair<Place, std::string>> absent_;  // programs that are not installed
};

}  // namespace

void translate_scanners(Translation& into) {
    Scanners scanners(into);
    scanners.list("@av_scanners", false);
    scanners.list("@av_scanners_backup", true);
}

}  // namespace tamis::tools
