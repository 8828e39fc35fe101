#include "policy/list_keys.h"

#include <fmt/format.h>

#include "base/text.h"
#include "mail/address.h"

namespace tamis::policy {
namespace {

// instead_of - what to write for a key as other programs write it; "" when there is no such form
std::string instead_of(std::string_view key) {
    if (key == "*" || key == "*@*" || key == "@*" || key == "@." || key == "@" || key == "*.*" || key == "*@.") return ".";
    if (key.starts_with("*@")) key.remove_prefix(1);
    if (key.starts_with("@*.")) return std::string(key.substr(2));
    if (key.starts_with('@')) return std::string(key.substr(1));
    if (key.starts_with("*.")) return std::string(key.substr(1));
    if (key.starts_with("**.")) return std::string(key.substr(2));
    return {};
}

}  // namespace

std::optional<std::string> key_complaint(std::string_view key, bool with_user) {
    if (key.empty()) return "it is empty, which no address matches; \".\" is everybody";
    const auto [local, domain] = mail::split_address(key);
    const bool has_at = local.size() != key.size();
    const bool is_quoted = local.starts_with('"') && local.ends_with('"') && local.size() > 1;
    const auto outside = is_quoted ? domain : key;
    if (outside.find('<') != std::string_view::npos || outside.find('>') != std::string_view::npos)
        return "an address is written without \"<\" and \">\"";
    // tables hold local parts without their quotes: a blank or semicolon there is the address's own, unless a second address stands there
    const bool is_list = !is_quoted && has_at && local.find('@') != std::string_view::npos &&
                         local.find_first_of(" \t,;") != std::string_view::npos;
    const auto bare = trim(key);
    if (is_list || bare.size() != key.size() || (has_at ? domain : key).find_first_of(" \t,;") != std::string_view::npos) {
        if (bare.size() != key.size() && !key_complaint(bare, with_user))
            return fmt::format("blanks around it; write \"{}\"", escaped(bare, 400));
        return "one address or domain for each entry of the list";
    }
    const auto instead = instead_of(key);
    if (!instead.empty() && instead.find('*') == std::string::npos && !key_complaint(instead, with_user)) {
        if (key.starts_with('@')) return fmt::format("a domain is written without \"@\": \"{}\"", escaped(instead, 400));
        return fmt::format("there is no \"*\"; write \"{}\"{}", escaped(instead, 400),
                           instead == "."             ? " (everybody)"
                           : instead.starts_with('.') ? " (that domain and all below it)"
                                                      : " (that domain)");
    }
    if (outside.find('*') != std::string_view::npos)
        return "there is no \"*\"; write \".example.com\" for a domain and all below it, \"example.com\" for the domain alone";
    if (has_at && domain.empty() && !with_user) return "an address needs a domain; users of any domain are a pattern, '^user@'";
    if (has_at && domain.starts_with('.')) return "a user is named in one domain; users of all domains below it are a pattern";
    const auto plain = has_at ? domain : key;
    if (plain != "." && (plain.find("..") != std::string_view::npos)) return "a domain has no empty part";
    return {};
}

Result<std::string> list_entry(std::string_view entry, const KeyOptions& options) {
    std::string out;
    std::string_view key = entry;
    for (; key.starts_with('!'); key.remove_prefix(1)) out += '!';
    if (const auto complaint = key_complaint(key, false)) return fail(Errc::bad_input, *complaint);
    if (key == ".") return out + ".";
    const auto [local, domain] = mail::split_address(key);
    const bool has_at = local.size() != key.size();
    if (!has_at)
        return out + (key.starts_with('.') ? "." : "") +
               address_pieces("x@" + std::string(key.substr(key.starts_with('.') ? 1 : 0)), options).domain;
    KeyOptions whole = options;
    whole.recipient_delimiter.clear();  // an entry that has an extension means that extension
    return out + address_pieces(key, whole).normal();
}

std::vector<std::string> list_entries(const std::vector<std::string>& list, const ConfigValue* from, std::string_view setting,
                                      const KeyOptions& options, Problems& problems) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < list.size(); ++i) {
        auto entry = list_entry(list[i], options);
        if (entry) {
            out.push_back(std::move(*entry));
            continue;
        }
        Position at;
        if (from != nullptr)
            at = from->array() != nullptr && i < from->array()->size() ? (*from->array())[i].position : from->position;
        problems.add(at, fmt::format("{}: \"{}\" can never match: {}", setting, escaped(list[i], 400), entry.error().detail));
    }
    return out;
}

std::optional<std::string> sql_key_complaint(std::string_view email, bool no_at_means_domain) {
    if (email.empty() || email == sql_catch_all || email == "@") return {};  // "@" is the null sender's
    if (email.find('*') != std::string_view::npos) {
        const auto instead = instead_of(email);
        if (instead.empty() || instead.find('*') != std::string::npos) return "there is no \"*\"";
        const std::string at = no_at_means_domain ? "" : "@";
        return fmt::format("there is no \"*\"; write \"{}{}\"", at, escaped(instead, 200));
    }
    if (email.find_first_of(" \t\r\n") != std::string_view::npos && !email.starts_with('"')) return "it holds a blank";
    if (to_lower(email) != email) return fmt::format("upper case; write \"{}\"", escaped(to_lower(email), 200));
    const bool has_at = email.find('@') != std::string_view::npos;
    if (no_at_means_domain) {
        if (email.starts_with('@'))
            return fmt::format("domains are written without \"@\" here (lookup_no_at_means_domain): \"{}\"",
                               escaped(email.substr(1), 200));
        return {};
    }
    if (!has_at && email.find('.') != std::string_view::npos)
        return fmt::format("without \"@\" it is a user of local domains; a domain is \"@{}\"", escaped(email, 200));
    if (email.find("<") != std::string_view::npos) return "an address is written without \"<\" and \">\"";
    return {};
}

}  // namespace tamis::policy
