#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/file_rights.h"
#include "base/text.h"
#include "policy/quarantine_target.h"
#include "tools/doctor/checks.h"

namespace tamis::doctor {
namespace {

constexpr std::uint64_t MiB = 1ULL << 20;

std::string owner_of(const struct stat& about) {
    const passwd* account = ::getpwuid(about.st_uid);
    return account != nullptr ? std::string(account->pw_name) : fmt::format("uid {}", about.st_uid);
}

std::string owner_fix(const Viewpoint& from) {
    const auto& server = from.settings->server;
    return from.user + (server.group.empty() ? ":" : ":" + server.group);
}

void check_space(const std::string& path, std::string_view what, Report& report) {
    struct statvfs space{};
    if (::statvfs(path.c_str(), &space) != 0) return;
    const auto free = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
    if (free < 100 * MiB)
        report.problem(fmt::format("{} {} has {} MiB left", what, path, free / MiB), {fmt::format("make room: df -h {}", path)});
    else if (free < 1024 * MiB)
        report.warning(fmt::format("{} {} has {} MiB left", what, path, free / MiB), {fmt::format("make room: df -h {}", path)});
    if (space.f_files != 0 && space.f_favail < 1000)
        report.problem(fmt::format("{} {} has {} inodes left", what, path, space.f_favail),
                       {fmt::format("make room: df -i {}", path)});
}

// check_directory - there, a directory, writable for the daemon, not for everybody
void check_directory(const Viewpoint& from, const std::string& path, std::string_view what, Report& report) {
    struct stat about{};
    const auto make = fmt::format("install -d -m 750 -o {} {}", from.user.empty() ? "tamis" : from.user, path);
    if (::stat(path.c_str(), &about) != 0) {
        if (errno == EACCES)
            report.not_checked(fmt::format("{} {}: we may not look there; run as root or as {}", what, path, from.user));
        else report.problem(fmt::format("{} {} is not there", what, path), {make});
        return;
    }
    if (!S_ISDIR(about.st_mode)) {
        report.problem(fmt::format("{} {} is no directory", what, path), {fmt::format("move it away, then: {}", make)});
        return;
    }
    Report of("files");
    if (from.is_daemon_user && ::access(path.c_str(), R_OK | W_OK | X_OK) != 0)
        of.problem(fmt::format("{} {} is not writable for {} (mode {:04o}, owner {})", what, path, from.user,
                               about.st_mode & 07777U, owner_of(about)),
                   {fmt::format("chown {} {} && chmod 750 {}", owner_fix(from), path, path)});
    if ((about.st_mode & 0002U) != 0 && (about.st_mode & S_ISVTX) == 0)
        of.problem(fmt::format("everybody may write in {} {} (mode {:04o})", what, path, about.st_mode & 07777U),
                   {fmt::format("chmod 750 {}", path)});
    check_space(path, what, of);
    if (of.worst() == Level::ok && !from.is_daemon_user) {
        report.not_checked(fmt::format("{} {}: whether {} can write there; run as root", what, path,
                                       from.user.empty() ? "tamisd's user" : from.user));
        return;
    }
    if (of.worst() == Level::ok)
        of.ok(fmt::format("{} {}: owner {}, mode {:04o}", what, path, owner_of(about), about.st_mode & 07777U));
    for (auto& finding : of.take()) report.add(finding.level, std::move(finding.what), std::move(finding.fix));
}

// keeps_files - a quarantine that is written into quarantine_dir
bool keeps_files(const config::Settings& settings) {
    const auto& to = settings.site_policy.quarantine;
    for (const auto* method :
         {&to.virus, &to.banned, &to.spam, &to.unchecked, &to.unopened, &to.bad_header, &to.clean, &to.archive})
        if (starts_with_fold(*method, "local:")) return true;
    return false;
}

void check_database_file(const Viewpoint& from, const storage::Dsn& dsn, Report& report) {
    struct stat about{};
    if (::stat(dsn.file.c_str(), &about) != 0) return;
    if ((about.st_mode & 0004U) != 0)
        report.warning(fmt::format("everybody may read {}, which holds addresses and quarantined mail (mode {:04o})", dsn.file,
                                   about.st_mode & 07777U),
                       {fmt::format("chmod o-rwx {}*", dsn.file)});
    if (from.is_daemon_user && ::access(dsn.file.c_str(), R_OK | W_OK) != 0)
        report.problem(fmt::format("{} may not write {} (owner {}, mode {:04o})", from.user, dsn.file, owner_of(about),
                                   about.st_mode & 07777U),
                       {fmt::format("chown {} {}*", owner_fix(from), dsn.file)});
}

std::string group_of_daemon(const config::Settings& settings) {
    if (!settings.server.group.empty()) return settings.server.group;
    return settings.server.user.empty() ? "tamis" : settings.server.user;
}

// check_socket - whether a user of ours can connect to it
void check_socket(const std::string& path, const std::string& who, std::string_view mode_setting,
                  const config::Settings& settings, Report& report) {
    Person person;
    const auto steps = steps_of(path);
    if (steps.empty() || steps.back().path != path) return;  // not there: told where it is connected to
    if (!S_ISSOCK(steps.back().mode)) {
        report.problem(fmt::format("{} is no socket", path), {fmt::format("move it away and restart tamisd")});
        return;
    }
    if (!find_person(who, person)) return;
    const auto stopped = obstacle(person, steps, 2);
    if (stopped.empty()) report.ok(fmt::format("{} can connect to {}", who, path));
    else if (stopped == path)
        report.problem(fmt::format("{} may not connect to {} (mode {:04o})", who, path, steps.back().mode & 07777U),
                       {fmt::format("adduser {} {}, or {}: {} = \"0666\" in a directory that only they can enter; restart both",
                                    who, group_of_daemon(settings), settings.file, mode_setting)});
    else
        report.problem(fmt::format("{} cannot get to {}: {} stops it", who, path, stopped),
                       {fmt::format("chmod o+x {}, or adduser {} to its group", stopped, who)});
}

}  // namespace

void check_files(const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    check_directory(from, settings.server.state_dir, "server.state_dir", report);
    if (keeps_files(settings)) check_directory(from, settings.quarantine.directory, "policy.quarantine_dir", report);
    std::set<std::string> seen;
    for (const auto* list : {&settings.lookup_dsns, &settings.storage_dsns})
        for (const auto& dsn : *list)
            if (!dsn.file.empty() && seen.insert(dsn.file).second) check_database_file(from, dsn, report);
    const auto mta = from.postfix ? from.postfix->value(nullptr, "mail_owner") : std::string("postfix");
    for (const auto& text : settings.server.listen)
        if (const auto place = parse_endpoint(text); place && place->is_unix())
            check_socket(place->path, mta, "server.socket_mode", settings, report);
    for (const auto& text : settings.control.listen)
        if (const auto place = parse_endpoint(text); place && place->is_unix())
            for (const auto& user : settings.control.allowed_users)
                check_socket(place->path, user, "control.socket_mode", settings, report);
    if (!settings.server.tls_key.empty()) {
        struct stat about{};
        if (::stat(settings.server.tls_key.c_str(), &about) == 0 && (about.st_mode & 0004U) != 0)
            report.problem(fmt::format("everybody may read server.tls_key {}", settings.server.tls_key),
                           {fmt::format("chmod o-rwx {}", settings.server.tls_key)});
    }
}

}  // namespace tamis::doctor
