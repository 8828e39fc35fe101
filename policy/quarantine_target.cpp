#include "policy/quarantine_target.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "mail/mailbox.h"

namespace tamis::policy {
namespace {

using Kind = QuarantineTarget::Kind;

constexpr std::size_t longest_template = 150;
constexpr std::size_t value_limit = 64;    // of one placeholder
constexpr std::size_t longest_name = 230;  // NAME_MAX is 255, and the temporary name is a little longer
constexpr std::string_view placeholders = "mbinP%";

bool is_name_character(char c) noexcept {
    return is_alpha(c) || is_digit(c) || std::string_view("-_+.=").find(c) != std::string_view::npos;
}

std::string file_safe(std::string_view value) {
    std::string out(value);
    std::ranges::replace_if(out, [](char c) { return !is_name_character(c); }, '_');
    return out;
}

std::optional<std::string> complaint_about_template(std::string_view text) {
    if (text.empty()) return "it needs a template such as local:virus-%m";
    if (text.size() > longest_template) return fmt::format("the template is longer than {} characters", longest_template);
    bool has_mail_id = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            if (++i == text.size() || placeholders.find(text[i]) == std::string_view::npos)
                return "after \"%\" comes one of m, b, i, n, P and %";
            has_mail_id = has_mail_id || text[i] == 'm';
        } else if (!is_name_character(text[i]) && text[i] != '/') {
            return "a file name here has letters, digits and - _ + . = only";
        }
    }
    for (const auto step : split(text, '/'))
        if (step.empty() || step.front() == '.') return "it is a path below quarantine_dir, and no part of it begins with a dot";
    if (!has_mail_id) return "the template needs %m, so that every message gets a file of its own";
    const std::string long_value(value_limit, 'x');
    const std::string longest = quarantine_file_name(text, {long_value, long_value, long_value, INT64_MAX, {}}, 0);
    for (const auto step : split(longest, '/'))
        if (step.size() > longest_name) return "the file's name may become too long";
    return {};
}

std::optional<std::string> complaint_about_path(std::string_view path) {
    if (path.empty() || path.ends_with('/')) return "it needs the path of a file such as mbox:/var/spool/tamis/virus";
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (std::ranges::any_of(path, is_control)) return "the path holds a character that is not printable";
    const auto steps = split(path, '/');
    if (std::ranges::find(steps, "..") != steps.end()) return "\"..\" has no place in the path";
    return {};
}

// complaint_about_recipient - of "%a": the message came for that address, so only what could break out of a command counts
std::optional<std::string> complaint_about_recipient(std::string_view address) {
    const bool has_control =
        std::ranges::any_of(address, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (address.empty() || has_control || !is_utf8(address)) return "that is no address";
    return {};
}

struct Method {
    Kind kind;
    std::string_view rest;  // what comes after the colon; an address: the whole text
    bool is_address = false;
};

std::optional<Method> method_of(std::string_view text) {
    const auto colon = text.find(':');
    if (text.find('@') != std::string_view::npos && colon == std::string_view::npos) return Method{Kind::mail, text, true};
    if (colon == std::string_view::npos) return {};
    const auto name = text.substr(0, colon);
    const auto rest = text.substr(colon + 1);
    if (equal_fold(name, "sql")) return Method{Kind::sql, rest};
    if (equal_fold(name, "local")) return Method{Kind::file, rest};
    if (equal_fold(name, "mbox")) return Method{Kind::mbox, rest};
    if (equal_fold(name, "smtp") || equal_fold(name, "lmtp")) return Method{Kind::mail, rest};
    return {};
}

std::unexpected<Fault> wrong(std::string_view method, std::string_view why) {
    return fail(Errc::bad_input, fmt::format("quarantine method \"{}\": {}; expected \"\", sql:, local:TEMPLATE, mbox:/PATH, "
                                             "smtp:[HOST]:PORT, lmtp:[HOST]:PORT or an address",
                                             escaped(method), why));
}

}  // namespace

Done check_quarantine_method(std::string_view method) {
    if (method.empty()) return {};
    const auto form = method_of(method);
    if (!form) return wrong(method, "not known");
    std::optional<std::string> complaint;
    if (form->kind == Kind::sql && !form->rest.empty()) complaint = "nothing follows \"sql:\"";
    if (form->kind == Kind::file) complaint = complaint_about_template(form->rest);
    if (form->kind == Kind::mbox) complaint = complaint_about_path(form->rest);
    if (form->is_address) complaint = mail::mailbox_complaint(form->rest);
    if (complaint) return wrong(method, *complaint);
    return {};
}

Done check_quarantine_name(std::string_view to) {
    if (to.find('@') == std::string_view::npos) return {};
    if (auto complaint = mail::mailbox_complaint(to)) return fail(Errc::bad_input, std::move(*complaint));
    return {};
}

Result<std::optional<QuarantineTarget>> quarantine_target(std::string_view method, std::string_view to,
                                                          std::string_view recipient) {
    if (method.empty() || to.empty()) return std::nullopt;
    if (auto done = check_quarantine_method(method); !done) return std::unexpected(std::move(done.error()));
    const auto form = *method_of(method);
    const bool is_recipient = to == "%a";
    if (is_recipient) to = recipient;
    const bool is_mailbox = to.find('@') != std::string_view::npos;
    QuarantineTarget out{form.kind, {}, {}};
    if (form.kind == Kind::sql) return out;
    if (form.kind == Kind::mail || is_mailbox) {
        out.kind = Kind::mail;
        if (form.kind == Kind::mail && !form.is_address) out.place = method;
        out.address = form.is_address && !is_mailbox ? form.rest : to;
        const bool is_own = is_recipient && out.address == recipient;
        if (const auto complaint = is_own ? complaint_about_recipient(out.address) : mail::mailbox_complaint(out.address))
            return wrong(method, fmt::format("\"{}\": {}", escaped(out.address), *complaint));
        return out;
    }
    out.place = form.rest;
    return out;
}

std::string quarantine_file_name(std::string_view name_template, const QuarantineFacts& facts, int subdir_levels) {
    std::string out;
    for (std::size_t i = 0; i < name_template.size(); ++i) {
        if (name_template[i] != '%' || i + 1 == name_template.size()) {
            out += name_template[i];
            continue;
        }
        switch (name_template[++i]) {
            case 'm': out += file_safe(facts.mail_id.substr(0, value_limit)); break;
            case 'b': out += file_safe(facts.digest.substr(0, value_limit)); break;
            case 'n': out += file_safe(facts.log_id.substr(0, value_limit)); break;
            case 'P': out += fmt::format("{}", facts.partition_tag); break;
            case 'i':
                out += fmt::format("{:%Y%m%dT%H%M%S}", fmt::localtime(std::chrono::system_clock::to_time_t(facts.received_at)));
                break;
            case '%': out += '%'; break;
            default: out += '_'; break;
        }
    }
    if (subdir_levels <= 0 || facts.mail_id.empty()) return out;
    const auto leaf = out.rfind('/') == std::string::npos ? 0 : out.rfind('/') + 1;
    const char first = facts.mail_id.front();
    out.insert(leaf, {is_alpha(first) || is_digit(first) ? first : '_', '/'});
    return out;
}

bool is_gzip_name(std::string_view name) noexcept { return name.ends_with(".gz"); }

}  // namespace tamis::policy
