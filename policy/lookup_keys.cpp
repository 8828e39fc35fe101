#include "policy/lookup_keys.h"

#include <idn2.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/text.h"
#include "mail/address.h"

namespace tamis::policy {
namespace {

constexpr std::size_t level_limit = 20;  // domain levels that are looked up, from the right

// ascii_domain - lower case and A-labels (RFC 5891 with the mapping of UTS 46)
std::string ascii_domain(std::string_view domain) {
    while (domain.ends_with('.')) domain.remove_suffix(1);
    std::string lowered = to_lower(domain);
    if (is_ascii(lowered) || !is_utf8(lowered) || lowered.find('\0') != std::string::npos) return lowered;
    char* converted = nullptr;
    const int code = idn2_to_ascii_8z(lowered.c_str(), &converted, IDN2_NONTRANSITIONAL);
    const std::unique_ptr<char, void (*)(void*)> owner(converted, idn2_free);
    return code == IDN2_OK ? to_lower(converted) : lowered;
}

// extension_at - where the extension begins in the local part, npos when it has none
std::size_t extension_at(std::string_view local, std::string_view delimiter) {
    static constexpr std::array<std::string_view, 3> never = {"postmaster", "mailer-daemon", "double-bounce"};
    constexpr std::string_view owner = "owner-";
    constexpr std::string_view request = "-request";
    if (delimiter.empty() || local.empty()) return std::string_view::npos;
    for (const auto name : never)
        if (equal_fold(local, name)) return std::string_view::npos;
    if (delimiter.find('-') != std::string_view::npos) {
        if (starts_with_fold(local, owner) && local.size() > owner.size()) return std::string_view::npos;
        if (local.size() > request.size() && equal_fold(local.substr(local.size() - request.size()), request))
            return std::string_view::npos;
    }
    return local.find_first_of(delimiter, 1);  // never a user without a name
}

void add(std::vector<std::string>& keys, std::string key) {
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(std::move(key));
}

struct KeyForm {
    std::string_view after_user;     // behind a user without a domain
    std::string_view before_domain;
    bool             with_bare_user;
};

std::vector<std::string> make_keys(const AddressPieces& address, const KeyForm& form) {
    const auto& [full, local, user, extension, domain, has_at] = address;
    std::vector<std::string> keys;
    const std::string before(form.before_domain);
    add(keys, full);
    if (!address.is_null()) {
        add(keys, user + extension + "@" + domain);
        add(keys, user + "@" + domain);
    }
    if (form.with_bare_user) {
        add(keys, user + extension + std::string(form.after_user));
        add(keys, user + std::string(form.after_user));
    }
    // without a domain only the null sender has the key of the empty domain
    if (!domain.empty() || address.is_null()) add(keys, before + domain);
    const bool is_literal = domain.find('[') != std::string::npos;
    std::vector<std::string_view> levels;
    for (std::string_view rest = domain; !rest.empty() && !is_literal;) {
        levels.push_back(rest);
        const auto dot = rest.find('.');
        rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
    }
    if (levels.size() > level_limit) levels.erase(levels.begin(), levels.end() - level_limit);
    for (const auto level : levels) add(keys, before + "." + std::string(level));
    add(keys, before + ".");
    return keys;
}

}  // namespace

AddressPieces address_pieces(std::string_view address, const KeyOptions& options) {
    const auto [local, domain] = mail::split_address(address);
    AddressPieces out;
    out.has_at = local.size() != address.size();
    out.local = mail::unquoted_local(local);
    out.full = out.has_at ? out.local + "@" + std::string(domain) : out.local;
    out.domain = ascii_domain(domain);
    const std::string cased = options.local_part_is_case_sensitive ? out.local : to_lower(out.local);
    const auto at = extension_at(cased, options.recipient_delimiter);
    out.user = cased.substr(0, at);
    if (at != std::string::npos) out.extension = cased.substr(at);
    return out;
}

std::vector<std::string> table_keys(const AddressPieces& address) { return make_keys(address, {"@", "", true}); }

std::vector<std::string> sql_keys(const AddressPieces& address, SqlKeyOptions options) {
    if (options.no_at_means_domain) return make_keys(address, {"@", "", options.with_bare_user});
    return make_keys(address, {"", "@", options.with_bare_user});
}

}  // namespace tamis::policy
