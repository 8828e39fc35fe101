#include "scanners/worker/spawner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/log.h"
#include "scanners/worker/packet.h"
#include "scanners/worker/spawner_loop.h"
#include "scanners/worker/wire_bytes.h"

namespace tamis::worker {
namespace {

std::string beside_this_program() {
    std::string path(4096, '\0');
    const auto size = ::readlink("/proc/self/exe", path.data(), path.size());
    if (size <= 0) return "tamis-worker";
    path.resize(static_cast<std::size_t>(size));
    return path.substr(0, path.rfind('/') + 1) + "tamis-worker";
}

}  // namespace

Result<int> open_worker_program(const SpawnerOptions& options) {
    const std::string path = options.worker.empty() ? beside_this_program() : options.worker;
    Descriptor program(::open(path.c_str(), O_PATH | O_CLOEXEC));
    if (!program || ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) != 0)
        return fail(std::error_code(errno, std::system_category()),
                    fmt::format("cannot execute {}: messages cannot be opened without it; install it beside tamisd, name it in "
                                "open.worker, or set open.enabled = false",
                                path));
    return program.release();
}

Result<std::unique_ptr<Spawner>> Spawner::start(SpawnerOptions options) {
    Descriptor program(options.program);
    if (!program) {
        auto opened = open_worker_program(options);
        if (!opened) return std::unexpected(std::move(opened.error()));
        program = Descriptor(*opened);
    }
    if (options.worker.empty()) options.worker = beside_this_program();
    auto ends = socket_pair();
    if (!ends) return std::unexpected(std::move(ends.error()));
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return fail(std::error_code(errno, std::system_category()), "cannot fork the process that starts workers");
    if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(1);
        run_spawner(ends->second.release(), program.release(), options.namespaces);
    }
    return std::unique_ptr<Spawner>(new Spawner(ends->first.release(), pid, options.worker));
}

Spawner::~Spawner() {
    ::close(socket_);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Result<std::uint64_t> Spawner::start_worker(int descriptor) {
    const auto cookie = next_cookie_.fetch_add(1, std::memory_order_relaxed);
    if (auto done = send(static_cast<std::uint8_t>(SpawnCommand::start), cookie, descriptor); !done)
        return std::unexpected(std::move(done.error()));
    return cookie;
}

Result<std::uint64_t> Spawner::start_program(int descriptor) {
    const auto cookie = next_cookie_.fetch_add(1, std::memory_order_relaxed);
    if (auto done = send(static_cast<std::uint8_t>(SpawnCommand::program), cookie, descriptor); !done)
        return std::unexpected(std::move(done.error()));
    return cookie;
}

Done Spawner::kill_worker(std::uint64_t cookie) { return send(static_cast<std::uint8_t>(SpawnCommand::kill), cookie, -1); }

Done Spawner::send(std::uint8_t command, std::uint64_t cookie, int descriptor) {
    ByteWriter packet;
    packet.u8(command);
    packet.u64(cookie);
    const std::array descriptors{descriptor};
    auto done = send_packet(socket_, packet.take(), {}, std::span(descriptors).first(descriptor < 0 ? 0 : 1), Wait::no);
    if (done || !done.error().is(Errc::closed)) return done;
    if (!is_gone_.exchange(true))
        log::error({},
                   "the process that starts tamis-worker has ended: messages cannot be opened and are unchecked; restart "
                   "tamisd (a process cannot be forked from a running one)");
    return fail(Errc::closed, "the process that starts workers has ended; tamisd must be restarted");
}

bool Spawner::first_report() noexcept { return !has_reported_.exchange(true); }

}  // namespace tamis::worker
