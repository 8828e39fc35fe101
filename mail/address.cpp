#include "mail/address.h"

#include "base/text.h"

namespace tamis::mail {

AddressParts split_address(std::string_view address) noexcept {
    const auto at = address.rfind('@');
    if (at == std::string_view::npos) return {address, {}};
    // an "@" inside a quoted local part is behind the last quote only when there is no domain at all
    if (address.starts_with('"') && address.rfind('"') > at) return {address, {}};
    return {address.substr(0, at), address.substr(at + 1)};
}

std::string unquoted_local(std::string_view local) {
    if (local.size() < 2 || local.front() != '"' || local.back() != '"') return std::string(local);
    std::string out;
    for (std::size_t i = 1; i + 1 < local.size(); ++i) {
        if (local[i] == '\\' && i + 2 < local.size()) ++i;
        out += local[i];
    }
    return out;
}

std::string smtp_form(std::string_view address) {
    std::string out = "<";
    for (const char c : address) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) out += escaped(std::string_view(&c, 1));
        else out += c;
    }
    if (!is_utf8(out)) out = "<" + escaped(address, 1000);
    return out + ">";
}

bool matches_address_list(const std::vector<std::string>& list, std::string_view address) {
    const auto parts = split_address(address);
    for (const auto& entry : list) {
        std::string_view pattern = entry;
        bool result = true;
        while (pattern.starts_with('!')) {
            result = !result;
            pattern.remove_prefix(1);
        }
        bool hit = false;
        if (pattern == ".") {
            hit = true;
        } else if (pattern.find('@') != std::string_view::npos) {
            hit = equal_fold(pattern, address);
        } else if (pattern.starts_with('.')) {
            const auto domain = pattern.substr(1);
            hit = equal_fold(parts.domain, domain) ||
                  (parts.domain.size() > pattern.size() &&
                   equal_fold(parts.domain.substr(parts.domain.size() - pattern.size()), pattern));
        } else {
            hit = !pattern.empty() && equal_fold(parts.domain, pattern);
        }
        if (hit) return result;
    }
    return false;
}

}  // namespace tamis::mail
