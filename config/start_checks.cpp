#include "config/start_checks.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/file_rights.h"
#include "base/own_places.h"
#include "base/privileges.h"
#include "base/safe_files.h"
#include "base/text.h"
#include "config/options.h"
#include "scanners/command/command.h"
#include "scanners/worker/open_settings.h"
#include "scanners/worker/spawner.h"

namespace tamis::config {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t shown = 200;
constexpr unsigned to_write = 2;  // of file_rights.h

class StartChecks {
public:
    StartChecks(const Settings& settings, Problems& problems, Problems& warnings)
        : settings_(settings), problems_(problems), warnings_(warnings) {}

    void run() {
        users();
        listeners();
        next_hops();
        programs();
        for (const auto& each : used_paths(settings_)) path(each);
        check_unit_paths(settings_, unit_places(), problems_, warnings_);
    }

private:
    Position at(std::string_view section, std::string_view key) const {
        const auto* table = settings_.config.find(section);
        const auto* value = table == nullptr || table->table() == nullptr ? nullptr : table->table()->find(key);
        return value == nullptr ? Position{} : value->position;
    }
    // entry - the place of one entry of a list
    Position entry(std::string_view section, std::string_view key, std::size_t index) const {
        const auto* table = settings_.config.find(section);
        const auto* value = table == nullptr || table->table() == nullptr ? nullptr : table->table()->find(key);
        if (value == nullptr) return {};
        return value->array() != nullptr && index < value->array()->size() ? (*value->array())[index].position : value->position;
    }

    void users() {
        const auto& server = settings_.server;
        if (!server.group.empty() && ::getgrnam(server.group.c_str()) == nullptr)
            problems_.add(at("server", "group"), fmt::format("server.group: there is no group \"{}\"", escaped(server.group)));
        if (server.user.empty()) {
            if (::geteuid() == 0)
                warnings_.add(
                    {},
                    "server.user is not set: tamisd does not run as root, so only its systemd unit (User=tamis) or another user can start it");
            return;
        }
        const passwd* account = ::getpwnam(server.user.c_str());
        if (account == nullptr)
            problems_.add(at("server", "user"),
                          fmt::format("server.user: there is no user \"{}\"; create it with "
                                      "\"useradd --system --home-dir /var/lib/tamis --shell /usr/sbin/nologin {}\"",
                                      escaped(server.user), escaped(server.user)));
        else if (account->pw_uid == 0)
            problems_.add(at("server", "user"),
                          "server.user: tamisd does not run as root: set server.user to an unprivileged user such as \"tamis\"");
    }

    void listeners() {
        std::vector<std::pair<Endpoint, std::string>> seen;
        const auto look = [&](std::string_view section, const std::vector<std::string>& list) {
            for (std::size_t i = 0; i < list.size(); ++i) {
                const auto place = parse_endpoint(list[i]);
                if (!place) continue;  // told when it was read
                const std::string name = fmt::format("{}.listen", section);
                for (const auto& [other, where] : seen)
                    if (is_same_place(*place, other, own_) || is_same_place(other, *place, own_))
                        problems_.add(entry(section, "listen", i),
                                      fmt::format("{}: {} is {} already: it can listen only once", name, place->text(), where));
                seen.emplace_back(*place, name);
                if (place->is_unix()) unix_socket(place->path, entry(section, "listen", i), name);
                else tcp_socket(*place, entry(section, "listen", i), name);
            }
        };
        look("server", settings_.server.listen);
        look("control", settings_.control.listen);
    }

    void unix_socket(const std::string& path, Position position, const std::string& name) {
        if (path.size() >= sizeof(sockaddr_un::sun_path))
            problems_.add(position, fmt::format("{}: the path {} is longer than {} characters, which no socket can have", name,
                                                escaped(path, shown), sizeof(sockaddr_un::sun_path) - 1));
        struct stat about{};
        if (::stat(path.c_str(), &about) == 0 && !S_ISSOCK(about.st_mode))
            problems_.add(position, fmt::format("{}: {} is there already and is no socket", name, escaped(path, shown)));
    }

    // tcp_socket - whether the address is one of this machine; the port itself may be in use by the tamisd that runs
    void tcp_socket(const Endpoint& place, Position position, const std::string& name) {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
        addrinfo* found = nullptr;
        const std::string host = is_every_address(place.host) && place.host == "*" ? "" : place.host;
        if (const int error = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), "0", &hints, &found); error != 0)
            return problems_.add(position, fmt::format("{}: listen on {}: {}", name, place.text(), ::gai_strerror(error)));
        const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(found, ::freeaddrinfo);
        for (const auto* each = found; each != nullptr; each = each->ai_next) {
            const int socket = ::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (socket < 0) continue;
            const bool is_bound = ::bind(socket, each->ai_addr, each->ai_addrlen) == 0;
            const auto error = std::error_code(errno, std::system_category());
            ::close(socket);
            if (!is_bound && error == std::errc::address_not_available)
                return problems_.add(position, fmt::format("{}: listen on {}: {} is no address of this machine", name,
                                                           place.text(), escaped(place.host)));
        }
    }

    void next_hop(std::string_view method, Position position, const std::string& name) {
        if (method.empty() || method.find('$') != std::string_view::npos) return;
        const auto hop = deliver::parse_next_hop(method);
        if (!hop) return;  // told when it was read
        for (const auto& text : settings_.server.listen)
            if (const auto listener = parse_endpoint(text); listener && is_same_place(hop->endpoint, *listener, own_))
                return problems_.add(
                    position,
                    fmt::format(
                        "{}: {} is tamisd itself ({}): mail would go round in a loop; name the mail server's port that takes "
                        "filtered mail, such as smtp:[127.0.0.1]:10025",
                        name, hop->shown, listener->text()));
        for (const auto& text : settings_.control.listen)
            if (const auto listener = parse_endpoint(text); listener && is_same_place(hop->endpoint, *listener, own_))
                return problems_.add(position, fmt::format("{}: {} is tamisd's own AM.PDP ({}), which takes no mail", name,
                                                           hop->shown, listener->text()));
    }

    void next_hops() {
        next_hop(settings_.server.forward, at("server", "forward"), "server.forward");
        next_hop(settings_.notices.method, at("notices", "method"), "notices.method");
        next_hop(settings_.release.forward, at("release", "forward"), "release.forward");
        const auto look = [&](const ConfigTable& table, const std::string& where) {
            for (const auto& [key, value] : table.entries) {
                const bool is_method = key == "forward_method" || (where == "policy" && key.ends_with("_quarantine"));
                if (is_method && value.text() != nullptr)
                    next_hop(*value.text(), value.position, fmt::format("{}.{}", where, key));
            }
        };
        for (const auto& [name, value] : settings_.config.entries) {
            if (value.table() != nullptr && name == "policy") look(*value.table(), name);
            if (value.table() != nullptr && (name == "banks" || name == "recipients"))
                for (const auto& [key, table] : value.table()->entries)
                    if (table.table() != nullptr) look(*table.table(), fmt::format("{}.\"{}\"", name, escaped(key, shown)));
            if (value.array() != nullptr && name == "recipient_patterns")
                for (const auto& table : *value.array())
                    if (table.table() != nullptr) look(*table.table(), name);
        }
    }

    void programs() {
        if (settings_.open.enabled || scanners::has_commands(settings_.config)) {
            const auto program = worker::open_worker_program(worker::spawner_options_of(settings_.open));
            if (program) ::close(*program);
            else problems_.add(at("open", "worker"), describe(program.error()));
        }
        const auto& ca = settings_.server.forward_ca;
        if (!ca.empty() && ::access(ca.c_str(), R_OK) != 0)
            problems_.add(at("server", "forward_ca"), fmt::format("server.forward_ca: {}: {}", escaped(ca, shown),
                                                                  std::error_code(errno, std::generic_category()).message()));
        else if (const auto options = reinject_options(settings_); !options)
            problems_.add(at("server", "forward_ca"), fmt::format("server.forward_ca: {}", describe(options.error())));
    }

    // writer - who writes what is written while mail flows: server.user when root starts us, else whoever we are
    bool is_for_another_user() const { return ::geteuid() == 0 && !settings_.server.user.empty(); }

    // path - a file or directory that is written can be: it is there with the rights, or can be made
    void path(const UsedPath& each) {
        if (!each.is_written || !each.path.starts_with('/')) return;
        std::error_code error;
        fs::path there = each.path;
        while (!fs::exists(there, error) && there.has_relative_path()) there = there.parent_path();
        const bool is_whole = there == fs::path(each.path);
        const auto bad = [&](std::string_view why) {
            problems_.add(each.position,
                          fmt::format("{}: {} cannot be written: {}", each.setting, escaped(each.path, shown), why));
        };
        const bool is_file = each.setting == "server.pid_file" || each.setting == "log.target";
        if (is_file && fs::is_symlink(each.path, error)) return bad("it is a symbolic link, which is not followed");
        if (!is_whole && !fs::is_directory(there, error))
            return bad(fmt::format("{} is no directory", escaped(there.string(), shown)));
        // systemd and the init script make these at the start
        if (!is_whole &&
            (each.path.starts_with("/run/") || each.path.starts_with("/var/run/") || each.path.starts_with("/var/lib/tamis")))
            return;
        const bool is_directory =
            each.setting == "server.state_dir" || each.setting == "policy.quarantine_dir" || each.setting.ends_with(".listen");
        if (is_whole && is_directory && !fs::is_directory(there, error)) return bad("it is no directory");
        if (is_whole && !is_directory && fs::is_directory(there, error)) return bad("it is a directory");
        if (::access(there.c_str(), W_OK) != 0)
            return bad(fmt::format("{} is not writable for {}: {}", is_whole ? std::string("it") : escaped(there.string(), shown),
                                   own_name(), std::error_code(errno, std::generic_category()).message()));
        const bool is_first =
            each.setting == "server.pid_file" || each.setting == "log.target" || each.setting.ends_with(".listen");
        const bool is_made_by_root = (!is_whole && each.setting == "server.state_dir") ||
                                     (is_first && only_root_writes(is_directory ? each.path + "/x" : each.path));
        if (!is_for_another_user() || is_made_by_root) return;
        Person person;
        if (!find_person(settings_.server.user, person)) return;  // told
        const auto steps = steps_of(there.string());
        const auto stopped = obstacle(person, steps, to_write);
        if (stopped.empty() || ::getxattr(stopped.c_str(), "system.posix_acl_access", nullptr, 0) > 0)
            return;  // ACLs are not read here
        bad(fmt::format("{} (server.user) has no right to {}", settings_.server.user, escaped(stopped, shown)));
    }

    static std::string own_name() {
        const passwd* account = ::getpwuid(::geteuid());
        return account == nullptr ? fmt::format("uid {}", ::geteuid()) : std::string(account->pw_name);
    }

    const Settings& settings_;
    Problems& problems_;
    Problems& warnings_;
    std::vector<std::string> own_ = own_addresses();
};

}  // namespace

std::vector<UsedPath> used_paths(const Settings& settings) {
    std::vector<UsedPath> out;
    const auto value = [&](std::string_view section, std::string_view key) -> const ConfigValue* {
        const auto* table = settings.config.find(section);
        return table == nullptr || table->table() == nullptr ? nullptr : table->table()->find(key);
    };
    const auto add = [&](std::string_view section, std::string_view key, std::string_view path, bool is_written) {
        if (!path.starts_with('/')) return;
        const auto* given = value(section, key);
        out.push_back(
            {fmt::format("{}.{}", section, key), std::string(path), given == nullptr ? Position{} : given->position, is_written});
    };
    const auto& server = settings.server;
    add("server", "state_dir", server.state_dir, true);
    add("server", "pid_file", server.pid_file, true);
    if (settings.log.target.starts_with("file:")) add("log", "target", std::string_view(settings.log.target).substr(5), true);
    if (!settings.policy.quarantine_dir.empty()) add("policy", "quarantine_dir", settings.policy.quarantine_dir, true);
    if (const auto* policy = settings.config.find("policy"); policy != nullptr && policy->table() != nullptr)
        for (const auto& [key, given] : policy->table()->entries)
            if (key.ends_with("_quarantine") && given.text() != nullptr && starts_with_fold(*given.text(), "mbox:/"))
                add("policy", key, std::string_view(*given.text()).substr(5), true);
    for (const auto& [section, list] : {std::pair{"server", &server.listen}, std::pair{"control", &settings.control.listen}})
        for (const auto& text : *list)
            if (const auto place = parse_endpoint(text); place && place->is_unix())
                add(section, "listen", fs::path(place->path).parent_path().string(), true);
    for (const auto& [key, dsns] :
         {std::pair{"lookup_dsn", &settings.lookup_dsns}, std::pair{"storage_dsn", &settings.storage_dsns}})
        for (const auto& dsn : *dsns)
            if (value("storage", key) != nullptr) add("storage", key, dsn.file, true);
    add("server", "tls_certificate", server.tls_certificate, false);
    add("server", "tls_key", server.tls_key, false);
    add("server", "forward_ca", server.forward_ca, false);
    add("open", "worker", settings.open.worker, false);
    if (const auto* notices = settings.config.find("notices"); notices != nullptr && notices->table() != nullptr)
        for (const auto& [key, given] : notices->table()->entries)
            if (key.ends_with("_template") && given.text() != nullptr) add("notices", key, *given.text(), false);
    return out;
}

void check_unit_paths(const Settings& settings, const UnitPlaces& unit, Problems& problems, Problems& warnings) {
    std::error_code error;
    const bool starts_this = !unit.file.empty() && !unit.config.empty() && fs::equivalent(unit.config, settings.file, error);
    const std::string name = unit.file.empty() ? "etc/systemd/tamis.service" : unit.file;
    for (const auto& each : used_paths(settings)) {
        std::string complaint;
        if (!unit.may_read(each.path))
            complaint = fmt::format(
                "{}: {} lies below /home, /root or /run/user, which {} hides from tamisd (ProtectHome=): move it, or write a drop-in with "
                "ProtectHome=no",
                each.setting, escaped(each.path, shown), name);
        else if (each.is_written && !unit.may_write(each.path))
            complaint = fmt::format(
                "{}: {} is outside of what {} lets tamisd write ({}): write a drop-in (systemctl edit tamis) with [Service] ReadWritePaths={}",
                each.setting, escaped(each.path, shown), name, join(unit.writable, ", "),
                each.setting == "log.target" || each.setting == "server.pid_file"
                    ? escaped(fs::path(each.path).parent_path().string(), shown)
                    : escaped(each.path, shown));
        if (complaint.empty()) continue;
        if (starts_this) problems.add(each.position, complaint);
        else warnings.add(each.position, complaint);
    }
}

std::string unit_drop_in(const Settings& settings, const UnitPlaces& unit) {
    std::string out;
    const auto& server = settings.server;
    if (!server.user.empty() && server.user != unit.user) out += fmt::format("User={}\n", server.user);
    if (const auto& group = server.group.empty() && server.user != unit.user ? server.user : server.group;
        !group.empty() && group != unit.group)
        out += fmt::format("Group={}\n", group);
    std::vector<std::string> folders;
    bool needs_homes = false;
    for (const auto& each : used_paths(settings)) {
        needs_homes = needs_homes || !unit.may_read(each.path);
        if (!each.is_written || unit.may_write(each.path)) continue;
        const bool is_folder =
            each.setting == "server.state_dir" || each.setting == "policy.quarantine_dir" || each.setting.ends_with(".listen");
        const auto folder = is_folder ? each.path : fs::path(each.path).parent_path().string();
        const auto covers = [&](const std::string& other) { return folder == other || folder.starts_with(other + "/"); };
        if (std::ranges::any_of(folders, covers)) continue;
        std::erase_if(folders, [&](const std::string& other) { return other.starts_with(folder + "/"); });
        folders.push_back(folder);
    }
    if (needs_homes) out += "ProtectHome=no\n";
    if (!folders.empty()) out += fmt::format("ReadWritePaths={}\n", join(folders, " "));
    return out.empty() ? out : "[Service]\n" + out;
}

void check_start(const Settings& settings, Problems& problems, Problems& warnings) {
    StartChecks(settings, problems, warnings).run();
}

}  // namespace tamis::config
