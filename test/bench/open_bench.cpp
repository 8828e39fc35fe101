// open_bench - what opening a message in a worker process costs: CPU of daemon and worker, and the time it takes
//
// open_bench TAMIS-WORKER [BYTES [JOBS]]: opens a text message of BYTES (10000) JOBS (20000) times, one after the other, and
// prints microseconds per message. Worker CPU includes its start, which is printed by itself.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>

#include "scanners/worker/pool.h"

using namespace tamis;
using namespace tamis::worker;

namespace {

double seconds(const timeval& span) { return static_cast<double>(span.tv_sec) + static_cast<double>(span.tv_usec) / 1e6; }

double own_cpu() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// cpu_of - exact, from the scheduler's figures of its only thread
double cpu_of(pid_t pid) {
    std::ifstream file(fmt::format("/proc/{}/schedstat", pid));
    double nanoseconds = 0;
    file >> nanoseconds;
    return nanoseconds / 1e9;
}

pid_t only_child(pid_t parent) {
    std::ifstream file(fmt::format("/proc/{0}/task/{0}/children", parent));
    pid_t out = 0;
    file >> out;
    return out;
}

std::string text_message(std::size_t size) {
    std::string out =
        "From: a@example.org\r\nTo: b@example.org\r\nSubject: minutes\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n";
    while (out.size() < size) out += "The quick brown fox jumps over the lazy dog, and then has a rest.\r\n";
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    const std::size_t bytes = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 10'000;
    const int jobs = argc > 3 ? std::atoi(argv[3]) : 20'000;
    auto spawner = Spawner::start({.worker = argv[1]});
    if (!spawner) {
        fmt::print(stderr, "{}\n", describe(spawner.error()));
        return 1;
    }
    asio::io_context context;
    PoolOptions options;
    options.workers = 1;
    options.jobs_per_worker = 1'000'000;
    const auto begun = std::chrono::steady_clock::now();
    WorkerPool pool(context, **spawner, options);
    while (pool.state().starting != 0) context.run_one();
    if (pool.state().idle == 0) {
        fmt::print(stderr, "{} cannot be started\n", argv[1]);
        return 1;
    }
    const std::chrono::duration<double> start = std::chrono::steady_clock::now() - begun;
    const pid_t worker = only_child((*spawner)->pid());
    const auto text = text_message(bytes);
    const auto message = std::make_shared<mail::SealedSpool>(-1, text.size(), text);
    const double worker_start = cpu_of(worker);
    int left = jobs, failed = 0;
    const auto run = [&] {  // one coroutine that opens them all
        asio::co_spawn(
            context,
            [](WorkerPool& from, std::shared_ptr<const mail::SealedSpool> spool, int& to_do, int& bad) -> Task<void> {
                for (; to_do > 0; --to_do) {
                    const auto contents = co_await from.open(spool, {}, Deadline::in(std::chrono::seconds(60)));
                    if (!contents.was_opened) ++bad;
                }
            }(pool, message, left, failed),
            [](const std::exception_ptr&) {});
        while (left > 0) context.run_one();
    };
    const double own = own_cpu();
    const auto from = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - from;
    const double daemon_us = (own_cpu() - own) / jobs * 1e6, worker_us = (cpu_of(worker) - worker_start) / jobs * 1e6;
    fmt::print("message {} bytes, {} jobs, {} failed\n", text.size(), jobs, failed);
    fmt::print("worker start: {:.1f} ms, {:.1f} ms CPU\n", start.count() * 1e3, worker_start * 1e3);
    fmt::print("per message: daemon {:.1f} us CPU, worker {:.1f} us CPU, together {:.1f} us; {:.1f} us wall\n", daemon_us,
               worker_us, daemon_us + worker_us, wall.count() / jobs * 1e6);
    pool.stop();
    return failed == 0 ? 0 : 1;
}
