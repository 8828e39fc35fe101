#include "tools/dsn_option.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include "base/text.h"

namespace tamis::tools {
namespace {

constexpr std::size_t line_limit = 8192;

Result<std::string> first_line(std::istream& from, const std::string& name) {
    std::string line;
    if (!std::getline(from, line)) return fail(Errc::bad_input, fmt::format("{}: there is no line to read", name));
    if (line.size() > line_limit)
        return fail(Errc::bad_input, fmt::format("{}: its first line is too long for what is wanted", name));
    return std::string(trim(line));
}

// value_of - the text itself, or the line that "@FILE" or "-" stands for
Result<std::string> value_of(const std::string& text) {
    if (text == "-") return first_line(std::cin, "standard input");
    if (!text.starts_with('@')) return text;
    const std::string name = text.substr(1);
    std::ifstream file(name);
    if (!file) return fail(std::error_code(errno, std::system_category()), fmt::format("cannot read {}", name));
    return first_line(file, name);
}

}  // namespace

void add_dsn_option(CLI::App& command, DsnOption& into, const std::string& text, bool with_user) {
    command.add_option("--dsn", into.dsn, text + "; @FILE: the first line of a file, -: of standard input")->envname("TAMIS_DSN");
    if (!with_user) return;
    command.add_option("--user", into.user, "the role for --dsn, when the text does not name it");
    command.add_option("--password", into.password,
                       "its password: @FILE, the first line of a file (or use ~/.pgpass or PGPASSWORD)");
}

Result<storage::Dsn> dsn_of(const DsnOption& given) {
    const char* environment = std::getenv("TAMIS_DSN");
    const bool from_environment = environment != nullptr && given.dsn == environment;
    const std::string name = from_environment ? "TAMIS_DSN" : "--dsn";
    const auto at = [](std::string_view option, const Fault& why) {
        return fail(why.code, fmt::format("{}: {}", option, why.detail));
    };
    auto text = value_of(given.dsn);
    if (!text) return at(name, text.error());
    auto password = value_of(given.password);
    if (!password) return at("--password", password.error());
    auto dsn = storage::parse_dsn(*text, given.user, *password);
    if (!dsn) return at(name, dsn.error());
    dsn->use = name;
    const bool was_visible = *text == given.dsn && !from_environment && given.password.empty() && !dsn->password.empty();
    if (was_visible || (!given.password.empty() && *password == given.password))
        fmt::print(
            stderr,
            "tamis: to know: everybody on this machine can read a password on a command line; --dsn @FILE, --dsn - and TAMIS_DSN hide it\n");
    return dsn;
}

}  // namespace tamis::tools
