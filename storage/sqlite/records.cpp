#include "storage/sqlite/records.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "storage/backoff.h"
#include "storage/no_room.h"
#include "storage/records/queued_store.h"
#include "storage/sqlite/writer.h"

namespace tamis::storage::sqlite {
namespace {

constexpr std::size_t batch_messages = 256;
constexpr std::uint64_t batch_bytes = 8 * 1024 * 1024;
constexpr std::chrono::milliseconds linger{50};  // how long remembered records are collected

class Records final : public QueuedStore {
public:
    Records(std::vector<Dsn> dsns, const StoreOptions& options)
        : QueuedStore(dsns.front().named(), options), dsns_(std::move(dsns)), thread_([this] { run(); }) {}
    ~Records() override {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        signal_.notify_all();
        thread_.join();
        refuse_rest();
    }

private:
    void wake(Urgency urgency) override {
        const std::lock_guard lock(mutex_);
        bool& flag = urgency == Urgency::now ? now_ : later_;
        if (!std::exchange(flag, true)) signal_.notify_one();
    }

    void run() {
        while (!is_stopping()) {
            if (!writer_ && !open()) {
                if (health_->hopeless()) queue_->fail_waiting(health_->ready().error());
                pause(backoff_.next());
                continue;
            }
            wait_for_work();
            while (!is_stopping()) {
                if (writer_->is_stale()) {
                    writer_.reset();
                    break;
                }
                const bool may_remember = Deadline::Clock::now() >= remember_after_;
                const Jobs jobs = queue_->take(batch_messages, batch_bytes, may_remember ? remember_together_ : 0);
                if (jobs.empty() || !serve(jobs)) break;
            }
        }
    }

    bool open() {
        for (const auto& dsn : dsns_) {
            auto opened = Writer::open(dsn);
            if (!opened) {
                health_->down(opened.error());
                continue;
            }
            writer_ = std::move(*opened);
            health_->up(dsn.named());
            const std::lock_guard lock(mutex_);
            now_ = true;  // something may have been waiting
            return true;
        }
        return false;
    }

    // serve - false when the store is in trouble; the jobs are then back in the queue
    bool serve(const Jobs& jobs) {
        auto written = writer_->write(jobs);
        if (!written && is_no_room(written.error())) return serve_in_parts(jobs, written.error());
        if (!written) {
            health_->down(written.error());
            queue_->put_back(jobs);
            if (health_->hopeless()) queue_->fail_waiting(health_->ready().error());
            writer_.reset();
            pause(backoff_.next());
            return false;
        }
        backoff_.reset();
        if (jobs.front()->kind == RecordJob::Kind::remember)
            remember_together_ = std::min(2 * remember_together_, batch_messages);
        if (std::exchange(is_full_, false)) log::notice({}, "{}: there is room again", dsns_.front().named());
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            const auto& answer = (*written)[i];
            if (!answer && jobs[i]->kind == RecordJob::Kind::remember) lose(jobs[i]->record, describe(answer.error()));
            queue_->finish(*jobs[i], answer ? Done() : std::unexpected(answer.error()));
        }
        return true;
    }

    // serve_in_parts - there is no room for all of it together: each message by itself, and one that does not fit is told so.
    // Remembered records wait, and are tried again, fewer at a time.
    bool serve_in_parts(const Jobs& jobs, const Fault& why) {
        if (!std::exchange(is_full_, true))
            log::error({}, "storage: {}; what does not fit is not stored, reading goes on", why.detail);
        Jobs remembered;
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            if (jobs[i]->kind == RecordJob::Kind::remember) remembered.push_back(jobs[i]);
            else if (jobs.size() == 1) queue_->finish(*jobs[i], std::unexpected(why));
            else if (!serve({jobs[i]})) {
                queue_->put_back(Jobs(jobs.begin() + static_cast<std::ptrdiff_t>(i) + 1, jobs.end()));
                queue_->put_back(remembered);
                return false;
            }
        }
        if (remembered.empty()) return true;
        queue_->put_back(remembered);
        const bool alone = remembered.size() == jobs.size();
        remember_together_ = std::max<std::size_t>(1, alone ? remembered.size() / 2 : remembered.size());
        if (alone && remembered.size() == 1) remember_after_ = Deadline::Clock::now() + backoff_.next();
        return true;
    }

    void wait_for_work() {
        std::unique_lock lock(mutex_);
        constexpr std::chrono::seconds look_around{1};  // at the file, and at records that did not fit
        signal_.wait_for(lock, look_around, [&] { return now_ || later_ || stopping_; });
        if (later_ && !now_) signal_.wait_for(lock, linger, [&] { return now_ || stopping_; });
        now_ = later_ = false;
    }
    void pause(std::chrono::milliseconds span) {
        std::unique_lock lock(mutex_);
        signal_.wait_for(lock, span, [&] { return stopping_; });
    }
    bool is_stopping() {
        const std::lock_guard lock(mutex_);
        return stopping_;
    }

    const std::vector<Dsn> dsns_;
    std::unique_ptr<Writer> writer_;  // only the thread
    Backoff backoff_;                 // only the thread, as are the next three
    std::size_t remember_together_ = batch_messages;
    Deadline::Clock::time_point remember_after_{};
    bool is_full_ = false;  // the operator knows
    std::mutex mutex_;
    std::condition_variable signal_;
    bool now_ = false, later_ = false, stopping_ = false;
    std::thread thread_;  // last: it uses the others
};

}  // namespace

std::shared_ptr<RecordStore> open_records(std::vector<Dsn> dsns, const StoreOptions& options) {
    return std::make_shared<Records>(std::move(dsns), options);
}

}  // namespace tamis::storage::sqlite
