// bench_smtp_latency PORT FILE COUNT RATE [all] - how long a filter on 127.0.0.1 takes from end of data to its answer
//
// Sends FILE (lines ending in LF) COUNT times over one connection, RATE per second, and measures from just before the
// closing dot is written to the last byte of the reply. The body is written before the clock starts. Prints one line of
// microseconds: "P50 P90 P99 MAX"; with "all" every measured time on a line of its own instead, in the order of the messages. Exits 1 when an answer is not the wanted one. Trusts its arguments; a reply is read
// to at most 64 kB.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

// Client - a blocking SMTP client; what goes wrong is thrown and ends main
class Client {
public:
    explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int on = 1;
        const timeval patience{60, 0};
        if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
            ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
            throw std::runtime_error(std::string("connect: ") + std::strerror(errno));
        expect('2');
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() {
        if (socket_ >= 0) ::close(socket_);
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto size = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (size <= 0) throw std::runtime_error(std::string("send: ") + std::strerror(errno));
            bytes.remove_prefix(static_cast<std::size_t>(size));
        }
    }
    // expect - reads one reply (all its lines); it must begin with the digit
    void expect(char first_digit) {
        std::string reply;
        for (;;) {
            std::array<char, 4096> buffer{};
            const auto size = ::recv(socket_, buffer.data(), buffer.size(), 0);
            if (size <= 0) throw std::runtime_error("the filter hung up or is silent after '" + reply + "'");
            reply.append(buffer.data(), static_cast<std::size_t>(size));
            if (reply.size() > 65536) throw std::runtime_error("endless reply");
            if (!reply.ends_with("\r\n")) continue;
            const auto before = reply.rfind('\n', reply.size() - 2);
            const auto last = before == std::string::npos ? 0 : before + 1;
            if (reply.size() - last < 4 || reply[last + 3] != '-') break;
        }
        if (reply.front() != first_digit) throw std::runtime_error("the filter answered '" + reply + "'");
    }
    void ask(std::string_view command, char first_digit) {
        send(command);
        expect(first_digit);
    }

private:
    int socket_;
};

// load_message - the file with CRLF line ends and doubled leading dots
std::string load_message(const char* name) {
    std::ifstream file(name);
    if (!file) throw std::runtime_error(std::string("cannot read ") + name);
    std::string message;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with('.')) message += '.';
        message += line + "\r\n";
    }
    return message;
}

std::vector<double> measure(std::uint16_t port, const std::string& message, unsigned long count, double rate) {
    Client client(port);
    client.ask("EHLO bench.example.com\r\n", '2');
    std::vector<double> microseconds;
    auto next = Clock::now();
    for (unsigned long i = 0; i < count; ++i) {
        std::this_thread::sleep_until(next);
        next = std::max(next, Clock::now() - std::chrono::seconds(1)) +
               std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / rate));
        client.ask("MAIL FROM:<a@sender.org>\r\n", '2');
        client.ask("RCPT TO:<user@example.com>\r\n", '2');
        client.ask("DATA\r\n", '3');
        client.send(message);
        const auto start = Clock::now();
        client.ask(".\r\n", '2');
        microseconds.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    }
    client.ask("QUIT\r\n", '2');
    return microseconds;
}

}  // namespace

int main(int argc, char** argv) try {
    const bool wants_all = argc == 6 && std::string_view(argv[5]) == "all";
    if (argc != 5 && !wants_all) {
        std::fputs("usage: bench_smtp_latency PORT FILE COUNT RATE [all]\n", stderr);
        return 2;
    }
    const auto count = std::max(1UL, std::strtoul(argv[3], nullptr, 10));
    auto seen = measure(static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10)), load_message(argv[2]), count,
                        std::strtod(argv[4], nullptr));
    if (wants_all) {
        for (const auto microseconds : seen) std::printf("%.0f\n", microseconds);
        return 0;
    }
    std::sort(seen.begin(), seen.end());
    const auto at = [&](double share) {
        return seen[std::min(seen.size() - 1, static_cast<std::size_t>(share * static_cast<double>(seen.size())))];
    };
    std::printf("%.0f %.0f %.0f %.0f\n", at(0.5), at(0.9), at(0.99), seen.back());
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "bench_smtp_latency: %s\n", error.what());
    return 1;
}
