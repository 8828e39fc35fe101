#include "proxy/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "base/text.h"

namespace tamis::proxy {
namespace {

std::error_code last_error() { return {errno, std::system_category()}; }

union AnyAddress {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un un;
    sockaddr_storage storage;
};

Result<ListeningSocket> listen_unix(const std::string& path, int backlog, unsigned mode) {
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return fail(last_error(), fmt::format("listen on {}", path));
    AnyAddress address{};
    address.un.sun_family = AF_UNIX;
    std::memcpy(address.un.sun_path, path.data(), path.size());
    struct stat status{};
    if (::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) {
        if (::connect(socket, &address.any, sizeof address.un) == 0) {
            ::close(socket);
            return fail(Errc::conflict, fmt::format("listen on {}: somebody already listens there", path));
        }
        ::unlink(path.c_str());  // left over from a process that is gone
    }
    const auto usual = ::umask(static_cast<mode_t>(0777 & ~mode));  // it is born with its mode: nothing is done by path
    const bool is_bound = ::bind(socket, &address.any, sizeof address.un) == 0;
    auto error = last_error();
    ::umask(usual);
    if (!is_bound || ::listen(socket, backlog) != 0) {
        if (is_bound) error = last_error();
        ::close(socket);
        return fail(error, fmt::format("listen on {}", path));
    }
    return ListeningSocket{socket, path, path};
}

Done listen_tcp(const Endpoint& endpoint, int backlog, std::vector<ListeningSocket>& into) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const std::string host = endpoint.host == "*" ? "" : endpoint.host;
    if (const int error =
            ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found);
        error != 0)
        return fail(Errc::not_found, fmt::format("listen on {}: {}", endpoint.text(), ::gai_strerror(error)));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, ::freeaddrinfo);
    for (const auto* entry = found; entry != nullptr; entry = entry->ai_next) {
        const int socket = ::socket(entry->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (socket < 0) return fail(last_error(), fmt::format("listen on {}", endpoint.text()));
        const int on = 1;
        ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (entry->ai_family == AF_INET6) ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (::bind(socket, entry->ai_addr, entry->ai_addrlen) != 0 || ::listen(socket, backlog) != 0) {
            const auto error = last_error();
            ::close(socket);
            return fail(error, fmt::format("listen on {}", endpoint.text()));
        }
        into.push_back({socket, endpoint.text(), {}});
    }
    return {};
}

std::pair<std::string, std::string> address_and_port(const AnyAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.any.sa_family == AF_INET) {
        ::inet_ntop(AF_INET, &address.v4.sin_addr, text.data(), text.size());
        return {text.data(), std::to_string(ntohs(address.v4.sin_port))};
    }
    if (address.any.sa_family == AF_INET6) {
        ::inet_ntop(AF_INET6, &address.v6.sin6_addr, text.data(), text.size());
        return {normal_address(text.data()), std::to_string(ntohs(address.v6.sin6_port))};
    }
    return {};
}

Accepted describe_connection(int descriptor, const AnyAddress& peer, const std::string& name) {
    Accepted out;
    out.descriptor = descriptor;
    AnyAddress own{};
    socklen_t size = sizeof own;
    ::getsockname(descriptor, &own.any, &size);
    out.is_unix = own.any.sa_family == AF_UNIX;
    out.is_ipv6 = own.any.sa_family == AF_INET6;
    if (out.is_unix) {
        out.listener = name;
        return out;
    }
    out.peer_address = address_and_port(peer).first;
    const auto [address, port] = address_and_port(own);
    out.socket_address = address;
    out.listener = port;
    return out;
}

}  // namespace

Result<std::vector<ListeningSocket>> open_listeners(const std::vector<std::string>& endpoints, int backlog,
                                                    unsigned socket_mode) {
    std::vector<ListeningSocket> out;
    for (const auto& text : endpoints) {
        const auto endpoint = parse_endpoint(text);
        if (!endpoint) return std::unexpected(endpoint.error());
        if (endpoint->is_unix()) {
            auto socket = listen_unix(endpoint->path, backlog, socket_mode);
            if (!socket) return std::unexpected(socket.error());
            out.push_back(std::move(*socket));
        } else if (auto done = listen_tcp(*endpoint, backlog, out); !done) {
            return std::unexpected(done.error());
        }
    }
    return out;
}

std::vector<ListeningSocket> inherited_listeners() {
    constexpr int first = 3;  // SD_LISTEN_FDS_START
    const char* pid = std::getenv("LISTEN_PID");
    const char* count = std::getenv("LISTEN_FDS");
    if (pid == nullptr || count == nullptr || parse_unsigned(pid) != static_cast<std::uint64_t>(getpid())) return {};
    const auto sockets = parse_unsigned(count, 64);
    std::vector<ListeningSocket> out;
    for (int i = 0; i < static_cast<int>(sockets.value_or(0)); ++i) {
        const int descriptor = first + i;
        ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
        ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
        AnyAddress own{};
        socklen_t size = sizeof own;
        ::getsockname(descriptor, &own.any, &size);
        if (own.any.sa_family == AF_UNIX) {
            out.push_back({descriptor, own.un.sun_path, {}});
        } else {
            const auto [address, port] = address_and_port(own);
            out.push_back({descriptor, fmt::format("{}:{}", address, port), {}});
        }
    }
    ::unsetenv("LISTEN_PID");
    ::unsetenv("LISTEN_FDS");
    return out;
}

struct Acceptor::Native {
    Native(const asio::any_io_executor& executor, int descriptor)
        : listening(executor, ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)), pause(executor) {}
    asio::posix::stream_descriptor listening;
    asio::steady_timer pause;
};

Acceptor::Acceptor(asio::any_io_executor executor, const ListeningSocket& socket)
    : native_(std::make_unique<Native>(executor, socket.descriptor)), name_(socket.name) {}
Acceptor::~Acceptor() = default;

void Acceptor::stop() {
    boost::system::error_code ignored;
    native_->listening.close(ignored);
    native_->pause.cancel();
}

Task<void> Acceptor::run(std::function<void(Accepted)> take) {
    constexpr auto pause_when_full = std::chrono::milliseconds(100);
    constexpr auto quiet = std::chrono::minutes(1);  // a descriptor that is free for a moment does not end the shortage
    auto& listening = native_->listening;
    auto quiet_until = std::chrono::steady_clock::time_point::min();
    while (listening.is_open()) {
        auto [error] = co_await listening.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
        if (error == asio::error::operation_aborted || !listening.is_open()) co_return;
        if (error) {  // the loop cannot watch the socket now
            native_->pause.expires_after(pause_when_full);
            co_await native_->pause.async_wait(as_result);
        }
        while (listening.is_open()) {
            AnyAddress peer{};
            socklen_t size = sizeof peer;
            const int accepted = ::accept4(listening.native_handle(), &peer.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (accepted >= 0) {
                try {
                    take(describe_connection(accepted, peer, name_));
                } catch (const std::exception& trouble) {
                    log::error({}, "a connection to {} was closed: {}", name_, trouble.what());
                    ::close(accepted);
                }
                continue;
            }
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            if (errno == EINTR || errno == ECONNABORTED) continue;
            if (const auto now = std::chrono::steady_clock::now(); now >= std::exchange(quiet_until, now + quiet))
                log::error({}, "cannot accept on {}: {}; new connections wait until it is possible again", name_,
                           last_error().message());
            native_->pause.expires_after(pause_when_full);
            co_await native_->pause.async_wait(as_result);
            break;
        }
    }
}

}  // namespace tamis::proxy
