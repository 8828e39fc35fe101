// Workers that crash, hang and lie: test/fakes/bad_worker.cpp in place of tamis-worker
#include <fcntl.h>
#include <sys/stat.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstdint>
#include <cstdlib>

#include "scanners/worker/wire.h"
#include "unit/scanners/worker/rig.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::test;

namespace {

struct Folder {
    Folder() : path((std::filesystem::temp_directory_path() / "tamis-worker-XXXXXX").string()) {
        REQUIRE(::mkdtemp(path.data()) != nullptr);
    }
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string path;
};

bool says(const std::vector<std::string>& lines, std::string_view what) {
    return std::ranges::any_of(lines, [&](const auto& line) { return line.find(what) != std::string::npos; });
}

}  // namespace

TEST_CASE("bad worker: whatever it does with a message twice is a failure, and other messages do not notice") {
    struct Row {
        const char* does;
        const char* failure;
    };
    const auto row =
        GENERATE(Row{"crash", "the decoder crashed twice ("}, Row{"overrun", "the decoder used more than 2000 ms of CPU time"},
                 Row{"garbage", "the decoder crashed twice (answered nonsense"},
                 Row{"empty", "the decoder crashed twice (closed"}, Row{"huge", "the decoder crashed twice (answered nonsense"},
                 Row{"other-job", "the decoder crashed twice (answered for another"},
                 Row{"unsealed", "the decoder crashed twice (answered nonsense: a descriptor that is not sealed"},
                 Row{"wrong-size", "the decoder crashed twice (answered nonsense: a descriptor that is not as large"},
                 Row{"pipe", "the decoder crashed twice (answered nonsense: a descriptor that is not sealed"},
                 Row{"too-many-descriptors", "the decoder crashed twice (answered nonsense: more descriptors"},
                 Row{"no-descriptor", "the decoder crashed twice (answered nonsense: fewer descriptors"},
                 Row{"no-wish", "the decoder crashed twice (spoke out of turn"},
                 Row{"other-batch", "the decoder crashed twice (spoke out of turn"},
                 Row{"other-wish", "the decoder crashed twice (spoke out of turn"},
                 Row{"batch-crash 2", "the decoder crashed twice (SIG"});
    INFO(row.does);
    Rig rig(TAMIS_BAD_WORKER);
    rig.until_idle(2);
    const auto before = open_descriptors();
    const auto bad = rig.begin(told(row.does));
    const auto good = rig.begin(told("fine"));
    rig.until([&] { return bad->is_done && good->is_done; });
    CHECK(bad->contents.failure.find(row.failure) == 0);
    CHECK_FALSE(bad->contents.was_opened);
    CHECK(bad->contents.parts.empty());
    CHECK(good->contents.was_opened);
    rig.until_idle(2);
    CHECK(open_descriptors() == before);
}

TEST_CASE("bad worker: a message whose worker crashed once is opened by another one") {
    const Folder folder;
    Rig rig(TAMIS_BAD_WORKER);
    const auto contents = rig.run(told("crash-once " + folder.path + "/mark"));
    CHECK(contents.failure == "");
    CHECK(contents.was_opened);
}

TEST_CASE("bad worker: what it said when it died is in the log, escaped") {
    Rig rig(TAMIS_BAD_WORKER);
    CHECK(rig.run(told("crash")).failure.find("I am a \\x1B[31mcrash") != std::string::npos);
    CHECK(says(log::captured(), "said \"I am a \\x1B[31mcrash"));
}

TEST_CASE("bad worker: a message that takes too long is a failure, its worker is ended") {
    PoolOptions options;
    options.time = 100ms;
    Rig rig(TAMIS_BAD_WORKER, options);
    const auto does = GENERATE("hang", "close");
    const auto contents = rig.run(told(does));
    CHECK(contents.failure.find("opening was not done within") == 0);
    rig.until_idle(2);
    rig.until([&] { return children_of(rig.spawner->pid()).size() == 2; });
}

TEST_CASE("bad worker: the deadline of the message counts as well, in the queue and on a worker") {
    PoolOptions options;
    options.workers = 1;
    Rig rig(TAMIS_BAD_WORKER, options);
    const auto hanging = rig.begin(told("hang"), {}, 60s);
    rig.until([&] { return rig.pool->state().busy == 1; });
    CHECK(rig.run(told("fine"), {}, 50ms).failure.find("no decoder process was free in time") == 0);
    CHECK(rig.pool->state().waiting == 0);
    CHECK_FALSE(hanging->is_done);
}

TEST_CASE("bad worker: a second answer ends the worker, not the daemon") {
    PoolOptions options;
    options.workers = 1;
    Rig rig(TAMIS_BAD_WORKER, options);
    CHECK(rig.run(told("twice")).was_opened);
    CHECK(rig.run(told("fine")).was_opened);
    CHECK(rig.run(told("fine")).was_opened);
}

TEST_CASE("bad worker: one that asks to be replaced is") {
    PoolOptions options;
    options.workers = 1;
    Rig rig(TAMIS_BAD_WORKER, options);
    const auto first = rig.run(told("last")).parts.at(0).names;
    const auto second = rig.run(told("fine")).parts.at(0).names;
    rig.until_idle(1);
    CHECK(children_of(rig.spawner->pid()).size() >= 1);
    CHECK(rig.run(told("fine")).was_opened);
    CHECK(first.size() == 1);
    CHECK(second.size() == 1);
}

TEST_CASE("bad worker: sealed parts arrive as spools") {
    Rig rig(TAMIS_BAD_WORKER);
    const auto contents = rig.run(told("sealed"));
    REQUIRE(contents.shown.size() == 1);
    std::array<char, 20> buffer{};
    CHECK(contents.shown[0].bytes->read(0, buffer).value() == 10);
    CHECK(std::string_view(buffer.data(), 10) == "0123456789");
}

TEST_CASE("bad worker: one that cannot be started fails the messages, and is tried again") {
    const Folder folder;
    const auto name = GENERATE("early", "foreign");
    const auto path = folder.path + "/" + name;
    std::filesystem::copy_file(TAMIS_BAD_WORKER, path);
    Rig rig(path);
    for (int attempt = 0; attempt < 3; ++attempt) {
        const auto contents = rig.run(told("fine"));
        CHECK(contents.failure.find("no decoder process could be started") == 0);
    }
    const auto lines = log::captured();
    CHECK(says(lines, "decoder processes cannot be started"));
    if (std::string_view(name) == "foreign") CHECK(says(lines, "different builds"));
}

TEST_CASE("bad worker: one that never gets ready holds a message no longer than its deadline") {
    const Folder folder;
    const auto path = folder.path + "/silent";
    std::filesystem::copy_file(TAMIS_BAD_WORKER, path);
    Rig rig(path);
    CHECK(rig.run(told("fine"), {}, 50ms).failure.find("no decoder process was free in time") == 0);
}

TEST_CASE("bad worker: messages that take long are moved out of the way of the others") {
    PoolOptions options;
    options.workers = 2;
    options.extra = 3;
    Rig rig(TAMIS_BAD_WORKER, options);
    rig.until_idle(2);
    std::vector<std::shared_ptr<Outcome>> bombs;
    for (int i = 0; i < 50; ++i) bombs.push_back(rig.begin(told("long-hang")));
    for (int round = 0; round < 5; ++round) CHECK(rig.run(told("fine")).was_opened);
    rig.until([&] { return rig.pool->state().waiting == 47; });
    const auto state = rig.pool->state();
    CHECK(state.long_jobs == 3);
    rig.until_idle(2);
    CHECK(children_of(rig.spawner->pid()).size() >= 5);
    // with every worker for long messages taken, a short one is still served at once
    const auto from = Deadline::Clock::now();
    const auto clean = rig.begin(told("fine"));
    rig.until([&] { return clean->is_done; });
    CHECK(clean->contents.was_opened);
    CHECK(clean->at - from < 10s);
}

TEST_CASE("bad worker: a long message that ends makes room for the next one") {
    PoolOptions options;
    options.workers = 1;
    options.extra = 1;
    Rig rig(TAMIS_BAD_WORKER, options);
    std::vector<std::shared_ptr<Outcome>> jobs;
    for (int i = 0; i < 6; ++i) jobs.push_back(rig.begin(told("long")));
    rig.until([&] { return std::ranges::all_of(jobs, [](const auto& job) { return job->is_done; }); });
    for (const auto& job : jobs) CHECK(job->contents.failure == "");
    rig.until_idle(1);
    rig.until([&] { return children_of(rig.spawner->pid()).size() == 1; });
}

namespace {

// Shown - what a message's coroutine was given, as the daemon's scanners would be
struct Shown {
    std::vector<std::string> texts;
    std::size_t enough_after = SIZE_MAX;
    ShowParts take() {
        return [this](mail::ShownParts parts) -> Task<bool> { return show(std::move(parts)); };
    }
    Task<bool> show(mail::ShownParts parts) {
        for (const auto& each : parts) texts.emplace_back(each.bytes->head());
        co_return texts.size() < enough_after;
    }
};

}  // namespace

TEST_CASE("bad worker: batches are shown one after the other, the last parts come with the contents") {
    Rig rig(TAMIS_BAD_WORKER);
    Shown shown;
    const auto outcome = rig.begin(told("batches 3"), {}, 60s, shown.take());
    rig.until([&] { return outcome->is_done; });
    CHECK(shown.texts == std::vector<std::string>{"batch 0", "batch 1", "batch 2"});
    CHECK(outcome->contents.failure.empty());
    REQUIRE(outcome->contents.shown.size() == 1);
    CHECK(outcome->contents.shown[0].bytes->head() == "last");
    const auto all = rig.run(told("batches 3")).shown;  // nobody takes them
    REQUIRE(all.size() == 4);
    CHECK(all[0].bytes->head() == "batch 0");
    CHECK(all[3].bytes->head() == "last");
}

TEST_CASE("bad worker: a worker is told when something was found") {
    Rig rig(TAMIS_BAD_WORKER);
    Shown shown;
    shown.enough_after = 2;
    const auto outcome = rig.begin(told("batches 9"), {}, 60s, shown.take());
    rig.until([&] { return outcome->is_done; });
    CHECK(shown.texts.size() == 2);
    CHECK(outcome->contents.limit == "enough after 2");
}

TEST_CASE("bad worker: what was shown before a crash stays shown, and the message is a failure") {
    Rig rig(TAMIS_BAD_WORKER);
    Shown shown;
    const auto outcome = rig.begin(told("batch-crash 2"), {}, 60s, shown.take());
    rig.until([&] { return outcome->is_done; });
    CHECK(shown.texts.size() == 4);  // both attempts
    CHECK(outcome->contents.failure.starts_with("the decoder crashed twice"));
    CHECK(outcome->contents.shown.empty());
}

TEST_CASE("bad worker: more parts or bytes than the limits allow end it, over all batches") {
    Rig rig(TAMIS_BAD_WORKER);
    OpenJob job;
    SECTION("parts") { job.limits.extracts = 2; }
    SECTION("bytes") { job.limits.extract_bytes = 15; }
    CHECK(rig.run(told("batches 3"), job).failure.find("showed more than its limits allow") != std::string::npos);
}

TEST_CASE("bad worker: slow engines are not the worker's time") {
    PoolOptions options;
    options.time = 1000ms;
    Rig rig(TAMIS_BAD_WORKER, options);
    const auto slow = [](mail::ShownParts) -> Task<bool> {
        asio::steady_timer timer(co_await asio::this_coro::executor, 400ms);
        co_await timer.async_wait(as_result);
        co_return true;
    };
    const auto outcome = rig.begin(told("batches 4"), {}, 60s, slow);
    rig.until([&] { return outcome->is_done; });
    CHECK(outcome->contents.failure == "");
}

TEST_CASE("bad worker: memory is charged while a job has it, and refused when there is none") {
    Slots memory(20 << 20);
    PoolOptions options;
    options.workers = 1;
    Rig rig(TAMIS_BAD_WORKER, options, true, &memory);
    OpenJob job;
    CHECK(rig.run(told("wish 1000000"), job).limit == "allowed");
    CHECK(memory.used() == 0);
    SECTION("more than any job needs") { CHECK(rig.run(told("wish 99999999999999"), job).limit == "refused"); }
    // somebody else has nearly all of it, and is the one who may go beyond the limit (Slots::grow)
    auto held = memory.try_take(18 << 20);
    bool is_elder = false;
    asio::co_spawn(rig.context, memory.grow(held, 10 << 20, Deadline::in(60s)),
                   [&](const std::exception_ptr&, Done done) { is_elder = done.has_value(); });
    rig.until([&] { return is_elder; });
    SECTION("others have it: the wait has an end") { CHECK(rig.run(told("wish 10000000"), job, 3000ms).limit == "refused"); }
    SECTION("others give it back") {
        const auto outcome = rig.begin(told("wish 10000000"), job);
        rig.until([&] { return rig.pool->state().busy == 1; });
        held.release();
        rig.until([&] { return outcome->is_done; });
        CHECK(outcome->contents.limit == "allowed");
    }
    CHECK(rig.pool->state().waiting == 0);
}

TEST_CASE("bad worker: one that speaks again before it has an answer is ended") {
    Slots memory(1 << 20);
    Rig rig(TAMIS_BAD_WORKER, {}, true, &memory);
    asio::steady_timer answer(rig.context, asio::steady_timer::time_point::max());
    std::vector<std::string> lines;
    const auto complaints = [&] {
        for (auto& line : log::captured()) lines.push_back(std::move(line));
        return std::ranges::count_if(lines, [](const auto& line) { return line.find("spoke out of turn") != std::string::npos; });
    };
    const auto show = [&answer](mail::ShownParts) -> Task<bool> {
        co_await answer.async_wait(as_result);
        co_return true;
    };
    // all memory is somebody else's, and so is the place of the one who may go beyond the limit
    auto held = memory.try_take(1 << 20);
    bool is_elder = false;
    asio::co_spawn(rig.context, memory.grow(held, 1, Deadline::in(60s)),
                   [&](const std::exception_ptr&, Done done) { is_elder = done.has_value(); });
    rig.until([&] { return is_elder; });
    const auto outcome = rig.begin(told(GENERATE("two-batches", "two-wishes")), {}, 60s, show);
    rig.until([&] { return complaints() == 2; });
    answer.expires_at(asio::steady_timer::time_point::min());
    held.release();
    rig.until([&] { return outcome->is_done; });
    CHECK(outcome->contents.failure.starts_with("the decoder crashed twice (spoke out of turn"));
}
