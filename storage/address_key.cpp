#include "storage/address_key.h"

#include "base/text.h"
#include "policy/lookup_keys.h"

namespace tamis::storage {

std::string reversed_labels(std::string_view domain) {
    std::string out;
    for (;;) {
        const auto dot = domain.rfind('.');
        out += dot == std::string_view::npos ? domain : domain.substr(dot + 1);
        if (dot == std::string_view::npos) break;
        out += '.';
        domain = domain.substr(0, dot);
    }
    if (out.size() > address_width) out.resize(address_width);
    return out;
}

AddressKey address_key(std::string_view address, LocalCase local_case) {
    if (address.empty()) return {};
    const auto at = address.rfind('@');
    const std::string domain = policy::ascii_domain(at == std::string_view::npos ? std::string_view() : address.substr(at + 1));
    const auto local = address.substr(0, at);
    AddressKey key{(local_case == LocalCase::kept ? std::string(local) : to_lower(local)) + '@' + domain, reversed_labels(domain)};
    if (key.email.size() > address_width) key.email.resize(address_width);
    return key;
}

}  // namespace tamis::storage
