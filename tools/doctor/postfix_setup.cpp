#include "tools/doctor/postfix_setup.h"

#include <fmt/format.h>

#include "base/text.h"
#include "tools/doctor/run_program.h"

namespace tamis::doctor {
namespace {

constexpr int deepest = 10;  // $name within $name

bool is_name(char c) { return is_alpha(c) || is_digit(c) || c == '_'; }

// Reference - "$name", "${name}" or "$(name)" at the beginning of a text
struct Reference {
    std::string_view name;
    std::size_t length = 0;
};
std::optional<Reference> reference_at(std::string_view text) {
    if (text.size() < 2 || text.front() != '$') return {};
    const char open = text[1];
    const bool is_closed = open == '{' || open == '(';
    const std::size_t begin = is_closed ? 2 : 1;
    std::size_t end = begin;
    while (end < text.size() && is_name(text[end])) ++end;
    if (end == begin) return {};
    if (!is_closed) return Reference{text.substr(begin, end - begin), end};
    if (end >= text.size() || text[end] != (open == '{' ? '}' : ')')) return {};  // a conditional: postconf's business
    return Reference{text.substr(begin, end - begin), end + 1};
}

std::string value_at(const PostfixSetup& setup, const Service* service, std::string_view name, int depth);

// expand - plain references; false when there is one that we do not understand
bool expand(const PostfixSetup& setup, const Service* service, std::string_view text, int depth, std::string& out) {
    for (std::size_t at = 0; at < text.size();) {
        if (text[at] != '$') {
            out += text[at++];
            continue;
        }
        if (text.substr(at).starts_with("$$")) {
            out += '$';
            at += 2;
            continue;
        }
        const auto reference = reference_at(text.substr(at));
        if (!reference) return false;
        out += value_at(setup, service, reference->name, depth + 1);
        at += reference->length;
    }
    return true;
}

// value_at - a service's own value, else main.cf's; the service's values also count where main.cf's text names them
std::string value_at(const PostfixSetup& setup, const Service* service, std::string_view name, int depth) {
    if (depth > deepest) return {};
    const auto* text = [&]() -> const std::string* {
        if (service != nullptr)
            if (const auto own = service->overrides.find(name); own != service->overrides.end()) return &own->second;
        const auto main = setup.raw.find(name);
        return main == setup.raw.end() ? nullptr : &main->second;
    }();
    if (text == nullptr) return {};
    if (text->find('$') == std::string::npos) return *text;
    std::string out;
    if (expand(setup, service, *text, depth, out)) return out;
    const auto known = setup.expanded.find(name);
    const bool is_own = service != nullptr && service->overrides.contains(name);
    return known != setup.expanded.end() && !is_own ? known->second : *text;
}

}  // namespace

std::string PostfixSetup::value(const Service* service, std::string_view name) const {
    return std::string(trim(value_at(*this, service, name, 0)));
}

std::string PostfixSetup::postconf() const { return directory.empty() ? "postconf" : fmt::format("postconf -c {}", directory); }
std::string PostfixSetup::reload() const {
    return directory.empty() ? "postfix reload" : fmt::format("postfix -c {} reload", directory);
}

bool is_yes(std::string_view value) { return equal_fold(trim(value), "yes"); }

std::vector<std::string> list_of(std::string_view value) {
    std::vector<std::string> out;
    for (const auto word : words(value, ", \t\r\n")) out.emplace_back(word);
    return out;
}

std::optional<std::chrono::seconds> time_of(std::string_view value, std::chrono::seconds unit) {
    value = trim(value);
    if (value.empty()) return {};
    std::int64_t factor = unit.count();
    const char last = lower(value.back());
    if (!is_digit(last)) {
        switch (last) {
            case 's': factor = 1; break;
            case 'm': factor = 60; break;
            case 'h': factor = 3600; break;
            case 'd': factor = 86400; break;
            case 'w': factor = 604800; break;
            default: return {};
        }
        value.remove_suffix(1);
    }
    const auto number = parse_unsigned(trim(value), 1'000'000'000);
    if (!number) return {};
    return std::chrono::seconds(static_cast<std::int64_t>(*number) * factor);
}

Result<PostfixSetup> read_postfix(const std::string& directory, Deadline deadline) {
    PostfixSetup setup;
    setup.directory = directory;
    std::vector<std::string> base;
    if (!directory.empty()) base = {"-c", directory};
    const auto ask = [&](std::vector<std::string> more) {
        more.insert(more.begin(), base.begin(), base.end());
        return run_program("postconf", more, deadline);
    };
    auto services = ask({"-M"});
    if (!services) return std::unexpected(std::move(services.error()));
    auto raw = ask({});
    if (!raw) return std::unexpected(std::move(raw.error()));
    auto expanded = ask({"-x"});
    if (!expanded) return std::unexpected(std::move(expanded.error()));
    setup.master = parse_master_cf(*services);
    setup.raw = parse_parameters(*raw);
    setup.expanded = parse_parameters(*expanded);
    if (setup.master.services.empty()) return fail(Errc::bad_reply, "postconf -M names no services");
    return setup;
}

}  // namespace tamis::doctor
