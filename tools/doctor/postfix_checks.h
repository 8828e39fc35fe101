// postfix_checks - whether a Postfix hands its mail to us and takes it back as it should; pure
//
// What is looked at: every content_filter and smtpd_proxy_filter (main.cf and -o), the transport that they name, and the smtpd
// that is our next hop. What it cannot see: FILTER actions in access and header_checks tables, transport maps, milters.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "deliver/next_hop.h"
#include "tools/doctor/finding.h"
#include "tools/doctor/postfix_setup.h"

namespace tamis::doctor {

// OurSide - what of our own settings Postfix has to fit
struct OurSide {
    std::vector<Endpoint> listeners;
    deliver::NextHop forward;
    AddressList allowed_peers, xforward_peers;
    std::chrono::milliseconds message{480'000};  // limits.message
    std::uint64_t message_size = 0;              // limits.message_size
    std::int64_t recipients = 1100;              // limits.recipients
    bool offers_tls = false;
    std::string forward_tls = "none";
    std::vector<std::string> own_addresses;  // of this host's interfaces
    std::string config_file;                 // for the fixes
};

// Place - Postfix's "transport:nexthop" or a proxy filter's address, as endpoints
struct Destination {
    std::string transport, nexthop;
    std::vector<Endpoint> endpoints;
};
// parse_destination - of a content_filter; a nexthop that names no place gives no endpoints
Destination parse_destination(std::string_view text);

// Route - a way of mail to us
struct Route {
    const Service* from = nullptr;  // the smtpd; null: main.cf, for what no smtpd takes (pickup)
    bool is_proxy = false;
    std::string value;
    Destination to;
};

// is_local_host / is_same_place - whether that host is this one; whether who connects to `target` reaches `listener`
bool is_local_host(std::string_view host, const OurSide& ours);
bool is_same_place(const Endpoint& target, const Endpoint& listener, const OurSide& ours);
// service_endpoint - where an inet service of master.cf listens; the host is empty when it is every interface
Endpoint service_endpoint(const Service& service);
// address_towards - the address from which a local peer comes when it connects to that host
std::string address_towards(const std::string& host);
// is_within - whether an address is in a Postfix list of networks; nothing when a table is in the list
std::optional<bool> is_within(std::string_view address, std::string_view networks);

// find_routes - the ways to us; judge_transports, judge_reinjection - report what they find
std::vector<Route> find_routes(const PostfixSetup& setup, const OurSide& ours, Report& report);
void judge_transports(const PostfixSetup& setup, const OurSide& ours, const std::vector<Route>& routes, Report& report);
void judge_reinjection(const PostfixSetup& setup, const OurSide& ours, const std::vector<Route>& routes, Report& report);
// judge_postfix - all of it
void judge_postfix(const PostfixSetup& setup, const OurSide& ours, Report& report);

// reinjection_of - the service that is our next hop; null: none in this master.cf
const Service* reinjection_of(const PostfixSetup& setup, const OurSide& ours);
// concurrency_of - how many connections that transport opens at the same time; 0: any number
std::uint64_t concurrency_of(const PostfixSetup& setup, const Service& transport);
// process_limit - maxproc of a service; 0: any number
std::uint64_t process_limit(const PostfixSetup& setup, const Service& service);

// set_in / set_main - the command that changes a service's parameter, or main.cf's
std::string set_in(const PostfixSetup& setup, const Service& service, std::string_view name, std::string_view value);
std::string set_main(const PostfixSetup& setup, std::string_view name, std::string_view value);

}  // namespace tamis::doctor
