// own_places - whether an address is one of this host's, and whether a next hop is one of our own listeners
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.h"

namespace tamis {

// own_addresses - of this host's interfaces, as text
std::vector<std::string> own_addresses();

// plain_host - without brackets, "localhost" as 127.0.0.1, addresses in their normal form, names in lower case. Pure.
std::string plain_host(std::string_view host);
// is_every_address - a listener on all addresses: "0.0.0.0", "::", "*", nothing
bool is_every_address(std::string_view host);
// is_local_host - loopback, or one of `own`
bool is_local_host(std::string_view host, const std::vector<std::string>& own);
// is_same_place - what is handed to `target` arrives at `listener`
bool is_same_place(const Endpoint& target, const Endpoint& listener, const std::vector<std::string>& own);

}  // namespace tamis
