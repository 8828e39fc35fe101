#include "scanners/worker/packet.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tamis::worker {
namespace {

std::unexpected<Fault> socket_fault(const char* what) {
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return fail(Errc::closed, what);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return fail(Errc::unavailable, what);
    return fail(std::error_code(errno, std::system_category()), what);
}

// Control - room for the descriptors of one packet, aligned as the kernel wants it
struct Control {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(packet_descriptors * sizeof(int))> bytes;  // written by the kernel or below
};

}  // namespace

void Descriptor::reset() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
}

Result<std::pair<Descriptor, Descriptor>> socket_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return socket_fault("socketpair");
    return std::pair(Descriptor(ends[0]), Descriptor(ends[1]));
}

Done send_packet(int socket, std::string_view head, std::string_view tail, std::span<const int> descriptors, Wait wait) {
    if (head.size() + tail.size() > packet_limit || descriptors.size() > packet_descriptors)
        return fail(Errc::broken,
                    fmt::format("a packet of {} bytes and {} descriptors", head.size() + tail.size(), descriptors.size()));
    std::array<iovec, 2> pieces{{{const_cast<char*>(head.data()), head.size()}, {const_cast<char*>(tail.data()), tail.size()}}};
    msghdr message{};
    message.msg_iov = pieces.data();
    message.msg_iovlen = tail.empty() ? 1 : 2;
    Control control;
    if (!descriptors.empty()) {
        message.msg_control = control.bytes.data();
        message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
        std::memset(control.bytes.data(), 0, message.msg_controllen);
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
    }
    for (;;) {
        if (::sendmsg(socket, &message, MSG_NOSIGNAL | (wait == Wait::no ? MSG_DONTWAIT : 0)) >= 0) return {};
        if (errno != EINTR) return socket_fault("sending a packet");
    }
}

Result<Packet> receive_packet(int socket, std::span<char> buffer, Wait wait) {
    iovec piece{buffer.data(), buffer.size()};
    msghdr message{};
    Control control;
    ssize_t got = 0;
    do {
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
        got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (wait == Wait::no ? MSG_DONTWAIT : 0));
    } while (got < 0 && errno == EINTR);
    if (got < 0) return socket_fault("receiving a packet");
    Packet out{.bytes = {buffer.data(), static_cast<std::size_t>(got)}, .descriptors = {}};
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(part) + i * sizeof(int), sizeof number);
            out.descriptors.emplace_back(number);
        }
    }
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return fail(Errc::bad_reply, "a packet that is too large");
    if (got == 0 && out.descriptors.empty()) return fail(Errc::closed, "receiving a packet");
    return out;
}

}  // namespace tamis::worker
