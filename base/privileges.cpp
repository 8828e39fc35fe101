#include "base/privileges.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>

#include "base/text.h"

namespace tamis {
namespace {

std::error_code last_error() { return {errno, std::system_category()}; }

// stay_private - LeakSanitizer looks into its own process in just the way that is forbidden here
void stay_private() {
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
    ::prctl(PR_SET_DUMPABLE, 1);
    return;
#endif
#endif
    ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace

Result<Identity> identity_of(const std::string& user, const std::string& group) {
    const passwd* account = ::getpwnam(user.c_str());
    if (account == nullptr)
        return fail(Errc::not_found, fmt::format("server.user: there is no user \"{}\"; create it with "
                                                 "\"useradd --system --home-dir /var/lib/tamis --shell /usr/sbin/nologin {}\"",
                                                 user, user));
    Identity out{account->pw_uid, account->pw_gid};
    if (!group.empty()) {
        const ::group* entry = ::getgrnam(group.c_str());
        if (entry == nullptr) return fail(Errc::not_found, fmt::format("server.group: there is no group \"{}\"", group));
        out.group = entry->gr_gid;
    }
    return out;
}

Done become_user(const std::string& user, const std::string& group) {
    if (::geteuid() != 0) {
        stay_private();
        return {};
    }
    if (user.empty() || user == "root")
        return fail(Errc::refused, "tamisd does not run as root: set server.user to an unprivileged user such as \"tamis\"");
    const auto identity = identity_of(user, group);
    if (!identity) return std::unexpected(identity.error());
    if (::initgroups(user.c_str(), identity->group) != 0 || ::setgid(identity->group) != 0 || ::setuid(identity->user) != 0)
        return fail(last_error(), fmt::format("cannot become user \"{}\"", user));
    if (::setuid(0) == 0) return fail(Errc::broken, "root privileges could be taken back");
    stay_private();
    return {};
}

Done give_to_user(const std::string& path, const std::string& user, const std::string& group) {
    if (::geteuid() != 0 || user.empty()) return {};
    const auto identity = identity_of(user, group);
    if (!identity) return std::unexpected(identity.error());
    if (::lchown(path.c_str(), identity->user, identity->group) != 0) return fail(last_error(), fmt::format("chown {}", path));
    return {};
}

std::optional<unsigned> user_number(const std::string& name) {
    if (const auto number = parse_unsigned(name, UINT32_MAX - 1)) return static_cast<unsigned>(*number);
    const passwd* account = ::getpwnam(name.c_str());
    if (account == nullptr) return {};
    return account->pw_uid;
}

void notify_service_manager(const std::string& state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr || *path == '\0') return;
    sockaddr_un address{};
    const std::size_t length = std::strlen(path);
    if (length >= sizeof address.sun_path) return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = '\0';  // abstract socket
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return;
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    sockaddr any{};
    static_assert(sizeof any <= sizeof address);
    ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
             static_cast<sockaddr*>(static_cast<void*>(&address)), size);
    ::close(socket);
}

}  // namespace tamis
