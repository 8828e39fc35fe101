#include "tools/event_log.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "base/log.h"
#include "base/privileges.h"
#include "base/safe_files.h"

namespace tamis::tools {
namespace {

constexpr std::string_view file_prefix = "file:";

// open_as_the_daemon - a file that is not there yet is made as the daemon would make it
Done open_as_the_daemon(const config::Settings& settings) {
    const auto& log = settings.log;
    const auto& server = settings.server;
    if (log.target.starts_with(file_prefix) && ::geteuid() == 0 && !server.user.empty()) {
        const auto identity = identity_of(server.user, server.group);
        if (!identity) return std::unexpected(identity.error());
        if (auto made = make_log_file(log.target.substr(file_prefix.size()), identity->user, identity->group); !made) return made;
    }
    return log::open({log.target == "journal" ? "syslog" : log.target, log.ident, static_cast<int>(log.level)});
}

void open_plain(int level) {
    if (auto done = log::open({"stderr", "tamis", level}); !done) fmt::print(stderr, "tamis: {}\n", describe(done.error()));
}

}  // namespace

void open_event_log(const config::Settings& settings) {
    const auto done = open_as_the_daemon(settings);
    if (done) return;
    fmt::print(stderr, "tamis: log.target: {}: what is done here is not in the log\n", describe(done.error()));
    open_plain(0);
}

void open_quiet_log() {
    constexpr int nothing = static_cast<int>(log::Level::error) - 1;
    open_plain(nothing);
}

std::string who_asks(const config::Settings& settings) {
    const char* sudo = std::getenv("SUDO_USER");
    const auto* account = ::getpwuid(::getuid());
    const std::string user = sudo != nullptr && ::getuid() == 0 ? sudo
                             : account != nullptr               ? account->pw_name
                                                                : fmt::format("uid-{}", ::getuid());
    return user + "@" + settings.server.hostname;
}

}  // namespace tamis::tools
