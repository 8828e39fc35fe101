#include "storage/address_key.h"

#include "base/text.h"

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

AddressKey address_key(std::string_view address) {
    if (address.empty()) return {};
    const auto at = address.rfind('@');
    std::string_view domain = at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
    while (domain.ends_with('.')) domain.remove_suffix(1);
    const std::string lowered = to_lower(domain);
    AddressKey key{to_lower(address.substr(0, at)) + '@' + lowered, reversed_labels(lowered)};
    if (key.email.size() > address_width) key.email.resize(address_width);
    return key;
}

}  // namespace tamis::storage
