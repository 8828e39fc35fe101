#include "scanners/worker/spawner_loop.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "scanners/command/program_runner.h"
#include "scanners/worker/packet.h"
#include "scanners/worker/wire.h"
#include "scanners/worker/wire_bytes.h"

namespace tamis::worker {
namespace {

constexpr int first_own = 10;  // our descriptors lie above those that a worker gets
constexpr std::uint64_t all_namespaces =
    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNS;
constexpr std::string_view namespace_names = "user pid net ipc uts cgroup";

// Child - one worker, or one runner of a program, which ends by itself when its channel does
struct Child {
    std::uint64_t cookie;
    pid_t pid;
    Descriptor channel;  // where its death is told
    Descriptor said;     // read end of its stdout and stderr
    bool is_runner = false;

    void stop() const {
        if (is_runner) ::shutdown(channel.get(), SHUT_RDWR);  // it kills its program and cleans up
        else ::kill(pid, SIGKILL);
    }
};

// raised - the same file at a number from first_own on
int raised(int descriptor) {
    const int out = ::fcntl(descriptor, F_DUPFD_CLOEXEC, first_own);
    if (out >= 0) ::close(descriptor);
    return out;
}

bool write_file(const char* path, const std::string& text) {
    const Descriptor file(::open(path, O_WRONLY | O_CLOEXEC));
    return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

class SpawnerLoop {
public:
    SpawnerLoop(int commands, int program, bool namespaces)
        : commands_(commands),
          program_(program),
          null_(raised(::open("/dev/null", O_RDWR | O_CLOEXEC))),
          namespaces_(namespaces) {}

    [[noreturn]] void run();

private:
    void obey();
    void start(std::uint64_t cookie, Descriptor channel);
    void start_runner(std::uint64_t cookie, Descriptor channel);
    void not_started(const Descriptor& channel) const;
    void kill(std::uint64_t cookie) const;
    void reap();
    pid_t fork_worker(bool& in_namespaces) const;
    [[noreturn]] void become_worker(int channel, int said, bool in_namespaces, uid_t user, gid_t group) const;
    [[noreturn]] void end();

    int commands_, program_, null_;
    bool namespaces_;
    std::vector<Child> children_;
    std::array<char, 256> buffer_{};
};

void SpawnerLoop::run() {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_SETMASK, &children, nullptr);
    const int signals = raised(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    if (signals < 0 || null_ < 0) ::_exit(1);
    std::array<pollfd, 2> waiting{{{commands_, POLLIN, 0}, {signals, POLLIN, 0}}};
    for (;;) {
        if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) end();
        if (waiting[1].revents != 0) {
            signalfd_siginfo which{};
            while (::read(signals, &which, sizeof which) > 0) {
            }
            reap();
        }
        if (waiting[0].revents != 0) obey();
    }
}

void SpawnerLoop::obey() {
    auto packet = receive_packet(commands_, buffer_, Wait::no);
    if (!packet) {
        if (packet.error().is(Errc::unavailable) || packet.error().is(Errc::bad_reply)) return;
        end();
    }
    ByteReader in(packet->bytes);
    const auto command = static_cast<SpawnCommand>(in.u8());
    const auto cookie = in.u64();
    if (!in.at_end()) return;
    if (command == SpawnCommand::start && packet->descriptors.size() == 1) start(cookie, std::move(packet->descriptors.front()));
    if (command == SpawnCommand::program && packet->descriptors.size() == 1)
        start_runner(cookie, std::move(packet->descriptors.front()));
    if (command == SpawnCommand::kill) kill(cookie);
}

// fork_worker - in namespaces of its own if that is wanted and allowed
pid_t SpawnerLoop::fork_worker(bool& in_namespaces) const {
    clone_args how{};
    how.exit_signal = SIGCHLD;
    how.flags = namespaces_ ? all_namespaces : 0;
    in_namespaces = namespaces_;
    long pid = ::syscall(SYS_clone3, &how, sizeof how);
    if (pid < 0 && namespaces_) {
        in_namespaces = false;
        pid = ::fork();
    }
    return static_cast<pid_t>(pid);
}

void SpawnerLoop::start(std::uint64_t cookie, Descriptor channel) {
    const uid_t user = ::geteuid();
    const gid_t group = ::getegid();
    std::array<int, 2> pipe{-1, -1};
    if (::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) pipe = {-1, -1};  // then nobody hears what it says
    Descriptor said(pipe[0]);
    const Descriptor saying(pipe[1]);
    bool in_namespaces = false;
    const pid_t pid = fork_worker(in_namespaces);
    if (pid == 0) become_worker(channel.get(), saying.get(), in_namespaces, user, group);
    if (pid < 0) return not_started(channel);
    children_.push_back({cookie, pid, std::move(channel), std::move(said)});
}

void SpawnerLoop::not_started(const Descriptor& channel) const {
    const DeathNotice notice{exit_not_started << 8, 0, fmt::format("fork: {}", std::strerror(errno))};
    if (!send_packet(channel.get(), encode_death(notice), {}, {}, Wait::no)) return;  // it closes in any case
}

// start_runner - it goes on with this program's code and nothing else of ours: no descriptor but its channel
void SpawnerLoop::start_runner(std::uint64_t cookie, Descriptor channel) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        const auto own = static_cast<unsigned>(channel.get());
        if (own > 3) ::close_range(3, own - 1, 0);
        ::close_range(own + 1, ~0U, 0);
        scanners::run_program_job(channel.get());
    }
    if (pid < 0) return not_started(channel);
    children_.push_back({cookie, pid, std::move(channel), {}, true});
}

// become_worker - in the child: only the worker's own descriptors, no handlers, and the program
void SpawnerLoop::become_worker(int channel, int said, bool in_namespaces, uid_t user, gid_t group) const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // the spawner ends: so does the worker
    std::string namespaces;
    if (in_namespaces) {
        namespaces = namespace_names;
        ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // else our own map is not ours to write
        if (write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/gid_map", fmt::format("0 {} 1", group)) &&
            write_file("/proc/self/uid_map", fmt::format("0 {} 1", user)))
            namespaces += " mnt";  // as its root the worker can give itself an empty directory as root
    }
    ::dup2(null_, 0);
    ::dup2(said >= 0 ? said : null_, 1);
    ::dup2(said >= 0 ? said : null_, 2);
    if (channel == worker_channel) ::fcntl(channel, F_SETFD, 0);
    else ::dup2(channel, worker_channel);
    ::close_range(worker_channel + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::string name = "tamis-worker";
    std::vector<std::string> environment{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"};
    for (const char* kept : {"ASAN_OPTIONS", "UBSAN_OPTIONS"})
        if (const char* value = std::getenv(kept)) environment.push_back(fmt::format("{}={}", kept, value));
    std::vector<char*> variables;
    for (auto& line : environment) variables.push_back(line.data());
    variables.push_back(nullptr);
    const std::array<char*, 3> arguments{name.data(), namespaces.data(), nullptr};
    ::syscall(SYS_execveat, program_, "", arguments.data(), variables.data(), AT_EMPTY_PATH);
    const std::string_view why = std::strerror(errno);
    if (::write(2, why.data(), why.size()) < 0) ::_exit(exit_not_started);
    ::_exit(exit_not_started);
}

void SpawnerLoop::kill(std::uint64_t cookie) const {
    const auto found = std::ranges::find(children_, cookie, &Child::cookie);
    if (found != children_.end()) found->stop();
}

void SpawnerLoop::reap() {
    int status = 0;
    rusage used{};
    for (pid_t pid = 0; (pid = ::wait4(-1, &status, WNOHANG, &used)) > 0;) {
        const auto found = std::ranges::find(children_, pid, &Child::pid);
        if (found == children_.end()) continue;
        DeathNotice notice{status, 0, {}};
        notice.cpu_us = static_cast<std::uint64_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1'000'000 +
                        static_cast<std::uint64_t>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
        notice.said.resize(1000);
        const auto got = found->said ? ::read(found->said.get(), notice.said.data(), notice.said.size()) : 0;
        notice.said.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        // nobody may listen any more, or the queue may be full of what the worker sent: then the closed end says enough
        if (auto told = send_packet(found->channel.get(), encode_death(notice), {}, {}, Wait::no); !told) notice.status = 0;
        children_.erase(found);
    }
}

void SpawnerLoop::end() {
    for (const auto& child : children_) child.stop();
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
    ::_exit(0);
}

}  // namespace

void run_spawner(int commands, int program, bool namespaces) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGQUIT})  // the daemon decides when we end; workers inherit this
        std::signal(signal, SIG_IGN);
    std::signal(SIGCHLD, SIG_DFL);
    ::prctl(PR_SET_NAME, "tamis-spawner");
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    const int command_socket = raised(commands), program_file = raised(program);
    if (command_socket < 0 || program_file < 0) ::_exit(1);
    // everything else that was inherited: listening sockets, the log, data bases
    const int last = std::max(command_socket, program_file), first = std::min(command_socket, program_file);
    ::close_range(3, static_cast<unsigned>(first - 1), 0);
    if (first + 1 < last) ::close_range(static_cast<unsigned>(first + 1), static_cast<unsigned>(last - 1), 0);
    ::close_range(static_cast<unsigned>(last + 1), ~0U, 0);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (const int standard : {0, 1, 2}) ::dup2(null, standard);
    if (null > 2) ::close(null);
    SpawnerLoop(command_socket, program_file, namespaces).run();
}

}  // namespace tamis::worker
