// record_queue - what waits to be written: messages somebody waits for, and remembered ones; thread-safe
//
// Callers put jobs in from any thread, the store's thread takes them out in batches. Remembered records are bounded in
// number and keep their order; messages somebody waits for go first. A job is finished exactly once.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "base/slots.h"
#include "mail/record.h"
#include "storage/completion.h"
#include "storage/records/rows.h"

namespace tamis::storage {

struct RecordJob {
    enum class Kind { keep, finish, remember };

    Kind kind = Kind::keep;
    mail::MessageRecord record;
    std::optional<mail::QuarantineCopy> quarantine;
    Deadline deadline = Deadline::never();
    std::shared_ptr<Completion<Done>> completion;  // null for `remember`

    std::atomic<bool> abandoned{false};  // its caller waits no longer

    Deadline::Clock::time_point queued_at{};
    Slots::Units memory;  // of a remembered record

    // only the store's thread, while the job is out of the queue
    bool uncertain = false;    // a commit was sent and its answer lost
    std::uint64_t bytes = 0;   // of the quarantine copy
    Concession concession;     // what the database did not take of it
    bool was_doubted = false;  // refused in a way that may pass by itself, and tried again as it is

    std::string_view log_id() const { return record.log_id.get(); }
};
using Jobs = std::vector<std::shared_ptr<RecordJob>>;

class RecordQueue {
public:
    // `memory`, if given, is charged for remembered records and outlives the queue
    explicit RecordQueue(std::size_t remembered_limit, Slots* memory = nullptr)
        : remembered_limit_(remembered_limit), memory_(memory) {}

    void push(std::shared_ptr<RecordJob> job);
    // remember - takes the record; false when there is no room, the record is then untouched
    bool remember(mail::MessageRecord& record);

    // abandon - its caller waits no longer: a job that was not taken yet is forgotten
    void abandon(const std::shared_ptr<RecordJob>& job);

    // take - the next jobs: at most `count`, at most `bytes` of quarantine text (or one bigger job alone). At most `remembered` of the remembered records fill up what is left.
    Jobs take(std::size_t count, std::uint64_t bytes, std::size_t remembered = SIZE_MAX);
    // put_back - jobs that were not written go to the front again, in their order
    void put_back(Jobs jobs);
    // finish - tells the caller, or counts a remembered record as done
    void finish(RecordJob& job, Done answer);
    // fail_waiting - everything somebody waits for; remembered records stay
    void fail_waiting(const Fault& why);

    struct Load {
        std::size_t waiting = 0;               // jobs somebody waits for that were not taken
        std::size_t unwritten = 0;             // remembered records that were not taken
        Deadline::Clock::time_point oldest{};  // when the first of `waiting` came
    };
    Load load() const;
    std::size_t remembered() const noexcept { return remembered_.load(std::memory_order_relaxed); }  // and those in flight

    // when_empty - set when no remembered record is left; at once if so
    std::shared_ptr<Completion<bool>> when_empty();

private:
    void one_less();

    mutable std::mutex mutex_;
    const std::size_t remembered_limit_;
    Slots* const memory_;
    std::atomic<std::size_t> remembered_{0};
    std::deque<std::shared_ptr<RecordJob>> waiting_;
    std::deque<std::shared_ptr<RecordJob>> to_remember_;
    std::vector<std::shared_ptr<Completion<bool>>> drains_;
};

}  // namespace tamis::storage
