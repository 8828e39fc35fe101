#include "storage/records/queued_store.h"

#include <fmt/format.h>

#include "base/counted.h"
#include "base/log.h"
#include "base/metric.h"
#include "storage/records/rows.h"

namespace tamis::storage {
namespace {

metric::Counter& lost_records() {
    static metric::Counter counter("tamis_storage_lost_records_total", "Records of delivered mail that were only logged");
    return counter;
}

// Abandon - leaves the queue when the caller stops waiting
class Abandon {
public:
    Abandon(std::shared_ptr<RecordQueue> queue, std::shared_ptr<RecordJob> job)
        : queue_(std::move(queue)), job_(std::move(job)) {}
    ~Abandon() {
        if (job_) queue_->abandon(job_);
    }
    Abandon(const Abandon&) = delete;
    Abandon& operator=(const Abandon&) = delete;
    void answered() { job_.reset(); }

private:
    std::shared_ptr<RecordQueue> queue_;
    std::shared_ptr<RecordJob> job_;
};

std::shared_ptr<RecordJob> make_job(RecordJob::Kind kind, mail::MessageRecord record, Deadline deadline) {
    auto job = std::make_shared<RecordJob>();
    job->kind = kind;
    job->record = std::move(record);
    job->deadline = deadline;
    job->completion = std::make_shared<Completion<Done>>();
    return job;
}

}  // namespace

QueuedStore::QueuedStore(std::string shown, const StoreOptions& options)
    : queue_(std::make_shared<RecordQueue>(options.remembered_limit, options.memory)),
      health_(std::make_shared<Health>(std::move(shown), options.patience)) {}

Task<Done> QueuedStore::submit(std::shared_ptr<RecordJob> job) {
    if (auto hopeless = health_->hopeless()) co_return std::unexpected(std::move(*hopeless));
    const auto queue = queue_;
    const auto state = health_;
    const Deadline deadline = job->deadline;
    queue->push(job);
    Abandon abandon(queue, job);
    wake(Urgency::now);
    auto answer = co_await Completion<Done>::wait(job->completion, deadline);
    if (answer) {
        abandon.answered();
        co_return std::move(*answer);
    }
    const Done ready = state->ready();
    if (!ready) co_return std::unexpected(ready.error());
    co_return fail(Errc::timeout, "storage: the deadline passed while the message waited to be written");
}

Task<Done> QueuedStore::keep(mail::MessageRecord record, std::optional<mail::QuarantineCopy> quarantine, Deadline deadline) {
    auto job = make_job(RecordJob::Kind::keep, std::move(record), deadline);
    if (quarantine) job->bytes = quarantine->prefix.size() + (quarantine->spool ? quarantine->spool->size() : 0);
    job->quarantine = std::move(quarantine);
    co_return co_await submit(std::move(job));
}

Task<Done> QueuedStore::finish(mail::MessageRecord record, Deadline deadline) {
    co_return co_await submit(make_job(RecordJob::Kind::finish, std::move(record), deadline));
}

void QueuedStore::remember(mail::MessageRecord record) {
    if (queue_->remember(record)) wake(Urgency::later);
    else lose(record, "too many records wait for the database");
}

Task<std::size_t> QueuedStore::drain(Deadline deadline) {
    const auto queue = queue_;
    wake(Urgency::now);
    const auto done = co_await Completion<bool>::wait(queue->when_empty(), deadline);
    co_return done ? 0 : queue->remembered();
}

void QueuedStore::refuse_rest() {
    queue_->fail_waiting({make_error_code(Errc::stopping), "storage: shutting down"});
    for (;;) {
        const Jobs jobs = queue_->take(1000, 0);
        if (jobs.empty()) return;
        for (const auto& job : jobs) {
            if (job->kind == RecordJob::Kind::remember) lose(job->record, "shutting down");
            queue_->finish(*job, fail(Errc::stopping, "storage: shutting down"));
        }
    }
}

void QueuedStore::lose(const mail::MessageRecord& record, std::string_view why) {
    lost_records().add();
    log::error(record.log_id.get(), "storage: record not written ({}): {}", why, in_full(record));
}

}  // namespace tamis::storage
