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

namespace {

std::string_view domain_of(std::string_view address) {
    const auto at = address.rfind('@');
    return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

std::string joined(std::string_view address, LocalCase local_case, const std::string& domain) {
    const auto local = address.substr(0, address.rfind('@'));
    std::string out = (local_case == LocalCase::kept ? std::string(local) : to_lower(local)) + '@' + domain;
    if (out.size() > address_width) out.resize(address_width);
    return out;
}

}  // namespace

AddressKey address_key(std::string_view address, LocalCase local_case) {
    if (address.empty()) return {};
    const std::string domain = policy::ascii_domain(domain_of(address));
    return {joined(address, local_case, domain), reversed_labels(domain)};
}

std::string written_key(std::string_view address, LocalCase local_case) {
    if (address.empty()) return {};
    std::string domain = to_lower(domain_of(address));
    while (domain.ends_with('.')) domain.pop_back();
    return joined(address, local_case, domain);
}

}  // namespace tamis::storage
