#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <ctime>

#include "base/counted.h"
#include "base/own_places.h"
#include "base/privileges.h"
#include "base/text.h"
#include "config/running_settings.h"
#include "config/snapshot.h"
#include "tools/doctor/checks.h"

namespace tamis::doctor {
namespace {

// holds_password - of a database or an engine
bool holds_password(const config::Settings& settings) {
    for (const auto* list : {&settings.lookup_dsns, &settings.storage_dsns})
        for (const auto& dsn : *list)
            if (!dsn.password.empty()) return true;
    const auto* scanners = settings.config.find("scanners");
    const auto* rspamd = scanners != nullptr && scanners->table() != nullptr ? scanners->table()->find("rspamd") : nullptr;
    return rspamd != nullptr && rspamd->table() != nullptr && rspamd->table()->find("password") != nullptr;
}

std::string group_name(const config::Settings& settings) {
    if (!settings.server.group.empty()) return settings.server.group;
    const passwd* account = settings.server.user.empty() ? nullptr : ::getpwnam(settings.server.user.c_str());
    const group* own = account == nullptr ? nullptr : ::getgrgid(account->pw_gid);
    return own == nullptr ? std::string("tamis") : own->gr_name;
}

void check_file_rights(const config::Settings& settings, Report& report) {
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
        report.problem(fmt::format("everybody may write {} (mode {:04o})", settings.file, mode),
                       {fmt::format("chmod o-w {}", settings.file)});
    }
    const auto user = settings.server.user.empty() ? std::nullopt : user_number(settings.server.user);
    if (user && about.st_uid == *user && *user != 0) {
        is_good = false;
        report.warning(fmt::format("{} belongs to {}, the user tamisd runs as: who takes over tamisd may write its configuration",
                                   settings.file, settings.server.user),
                       {fmt::format("chown root:{} {} && chmod 640 {}", group, settings.file, settings.file)});
    }
    if (is_good) report.ok(fmt::format("{}: mode {:04o}", settings.file, mode));
}

}  // namespace

OurSide our_side(const config::Settings& settings) {
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

namespace {

// check_hostname - receivers look the name up; a short one stands in Received, Message-ID and notices as it is
void check_hostname(const config::Settings& settings, Report& report) {
    const auto& name = settings.server.hostname;
    const bool is_fqdn = name.find('.') != std::string::npos && !name.ends_with(".localdomain") && !name.starts_with('[') &&
                         normal_address(name).empty();
    if (!is_fqdn)
        report.warning(
            fmt::format(
                "server.hostname is \"{}\", which is no full name: Received fields, notices and the sender postmaster@{} have it",
                escaped(name), escaped(name)),
            {"[server] hostname = \"filter.example.com\", or give the machine a full name: hostnamectl set-hostname filter.example.com"});
}

// check_spam_engines - two engines that look for the same things
void check_spam_engines(const config::Settings& settings, Report& report) {
    const auto* scanners = settings.config.find("scanners");
    const auto* table = scanners == nullptr ? nullptr : scanners->table();
    const auto* policy = settings.config.find("policy");
    const bool is_said = policy != nullptr && policy->table() != nullptr && policy->table()->find("spam_scores") != nullptr;
    if (table == nullptr || table->find("rspamd") == nullptr || table->find("spamd") == nullptr || is_said) return;
    report.warning(
        "rspamd and spamd both score, and their scores are added: spam reaches its levels twice as fast, and so does other mail",
        {"[policy] spam_scores = \"rspamd\", \"spamd\" or \"maximum\"; \"sum\" says that it is meant so"});
}

// check_running - whether the daemon that runs was told what the file says now
void check_running(const config::Settings& settings, Report& report) {
    const auto running = config::read_running(settings.server.state_dir);
    if (!running) return;
    std::array<char, 32> when{};
    const std::time_t loaded = running->loaded_at;
    std::tm parts{};
    if (::localtime_r(&loaded, &parts) != nullptr) std::strftime(when.data(), when.size(), "%Y-%m-%d %H:%M:%S", &parts);
    if (running->digest == config::settings_digest(settings.config))
        report.ok(fmt::format("the tamisd that runs (pid {}) has these settings, since {}", running->pid, when.data()));
    else
        report.warning(fmt::format("the tamisd that runs (pid {}) has other settings than {}: it read {} at {}", running->pid,
                                   settings.file, running->file, when.data()),
                       {"systemctl reload tamis, or kill -HUP " + std::to_string(running->pid) +
                        "; what needs a restart is said in the log then"});
}

}  // namespace

void check_config(const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    check_file_rights(settings, report);
    const auto& user = settings.server.user;
    if (!user.empty() && !user_number(user))
        report.problem(
            fmt::format("server.user: there is no user \"{}\"", escaped(user)),
            {fmt::format("useradd --system --home-dir {} --shell /usr/sbin/nologin {}", settings.server.state_dir, user)});
    const auto ours = our_side(settings);
    for (const auto& listener : ours.listeners)
        if (is_same_place(settings.forward.endpoint, listener, ours))
            report.problem(fmt::format("server.forward = {} is tamisd itself ({}): mail goes round in a loop",
                                       settings.forward.shown, listener.text()),
                           {"[server] forward = \"smtp:[127.0.0.1]:10025\", the smtpd of etc/postfix/master.cf.lmtp"});
    for (const auto& line : settings.warnings)
        report.warning(line, {fmt::format("change {}, and see: tamisd -c {} --check", settings.file, settings.file)});
    check_hostname(settings, report);
    check_spam_engines(settings, report);
    if (settings.server.local_domains.empty())
        report.warning("server.local_domains is empty: no recipient is ours, so nobody gets spam headers or subject tags",
                       {"[server] local_domains = [\".example.com\"]"});
}

void check_snapshot(const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    if (from.is_daemon_user && ::access(settings.file.c_str(), R_OK) != 0)
        report.warning(fmt::format("{} may not read {}: a reload (SIGHUP) fails", from.user, settings.file),
                       {fmt::format("chgrp {} {} && chmod g+r {}", group_name(settings), settings.file, settings.file)});
    Problems problems(settings.file);
    const auto snapshot = config::make_snapshot(from.settings, problems);
    for (const auto& line : problems.lines())
        report.problem(line, {fmt::format("correct it, and see: tamisd -c {} --check", settings.file)});
    check_running(settings, report);
    if (!snapshot) return;
    if (snapshot->scanners.empty())
        report.warning("no scanner is configured: mail passes unchecked",
                       {"[scanners.clamd], [scanners.rspamd], ...: see docs/scanners/"});
    else report.ok(fmt::format("{}: no mistakes; {}", settings.file, counted(snapshot->scanners.size(), "scanner")));
}

}  // namespace tamis::doctor
