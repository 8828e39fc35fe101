#include "proxy/smtp/command.h"

#include <algorithm>

#include "base/text.h"
#include "mail/path.h"

namespace tamis::proxy {
namespace {

constexpr std::size_t parameter_limit = 50;  // of one command; each is looked for among all of them

// parameter_value - esmtp-value of RFC 5321 with UTF-8 (RFC 6531): no "=", blank or control
bool is_value(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte > 0x20 && byte != 0x7f && c != '=';
    });
}

bool is_keyword(std::string_view text) {
    return !text.empty() && (is_alpha(text.front()) || is_digit(text.front())) &&
           std::ranges::all_of(text, [](char c) { return is_alpha(c) || is_digit(c) || c == '-'; });
}

}  // namespace

std::optional<Command> parse_command(std::string_view line) {
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
    if (line.empty() || !is_alpha(line.front())) return {};
    std::size_t end = 0;
    while (end < line.size() && (is_alpha(line[end]) || is_digit(line[end]))) ++end;
    if (end < line.size() && !is_blank(line[end])) return {};
    if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) return {};
    Command out{to_upper(line.substr(0, end)), line.substr(end)};
    while (!out.arguments.empty() && is_blank(out.arguments.front())) out.arguments.remove_prefix(1);
    return out;
}

std::optional<PathArgument> parse_path(std::string_view arguments, std::string_view keyword) {
    if (!starts_with_fold(arguments, keyword)) return {};
    arguments.remove_prefix(keyword.size());
    while (!arguments.empty() && is_blank(arguments.front())) arguments.remove_prefix(1);
    if (!arguments.starts_with(':')) return {};
    arguments.remove_prefix(1);
    while (!arguments.empty() && is_blank(arguments.front())) arguments.remove_prefix(1);
    if (!arguments.starts_with('<')) return {};
    arguments.remove_prefix(1);
    const std::size_t end = mail::path_end(arguments);
    if (end == std::string_view::npos) return {};
    std::string_view path = arguments.substr(0, end);
    if (path.starts_with('@')) {  // source route
        const auto colon = path.find(':');
        if (colon == std::string_view::npos || path.substr(0, colon).find('"') != std::string_view::npos ||
            !mail::is_path(path.substr(0, colon)))
            return {};
        path.remove_prefix(colon + 1);
    }
    if (!mail::is_path(path)) return {};
    PathArgument out;
    out.address = path;
    std::string_view rest = arguments.substr(end + 1);
    if (!rest.empty() && !is_blank(rest.front())) {
        out.bad_parameters = true;
        return out;
    }
    for (const auto word : words(rest, " \t")) {
        const auto equals = word.find('=');
        Parameter parameter{to_upper(word.substr(0, equals)), {}};
        if (equals != std::string_view::npos) parameter.value = std::string(word.substr(equals + 1));
        if (!is_keyword(parameter.name) || (parameter.value && !is_value(*parameter.value)) ||
            out.parameters.size() == parameter_limit) {
            out.bad_parameters = true;
            return out;
        }
        out.parameters.push_back(std::move(parameter));
    }
    return out;
}

}  // namespace tamis::proxy
