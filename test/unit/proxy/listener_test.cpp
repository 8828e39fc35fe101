#include "proxy/listener.h"

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <cstring>

#include "base/log.h"
#include "test/unit/quarantine/fixture.h"

using namespace tamis;
using namespace tamis::proxy;

namespace {

int client_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
    const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(client >= 0);
    if (::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return client;
    ::close(client);
    return -1;
}

// Accepting - an Acceptor at work, and what it took
struct Accepting {
    explicit Accepting(const ListeningSocket& socket) : acceptor(context.get_executor(), socket) {
        asio::co_spawn(context, acceptor.run([this](Accepted one) {
            taken.push_back(std::move(one));
            if (refuses) throw std::runtime_error("no memory");
        }),
                       [this](const std::exception_ptr& broken) {
                           CHECK_FALSE(broken);
                           has_ended = true;
                       });
    }
    ~Accepting() {
        for (const auto& one : taken)
            if (!refuses) ::close(one.descriptor);
    }
    template <class Condition>
    void wait(Condition condition) {
        while (!condition())
            if (context.run_one_for(std::chrono::seconds(60)) == 0) break;  // bounds what hangs
        CHECK(condition());
    }
    asio::io_context context;
    Acceptor acceptor;
    std::vector<Accepted> taken;
    bool has_ended = false, refuses = false;
};

ListeningSocket listening_on(const std::string& path) {
    auto opened = open_listeners({"unix:" + path}, 16, 0600);
    INFO((opened ? "" : describe(opened.error())));
    REQUIRE(opened);
    REQUIRE(opened->size() == 1);
    return opened->front();
}

}  // namespace

TEST_CASE("a unix socket is born with its mode; a stale one is replaced, a live one is not") {
    const test::Folder folder;
    const auto path = folder.path + "/socket";
    const auto first = listening_on(path);
    CHECK(first.name == path);
    CHECK(first.path == path);
    struct stat status{};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    const auto second = open_listeners({"unix:" + path}, 16, 0600);
    REQUIRE_FALSE(second);
    CHECK(second.error().is(Errc::conflict));
    CHECK(second.error().detail == "listen on " + path + ": somebody already listens there");
    ::close(first.descriptor);
    ::close(listening_on(path).descriptor);
}

TEST_CASE("what nobody can listen on") {
    const test::Folder folder;
    folder.put("file", "x");
    struct Row {
        std::string endpoint, said;
    };
    const auto row = GENERATE_COPY(Row{"unix:" + folder.path + "/none/socket", "none/socket"},
                                   Row{"unix:" + folder.path + "/file", "/file"}, Row{"unix:/" + std::string(200, 'x'), "xxx"},
                                   Row{"192.0.2.1:10024", "listen on 192.0.2.1:10024"}, Row{"127.0.0.1", "no port"});
    CAPTURE(row.endpoint);
    const auto opened = open_listeners({row.endpoint}, 16, 0600);
    REQUIRE_FALSE(opened);
    CHECK_THAT(opened.error().detail, Catch::Contains(row.said));
}

TEST_CASE("connections are handed on until stop, which leaves the backlog alone") {
    const test::Folder folder;
    const auto path = folder.path + "/socket";
    const auto socket = listening_on(path);
    Accepting accepting(socket);
    const int first = client_of(path), second = client_of(path);
    accepting.wait([&] { return accepting.taken.size() == 2; });
    CHECK(accepting.taken[0].is_unix);
    CHECK(accepting.taken[0].listener == path);
    CHECK(accepting.taken[0].peer_address.empty());
    accepting.acceptor.stop();
    accepting.wait([&] { return accepting.has_ended; });
    const int third = client_of(path);  // the socket itself is still there
    CHECK(third >= 0);
    CHECK(accepting.taken.size() == 2);
    for (const int each : {first, second, third, socket.descriptor}) ::close(each);
}

TEST_CASE("over TCP it says who is there, and on which port") {
    const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(descriptor, 4) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    Accepting accepting({descriptor, "here", {}});
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    accepting.wait([&] { return accepting.taken.size() == 1; });
    CHECK(accepting.taken[0].peer_address == "127.0.0.1");
    CHECK(accepting.taken[0].socket_address == "127.0.0.1");
    CHECK(accepting.taken[0].listener == std::to_string(ntohs(address.sin_port)));
    CHECK_FALSE(accepting.taken[0].is_unix);
    CHECK_FALSE(accepting.taken[0].is_ipv6);
    ::close(client);
    ::close(descriptor);
}

#if !__has_feature(address_sanitizer)  // the sanitizers need descriptors of their own to look at an object
TEST_CASE("without descriptors connections wait, unrefused, until there are some") {
    const test::Folder folder;
    const auto path = folder.path + "/socket";
    const auto socket = listening_on(path);
    Accepting accepting(socket);
    const int client = client_of(path);
    rlimit usual{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &usual) == 0);
    const int lowest_free = ::dup(client);
    REQUIRE(lowest_free >= 0);
    ::close(lowest_free);
    auto tight = usual;
    tight.rlim_cur = static_cast<rlim_t>(lowest_free);
    log::capture(true);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    std::vector<std::string> said;
    accepting.wait([&] {
        for (auto& line : log::captured()) said.push_back(std::move(line));
        return !said.empty();
    });
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &usual) == 0);
    log::capture(false);
    REQUIRE(said.size() == 1);
    CHECK_THAT(said[0], Catch::Contains("cannot accept on " + path) && Catch::Contains("new connections wait"));
    CHECK(accepting.taken.empty());
    accepting.wait([&] { return accepting.taken.size() == 1; });
    ::close(client);
    ::close(socket.descriptor);
}
#endif

TEST_CASE("a connection that cannot be handed on is closed, and the next one is taken") {
    const test::Folder folder;
    const auto path = folder.path + "/socket";
    const auto socket = listening_on(path);
    log::capture(true);
    Accepting accepting(socket);
    accepting.refuses = true;
    const int first = client_of(path), second = client_of(path);
    accepting.wait([&] { return accepting.taken.size() == 2; });
    char octet = 0;
    CHECK(::read(first, &octet, 1) == 0);
    CHECK(::read(second, &octet, 1) == 0);
    CHECK(log::captured().size() == 2);
    log::capture(false);
    for (const int each : {first, second, socket.descriptor}) ::close(each);
}
