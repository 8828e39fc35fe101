// hop_checks - tamisd's own listeners, and the servers it hands mail to
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <fstream>
#include <set>

#include "base/stream.h"
#include "base/text.h"
#include "tools/doctor/checks.h"
#include "tools/doctor/mail_server.h"
#include "tools/doctor/together.h"

namespace tamis::doctor {
namespace {

// reachable - the same place as we can connect to it
Endpoint reachable(Endpoint place) {
    if (place.host == "0.0.0.0" || place.host == "*") place.host = "127.0.0.1";
    if (place.host == "::") place.host = "::1";
    return place;
}

Task<void> check_listener(Endpoint place, std::string own_name, std::string config, Deadline deadline, Report& report) {
    const auto seen =
        co_await meet(reachable(place), deliver::NextHop::Protocol::smtp, std::move(own_name), Probe::hello_only, deadline);
    if (seen.is_forbidden) report.not_checked(fmt::format("{}: {}", place.text(), seen.trouble));
    else if (seen.greeting.code == 0)
        report.problem(fmt::format("tamisd does not answer at {}: {}", place.text(), seen.trouble),
                       {"systemctl start tamis (or /etc/init.d/tamis start); journalctl -u tamis tells why it does not run"});
    else if (seen.greeting.code != 220)
        report.warning(fmt::format("tamisd at {} refuses us: {}", place.text(), escaped(seen.greeting.one_line(), 200)),
                       {fmt::format("if mail comes from this address: {}: [server] allowed_peers", config)});
    else if (seen.greeting.text.find("Tamis") == std::string::npos)
        report.problem(
            fmt::format("what answers at {} is not tamisd: {}", place.text(), escaped(seen.greeting.one_line(), 200)),
            {"two programs want that port (an amavisd that still runs?): ss -lptn; stop the other one, then start tamisd"});
    else report.ok(fmt::format("tamisd answers at {}", place.text()));
}

// check_control - asks what a Postfix policy client would ask: it is answered without looking at anything
Task<void> check_control(Endpoint place, Deadline deadline, Report& report) {
    auto stream = co_await connect(reachable(place), deadline);
    if (!stream) {
        if (stream.error().code == std::errc::permission_denied)
            report.not_checked(fmt::format("AM.PDP at {}: {}", place.text(), describe(stream.error())));
        else
            report.problem(fmt::format("AM.PDP does not answer at {}: {}", place.text(), describe(stream.error())),
                           {"systemctl restart tamis: control.listen takes effect at start"});
        co_return;
    }
    InputBuffer input(std::size_t{16} * 1024);  // its answers are short
    auto sent = co_await (*stream)->write("request=smtpd_access_policy\r\n\r\n", deadline);
    auto line = sent ? co_await input.read_line(**stream, deadline) : std::unexpected(sent.error());
    if (!line)
        report.problem(
            fmt::format("AM.PDP at {} accepts the connection and does not answer: {}", place.text(), describe(line.error())),
            {"journalctl -u tamis"});
    else if (line->starts_with("action=")) report.ok(fmt::format("AM.PDP answers at {}", place.text()));
    else
        report.warning(fmt::format("AM.PDP at {} does not serve us: {}", place.text(), escaped(*line, 160)),
                       {"[control] allowed_users, allowed_peers: who may ask"});
}

// pid_of - from the pid file, or from who listens on a unix socket; 0: not known
Task<pid_t> pid_of(const config::Settings& settings, Deadline deadline) {
    if (!settings.server.pid_file.empty()) {
        std::ifstream file(settings.server.pid_file);
        pid_t pid = 0;
        if (file >> pid) co_return pid;
    }
    for (const auto* list : {&settings.server.listen, &settings.control.listen})
        for (const auto& text : *list) {
            auto place = parse_endpoint(text);
            if (!place || !place->is_unix()) continue;
            auto stream = co_await connect(*place, deadline);
            ucred who{};
            socklen_t size = sizeof who;
            if (stream && ::getsockopt((*stream)->socket().native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) == 0)
                co_return who.pid;
        }
    co_return 0;
}

// check_program - whether what runs is what is installed
Task<void> check_program(const config::Settings& settings, Deadline deadline, Report& report) {
    const auto pid = co_await pid_of(settings, deadline);
    if (pid <= 0) co_return;
    std::array<char, PATH_MAX> target{};
    const auto size = ::readlink(fmt::format("/proc/{}/exe", pid).c_str(), target.data(), target.size());
    if (size <= 0) co_return;
    const std::string_view program(target.data(), static_cast<std::size_t>(size));
    if (program.find("/tamisd") == std::string_view::npos) co_return;  // systemd holds the socket
    if (program.ends_with(" (deleted)"))
        report.warning(fmt::format("the tamisd that runs (process {}) is older than the one that is installed", pid),
                       {"systemctl restart tamis"});
}

struct Hop {
    std::string name;
    deliver::NextHop to;
};
std::vector<Hop> hops_of(const config::Settings& settings) {
    std::vector<Hop> out;
    const auto add = [&](std::string name, const deliver::NextHop& to) {
        const auto same = std::ranges::find(out, to, &Hop::to);
        if (same != out.end()) same->name += ", " + name;
        else out.push_back({std::move(name), to});
    };
    add("server.forward", settings.forward);
    if (!settings.notices.method.empty()) add("notices.method", settings.notify);
    if (!settings.release.forward.empty()) add("release.forward", settings.release_to);
    if (settings.requeue) add("release.requeue", *settings.requeue);
    return out;
}

// front_of - the smtpd of this Postfix that takes mail for us to filter, when it can be asked here
std::optional<Endpoint> front_of(const Viewpoint& from, const OurSide& ours) {
    if (!from.postfix) return {};
    Report ignored("nexthop");
    for (const auto& route : find_routes(*from.postfix, ours, ignored)) {
        if (route.from == nullptr || route.from->type != "inet") continue;
        auto place = service_endpoint(*route.from);
        if (place.host.empty()) place.host = "127.0.0.1";
        return reachable(place);
    }
    return {};
}

Task<void> check_hop(Hop hop, HopWishes wishes, std::string own_name, std::optional<Endpoint> front,
                     std::chrono::seconds patience, Report& report) {
    const auto seen =
        co_await meet(reachable(hop.to.endpoint), hop.to.protocol, own_name, Probe::recipient, Deadline::in(patience));
    std::optional<deliver::Extensions> offered;
    if (front) {
        const auto other =
            co_await meet(*front, deliver::NextHop::Protocol::smtp, own_name, Probe::hello_only, Deadline::in(patience));
        if (other.hello.code == 250) offered = other.offered;
    }
    judge_hop(seen, wishes, offered ? &*offered : nullptr, report);
}

}  // namespace

Task<void> check_daemon(const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    const auto deadline = Deadline::in(from.patience);
    Together all(report, "daemon");
    for (const auto& text : settings.server.listen)
        if (auto place = parse_endpoint(text))
            all.add(check_listener(std::move(*place), settings.server.localhost_name, settings.file, deadline, all.room()));
    for (const auto& text : settings.control.listen)
        if (auto place = parse_endpoint(text)) all.add(check_control(std::move(*place), deadline, all.room()));
    all.add(check_program(settings, deadline, all.room()));
    co_await all.ask_all();
}

Task<void> check_next_hops(const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    const auto ours = our_side(settings);
    Together all(report, "nexthop");
    const auto front = front_of(from, ours);
    for (auto& hop : hops_of(settings)) {
        const bool is_forward = hop.to == settings.forward;
        const bool is_local = hop.to.endpoint.is_unix() || is_local_host(hop.to.endpoint.host, ours);
        HopWishes wishes{hop.name + " " + hop.to.shown, is_forward ? settings.server.forward_tls : "none",
                         is_forward && hop.to.protocol == deliver::NextHop::Protocol::smtp, is_local};
        all.add(check_hop(std::move(hop), std::move(wishes), settings.server.localhost_name,
                          is_forward && is_local ? front : std::nullopt, from.patience, all.room()));
    }
    co_await all.ask_all();
}

}  // namespace tamis::doctor
