// next_hop - a delivery method such as "smtp:[127.0.0.1]:10025", "lmtp:/run/dovecot/lmtp", "smtp:unix:/path"
#pragma once

#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "base/result.h"

namespace tamis::deliver {

struct NextHop {
    enum class Protocol { smtp, lmtp };
    Protocol protocol = Protocol::smtp;
    Endpoint endpoint;
    std::string shown;  // as amavisd shows it: "smtp:[127.0.0.1]:10025", "lmtp:/path"

    bool operator==(const NextHop&) const = default;
};

// parse_next_hop - "PROTO:[HOST]:PORT", "PROTO:HOST:PORT", "PROTO:/path", "PROTO:unix:/path"; amavisd's old extra
// ":options" at the end are tolerated
Result<NextHop> parse_next_hop(std::string_view text);

}  // namespace tamis::deliver
