// rig - a real spawner and a pool on one io_context, for tests
#pragma once

#include <dirent.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/log.h"
#include "scanners/worker/pool.h"

namespace tamis::worker::test {

using namespace std::chrono_literals;

inline std::shared_ptr<const mail::SealedSpool> message_of(std::string text) {
    const auto size = text.size();
    return std::make_shared<mail::SealedSpool>(-1, size, std::move(text));
}
// told - a message that tells bad_worker what to do
inline std::shared_ptr<const mail::SealedSpool> told(const std::string& what) {
    return message_of("X-Do: " + what + "\r\n\r\nbody\r\n");
}

// Job - the outcome of an open() that runs
struct Outcome {
    bool is_done = false;
    mail::Contents contents;
    Deadline::Clock::time_point at;
};

class Rig {
public:
    explicit Rig(std::string worker, PoolOptions options = {}, bool namespaces = true, Slots* memory = nullptr) {
        log::capture(true);
        auto started = Spawner::start({.worker = std::move(worker), .namespaces = namespaces});
        REQUIRE(started);
        spawner = std::move(*started);
        pool = std::make_unique<WorkerPool>(context, *spawner, options, memory);
    }
    ~Rig() {
        pool.reset();
        context.poll();
        log::captured();
        log::capture(false);
    }
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;

    std::shared_ptr<Outcome> begin(std::shared_ptr<const mail::SealedSpool> message, OpenJob job = {},
                                   std::chrono::milliseconds time = 60s, ShowParts show = {}) {
        auto outcome = std::make_shared<Outcome>();
        asio::co_spawn(context, pool->open(std::move(message), std::move(job), Deadline::in(time), std::move(show)),
                       [outcome](const std::exception_ptr& thrown, mail::Contents contents) {
                           CHECK_FALSE(thrown);
                           outcome->contents = std::move(contents);
                           outcome->at = Deadline::Clock::now();
                           outcome->is_done = true;
                       });
        return outcome;
    }
    // until - runs the loop until it is so; a test that waits for five minutes has failed
    void until(const std::function<bool()>& so) {
        const auto end = Deadline::in(300s);
        while (!so()) {
            REQUIRE_FALSE(end.passed());
            context.restart();
            context.run_one_for(10ms);
        }
    }
    mail::Contents run(std::shared_ptr<const mail::SealedSpool> message, OpenJob job = {}, std::chrono::milliseconds time = 60s) {
        const auto outcome = begin(std::move(message), std::move(job), time);
        until([&] { return outcome->is_done; });
        return outcome->contents;
    }
    void until_idle(std::uint32_t workers) {
        until([&] { return pool->state().idle == workers && pool->state().starting == 0; });
    }

    asio::io_context context;
    std::unique_ptr<Spawner> spawner;
    std::unique_ptr<WorkerPool> pool;
};

inline std::vector<pid_t> children_of(pid_t parent) {
    std::ifstream file("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
    std::vector<pid_t> out;
    for (pid_t pid = 0; file >> pid;) out.push_back(pid);
    return out;
}

// is_running - a zombie is not
inline bool is_running(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(file, line)) return false;
    const auto name_end = line.rfind(") ");
    return name_end != std::string::npos && line[name_end + 2] != 'Z' && line[name_end + 2] != 'X';
}

// cpu_ticks - clock ticks that a process has used
inline long cpu_ticks(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(file, line)) return 0;
    std::istringstream fields(line.substr(line.rfind(") ") + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    long user = 0, system = 0;
    fields >> user >> system;
    return user + system;
}

inline std::size_t open_descriptors() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) count += entry.path().empty() ? 0 : 1;
    return count;
}

}  // namespace tamis::worker::test
