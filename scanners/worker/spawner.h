// spawner - the small process that starts tamis-worker processes for the daemon, and ends them
//
// Forked by Spawner::start() before the daemon has any thread and after it has dropped its privileges: the spawner and all
// that it starts run as the daemon's user, and the daemon itself never forks again. It holds no descriptor of the daemon
// but one SEQPACKET socket, over which commands come as one-way packets (the kernel keeps each whole, so any thread
// may send them without a lock). It ends, and every worker with it, when that socket closes - also when the daemon is
// killed - and so do the workers when the spawner dies. Commands trust the daemon; the workers' bytes are never read
// here, but for the first kilobyte that a dead worker left on its stderr.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace tamis::worker {

struct SpawnerOptions {
    std::string worker;      // program; "": tamis-worker in the folder of the running program
    bool namespaces = true;  // empty user, network, pid, ipc, uts, cgroup and mount namespaces, if the kernel allows
    int program = -1;        // that program, opened already by open_worker_program(); start() takes it over
};

// open_worker_program - `options.worker` (or the one beside the running program) as a descriptor to be executed later: to be
// called before privileges are dropped, for the daemon's user may not see the folder it lies in
Result<int> open_worker_program(const SpawnerOptions& options);

class Spawner {
public:
    // start - forks. The process must have one thread. The worker program is opened here, once: later workers are the
    // same program even after an upgrade replaced the file. Fault: it is missing or cannot be executed.
    static Result<std::unique_ptr<Spawner>> start(SpawnerOptions options);
    ~Spawner();  // ends the spawner and its workers, and waits for it
    Spawner(const Spawner&) = delete;
    Spawner& operator=(const Spawner&) = delete;

    // start_worker - a new worker that gets `descriptor` (one end of a SEQPACKET pair; the caller keeps and closes its
    // copy). Returns its cookie. When the worker has died, a packet with its DeathNotice (wire.h) arrives on the other end
    // of the pair, then the end of the stream. Any thread; never waits.
    Result<std::uint64_t> start_worker(int descriptor);
    // kill_worker - SIGKILL; nothing happens when it is gone already. Any thread; never waits.
    Done kill_worker(std::uint64_t cookie);

    // start_program - a runner for one scanner program (scanners/command/program_runner.h), outside of any sandbox but its own.
    // It gets `descriptor` as start_worker's does, takes its job from the other end, and ends when that closes. As
    // start_worker's, its DeathNotice comes last. Any thread; never waits.
    Result<std::uint64_t> start_program(int descriptor);

    // first_report - true once: somebody is to say in the log how workers are confined
    bool first_report() noexcept;
    pid_t pid() const noexcept { return pid_; }
    const std::string& worker() const noexcept { return worker_; }

private:
    Spawner(int socket, pid_t pid, std::string worker) : socket_(socket), pid_(pid), worker_(std::move(worker)) {}
    Done send(std::uint8_t command, std::uint64_t cookie, int descriptor);

    int socket_;
    pid_t pid_;
    std::string worker_;
    std::atomic<std::uint64_t> next_cookie_{1};
    std::atomic<bool> is_gone_{false};  // said so in the log
    std::atomic<bool> has_reported_{false};
};

}  // namespace tamis::worker
