// endpoint - where a peer listens: "127.0.0.1:3310", "[::1]:783", "host:25", "/run/x.sock", "unix:/run/x.sock"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tamis {

struct Endpoint {
    std::string host;        // name or address without brackets; empty for a unix socket
    std::uint16_t port = 0;  // 1..65535 for TCP
    std::string path;        // unix socket, else empty

    bool is_unix() const noexcept { return !path.empty(); }
    std::string text() const;  // "127.0.0.1:3310", "[::1]:783", "/run/x.sock"
    bool operator==(const Endpoint&) const = default;
};

// parse_endpoint - the forms above; amavisd's "inet:host:port" and "[127.0.0.1]:25" as well
Result<Endpoint> parse_endpoint(std::string_view text);

// AddressList - amavisd's IP access lists: addresses and prefixes, "!" excludes, first match decides
class AddressList {
public:
    // parse - entries like "127.0.0.0/8", "[::1]", "10.1.2", "!192.168.1.1"; the first bad entry is the fault
    static Result<AddressList> parse(const std::vector<std::string>& entries);
    // contains - whether the textual address is in the list; IPv4-mapped IPv6 counts as IPv4; garbage is not contained
    bool contains(std::string_view address) const;
    bool empty() const noexcept { return rules_.empty(); }

private:
    struct Rule {
        std::vector<std::uint8_t> bytes;  // 4 or 16
        unsigned bits = 0;
        bool include = true;
    };
    std::vector<Rule> rules_;
};

// normal_address - a client address as others write it ("IPv6:::1", "[::1]", "::ffff:1.2.3.4") in plain form, or ""
std::string normal_address(std::string_view text);

}  // namespace tamis
