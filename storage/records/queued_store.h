// queued_store - the callers' half of every RecordStore: queue, health, waiting with a deadline
//
// A backend derives from it, takes batches out of queue() on its own thread and finishes each job. Thread-safe.
#pragma once

#include <memory>

#include "storage/health.h"
#include "storage/records/record_queue.h"
#include "storage/records/store.h"

namespace tamis::storage {

class QueuedStore : public RecordStore {
public:
    Done ready() const override { return health_->ready(); }
    Task<Done> keep(mail::MessageRecord record, std::optional<mail::QuarantineCopy> quarantine, Deadline deadline) override;
    Task<Done> finish(mail::MessageRecord record, Deadline deadline) override;
    void remember(mail::MessageRecord record) override;
    std::size_t remembered() const override { return queue_->remembered(); }
    Task<std::size_t> drain(Deadline deadline) override;

protected:
    // Urgency - `later`: nobody waits for it, it may be collected for a moment
    enum class Urgency { later, now };
    // wake - something was queued; any thread, must not block
    virtual void wake(Urgency urgency) = 0;

    QueuedStore(std::string shown, const StoreOptions& options);
    // refuse_rest - at the end of the backend's thread: answers `stopping` and logs remembered records in full
    void refuse_rest();
    // lose - a remembered record that can never be written: logged in full and counted
    static void lose(const mail::MessageRecord& record, std::string_view why);

    const std::shared_ptr<RecordQueue> queue_;
    const std::shared_ptr<Health> health_;

private:
    Task<Done> submit(std::shared_ptr<RecordJob> job);
};

}  // namespace tamis::storage
