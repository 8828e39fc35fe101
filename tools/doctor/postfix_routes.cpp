// postfix_routes - the ways of mail from Postfix to us, and the places they name
#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>

#include "base/own_places.h"
#include "base/text.h"
#include "tools/doctor/postfix_checks.h"

namespace tamis::doctor {
namespace {

std::uint16_t port_of(std::string_view text) {
    if (const auto number = parse_unsigned(text, 65535)) return static_cast<std::uint16_t>(*number);
    const servent* entry = ::getservbyname(std::string(text).c_str(), "tcp");
    if (entry == nullptr) return 0;
    const auto network = static_cast<std::uint16_t>(entry->s_port);
    return static_cast<std::uint16_t>((network >> 8) | (network << 8));
}

// host_and_port - "[host]:port", "host:port", "host"; port 0 when it is missing or unknown
Endpoint host_and_port(std::string_view text) {
    const auto close = text.starts_with('[') ? text.find(']') : std::string_view::npos;
    const auto colon = close != std::string_view::npos ? text.find(':', close) : text.rfind(':');
    if (colon == std::string_view::npos) return {plain_host(text), 0, {}};
    return {plain_host(text.substr(0, colon)), port_of(text.substr(colon + 1)), {}};
}

// smtpd_services - those that take mail, from the network or from postscreen
std::vector<const Service*> smtpd_services(const PostfixSetup& setup) {
    std::vector<const Service*> out;
    for (const auto& service : setup.master.services)
        if (service.command == "smtpd" && (service.type == "inet" || service.type == "pass" || service.type == "unix"))
            out.push_back(&service);
    return out;
}

// resolved - unix paths as they are outside of Postfix's chroot and queue directory
Destination resolved(Destination to, const PostfixSetup& setup) {
    const auto queue = setup.value(nullptr, "queue_directory");
    const Service* transport = setup.master.find(to.transport, "unix");
    const bool is_caged = transport != nullptr && transport->chroot == "y";
    for (auto& place : to.endpoints)
        if (place.is_unix() && (is_caged || !place.path.starts_with('/')))
            place.path = queue + (place.path.starts_with('/') ? "" : "/") + place.path;
    return to;
}

bool reaches_us(const Destination& to, const OurSide& ours) {
    return std::ranges::any_of(to.endpoints, [&](const Endpoint& target) {
        return std::ranges::any_of(ours.listeners,
                                   [&](const Endpoint& listener) { return is_same_place(target, listener, ours); });
    });
}

std::string shown_listeners(const OurSide& ours) {
    std::vector<std::string> names;
    for (const auto& each : ours.listeners) names.push_back(each.text());
    return join(names, ", ");
}

std::string suggested_filter(const OurSide& ours) {
    for (const auto& each : ours.listeners)
        if (!each.is_unix())
            return fmt::format("tamis-lmtp:[{}]:{}", is_every_address(each.host) ? "127.0.0.1" : each.host, each.port);
    return ours.listeners.empty() ? "tamis-lmtp:[127.0.0.1]:10024" : "tamis-lmtp:unix:" + ours.listeners.front().path;
}

// is_public - a service that others than this host can reach
bool is_public(const PostfixSetup& setup, const Service& service, const OurSide& ours) {
    if (service.type == "unix") return false;
    if (service.type == "pass") return true;
    const auto place = service_endpoint(service);
    if (!place.host.empty() && !is_every_address(place.host))
        return !is_local_host(place.host, ours) || (!place.host.starts_with("127.") && place.host != "::1");
    const auto interfaces = list_of(setup.value(&service, "inet_interfaces"));
    return !std::ranges::all_of(interfaces, [](const auto& each) {
        const auto host = plain_host(each);
        return each == "loopback-only" || host.starts_with("127.") || host == "::1";
    });
}

}  // namespace

Destination parse_destination(std::string_view text) {
    Destination out;
    text = trim(text);
    const auto colon = text.find(':');
    out.transport = std::string(trim(text.substr(0, colon)));
    if (colon == std::string_view::npos) return out;
    out.nexthop = std::string(trim(text.substr(colon + 1)));
    for (auto each : split(out.nexthop, ',')) {  // Postfix 3.5: several, tried in order
        each = trim(each);
        if (each.empty()) continue;
        if (each.starts_with("unix:")) {
            out.endpoints.push_back({{}, 0, std::string(each.substr(5))});
            continue;
        }
        if (each.starts_with("inet:")) each.remove_prefix(5);
        out.endpoints.push_back(host_and_port(each));
    }
    return out;
}

bool is_local_host(std::string_view host, const OurSide& ours) { return tamis::is_local_host(host, ours.own_addresses); }

bool is_same_place(const Endpoint& target, const Endpoint& listener, const OurSide& ours) {
    return tamis::is_same_place(target, listener, ours.own_addresses);
}

Endpoint service_endpoint(const Service& service) {
    const auto colon = service.name.rfind(':');
    if (colon == std::string::npos) return {{}, port_of(service.name), {}};
    return host_and_port(service.name);
}

std::string address_towards(const std::string& host) {
    const auto plain = plain_host(host);
    return plain.starts_with("127.") ? "127.0.0.1" : plain;
}

std::optional<bool> is_within(std::string_view address, std::string_view networks) {
    bool has_table = false;
    for (const auto& entry : list_of(networks)) {
        auto pattern = std::string_view(entry);
        const bool excludes = pattern.starts_with('!');
        while (pattern.starts_with('!')) pattern.remove_prefix(1);
        const bool is_table =
            pattern.starts_with('/') || (pattern.find(':') != std::string_view::npos && !pattern.starts_with('['));
        if (is_table) {
            has_table = true;
            continue;
        }
        const auto list = AddressList::parse({std::string(pattern)});
        if (list && list->contains(address)) return !excludes;
    }
    if (has_table) return {};
    return false;
}

std::uint64_t process_limit(const PostfixSetup& setup, const Service& service) {
    const auto& text = service.maximum == "-" ? setup.value(nullptr, "default_process_limit") : service.maximum;
    return parse_unsigned(text).value_or(100);
}

std::uint64_t concurrency_of(const PostfixSetup& setup, const Service& transport) {
    auto text = setup.value(nullptr, transport.name + "_destination_concurrency_limit");
    if (text.empty()) text = setup.value(nullptr, "default_destination_concurrency_limit");
    const auto per_destination = parse_unsigned(text).value_or(20);
    const auto processes = process_limit(setup, transport);
    if (per_destination == 0) return processes;
    return processes == 0 ? per_destination : std::min(per_destination, processes);
}

std::string set_in(const PostfixSetup& setup, const Service& service, std::string_view name, std::string_view value) {
    return fmt::format("{} -P '{}/{}={}' && {}", setup.postconf(), service.entry(), name, value, setup.reload());
}

std::string set_main(const PostfixSetup& setup, std::string_view name, std::string_view value) {
    return fmt::format("{} -e '{}={}' && {}", setup.postconf(), name, value, setup.reload());
}

std::vector<Route> find_routes(const PostfixSetup& setup, const OurSide& ours, Report& report) {
    std::vector<Route> routes;
    std::vector<std::string> elsewhere;
    std::vector<const Service*> unfiltered;
    const Service* back = reinjection_of(setup, ours);
    const auto consider = [&](const Service* service, const char* name, bool is_proxy) {
        const auto value = setup.value(service, name);
        if (value.empty()) return false;
        Destination to = is_proxy ? Destination{{},
                                                value,
                                                {host_and_port(value.starts_with("inet:") ? std::string_view(value).substr(5)
                                                                                          : std::string_view(value))}}
                                  : resolved(parse_destination(value), setup);
        if (is_proxy && value.starts_with("unix:")) to.endpoints = {{{}, 0, value.substr(5)}};
        if (reaches_us(to, ours)) {
            routes.push_back({service, is_proxy, value, std::move(to)});
            return true;
        }
        const auto line = fmt::format("{} = {}", name, value);
        if (service != back && std::ranges::find(elsewhere, line) == elsewhere.end()) elsewhere.push_back(line);
        return false;
    };
    if (setup.master.find("pickup", "unix") != nullptr || setup.master.find("pickup", "fifo") != nullptr)
        consider(nullptr, "content_filter", false);
    for (const auto* service : smtpd_services(setup)) {
        if (service == back) continue;
        const bool proxied = consider(service, "smtpd_proxy_filter", true);
        if (!consider(service, "content_filter", false) && !proxied) unfiltered.push_back(service);
    }
    const bool any_smtpd = std::ranges::any_of(routes, [](const Route& route) { return route.from != nullptr; });
    if (!any_smtpd) {
        const auto seen = elsewhere.empty() ? std::string("content_filter is empty") : join(elsewhere, ", ");
        report.problem(
            fmt::format("mail is not filtered: no content_filter leads to {} ({})", shown_listeners(ours), escaped(seen, 200)),
            {"add etc/postfix/master.cf.lmtp to master.cf, if it is not there yet, then:",
             set_main(setup, "content_filter", suggested_filter(ours))});
        return routes;
    }
    for (const auto* service : unfiltered)
        if (is_public(setup, *service, ours))
            report.warning(fmt::format("mail that comes in by {} is not filtered", service->entry()),
                           {"if it should be: " + set_in(setup, *service, "content_filter", routes.front().value)});
    return routes;
}

const Service* reinjection_of(const PostfixSetup& setup, const OurSide& ours) {
    const auto& to = ours.forward.endpoint;
    for (const auto& service : setup.master.services) {
        if (to.is_unix()) {
            if (service.type == "unix" &&
                (to.path.ends_with("/private/" + service.name) || to.path.ends_with("/public/" + service.name)))
                return &service;
            continue;
        }
        if (service.type != "inet") continue;
        const auto place = service_endpoint(service);
        if (place.port != to.port) continue;
        if (is_same_place(to, {place.host.empty() ? "0.0.0.0" : place.host, place.port, {}}, ours)) return &service;
    }
    return nullptr;
}

void judge_postfix(const PostfixSetup& setup, const OurSide& ours, Report& report) {
    for (const auto& line : setup.master.bad_lines)
        report.problem(fmt::format("a line of master.cf has too few fields: {}", escaped(line)),
                       {"correct it, and see: " + setup.postconf() + " -M"});
    const auto routes = find_routes(setup, ours, report);
    judge_transports(setup, ours, routes, report);
    judge_reinjection(setup, ours, routes, report);
}

}  // namespace tamis::doctor
