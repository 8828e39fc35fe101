#include "proxy/takeover.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>

#include "base/log.h"
#include "base/text.h"
#include "scanners/worker/packet.h"

namespace tamis::proxy {
namespace {

using worker::Descriptor;

constexpr std::string_view hello = "tamis take over 1";
constexpr std::string_view go_word = "go";
constexpr std::string_view gone = "gone";
constexpr int patience_ms = 10'000;

std::error_code last_error() { return {errno, std::system_category()}; }

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path)
        return fail(Errc::over_limit,
                    fmt::format("{} is too long for a socket (107 octets at most); choose a shorter server.state_dir", path));
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

const sockaddr* any(const sockaddr_un& address) { return static_cast<const sockaddr*>(static_cast<const void*>(&address)); }

bool is_trusted(int socket, uid_t user) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == user || peer.uid == ::geteuid());
}

bool is_listening(int socket) {
    int on = 0;
    socklen_t size = sizeof on;
    return ::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on == 1;
}

// receive - the next packet, within the patience
Result<worker::Packet> receive(int socket, std::span<char> buffer) {
    pollfd waiting{socket, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, patience_ms);
    if (ready < 0) return fail(last_error(), "take over: poll");
    if (ready == 0) return fail(Errc::timeout, "take over: the tamisd that runs does not answer");
    return worker::receive_packet(socket, buffer, worker::Wait::no);
}

// names_of - one line each: name, tab, path (of a unix socket that is ours to remove)
std::string names_of(const std::vector<ListeningSocket>& sockets) {
    std::string out;
    for (const auto& socket : sockets) out += fmt::format("{}\t{}\n", socket.name, socket.path);
    return out;
}

}  // namespace

std::string takeover_path(const std::string& state_dir) { return state_dir + "/takeover.sock"; }

Result<std::unique_ptr<TakenOver>> TakenOver::ask(const std::string& state_dir, uid_t user) {
    const auto path = takeover_path(state_dir);
    const auto address = address_of(path);
    if (!address) return std::unexpected(address.error());
    const int channel = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (channel < 0) return fail(last_error(), "take over");
    std::unique_ptr<TakenOver> out(new TakenOver(channel));  // NOLINT: the constructor is private
    if (::connect(channel, any(*address), sizeof *address) != 0) {
        if (errno == ENOENT || errno == ECONNREFUSED) return nullptr;
        return fail(last_error(), fmt::format("take over from {}", path));
    }
    if (!is_trusted(channel, user))
        return fail(Errc::refused, fmt::format("take over: {} belongs to a process of another user", path));
    if (auto sent = worker::send_packet(channel, hello, {}, {}, worker::Wait::yes); !sent)
        return std::unexpected(std::move(sent.error()));
    std::array<char, 16 * 1024> buffer{};
    auto packet = receive(channel, buffer);
    if (!packet && packet.error().is(Errc::closed))
        return fail(Errc::refused, "take over: the tamisd that runs refused (another user?)");
    if (!packet) return std::unexpected(std::move(packet.error()));
    std::size_t used = 0;
    for (const auto line : split(packet->bytes, '\n')) {
        const auto tab = line.find('\t');
        if (tab == std::string_view::npos || used == packet->descriptors.size()) continue;
        auto& descriptor = packet->descriptors[used++];
        if (is_listening(descriptor.get()))
            out->sockets_.push_back({descriptor.release(), std::string(line.substr(0, tab)), std::string(line.substr(tab + 1))});
    }
    return out;
}

TakenOver::~TakenOver() {
    for (const auto& socket : sockets_) ::close(socket.descriptor);
    ::close(channel_);
}

std::vector<ListeningSocket> TakenOver::take(const std::string& name) {
    std::vector<ListeningSocket> out;
    std::erase_if(sockets_, [&](ListeningSocket& socket) {
        if (socket.name != name) return false;
        out.push_back(std::move(socket));
        return true;
    });
    return out;
}

Done TakenOver::finish() {
    if (auto sent = worker::send_packet(channel_, go_word, {}, {}, worker::Wait::yes); !sent) return sent;
    std::array<char, 64> buffer{};
    auto packet = receive(channel_, buffer);
    if (!packet) return std::unexpected(std::move(packet.error()));
    for (const auto& socket : sockets_)
        if (!socket.path.empty()) ::unlink(socket.path.c_str());
    return packet->bytes == gone ? Done{} : fail(Errc::bad_reply, "take over: an unknown answer");
}

struct TakeoverServer::Impl : std::enable_shared_from_this<TakeoverServer::Impl> {
    Impl(asio::io_context& io, std::string directory, std::vector<ListeningSocket> given, std::function<void()> when_told)
        : listening(io), path(takeover_path(directory)), sockets(std::move(given)), go_now(std::move(when_told)) {}

    Task<void> run();
    Task<void> serve(Descriptor peer);
    bool answer(int peer, std::string_view said);

    asio::posix::stream_descriptor listening;
    std::string path;
    ino_t inode = 0;  // ours; the path may be another's by now
    std::vector<ListeningSocket> sockets;
    std::function<void()> go_now;
};

TakeoverServer::TakeoverServer(asio::io_context& context, std::string state_dir, std::vector<ListeningSocket> sockets,
                               std::function<void()> go)
    : impl_(std::make_shared<Impl>(context, std::move(state_dir), std::move(sockets), std::move(go))) {}
TakeoverServer::~TakeoverServer() { stop(); }

// start - made under another name and moved: at no moment is the path missing or without a listener
Done TakeoverServer::start() {
    auto& in = *impl_;
    const auto fresh = fmt::format("{}.{}", in.path, ::getpid());
    const auto address = address_of(fresh);
    if (!address) return std::unexpected(address.error());
    Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::unlink(fresh.c_str());
    const auto mask = ::umask(0177);
    const bool bound = socket && ::bind(socket.get(), any(*address), sizeof *address) == 0;
    const auto error = last_error();
    ::umask(mask);
    struct stat about{};
    if (!bound) return fail(error, fmt::format("cannot listen on {}", fresh));
    if (::listen(socket.get(), 4) != 0 || ::lstat(fresh.c_str(), &about) != 0 || ::rename(fresh.c_str(), in.path.c_str()) != 0) {
        const auto trouble = last_error();
        ::unlink(fresh.c_str());
        return fail(trouble, fmt::format("cannot listen on {}", in.path));
    }
    in.inode = about.st_ino;
    boost::system::error_code refused;
    in.listening.assign(socket.get(), refused);
    if (refused) return fail(refused, fmt::format("cannot listen on {}", in.path));
    socket.release();
    asio::co_spawn(in.listening.get_executor(), in.run(), [self = impl_](const std::exception_ptr&) {});
    return {};
}

void TakeoverServer::stop() {
    auto& in = *impl_;
    if (!in.listening.is_open()) return;
    boost::system::error_code ignored;
    in.listening.close(ignored);
    struct stat about{};
    if (::lstat(in.path.c_str(), &about) == 0 && about.st_ino == in.inode) ::unlink(in.path.c_str());
}

// run - one peer after the other: there is one next tamisd at most
Task<void> TakeoverServer::Impl::run() {
    while (listening.is_open()) {
        auto [error] = co_await listening.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
        if (error) co_return;
        Descriptor peer(::accept4(listening.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!peer) continue;
        if (is_trusted(peer.get(), ::geteuid()))
            asio::co_spawn(listening.get_executor(), serve(std::move(peer)),
                           [self = shared_from_this()](const std::exception_ptr&) {});
        else log::warning({}, "somebody who is neither root nor our own user asked to take over the listening sockets; refused");
    }
}

Task<void> TakeoverServer::Impl::serve(Descriptor peer) {
    asio::posix::stream_descriptor watched(listening.get_executor());
    boost::system::error_code refused;
    watched.assign(peer.get(), refused);
    if (refused) co_return;
    peer.release();
    std::array<char, 64> buffer{};
    for (;;) {
        auto [error] = co_await watched.async_wait(asio::posix::stream_descriptor::wait_read, as_result);
        if (error) co_return;
        const auto packet = worker::receive_packet(watched.native_handle(), buffer, worker::Wait::no);
        if (!packet && packet.error().is(Errc::unavailable)) continue;
        if (!packet || !answer(watched.native_handle(), packet->bytes)) co_return;
    }
}

// answer - false: there is nothing more to say
bool TakeoverServer::Impl::answer(int peer, std::string_view said) {
    if (said == hello) {
        std::vector<int> descriptors;
        for (const auto& socket : sockets) descriptors.push_back(socket.descriptor);
        const auto sent = worker::send_packet(peer, names_of(sockets), {}, descriptors, worker::Wait::no);
        if (!sent) log::warning({}, "take over: the sockets could not be handed over: {}", describe(sent.error()));
        return sent.has_value();
    }
    if (said != go_word) return false;
    log::notice({}, "another tamisd has taken over the listening sockets");
    go_now();  // accepting has stopped when it returns
    if (auto sent = worker::send_packet(peer, gone, {}, {}, worker::Wait::no); !sent)
        log::info({}, "take over: the other side did not wait for our answer: {}", describe(sent.error()));
    return false;
}

}  // namespace tamis::proxy
