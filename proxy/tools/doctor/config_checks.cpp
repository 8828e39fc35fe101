#include <fmt/format.h>
#include <grp.h>
#include <ifaddrs.h>
#include <pwd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/text.h"
#include "proxy/privileges.h"
#include "proxy/services.h"
#include "proxy/tools/doctor/checks.h"

namespace tamis::proxy::doctor {
namespace {

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

// holds_password - of a database or an engine
bool holds_password(const Settings& settings) {
    for (const auto* list : {&settings.lookup_dsns, &settings.storage_dsns})
        for (const auto& dsn : *list)
            if (!dsn.password.empty()) return true;
    const auto* scanners = settings.config.find("scanners");
    const auto* rspamd = scanners != nullptr && scanners->table() != nullptr ? scanners->table()->find("rspamd") : nullptr;
    return rspamd != nullptr && rspamd->table() != nullptr && rspamd->table()->find("password") != nullptr;
}

std::string group_name(const Settings& settings) {
    if (!settings.server.group.empty()) return settings.server.group;
    const passwd* account = settings.server.user.empty() ? nullptr : ::getpwnam(settings.server.user.c_str());
    const group* own = account == nullptr ? nullptr : ::getgrgid(account->pw_gid);
    return own == nullptr ? std::string("tamis") : own->gr_name;
}

void check_file_rights(const Settings& settings, Report& report) {
    struct stat about{};
    if (::stat(settings.file.c_str(), &about) != 0) return;
    const auto mode = about.st_mode & 07777U;
    const auto group = group_name(settings);
    bool is_good = true;
    if ((mode & 0004U) != 0 && holds_password(settings)) {
        is_good = false;
        report.problem(fmt::format("{} holds a password and everybody may read it (mode {:04o})", settings.file, mode),
                       {fmt::format("chgrp {} {} && chmod 640 {}", group, settings.file, settings.file)});
    }
    if ((mode & 0002U) != 0) {
        is_good = false;
        report.problem(fmt::format("everybody may write {} (mode {:04o})", settings.file, mode), {fmt::format("chmod o-w {}", settings.file)});
    }
    const auto user = settings.server.user.empty() ? std::nullopt : user_number(settings.server.user);
    if (user && about.st_uid == *user && *user != 0) {
        is_good = false;
        report.warning(fmt::format("{} belongs to {}, the user tamisd runs as: who takes over tamisd may write its configuration", settings.file, settings.server.user),
                       {fmt::format("chown root:{} {} && chmod 640 {}", group, settings.file, settings.file)});
    }
    if (is_good) report.ok(fmt::format("{}: mode {:04o}", settings.file, mode));
}

}  // namespace

OurSide our_side(const Settings& settings) {
    OurSide out;
    for (const auto& text : settings.server.listen)
        if (auto place = parse_endpoint(text)) out.listeners.push_back(std::move(*place));
    out.forward = settings.forward;
    out.allowed_peers = settings.allowed_peers;
    out.xforward_peers = settings.xforward_peers;
    out.message = settings.limits.message;
    out.message_size = settings.limits.message_size.count;
    out.recipients = settings.limits.recipients;
    out.offers_tls = !settings.server.tls_certificate.empty();
    out.forward_tls = settings.server.forward_tls;
    out.own_addresses = own_addresses();
    out.config_file = settings.file;
    return out;
}

void check_config(const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    check_file_rights(settings, report);
    const auto& user = settings.server.user;
    if (!user.empty() && !user_number(user))
        report.problem(fmt::format("server.user: there is no user \"{}\"", escaped(user)),
                       {fmt::format("useradd --system --home-dir {} --shell /usr/sbin/nologin {}", settings.server.state_dir, user)});
    const auto ours = our_side(settings);
    for (const auto& listener : ours.listeners)
        if (is_same_place(settings.forward.endpoint, listener, ours))
            report.problem(fmt::format("server.forward = {} is tamisd itself ({}): mail goes round in a loop", settings.forward.shown, listener.text()),
                           {"[server] forward = \"smtp:[127.0.0.1]:10025\", the smtpd of etc/postfix/master.cf.lmtp"});
    if (settings.server.local_domains.empty())
        report.warning("server.local_domains is empty: no recipient is ours, so nobody gets spam headers or subject tags", {"[server] local_domains = [\".example.com\"]"});
}

void check_snapshot(const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    if (from.is_daemon_user && ::access(settings.file.c_str(), R_OK) != 0)
        report.warning(fmt::format("{} may not read {}: a reload (SIGHUP) fails", from.user, settings.file), {fmt::format("chgrp {} {} && chmod g+r {}", group_name(settings), settings.file, settings.file)});
    Problems problems(settings.file);
    const auto snapshot = make_snapshot(from.settings, problems);
    for (const auto& line : problems.lines()) report.problem(line, {fmt::format("correct it, and see: tamisd -c {} --check", settings.file)});
    if (!snapshot) return;
    if (snapshot->scanners.empty())
        report.warning("no scanner is configured: mail passes unchecked", {"[scanners.clamd], [scanners.rspamd], ...: see docs/scanners/"});
    else
        report.ok(fmt::format("{}: no mistakes; {} scanners", settings.file, snapshot->scanners.size()));
}

}  // namespace tamis::proxy::doctor
