// postfix_transports - whether the transports (or the proxy) that lead to us wait long enough, say who the client is, and may
// connect
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/counted.h"
#include "base/text.h"
#include "tools/doctor/postfix_checks.h"

namespace tamis::doctor {
namespace {

using std::chrono::seconds;

bool demands_tls(std::string_view level) {
    return level == "encrypt" || level == "dane-only" || level == "fingerprint" || level == "verify" || level == "secure";
}

std::int64_t whole_seconds(std::chrono::milliseconds span) { return std::chrono::ceil<seconds>(span).count(); }

void judge_patience(const PostfixSetup& setup, const OurSide& ours, const Service& transport, Report& report) {
    const auto name = transport.command + "_data_done_timeout";
    const auto waits = time_of(setup.value(&transport, name));
    if (!waits || *waits > ours.message) return;
    report.problem(
        fmt::format("{} gives up after {} s ({}), tamisd may take {} s (limits.message): a slow message is handed over twice",
                    transport.entry(), waits->count(), name, whole_seconds(ours.message)),
        {set_in(setup, transport, name, fmt::format("{}s", std::max<std::int64_t>(1200, whole_seconds(ours.message) * 2)))});
}

// judge_peer - whether the address Postfix comes from may speak to us, and is believed
void judge_peer(const PostfixSetup& setup, const OurSide& ours, const Service* transport, const Endpoint& target,
                std::string_view who, Report& report) {
    if (target.is_unix()) return;
    auto address = address_towards(target.host);
    if (transport != nullptr)
        if (const auto bound = normal_address(setup.value(transport, "smtp_bind_address")); !bound.empty()) address = bound;
    if (!ours.allowed_peers.contains(address))
        report.problem(
            fmt::format("{} connects from {}, which server.allowed_peers does not name: tamisd refuses it", who, address),
            {fmt::format("{}: [server] allowed_peers = [\"127.0.0.1\", \"[::1]\", \"{}\"], then reload tamisd", ours.config_file,
                         address)});
    if (!ours.xforward_peers.contains(address))
        report.warning(
            fmt::format("{} connects from {}, whose XFORWARD is not believed: the original client is not known", who, address),
            {fmt::format("{}: [server] xforward_peers = [\"127.0.0.1\", \"[::1]\", \"{}\"], then reload tamisd", ours.config_file,
                         address)});
}

void judge_nexthop(const PostfixSetup& setup, const Service& transport, const Route& route, Report& report) {
    for (const auto& target : route.to.endpoints) {
        if (target.is_unix() || transport.command != "smtp" || route.to.nexthop.starts_with('[')) continue;
        if (is_yes(setup.value(&transport, "disable_dns_lookups")) ||
            setup.value(&transport, "smtp_dns_support_level") == "disabled")
            continue;
        report.warning(fmt::format("{} looks for MX records of {} before it connects", transport.entry(), target.host),
                       {set_main(setup, "content_filter", fmt::format("{}:[{}]:{}", transport.name, target.host, target.port))});
    }
}

void judge_numbers(const PostfixSetup& setup, const OurSide& ours, const Service& transport, Report& report) {
    if (concurrency_of(setup, transport) == 1)
        report.warning(fmt::format("{} hands over one message at a time", transport.entry()),
                       {fmt::format("{} -F '{}/process_limit=40'; {}", setup.postconf(), transport.entry(),
                                    set_main(setup, transport.name + "_destination_concurrency_limit", "20"))});
    auto text = setup.value(nullptr, transport.name + "_destination_recipient_limit");
    if (text.empty()) text = setup.value(nullptr, "default_destination_recipient_limit");
    const auto recipients = parse_unsigned(text).value_or(50);
    const auto most = static_cast<std::uint64_t>(ours.recipients);
    if (recipients == 0 || recipients > most)
        report.warning(
            fmt::format("{} sends {} with a message, tamisd takes {} (limits.recipients): the others come again later",
                        transport.entry(),
                        recipients == 0 ? std::string("any number of recipients") : counted(recipients, "recipient"), most),
            {set_main(setup, transport.name + "_destination_recipient_limit",
                      std::to_string(std::min<std::uint64_t>(most, 1000)))});
}

void judge_transport(const PostfixSetup& setup, const OurSide& ours, const Route& route, Report& report) {
    const auto* transport = setup.master.find(route.to.transport, "unix");
    if (transport == nullptr) {
        report.problem(fmt::format("content_filter = {} names a transport that master.cf does not have: mail stays in the queue",
                                   escaped(route.value)),
                       {fmt::format("add the tamis-lmtp lines of etc/postfix/master.cf.lmtp to master.cf under the name {}; {}",
                                    route.to.transport, setup.reload())});
        return;
    }
    if (transport->command != "smtp" && transport->command != "lmtp") {
        report.problem(
            fmt::format("{} runs {}, but tamisd speaks SMTP and LMTP", transport->entry(), escaped(transport->command)),
            {fmt::format("{} -F '{}/command=lmtp' && {}", setup.postconf(), transport->entry(), setup.reload())});
        return;
    }
    Report of("postfix");
    judge_patience(setup, ours, *transport, of);
    const auto xforward = transport->command + "_send_xforward_command";
    if (!is_yes(setup.value(transport, xforward)))
        of.warning(
            fmt::format(
                "{} does not say who the original client is ({} = no): no policy banks, no client address in log and records",
                transport->entry(), xforward),
            {set_in(setup, *transport, xforward, "yes")});
    const auto tls = transport->command + "_tls_security_level";
    if (!ours.offers_tls && demands_tls(setup.value(transport, tls)))
        of.problem(fmt::format("{} insists on TLS ({}), which tamisd does not offer", transport->entry(), tls),
                   {set_in(setup, *transport, tls, "none")});
    for (const auto& target : route.to.endpoints) judge_peer(setup, ours, transport, target, transport->entry(), of);
    judge_nexthop(setup, *transport, route, of);
    judge_numbers(setup, ours, *transport, of);
    const bool is_good = of.worst() == Level::ok;
    for (auto& finding : of.take()) report.add(finding.level, std::move(finding.what), std::move(finding.fix));
    const auto at_once = concurrency_of(setup, *transport);
    const auto waits = time_of(setup.value(transport, transport->command + "_data_done_timeout"));
    if (is_good)
        report.ok(fmt::format("content_filter = {}: {}, {} at a time (maxproc {}), waits {} s for an answer", route.value,
                              transport->command,
                              at_once == 0 ? std::string("any number of messages") : counted(at_once, "message"),
                              transport->maximum, waits ? waits->count() : 600));
}

void judge_proxy(const PostfixSetup& setup, const OurSide& ours, const Route& route, Report& report) {
    const auto waits = time_of(setup.value(route.from, "smtpd_proxy_timeout"));
    if (waits && *waits <= ours.message)
        report.problem(
            fmt::format(
                "{} waits {} s for its smtpd_proxy_filter, tamisd may take {} s (limits.message): the client gets an error and sends again",
                route.from->entry(), waits->count(), whole_seconds(ours.message)),
            {fmt::format("{}: [limits] message = \"{}s\", scan below it; the client waits all that time", ours.config_file,
                         std::max<std::int64_t>(10, waits->count() - 10))});
    else report.ok(fmt::format("{}: smtpd_proxy_filter = {}", route.from->entry(), route.value));
    for (const auto& target : route.to.endpoints) judge_peer(setup, ours, nullptr, target, route.from->entry(), report);
}

}  // namespace

void judge_transports(const PostfixSetup& setup, const OurSide& ours, const std::vector<Route>& routes, Report& report) {
    std::set<std::string> seen;
    for (const auto& route : routes) {
        const auto place = route.is_proxy ? route.from->entry() : route.value;
        if (!seen.insert(place).second) continue;
        if (route.is_proxy) judge_proxy(setup, ours, route, report);
        else judge_transport(setup, ours, route, report);
    }
}

}  // namespace tamis::doctor
