// support - messages, a place to run coroutines, and faulty peers for the tests of the scanners
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/endpoint.h"
#include "mail/header.h"
#include "scanners/scanner.h"

namespace tamis::scanners::test {

enum class Head { all, none };  // whether the spool keeps the message in memory

inline const std::string clean_text = "From: a@sender.org\r\nTo: u@example.com\r\nSubject: hello\r\n\r\nNothing to see here.\r\n";
// the test strings in pieces, so that this file is no test file itself
inline const std::string eicar = std::string(R"(X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-)") + "STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";
inline const std::string gtube = std::string("XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-") + "STANDARD-ANTI-UBE-TEST-EMAIL*C.34X";

inline mail::Message make_message(const std::string& text, Head head = Head::all) {
    const int descriptor = ::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    REQUIRE(descriptor >= 0);
    for (std::size_t at = 0; at < text.size();) {
        const auto done = ::write(descriptor, text.data() + at, text.size() - at);
        REQUIRE(done > 0);
        at += static_cast<std::size_t>(done);
    }
    REQUIRE(::fcntl(descriptor, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0);
    mail::Message message;
    message.mail_id = mail::MailId("AbCdEfGhIjKl");
    message.spool = std::make_shared<mail::SealedSpool>(descriptor, text.size(), head == Head::all ? text : "");
    message.header = mail::parse_header(text);
    message.size = text.size();
    return message;
}

inline mail::Envelope make_envelope() {
    mail::Envelope envelope;
    envelope.sender = "a@sender.org";
    envelope.recipients = {{"u@example.com", "", ""}, {"v@example.com", "", ""}};
    envelope.client.name = "mx.sender.org";
    envelope.client.helo = "helo.sender.org";
    envelope.client.ident = "4XyZ12";
    return envelope;
}

// run - a coroutine to its end on an io_context of its own
template <class T>
T run(Task<T> task) {
    asio::io_context context(1);
    std::optional<T> result;
    std::exception_ptr trouble;
    asio::co_spawn(context, std::move(task), [&](std::exception_ptr thrown, T value) {
        trouble = thrown;
        result = std::move(value);
        context.stop();  // a connection kept for later has a timer
    });
    context.run();
    if (trouble) std::rethrow_exception(trouble);
    return std::move(*result);
}

inline mail::ScanOutcome scan_with(Scanner& scanner, const mail::Message& message, const mail::Envelope& envelope,
                                   Deadline deadline = Deadline::in(std::chrono::seconds(20))) {
    const ScanRequest request{&message, &envelope, "filter.example.com", "192.0.2.1"};
    return run(scanner.scan(request, deadline));
}
inline mail::ScanOutcome scan_text(Scanner& scanner, const std::string& text, Head head = Head::all,
                                   Deadline deadline = Deadline::in(std::chrono::seconds(20))) {
    return scan_with(scanner, make_message(text, head), make_envelope(), deadline);
}

inline bool is_clean(const mail::ScanOutcome& outcome) { return std::holds_alternative<mail::Clean>(outcome); }
inline bool is_failed(const mail::ScanOutcome& outcome, Errc code) {
    const auto* failed = std::get_if<mail::Failed>(&outcome);
    return failed != nullptr && failed->fault.is(code);
}
// told - an outcome in words, for CHECK to show
inline std::string told(const mail::ScanOutcome& outcome) {
    if (std::holds_alternative<mail::Clean>(outcome)) return "clean";
    if (const auto* infected = std::get_if<mail::Infected>(&outcome)) return "infected " + infected->names.at(0);
    if (const auto* failed = std::get_if<mail::Failed>(&outcome)) return "failed " + describe(failed->fault);
    return "scored " + std::to_string(std::get<mail::Scored>(outcome).score);
}

// TempDir - a directory for unix sockets and rule files, removed at the end
class TempDir {
public:
    TempDir() {
        std::string name = (std::filesystem::temp_directory_path() / "tamis-test-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~TempDir() { std::filesystem::remove_all(path_); }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    std::string file(const std::string& name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

// Connection - one accepted connection of a FakePeer, with blocking calls for its own thread
class Connection {
public:
    Connection(int descriptor, int number) : descriptor_(descriptor), number_(number) {}
    int number() const { return number_; }  // 0 for the first
    int descriptor() const { return descriptor_; }
    void say(std::string_view bytes) const {
        while (!bytes.empty()) {
            const auto done = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (done <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(done));
        }
    }
    // hear - at least that many bytes, fewer when the other side closes
    std::string hear(std::size_t size) const {
        std::string out;
        std::array<char, 65536> buffer{};
        while (out.size() < size) {
            const auto got = ::recv(descriptor_, buffer.data(), std::min(buffer.size(), size - out.size()), 0);
            if (got <= 0) break;
            out.append(buffer.data(), static_cast<std::size_t>(got));
        }
        return out;
    }
    // hear_until - up to and including the mark
    std::string hear_until(std::string_view mark) const {
        std::string out;
        while (!out.ends_with(mark)) {
            const auto one = hear(1);
            if (one.empty()) break;
            out += one;
        }
        return out;
    }
    // hear_descriptor - the byte and the descriptor that came with it; -1 when none did
    int hear_descriptor() const {
        char byte = 0;
        iovec vector{&byte, 1};
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        msghdr message{};
        message.msg_iov = &vector;
        message.msg_iovlen = 1;
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        if (::recvmsg(descriptor_, &message, 0) != 1) return -1;
        const cmsghdr* header = CMSG_FIRSTHDR(&message);
        int passed = -1;
        if (header != nullptr) std::memcpy(&passed, CMSG_DATA(header), sizeof passed);
        return passed;
    }
    // wait_for_close - throws away what the other side says and stays silent until the test is over
    void wait_for_close() const {
        while (!hear(64 * 1024).empty()) continue;  // in large pieces: 30 MB octet by octet take longer than a scanner waits
        while (still_open(60'000)) continue;
    }
    // still_open - whether the connection stands after a while; the other side may have stopped sending
    bool still_open(int milliseconds) const {
        pollfd watch{descriptor_, 0, 0};
        return ::poll(&watch, 1, milliseconds) == 0;
    }

private:
    int descriptor_;
    int number_;
};

// FakePeer - a server in this process; each connection is played by `script` in a thread of its own
class FakePeer {
public:
    using Script = std::function<void(Connection&)>;
    explicit FakePeer(Script script, const std::string& socket_path = "") : script_(std::move(script)) {
        if (socket_path.empty()) {
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            listen_on(AF_INET, address);
            socklen_t size = sizeof address;
            REQUIRE(::getsockname(listener_, generic(&address), &size) == 0);
            endpoint_ = Endpoint{"127.0.0.1", ntohs(address.sin_port), {}};
        } else {
            sockaddr_un address{};
            address.sun_family = AF_UNIX;
            std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
            listen_on(AF_UNIX, address);
            endpoint_ = Endpoint{{}, 0, socket_path};
        }
        acceptor_ = std::jthread([this] { accept_all(); });
    }
    ~FakePeer() {
        ::shutdown(listener_, SHUT_RDWR);
        acceptor_.join();
        {
            const std::lock_guard lock(mutex_);
            for (const int descriptor : open_) ::shutdown(descriptor, SHUT_RDWR);
        }
        players_.clear();
        ::close(listener_);
    }
    FakePeer(const FakePeer&) = delete;
    FakePeer& operator=(const FakePeer&) = delete;
    const Endpoint& endpoint() const { return endpoint_; }
    int connections() const { return connections_; }

private:
    template <class T>
    static sockaddr* generic(T* address) {
        return static_cast<sockaddr*>(static_cast<void*>(address));
    }
    template <class T>
    void listen_on(int family, T& address) {
        listener_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(listener_ >= 0);
        REQUIRE(::bind(listener_, generic(&address), sizeof address) == 0);
        REQUIRE(::listen(listener_, 100) == 0);
    }
    void accept_all() {
        for (;;) {
            const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            if (descriptor < 0) return;
            const int number = connections_++;
            const std::lock_guard lock(mutex_);
            open_.push_back(descriptor);
            players_.emplace_back([this, descriptor, number] {
                Connection connection(descriptor, number);
                script_(connection);
                const std::lock_guard relock(mutex_);
                std::erase(open_, descriptor);
                ::close(descriptor);
            });
        }
    }

    Script script_;
    int listener_ = -1;
    Endpoint endpoint_;
    std::atomic<int> connections_ = 0;
    std::mutex mutex_;
    std::vector<int> open_;
    std::vector<std::jthread> players_;
    std::jthread acceptor_;
};

// free_endpoint - a loopback port on which nobody listens
inline Endpoint free_endpoint() {
    const FakePeer gone([](Connection&) {});
    return gone.endpoint();
}

}  // namespace tamis::scanners::test
