#include "tools/doctor/run_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/text.h"
#include "scanners/worker/packet.h"

extern char** environ;  // posix_spawn wants it, no header declares it everywhere

namespace tamis::doctor {
namespace {

using worker::Descriptor;

constexpr std::size_t output_limit = 4 * 1024 * 1024;

std::string find_in_path(const std::string& name) {
    const char* path = std::getenv("PATH");
    const std::string all =
        std::string(path != nullptr ? path : "") + ":/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";
    for (const auto folder : split(all, ':')) {
        if (!folder.starts_with('/')) continue;
        auto file = std::string(folder) + "/" + name;
        if (::access(file.c_str(), X_OK) == 0) return file;
    }
    return {};
}

// Pipe - for one of the program's outputs
struct Pipe {
    Descriptor ours, theirs;
    std::string text;
};
bool open_pipe(Pipe& pipe) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    pipe.ours = Descriptor(ends[0]);
    pipe.theirs = Descriptor(ends[1]);
    return true;
}

// drain - reads both until the program has closed them; false when the time is up or it says too much
bool drain(Pipe& out, Pipe& err, Deadline deadline) {
    std::array<char, 16384> buffer{};
    while (out.ours || err.ours) {
        std::array<pollfd, 2> waiting{pollfd{out.ours.get(), POLLIN, 0}, pollfd{err.ours.get(), POLLIN, 0}};
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline.left()).count();
        if (left <= 0) return false;
        const int ready = ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<long>(left, 60'000)));
        if (ready < 0 && errno != EINTR) return false;
        for (std::size_t i = 0; i < waiting.size() && ready > 0; ++i) {
            if (waiting[i].revents == 0) continue;
            Pipe& pipe = i == 0 ? out : err;
            const auto got = ::read(pipe.ours.get(), buffer.data(), buffer.size());
            if (got <= 0) pipe.ours.reset();
            else pipe.text.append(buffer.data(), static_cast<std::size_t>(got));
            if (pipe.text.size() > output_limit) return false;
        }
    }
    return true;
}

// wait_until - its end; it has closed its outputs, so this is short
bool wait_until(pid_t process, int& status, Deadline deadline) {
    for (;;) {
        const auto ended = ::waitpid(process, &status, WNOHANG);
        if (ended == process) return true;
        if ((ended < 0 && errno != EINTR) || deadline.passed()) return false;
        ::poll(nullptr, 0, 2);
    }
}

}  // namespace

Result<std::string> run_program(const std::string& name, const std::vector<std::string>& arguments, Deadline deadline) {
    const auto program = find_in_path(name);
    if (program.empty()) return fail(Errc::not_found, name + ": no such program here");
    Pipe out, err;
    if (!open_pipe(out) || !open_pipe(err)) return fail(std::error_code(errno, std::generic_category()), name);
    std::vector<std::string> texts{program};
    texts.insert(texts.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (auto& text : texts) argv.push_back(text.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions{};
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out.theirs.get(), 1);
    ::posix_spawn_file_actions_adddup2(&actions, err.theirs.get(), 2);
    pid_t process = 0;
    const int failed = ::posix_spawn(&process, program.c_str(), &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) return fail(std::error_code(failed, std::generic_category()), program);
    out.theirs.reset();
    err.theirs.reset();
    int status = 0;
    const bool in_time = drain(out, err, deadline) && wait_until(process, status, deadline);
    if (!in_time) {
        ::kill(process, SIGKILL);
        while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
        }
    }
    if (!in_time) return fail(Errc::timeout, fmt::format("{} did not end in time", program));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail(Errc::unavailable, fmt::format("{} failed: {}", program, escaped(trim(err.text), 200)));
    return std::move(out.text);
}

}  // namespace tamis::doctor
