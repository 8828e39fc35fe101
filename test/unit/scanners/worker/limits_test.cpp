// Limits of the worker process, with test/fakes/probe_tools.cpp: the real program and a decoder that overdoes it
#include <fmt/format.h>
#include <sys/resource.h>

#include "scanners/worker/wire.h"
#include "unit/scanners/worker/rig.h"

using namespace tamis;
using namespace tamis::worker;
using namespace tamis::worker::test;

namespace {

OpenJob with_extracts() {
    OpenJob job;
    job.extract = Extract::everything;
    job.limits.minimum_quota = job.limits.maximum_quota;
    return job;
}

}  // namespace

#if !__has_feature(address_sanitizer)  // whose memory has no limit
TEST_CASE("worker limits: memory that runs out is an answer, over limits, and the worker is replaced") {
    PoolOptions options;
    options.workers = 1;
    options.memory = 64ULL << 20;
    Rig rig(TAMIS_PROBE_WORKER, options);
    const auto contents = rig.run(told("memory"));
    CHECK(contents.failure == "");
    CHECK(contents.limit == "Maximum memory of a decoder (64 MiB) exceeded");
    CHECK(contents.was_opened);
    CHECK(rig.run(told("fine")).parts.size() == 1);
}
#endif

TEST_CASE("worker limits: a decoder that loops is ended, once, half of it after its CPU time") {
    PoolOptions options;
    options.workers = 1;
    options.time = 300s;
    Rig rig(TAMIS_PROBE_WORKER, options);
    OpenJob job;
    job.limits.cpu = 100ms;
    CHECK(rig.run(told("burn 60000"), job, 300s).failure == "the decoder used more than 100 ms of CPU time");
    job.limits.cpu = 800ms;
    CHECK(rig.run(told("burn 1400"), job, 300s).failure == "the decoder used more than 800 ms of CPU time");
    CHECK(rig.run(told("fine")).was_opened);
}

TEST_CASE("worker limits: a job beyond the quantum goes on at low priority, and its worker is replaced") {
    PoolOptions options;
    options.workers = 1;
    options.extra = 1;
    options.quantum = 20ms;
    options.time = 300s;
    Rig rig(TAMIS_PROBE_WORKER, options);
    rig.until_idle(1);
    const auto first = children_of(rig.spawner->pid()).at(0);
    const auto job = rig.begin(told("burn 1500"), {}, 300s);
    rig.until([&] { return rig.pool->state().long_jobs == 1; });
    CHECK(::getpriority(PRIO_PROCESS, static_cast<id_t>(first)) == 10);
    CHECK(rig.run(told("fine")).was_opened);
    CHECK_FALSE(job->is_done);
    rig.until([&] { return job->is_done; });
    CHECK(job->contents.failure == "");
    CHECK(job->contents.cpu >= 1400ms);  // two clocks
    rig.until([&] { return !is_running(first); });
}

TEST_CASE("worker limits: an exception and a stack overflow and a forbidden call harm nobody else") {
    Rig rig(TAMIS_PROBE_WORKER);
    CHECK(rig.run(told("throw")).failure == "the decoder failed: something odd");
    CHECK(rig.run(told("deep 10000000")).failure.find("the decoder crashed twice (") == 0);
    CHECK(rig.run(told("socket")).failure.find("the decoder crashed twice (SIGSYS: a forbidden system call") == 0);
    CHECK(rig.run(told("fine")).was_opened);
}

TEST_CASE("worker limits: parts for the engines come in the packet, in a memory file, or as descriptors of their own") {
    Rig rig(TAMIS_PROBE_WORKER);
    const auto row = GENERATE(std::pair("many 150", 300U), std::pair("many 999", 300U), std::pair("large 200", 20'000U),
                              std::pair("large 1", 20'000U));
    INFO(row.first);
    const auto before = open_descriptors();
    {
        const auto contents = rig.run(told(row.first), with_extracts());
        CHECK(contents.failure == "");
        CHECK(contents.limit == "");
        REQUIRE(contents.shown.size() == contents.parts.size());
        for (const auto& each : contents.shown) {
            CHECK(each.path == contents.parts[each.part - 1].path);
            if (each.part == 1) continue;  // the message
            CHECK(each.bytes->size() == row.second);
            std::string bytes(row.second, '\0');
            REQUIRE(each.bytes->read(0, bytes).value() == row.second);
            CHECK(bytes.starts_with(fmt::format("{:08}x", each.part - 2)));
        }
    }
    CHECK(open_descriptors() <= before + 2);  // a worker may have been started meanwhile
}

TEST_CASE("worker limits: a part larger than a file may be is a limit") {
    PoolOptions options;
    options.file = 1 << 20;
    Rig rig(TAMIS_PROBE_WORKER, options);
    const auto contents = rig.run(told("huge 3000000"), with_extracts());
    CHECK(contents.failure == "");
    CHECK(contents.limit.find("No memory for a decoded part") == 0);
}

TEST_CASE("worker limits: character sets of mail are loaded, others are not found") {
    Rig rig(TAMIS_PROBE_WORKER);
    const auto contents = rig.run(told("charset"));
    REQUIRE(contents.parts.size() == 1);
    CHECK(contents.parts[0].description == "true false");
    CHECK(rig.run(told("charset")).parts.at(0).description == "true false");
}

TEST_CASE("worker limits: clean messages beside fifty that burn CPU") {
    Rig rig(TAMIS_PROBE_WORKER);
    rig.until_idle(2);
    std::vector<std::shared_ptr<Outcome>> bombs;
    for (int i = 0; i < 50; ++i) bombs.push_back(rig.begin(told("burn 1900\r\nContent-Transfer-Encoding: base64")));
    std::vector<std::chrono::duration<double, std::milli>> times;
    for (int i = 0; i < 40; ++i) {
        const auto from = Deadline::Clock::now();
        CHECK(rig.run(message_of("Subject: clean\r\n\r\nhello\r\n")).was_opened);
        times.push_back(Deadline::Clock::now() - from);
    }
    std::ranges::sort(times);
    UNSCOPED_INFO("median " << times[20].count() << " ms, longest " << times.back().count() << " ms");
    CHECK(times.back() < 10s);
    CHECK(times[20] < 5s);
    CHECK(std::ranges::count_if(bombs, [](const auto& bomb) { return bomb->is_done; }) < 50);
}
