#include "base/own_places.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace tamis {

std::vector<std::string> own_addresses() {
    std::vector<std::string> out;
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return out;
    for (const auto* each = all; each != nullptr; each = each->ifa_next) {
        std::array<char, INET6_ADDRSTRLEN> text{};
        if (each->ifa_addr == nullptr) continue;
        if (each->ifa_addr->sa_family == AF_INET) {
            sockaddr_in address{};
            std::memcpy(&address, each->ifa_addr, sizeof address);
            if (::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size()) != nullptr) out.emplace_back(text.data());
        } else if (each->ifa_addr->sa_family == AF_INET6) {
            sockaddr_in6 address{};
            std::memcpy(&address, each->ifa_addr, sizeof address);
            if (::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size()) != nullptr) out.emplace_back(text.data());
        }
    }
    ::freeifaddrs(all);
    return out;
}

std::string plain_host(std::string_view host) {
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    if (equal_fold(host, "localhost")) return "127.0.0.1";
    const auto address = normal_address(host);
    return address.empty() ? to_lower(host) : address;
}

bool is_every_address(std::string_view host) { return host == "0.0.0.0" || host == "::" || host.empty() || host == "*"; }

bool is_local_host(std::string_view host, const std::vector<std::string>& own) {
    const auto plain = plain_host(host);
    return plain.starts_with("127.") || plain == "::1" || std::ranges::find(own, plain) != own.end();
}

bool is_same_place(const Endpoint& target, const Endpoint& listener, const std::vector<std::string>& own) {
    if (target.is_unix() || listener.is_unix()) return target.path == listener.path;
    if (target.port != listener.port) return false;
    const auto host = plain_host(listener.host);
    return plain_host(target.host) == host || (is_every_address(host) && is_local_host(target.host, own));
}

}  // namespace tamis
