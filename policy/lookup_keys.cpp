#include "policy/lookup_keys.h"

#include <idn2.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/text.h"
#include "mail/address.h"

namespace tamis::policy {
namespace {

constexpr std::size_t level_limit = 20;     // domain levels that are looked up, from the right
constexpr std::size_t idn_level_limit = 8;  // with both forms of each

// unicode_domain - the form that people read, of a domain with A-labels; "" when there is none
std::string unicode_domain(const std::string& domain) {
    if (domain.find("xn--") == std::string::npos || domain.find('\0') != std::string::npos) return {};
    char* converted = nullptr;
    const int code = idn2_to_unicode_8z8z(domain.c_str(), &converted, 0);
    const std::unique_ptr<char, void (*)(void*)> owner(converted, idn2_free);
    return code == IDN2_OK && domain != converted ? std::string(converted) : std::string();
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
    std::string_view after_user;  // behind a user without a domain
    std::string_view before_domain;
    bool with_bare_user;
    bool with_unicode = false;  // tables of the configuration hold A-labels only
};

std::vector<std::string> make_keys(const AddressPieces& address, const KeyForm& form) {
    const auto& [full, local, user, extension, domain, has_at] = address;
    std::vector<std::string> keys;
    const std::string before(form.before_domain);
    std::vector<std::string> forms = {domain};
    if (auto readable = form.with_unicode ? unicode_domain(domain) : std::string(); !readable.empty())
        forms.push_back(std::move(readable));
    const bool is_idn = forms.size() > 1;
    add(keys, full);
    if (!address.is_null()) {
        for (const auto& each : forms) add(keys, user + extension + "@" + each);
        for (const auto& each : forms) add(keys, user + "@" + each);
    }
    if (form.with_bare_user) {
        add(keys, user + extension + std::string(form.after_user));
        add(keys, user + std::string(form.after_user));
    }
    // without a domain only the null sender has the key of the empty domain
    if (!domain.empty() || address.is_null())
        for (const auto& each : forms) add(keys, before + each);
    const bool is_literal = domain.find('[') != std::string::npos;
    const auto levels_of = [&](std::string_view rest) {
        std::vector<std::string_view> levels;
        while (!rest.empty() && !is_literal) {
            levels.push_back(rest);
            const auto dot = rest.find('.');
            rest = dot == std::string_view::npos ? std::string_view() : rest.substr(dot + 1);
        }
        const auto limit = is_idn ? idn_level_limit : level_limit;
        if (levels.size() > limit) levels.erase(levels.begin(), levels.end() - static_cast<std::ptrdiff_t>(limit));
        return levels;
    };
    std::vector<std::vector<std::string_view>> levels;
    for (const auto& each : forms) levels.push_back(levels_of(each));
    for (std::size_t i = 0; i < levels.front().size(); ++i)
        for (const auto& each : levels)
            if (i < each.size()) add(keys, before + "." + std::string(each[i]));
    add(keys, before + ".");
    return keys;
}

}  // namespace

std::string ascii_domain(std::string_view domain) {
    while (domain.ends_with('.')) domain.remove_suffix(1);
    std::string lowered = to_lower(domain);
    if (is_ascii(lowered) || !is_utf8(lowered) || lowered.find('\0') != std::string::npos) return lowered;
    char* converted = nullptr;
    const int code = idn2_to_ascii_8z(lowered.c_str(), &converted, IDN2_NONTRANSITIONAL);
    const std::unique_ptr<char, void (*)(void*)> owner(converted, idn2_free);
    return code == IDN2_OK ? to_lower(converted) : lowered;
}

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
    if (options.no_at_means_domain) return make_keys(address, {"@", "", options.with_bare_user, true});
    return make_keys(address, {"", "@", options.with_bare_user, true});
}

}  // namespace tamis::policy
