#include "test/lib/cutting_proxy.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <vector>

namespace tamis::test {
namespace {

sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}
// the socket API wants the general type
sockaddr* general(sockaddr_in& address) { return reinterpret_cast<sockaddr*>(&address); }

bool write_all(int to, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto wrote = send(to, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (wrote <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(wrote));
    }
    return true;
}

struct Pair {
    int client, server;
};

}  // namespace

CuttingProxy::CuttingProxy(int to_port) : to_port_(to_port) {
    std::array<int, 2> ends{};
    auto address = loopback(0);
    socklen_t size = sizeof address;
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (pipe(ends.data()) != 0 || bind(listener_, general(address), size) != 0 || listen(listener_, 50) != 0 ||
        getsockname(listener_, general(address), &size) != 0)
        throw std::runtime_error("cutting_proxy");
    stop_read_ = ends[0];
    stop_write_ = ends[1];
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
}

CuttingProxy::~CuttingProxy() {
    close(stop_write_);
    thread_.join();
    close(stop_read_);
    close(listener_);
}

void CuttingProxy::cut_at(std::string bytes) {
    bytes_ = std::move(bytes);
    armed_ = true;
}

void CuttingProxy::cut_behind(int pieces) { left_ = pieces; }

void CuttingProxy::run() {
    std::vector<Pair> pairs;
    std::array<char, 65536> buffer;
    const auto relay = [&](int from, int to, bool from_server) {
        const auto got = recv(from, buffer.data(), buffer.size(), 0);
        if (got <= 0) return false;
        const std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
        if (from_server && armed_ && piece.find(bytes_) != std::string_view::npos) {
            armed_ = false;
            ++cuts_;
            return false;
        }
        if (left_ >= 0 && left_-- == 0) {
            ++cuts_;
            return false;
        }
        return write_all(to, piece);
    };
    for (;;) {
        std::vector<pollfd> watched{{stop_read_, POLLIN, 0}, {listener_, POLLIN, 0}};
        for (const auto& pair : pairs) {
            watched.push_back({pair.client, POLLIN, 0});
            watched.push_back({pair.server, POLLIN, 0});
        }
        poll(watched.data(), watched.size(), -1);
        for (std::size_t i = pairs.size(); i-- > 0;) {
            const auto [client, server] = pairs[i];
            bool good = watched[2 + 2 * i].revents == 0 || relay(client, server, false);
            good = good && (watched[3 + 2 * i].revents == 0 || relay(server, client, true));
            if (good) continue;
            close(client);
            close(server);
            pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(i));
        }
        if (watched[0].revents != 0) break;
        if (watched[1].revents == 0) continue;
        auto address = loopback(to_port_);
        const Pair pair{accept(listener_, nullptr, nullptr), socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (connect(pair.server, general(address), sizeof address) == 0) pairs.push_back(pair);
        else {
            close(pair.client);
            close(pair.server);
        }
    }
    for (const auto& pair : pairs) {
        close(pair.client);
        close(pair.server);
    }
}

}  // namespace tamis::test
