#include "storage/records/record_queue.h"

#include <algorithm>
#include <ranges>

namespace tamis::storage {

void RecordQueue::push(std::shared_ptr<RecordJob> job) {
    job->queued_at = Deadline::Clock::now();
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(job));
}

namespace {

// footprint - roughly what a record takes, with the allocator's overhead
std::uint64_t footprint(const mail::MessageRecord& record) {
    constexpr std::uint64_t each = 512;
    std::uint64_t size = 2 * each + record.sender.size() + record.from.size() + record.subject.size() + record.message_id.size();
    for (const auto& to : record.recipients) size += each + to.address.size() + to.response.size();
    return size;
}

}  // namespace

bool RecordQueue::remember(mail::MessageRecord& record) {
    auto job = std::make_shared<RecordJob>();
    job->kind = RecordJob::Kind::remember;
    const std::lock_guard lock(mutex_);
    if (remembered_ >= remembered_limit_) return false;
    if (memory_ != nullptr) job->memory = memory_->charge(footprint(record));
    job->record = std::move(record);
    ++remembered_;
    to_remember_.push_back(std::move(job));
    return true;
}

void RecordQueue::abandon(const std::shared_ptr<RecordJob>& job) {
    job->abandoned = true;
    const std::lock_guard lock(mutex_);
    std::erase(waiting_, job);
}

Jobs RecordQueue::take(std::size_t count, std::uint64_t bytes, std::size_t remembered) {
    Jobs jobs;
    std::uint64_t taken = 0;
    const std::lock_guard lock(mutex_);
    while (!waiting_.empty() && jobs.size() < count) {
        const auto& job = waiting_.front();
        if (job->abandoned) {
            waiting_.pop_front();
            continue;
        }
        if (!jobs.empty() && taken + job->bytes > bytes) return jobs;
        taken += job->bytes;
        jobs.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
        if (taken > bytes) return jobs;
    }
    for (; !to_remember_.empty() && jobs.size() < count && remembered != 0; --remembered) {
        jobs.push_back(std::move(to_remember_.front()));
        to_remember_.pop_front();
    }
    return jobs;
}

void RecordQueue::put_back(Jobs jobs) {
    const std::lock_guard lock(mutex_);
    for (auto& job : jobs | std::views::reverse) {
        auto& queue = job->kind == RecordJob::Kind::remember ? to_remember_ : waiting_;
        queue.push_front(std::move(job));
    }
}

void RecordQueue::finish(RecordJob& job, Done answer) {
    if (job.kind == RecordJob::Kind::remember) one_less();
    else Completion<Done>::set(job.completion, std::move(answer));
}

void RecordQueue::fail_waiting(const Fault& why) {
    std::deque<std::shared_ptr<RecordJob>> failed;
    {
        const std::lock_guard lock(mutex_);
        failed.swap(waiting_);
    }
    for (const auto& job : failed) finish(*job, std::unexpected(why));
}

RecordQueue::Load RecordQueue::load() const {
    const std::lock_guard lock(mutex_);
    return {waiting_.size(), to_remember_.size(), waiting_.empty() ? Deadline::Clock::time_point() : waiting_.front()->queued_at};
}

std::shared_ptr<Completion<bool>> RecordQueue::when_empty() {
    auto done = std::make_shared<Completion<bool>>();
    const std::lock_guard lock(mutex_);
    if (remembered_ == 0) Completion<bool>::set(done, true);
    else drains_.push_back(done);
    return done;
}

void RecordQueue::one_less() {
    const std::lock_guard lock(mutex_);
    if (--remembered_ > 0) return;
    for (const auto& drain : drains_) Completion<bool>::set(drain, true);
    drains_.clear();
}

}  // namespace tamis::storage
