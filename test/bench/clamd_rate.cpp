// bench_clamd_rate SOCKET FILE CONNECTIONS SECONDS - how many scans per second a clamd gives over FILDES
//
// Each of CONNECTIONS threads repeats, until the time is up: connect, zFILDES with the descriptor, read the answer to
// its end. That is what a filter has to do for each message and nothing else, so the figure is the most that a filter
// can reach with this clamd. Prints "RATE COUNT", RATE in scans per second. Exits 1 when any scan fails: a rate with
// errors in it means nothing. Trusts its arguments and the clamd.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

// Descriptor - closes what it holds
class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int get() const noexcept { return number_; }

private:
    int number_;
};

// send_descriptor - one zero byte with the file's descriptor beside it (clamd(8), FILDES)
bool send_descriptor(int to, int file) {
    char zero = 0;
    iovec bytes{&zero, 1};
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(int))> room{};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    cmsghdr* control = CMSG_FIRSTHDR(&message);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(control), &file, sizeof(int));
    return ::sendmsg(to, &message, MSG_NOSIGNAL) == 1;
}

// scan - what is wrong with one scan, or nothing
std::optional<std::string> scan(const sockaddr_un& address, int file) {
    const Descriptor connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connection.get() < 0) return std::string("socket: ") + std::strerror(errno);
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return std::string("connect: ") + std::strerror(errno);
    constexpr std::string_view command("zFILDES\0", 8);
    if (::send(connection.get(), command.data(), command.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(command.size()) ||
        !send_descriptor(connection.get(), file))
        return std::string("send: ") + std::strerror(errno);
    std::string answer;
    std::array<char, 512> buffer{};
    for (;;) {
        const auto size = ::recv(connection.get(), buffer.data(), buffer.size(), 0);
        if (size < 0) return std::string("recv: ") + std::strerror(errno);
        if (size == 0) break;
        answer.append(buffer.data(), static_cast<std::size_t>(size));
    }
    if (answer.find(": OK") == std::string::npos && answer.find(" FOUND") == std::string::npos)
        return "clamd answered '" + answer + "'";
    return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("usage: bench_clamd_rate SOCKET FILE CONNECTIONS SECONDS\n", stderr);
        return 2;
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (std::strlen(argv[1]) >= sizeof address.sun_path) {
        std::fprintf(stderr, "bench_clamd_rate: socket path too long: %s\n", argv[1]);
        return 2;
    }
    std::memcpy(address.sun_path, argv[1], std::strlen(argv[1]));
    const auto connections = std::strtoul(argv[3], nullptr, 10);
    const auto start = Clock::now();
    const auto end =
        start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(std::strtod(argv[4], nullptr)));

    std::atomic<unsigned long> scans = 0;
    std::atomic<bool> failed = false;
    {
        std::vector<std::jthread> threads;
        for (unsigned long i = 0; i < connections; ++i)
            threads.emplace_back([&] {
                const Descriptor file(::open(argv[2], O_RDONLY | O_CLOEXEC));
                while (!failed && Clock::now() < end) {
                    if (const auto wrong = scan(address, file.get())) {
                        if (!failed.exchange(true)) std::fprintf(stderr, "bench_clamd_rate: %s\n", wrong->c_str());
                        return;
                    }
                    ++scans;
                }
            });
    }
    const std::chrono::duration<double> took = Clock::now() - start;
    std::printf("%.1f %lu\n", static_cast<double>(scans) / took.count(), scans.load());
    return failed || scans == 0 ? 1 : 0;
}
