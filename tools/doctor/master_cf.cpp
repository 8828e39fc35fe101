#include "tools/doctor/master_cf.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace tamis::doctor {
namespace {

// logical_lines - continued lines as one, without comments (Postfix: a comment between continued lines does not end them)
std::vector<std::string> logical_lines(std::string_view text) {
    std::vector<std::string> lines;
    for (const auto line : split(text, '\n')) {
        const auto content = trim(line);
        if (content.empty() || content.front() == '#') continue;
        if (is_blank(line.front()) && !lines.empty()) lines.back() += " " + std::string(content);
        else lines.emplace_back(content);
    }
    return lines;
}

// take_word - the next word: up to a blank, or what stands in braces (they nest)
std::optional<std::string> take_word(std::string_view& rest) {
    rest = trim(rest);
    if (rest.empty()) return {};
    if (rest.front() != '{') {
        const auto end = std::min(rest.find_first_of(" \t"), rest.size());
        std::string word(rest.substr(0, end));
        rest.remove_prefix(end);
        return word;
    }
    std::size_t depth = 0, at = 0;
    do {
        if (rest[at] == '{') ++depth;
        if (rest[at] == '}') --depth;
        ++at;
    } while (at < rest.size() && depth != 0);
    const auto inside = rest.substr(1, at - (depth == 0 ? 2 : 1));
    rest.remove_prefix(at);
    return std::string(trim(inside));
}

void set_parameter(Parameters& into, std::string_view assignment) {
    const auto equal = assignment.find('=');
    if (equal == std::string_view::npos) return;
    into.insert_or_assign(std::string(trim(assignment.substr(0, equal))), std::string(trim(assignment.substr(equal + 1))));
}

// take_overrides - the arguments of the command; others than -o are passed over
void take_overrides(std::string_view rest, Parameters& into) {
    while (const auto word = take_word(rest)) {
        if (*word == "-o") {
            if (const auto assignment = take_word(rest)) set_parameter(into, *assignment);
        } else if (word->starts_with("-o")) {
            set_parameter(into, std::string_view(*word).substr(2));
        }
    }
}

}  // namespace

const Service* MasterCf::find(std::string_view name, std::string_view type) const {
    const auto found =
        std::ranges::find_if(services, [&](const Service& each) { return each.name == name && each.type == type; });
    return found == services.end() ? nullptr : &*found;
}

MasterCf parse_master_cf(std::string_view text) {
    // service type private unpriv chroot wakeup maxproc command
    constexpr std::size_t field_count = 8;
    MasterCf out;
    for (const auto& line : logical_lines(text)) {
        std::string_view rest = line;
        std::vector<std::string> fields;
        while (fields.size() < field_count) {
            auto word = take_word(rest);
            if (!word) break;
            fields.push_back(std::move(*word));
        }
        if (fields.size() < field_count) {
            out.bad_lines.push_back(line);
            continue;
        }
        Service service{fields[0], fields[1], fields[4], fields[6], fields[7], {}};
        take_overrides(rest, service.overrides);
        out.services.push_back(std::move(service));
    }
    return out;
}

Parameters parse_parameters(std::string_view text) {
    Parameters out;
    for (const auto& line : logical_lines(text)) set_parameter(out, line);
    return out;
}

}  // namespace tamis::doctor
