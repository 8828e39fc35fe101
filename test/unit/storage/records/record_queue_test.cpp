#include "storage/records/record_queue.h"

#include <catch2/catch.hpp>

#include "test/unit/storage/fixture.h"

using namespace tamis;
using namespace tamis::storage;

namespace {
std::shared_ptr<RecordJob> job_of(RecordJob::Kind kind, std::uint64_t bytes) {
    auto job = std::make_shared<RecordJob>();
    job->kind = kind;
    job->bytes = bytes;
    job->completion = std::make_shared<Completion<Done>>();
    return job;
}
}  // namespace

TEST_CASE("batches are bounded by bytes, big jobs go alone, remembered records fill up") {
    RecordQueue queue(10);
    std::vector<std::shared_ptr<RecordJob>> jobs;
    for (const auto bytes : {10U, 20U, 100U, 5U}) {
        jobs.push_back(job_of(RecordJob::Kind::keep, bytes));
        queue.push(jobs.back());
    }
    auto record = test::make_record();
    REQUIRE(queue.remember(record));
    CHECK(queue.take(10, 50) == Jobs{jobs[0], jobs[1]});
    CHECK(queue.take(10, 50) == Jobs{jobs[2]});
    const auto rest = queue.take(10, 50);
    REQUIRE(rest.size() == 2);
    CHECK(rest.front() == jobs[3]);
    CHECK(rest.back()->kind == RecordJob::Kind::remember);
    CHECK(queue.take(10, 50).empty());
}

TEST_CASE("what is put back keeps its order, what was abandoned is forgotten") {
    RecordQueue queue(10);
    Jobs jobs{job_of(RecordJob::Kind::keep, 1), job_of(RecordJob::Kind::keep, 1), job_of(RecordJob::Kind::keep, 1)};
    for (const auto& job : jobs) queue.push(job);
    queue.abandon(jobs[2]);
    auto taken = queue.take(2, 100);
    queue.abandon(taken[0]);
    queue.put_back(std::move(taken));
    CHECK(queue.take(10, 100) == Jobs{jobs[1]});
}

TEST_CASE("remembered records are bounded, those in flight count, and the refused one is untouched") {
    RecordQueue queue(2);
    auto first = test::make_record(), second = test::make_record(), third = test::make_record();
    const auto id = third.mail_id;
    REQUIRE(queue.remember(first));
    REQUIRE(queue.remember(second));
    const auto in_flight = queue.take(10, 10);
    CHECK_FALSE(queue.remember(third));
    CHECK(third.mail_id == id);
    for (const auto& job : in_flight) queue.finish(*job, {});
    CHECK(queue.remembered() == 0);
    CHECK(queue.remember(third));
}

TEST_CASE("remembered records are charged until they are written") {
    tamis::Slots memory(1 << 20);
    {
        RecordQueue queue(2, &memory);
        auto record = tamis::test::make_record();
        record.subject = std::string(5000, 's');
        REQUIRE(queue.remember(record));
        CHECK(memory.used() > 5000);
        auto jobs = queue.take(10, 10);
        REQUIRE(jobs.size() == 1);
        queue.finish(*jobs.front(), {});
        jobs.clear();
        CHECK(memory.used() == 0);
        record = tamis::test::make_record();
        REQUIRE(queue.remember(record));
    }
    CHECK(memory.used() == 0);
}

TEST_CASE("remembered records can be left out, or taken a few at a time") {
    RecordQueue queue(10);
    for (int i = 0; i < 5; ++i) {
        auto record = tamis::test::make_record();
        REQUIRE(queue.remember(record));
    }
    CHECK(queue.take(10, 10, 0).empty());
    CHECK(queue.take(10, 10, 2).size() == 2);
    CHECK(queue.take(10, 10).size() == 3);
}
