#include "proxy/daemonize.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/log.h"

namespace tamis::proxy {
namespace {

std::error_code last_error() { return {errno, std::system_category()}; }

// write_pid - the folder belongs to root; a link there is somebody's mistake or trick. The file that is there is replaced.
Done write_pid(const std::string& path, pid_t pid) {
    const auto fresh = path + ".new";
    ::unlink(fresh.c_str());
    const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    const auto text = fmt::format("{}\n", pid);
    if (file < 0) return fail(last_error(), fmt::format("cannot write {}", fresh));
    const bool written = ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    const auto error = last_error();
    ::close(file);
    if (!written) return fail(error, fmt::format("cannot write {}", fresh));
    if (::rename(fresh.c_str(), path.c_str()) != 0) return fail(last_error(), fmt::format("cannot write {}", path));
    return {};
}

// wait_for_child - the parent's whole life after the fork; returns its exit code
int wait_for_child(int pipe, pid_t child, const std::string& pid_file) {
    std::array<char, 1> sign{};
    ssize_t got = 0;
    do got = ::read(pipe, sign.data(), sign.size());
    while (got < 0 && errno == EINTR);
    if (got == 1) {
        if (pid_file.empty()) return 0;
        const auto done = write_pid(pid_file, child);
        if (done) return 0;
        fmt::print(stderr, "tamisd: it runs (pid {}), but {}\n", child, describe(done.error()));
        return 1;
    }
    int status = 0;
    if (::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) != 0) return WEXITSTATUS(status);
    fmt::print(stderr, "tamisd: it ended before it was ready{}\n",
               WIFSIGNALED(status) ? fmt::format(", by signal {}", WTERMSIG(status)) : "");
    return 1;
}

}  // namespace

Result<std::unique_ptr<Background>> Background::enter(const std::string& pid_file) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(last_error(), "cannot go into the background");
    const pid_t child = ::fork();
    if (child < 0) return fail(last_error(), "cannot go into the background");
    if (child > 0) {
        ::close(ends[1]);
        const int code = wait_for_child(ends[0], child, pid_file);
        std::fflush(stderr);
        ::_exit(code);
    }
    ::close(ends[0]);
    ::setsid();
    if (const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC); nothing >= 0) {
        ::dup2(nothing, STDIN_FILENO);
        ::close(nothing);
    }
    if (::chdir("/") != 0) return fail(last_error(), "cannot change to /");
    return std::unique_ptr<Background>(new Background(ends[1]));  // NOLINT: the constructor is private
}

Background::~Background() { ::close(pipe_); }

void Background::ready(bool keeps_stderr) {
    if (const int nothing = ::open("/dev/null", O_WRONLY | O_CLOEXEC); nothing >= 0) {
        ::dup2(nothing, STDOUT_FILENO);
        if (!keeps_stderr) ::dup2(nothing, STDERR_FILENO);
        ::close(nothing);
    }
    if (::write(pipe_, "r", 1) != 1) log::info({}, "whoever started tamisd did not wait until it was ready");
}

}  // namespace tamis::proxy
