#include "base/endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace tamis {
namespace {

// address_bytes - 4 or 16 bytes in network order, IPv4-mapped as 4; empty when it is no address
std::vector<std::uint8_t> address_bytes(std::string_view text) {
    const std::string zero(text);
    std::array<std::uint8_t, 16> buffer{};
    if (inet_pton(AF_INET, zero.c_str(), buffer.data()) == 1) return {buffer.begin(), buffer.begin() + 4};
    if (inet_pton(AF_INET6, zero.c_str(), buffer.data()) != 1) return {};
    constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (std::equal(mapped.begin(), mapped.end(), buffer.begin())) return {buffer.begin() + 12, buffer.end()};
    return {buffer.begin(), buffer.end()};
}

std::string_view without_brackets(std::string_view text) {
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']') return text.substr(1, text.size() - 2);
    return text;
}

}  // namespace

std::string Endpoint::text() const {
    if (is_unix()) return path;
    return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

Result<Endpoint> parse_endpoint(std::string_view text) {
    const auto wrong = [&](std::string_view why) {
        return fail(Errc::bad_input,
                    fmt::format("\"{}\": {}; expected host:port, [address]:port or a socket path", escaped(text), why));
    };
    std::string_view rest = text;
    if (rest.starts_with("unix:")) rest.remove_prefix(5);
    if (rest.starts_with('/')) {
        if (rest.size() > 107) return wrong("the socket path is longer than 107 bytes");
        return Endpoint{{}, 0, std::string(rest)};
    }
    if (rest.starts_with("inet:")) rest.remove_prefix(5);
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos) return wrong("no port");
    const auto port = parse_unsigned(rest.substr(colon + 1), 65535);
    if (!port || *port == 0) return wrong("the port is not a number from 1 to 65535");
    const std::string_view host = without_brackets(rest.substr(0, colon));
    if (host.empty()) return wrong("no host");
    if (rest.front() != '[' && host.find(':') != std::string_view::npos) return wrong("an IPv6 address needs brackets");
    return Endpoint{std::string(host), static_cast<std::uint16_t>(*port), {}};
}

Result<AddressList> AddressList::parse(const std::vector<std::string>& entries) {
    AddressList list;
    for (const auto& entry : entries) {
        Rule rule;
        std::string_view rest = trim(entry);
        while (rest.starts_with('!')) {
            rule.include = !rule.include;
            rest.remove_prefix(1);
        }
        std::string_view prefix;
        if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
            prefix = rest.substr(slash + 1);
            rest = rest.substr(0, slash);
        }
        std::string address(without_brackets(rest));
        std::size_t full = 0;
        if (address.find(':') == std::string::npos) {  // "10.1.2" means 10.1.2.0/24
            const auto given = words(address, ".").size();
            full = given * 8;
            for (auto n = given; n < 4; ++n) address += ".0";
        }
        rule.bytes = address_bytes(address);
        if (rule.bytes.empty()) return fail(Errc::bad_input, fmt::format("\"{}\" is not an address or network", escaped(entry)));
        if (rule.bytes.size() == 16 || full == 0) full = rule.bytes.size() * 8;
        const auto bits = prefix.empty() ? std::optional<std::uint64_t>(full) : parse_unsigned(prefix, rule.bytes.size() * 8);
        if (!bits) return fail(Errc::bad_input, fmt::format("\"{}\": bad prefix length", escaped(entry)));
        rule.bits = static_cast<unsigned>(*bits);
        list.rules_.push_back(std::move(rule));
    }
    return list;
}

bool AddressList::contains(std::string_view address) const {
    const auto bytes = address_bytes(normal_address(address));
    if (bytes.empty()) return false;
    for (const auto& rule : rules_) {
        if (rule.bytes.size() != bytes.size()) continue;
        bool same = true;
        for (unsigned bit = 0; bit < rule.bits && same; bit += 8) {
            const unsigned width = std::min(8U, rule.bits - bit);
            const auto mask = static_cast<std::uint8_t>(0xff << (8 - width));
            same = ((rule.bytes[bit / 8] ^ bytes[bit / 8]) & mask) == 0;
        }
        if (same) return rule.include;
    }
    return false;
}

std::string normal_address(std::string_view text) {
    text = without_brackets(trim(text));
    if (starts_with_fold(text, "ipv6:")) text.remove_prefix(5);
    const auto bytes = address_bytes(text);
    if (bytes.empty()) return {};
    std::array<char, INET6_ADDRSTRLEN> out{};
    if (inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), out.data(), out.size()) == nullptr) return {};
    return out.data();
}

}  // namespace tamis
