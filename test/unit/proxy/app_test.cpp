// the daemon from start to end, in a process of its own: it gives rights away, takes signals and changes the umask
#include "proxy/app.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "test/unit/quarantine/fixture.h"

using namespace tamis;
using namespace tamis::proxy;

namespace {

constexpr unsigned nobody = 65534;

// Daemon - an App with the settings in FOLDER/t.toml; what it logs comes through a pipe
struct Daemon {
    explicit Daemon(const test::Folder& in) : folder(in) {
        std::filesystem::permissions(folder.path, std::filesystem::perms::all);
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        process = ::fork();
        REQUIRE(process >= 0);
        if (process == 0) {
            ::dup2(ends[1], STDERR_FILENO);
            ::_exit(run());
        }
        ::close(ends[1]);
        log = ends[0];
    }
    ~Daemon() {
        if (process > 0) {
            ::kill(process, SIGKILL);
            ::waitpid(process, nullptr, 0);
        }
        ::close(log);
    }

    // run - in the child
    int run() const {
        if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0)) return 9;
        const auto file = folder.path + "/t.toml";
        Problems problems(file);
        const auto settings = config::load_settings_file(file, problems);
        if (problems.none()) {
            App app(settings);
            const auto done = app.start(problems, App::TakeOver::no);
            if (done) return app.run([] { fmt::print(stderr, "accepting\n"); });
            fmt::print(stderr, "start: {}\n", describe(done.error()));
        }
        for (const auto& line : problems.lines()) fmt::print(stderr, "{}\n", line);
        return 1;
    }

    // says - reads its log up to a line that holds the text; false: it ended without
    bool says(std::string_view text) {
        for (;;) {
            for (auto end = heard.find('\n'); end != std::string::npos; end = heard.find('\n')) {
                const auto line = heard.substr(0, end);
                heard.erase(0, end + 1);
                all += line + "\n";
                if (line.find(text) != std::string::npos) return true;
            }
            std::array<char, 4096> buffer{};
            pollfd waits{log, POLLIN, 0};
            if (::poll(&waits, 1, 60'000) != 1) return false;  // bounds what hangs
            const auto got = ::read(log, buffer.data(), buffer.size());
            if (got <= 0) return false;
            heard.append(buffer.data(), static_cast<std::size_t>(got));
        }
    }
    int end() {
        int status = -1;
        ::waitpid(std::exchange(process, -1), &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }

    const test::Folder& folder;
    pid_t process = -1;
    int log = -1;
    std::string heard, all;
};

void configure(const test::Folder& folder, std::string_view server = {}, std::string_view more = {}) {
    std::ofstream(folder.path + "/t.toml") << fmt::format(
        "[server]\nlisten = [\"unix:{0}/socket\"]\nstate_dir = \"{0}/state\"\nhostname = \"f.example.com\"\nthreads = 1\n{1}\n"
        "[storage]\nstorage_dsn = []\nlookup_dsn = []\n[open]\nenabled = false\n[log]\ntarget = \"stderr\"\n"
        "[policy]\nvirus_quarantine = \"\"\nbanned_quarantine = \"\"\nspam_quarantine = \"\"\nunopened_quarantine = \"\"\n{2}\n",
        folder.path, server, more);
}

int connected(const test::Folder& folder) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = folder.path + "/socket";
    std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
    const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(client >= 0);
    REQUIRE(::connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return client;
}

}  // namespace

TEST_CASE("it starts, serves, and ends with what is in hand", "[app]") {
    const test::Folder folder;
    configure(folder);
    Daemon daemon(folder);
    REQUIRE(daemon.says("accepting"));
    CHECK_THAT(daemon.all, Catch::Contains(fmt::format("listening on {}/socket", folder.path)));
    const int client = connected(folder);
    std::array<char, 256> greeting{};
    CHECK(::read(client, greeting.data(), greeting.size() - 1) > 0);
    CHECK(std::string_view(greeting.data()) == "220 [localhost] ESMTP Tamis service ready\r\n");
    ::close(client);
    const int signal = GENERATE(SIGTERM, SIGINT);
    ::kill(daemon.process, signal);
    CHECK(daemon.says("stopped"));
    CHECK(daemon.end() == 0);
    CHECK_FALSE(std::filesystem::exists(folder.path + "/socket"));
}

TEST_CASE("what it cannot start with", "[app]") {
    struct Row {
        const char* what;
        std::string server, more, said;
    };
    const auto row = GENERATE(
        Row{"an unknown setting", "liste = []", "", "t.toml:6:1: unknown setting"},
        Row{"a folder that cannot be", "pid_file = \"/proc/no/such/pid\"", "", "start: server.pid_file: "},
        Row{"a certificate that is not there", "tls_certificate = \"/none.pem\"\ntls_key = \"/none.key\"", "", "t.toml:6:"},
        Row{"a scanner with a wrong setting", "", "[scanners.clamd]\nsocket = \"nowhere\"", "scanners.clamd"});
    CAPTURE(row.what);
    const test::Folder folder;
    configure(folder, row.server, row.more);
    Daemon daemon(folder);
    CHECK_FALSE(daemon.says("accepting"));
    CHECK_THAT(daemon.all, Catch::Contains(row.said));
    CHECK(daemon.end() == 1);
}

TEST_CASE("a second one on the same socket does not start", "[app]") {
    const test::Folder folder;
    configure(folder);
    Daemon first(folder);
    REQUIRE(first.says("accepting"));
    Daemon second(folder);
    CHECK_FALSE(second.says("accepting"));
    CHECK_THAT(second.all, Catch::Contains("somebody already listens there"));
    CHECK(second.end() == 1);
    ::close(connected(folder));  // the first one still serves
}

TEST_CASE("reload: accepted, refused, and what needs a restart", "[app]") {
    const test::Folder folder;
    configure(folder);
    Daemon daemon(folder);
    REQUIRE(daemon.says("accepting"));
    configure(folder, "localhost_name = \"here\"", "[limits]\nbacklog = 7");
    ::kill(daemon.process, SIGHUP);
    CHECK(daemon.says("reload: limits.backlog takes effect after a restart"));
    CHECK(daemon.says("reloaded " + folder.path + "/t.toml"));
    configure(folder, "localhost_nam = \"here\"");
    ::kill(daemon.process, SIGHUP);
    CHECK(daemon.says("t.toml:6:1: unknown setting"));
    CHECK(daemon.says("reload refused, the settings in force stay as they are"));
    std::ofstream(folder.path + "/t.toml") << "";
    ::kill(daemon.process, SIGHUP);
    CHECK(daemon.says("holds no settings at all"));
    CHECK(daemon.says("reload refused"));
    ::close(connected(folder));  // and it serves on
    ::kill(daemon.process, SIGTERM);
    CHECK(daemon.says("stopped"));
    CHECK(daemon.end() == 0);
}
