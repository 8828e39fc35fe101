// The real spawner and tamis-worker itself
#include "scanners/worker/pool.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include <csignal>

#include "unit/scanners/worker/rig.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::test;

namespace {

const std::string small_message = "From: a@example.org\r\nSubject: hello\r\n\r\nhello\r\n";

}  // namespace

TEST_CASE("pool: a small message is opened by a worker") {
    Rig rig(TAMIS_WORKER);
    const auto contents = rig.run(message_of(small_message));
    CHECK(contents.failure == "");
    CHECK(contents.was_opened);
    CHECK(contents.limit == "");
}

TEST_CASE("pool: a worker without namespaces opens messages as well") {
    Rig rig(TAMIS_WORKER, {}, false);
    CHECK(rig.run(message_of(small_message)).was_opened);
}

TEST_CASE("pool: a message too large for a packet goes as descriptor, whether it is all in memory or not") {
    Rig rig(TAMIS_WORKER);
    const auto size = GENERATE(std::size_t{64 * 1024}, std::size_t{64 * 1024 + 1}, std::size_t{3'000'000});
    const auto head = GENERATE(std::size_t{10'000'000}, std::size_t{1000});
    const std::string text = small_message + std::string(size - small_message.size(), 'x');
    auto message = message_of(text);
    if (head < size) {
        const int file = ::memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        REQUIRE(::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        REQUIRE(::fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0);
        message = std::make_shared<mail::SealedSpool>(file, text.size(), text.substr(0, head));
    }
    const auto contents = rig.run(message);
    CHECK(contents.failure == "");
    CHECK(contents.was_opened);
}

TEST_CASE("pool: workers are replaced after their number of jobs") {
    PoolOptions options;
    options.workers = 1;
    options.jobs_per_worker = 3;
    Rig rig(TAMIS_WORKER, options);
    std::vector<pid_t> seen;
    for (int job = 0; job < 7; ++job) {
        rig.until_idle(1);
        const auto now = children_of(rig.spawner->pid());
        for (const pid_t pid : now)
            if (std::ranges::find(seen, pid) == seen.end()) seen.push_back(pid);
        CHECK(rig.run(message_of(small_message)).was_opened);
    }
    CHECK(seen.size() >= 3);
    rig.until_idle(1);
    rig.until([&] { return children_of(rig.spawner->pid()).size() == 1; });
}

TEST_CASE("pool: a worker that is killed while idle is replaced, and no message notices") {
    PoolOptions options;
    options.workers = 2;
    Rig rig(TAMIS_WORKER, options);
    rig.until_idle(2);
    const auto killed = children_of(rig.spawner->pid());
    for (const pid_t pid : killed) REQUIRE(::kill(pid, SIGKILL) == 0);
    rig.until([&] {
        const auto now = children_of(rig.spawner->pid());
        return now.size() == 2 && std::ranges::find_first_of(now, killed) == now.end();
    });
    rig.until_idle(2);
    CHECK(rig.run(message_of(small_message)).was_opened);
}

TEST_CASE("pool: no descriptor and no process is left over after many messages") {
    PoolOptions options;
    options.jobs_per_worker = 200;
    Rig rig(TAMIS_WORKER, options);
    rig.until_idle(2);
    const auto before = open_descriptors();
    const std::string large = small_message + std::string(100'000, 'x');
#if __has_feature(address_sanitizer)
    constexpr int jobs = 1000;  // an order of magnitude slower
#else
    constexpr int jobs = 10'000;
#endif
    int opened = 0;
    for (int job = 0; job < jobs; ++job) opened += rig.run(message_of(job % 16 == 0 ? large : small_message)).was_opened ? 1 : 0;
    CHECK(opened == jobs);
    rig.until_idle(2);
    CHECK(open_descriptors() == before);
    rig.until([&] { return children_of(rig.spawner->pid()).size() == 2; });
}

TEST_CASE("pool: the spawner is gone: every message has a failure, the log says once what to do") {
    PoolOptions options;
    options.workers = 1;
    Rig rig(TAMIS_WORKER, options);
    rig.until_idle(1);
    const auto workers = children_of(rig.spawner->pid());
    REQUIRE(workers.size() == 1);
    REQUIRE(::kill(rig.spawner->pid(), SIGKILL) == 0);
    rig.until([&] { return !is_running(workers.front()) && rig.pool->state().idle == 0; });
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto contents = rig.run(message_of(small_message));
        CHECK_FALSE(contents.was_opened);
        CHECK(contents.failure.find("no decoder process could be started") == 0);
    }
    std::size_t lines = 0;
    for (const auto& line : log::captured()) lines += line.find("restart tamisd") != std::string::npos ? 1 : 0;
    CHECK(lines == 1);
}

TEST_CASE("pool: no process outlives a daemon that was killed") {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    const pid_t daemon = ::fork();
    if (daemon == 0) {
        asio::io_context context;
        auto spawner = Spawner::start({.worker = TAMIS_WORKER});
        if (!spawner) ::_exit(1);
        WorkerPool pool(context, **spawner, {});
        while (pool.state().idle < 2) context.run_for(2ms);
        const pid_t pid = (*spawner)->pid();
        if (::write(ends[1], &pid, sizeof pid) < 0) ::_exit(1);
        for (;;) ::pause();
    }
    pid_t spawner = 0;
    REQUIRE(::read(ends[0], &spawner, sizeof spawner) == sizeof spawner);
    const auto workers = children_of(spawner);
    CHECK(workers.size() == 2);
    REQUIRE(::kill(daemon, SIGKILL) == 0);
    REQUIRE(::waitpid(daemon, nullptr, 0) == daemon);
    const auto end = Deadline::in(60s);
    const auto left = [&] { return is_running(spawner) || std::ranges::any_of(workers, is_running); };
    while (left() && !end.passed()) ::poll(nullptr, 0, 2);
    CHECK_FALSE(left());
    for (const int descriptor : ends) ::close(descriptor);
}

TEST_CASE("pool: ending it fails what waits, and later calls") {
    Rig rig(TAMIS_WORKER);
    const auto waiting = rig.begin(message_of(small_message));
    rig.context.poll_one();
    rig.pool->stop();
    rig.until([&] { return waiting->is_done; });
    CHECK(rig.run(message_of(small_message)).failure == "the daemon is stopping");
}

TEST_CASE("spawner: a worker program that is missing is a fault with what to do") {
    const auto started = Spawner::start({.worker = "/nonexistent/tamis-worker"});
    REQUIRE_FALSE(started);
    CHECK(started.error().detail.find("/nonexistent/tamis-worker") != std::string::npos);
    CHECK(started.error().detail.find("open.worker") != std::string::npos);
}

TEST_CASE("spawner: a worker has no descriptor but its own four") {
    const int leaked = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC, below those that come
    Rig rig(TAMIS_WORKER);
    rig.until_idle(2);
    for (const pid_t pid : children_of(rig.spawner->pid())) {
        std::vector<std::string> numbers;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd"))
            numbers.push_back(entry.path().filename());
        CHECK(numbers.size() == 4);
    }
    ::close(leaked);
}
