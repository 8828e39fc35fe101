#include "storage/sqlite/reader_thread.h"

#include "storage/no_room.h"

namespace tamis::storage::sqlite {

ReaderThread::ReaderThread(std::vector<Dsn> dsns, std::chrono::milliseconds patience, Opened opened,
                           std::function<void()> closing)
    : dsns_(std::move(dsns)),
      health_(std::make_shared<Health>(dsns_.front().named(), patience)),
      opened_(std::move(opened)),
      closing_(std::move(closing)) {}

void ReaderThread::close() {
    closing_();
    database_.reset();
}

void ReaderThread::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    signal_.notify_all();
    if (thread_.joinable()) thread_.join();
    refuse_all({make_error_code(Errc::stopping), "lookup"});
}

void ReaderThread::put(std::shared_ptr<Question> question) {
    if (const auto hopeless = health_->hopeless()) return question->refuse(*hopeless);
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(question));
    signal_.notify_one();
}

void ReaderThread::refuse_all(const Fault& why) {
    std::deque<std::shared_ptr<Question>> rest;
    {
        const std::lock_guard lock(mutex_);
        rest.swap(waiting_);
    }
    for (const auto& question : rest) question->refuse(why);
}

bool ReaderThread::open() {
    for (const auto& dsn : dsns_) {
        auto database = Database::open(dsn.place, dsn.named());
        if (!database && is_no_room(database.error()))
            database = Database::open_to_read(dsn.place, dsn.named());  // a read-only disk
        auto ready = database ? opened_(**database) : Done(std::unexpected(database.error()));
        if (!ready) {
            closing_();
            health_->down(ready.error());
            continue;
        }
        database_ = std::move(*database);
        health_->up(dsn.named());
        backoff_.reset();
        return true;
    }
    return false;
}

bool ReaderThread::is_stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
}

void ReaderThread::put_back(std::shared_ptr<Question> question) {
    const std::lock_guard lock(mutex_);
    waiting_.push_front(std::move(question));
}

// next - null: nothing is asked now, or we are stopping
std::shared_ptr<ReaderThread::Question> ReaderThread::next() {
    std::unique_lock lock(mutex_);
    constexpr std::chrono::seconds look_around{1};
    if (!signal_.wait_for(lock, look_around, [this] { return stopping_ || !waiting_.empty(); }) || stopping_) return nullptr;
    auto question = std::move(waiting_.front());
    waiting_.pop_front();
    return question;
}

void ReaderThread::run() {
    const auto pause = [this] {
        std::unique_lock lock(mutex_);
        signal_.wait_for(lock, backoff_.next(), [this] { return stopping_; });
        return stopping_;
    };
    for (;;) {
        if (!database_ && !open()) {
            if (const auto hopeless = health_->hopeless()) refuse_all(*hopeless);
            if (pause()) return;
            continue;
        }
        const auto question = next();
        if (is_stopping()) return;
        if (database_->is_stale()) {  // another handle met trouble that all of them have to make way for
            close();
            if (question) put_back(question);
            continue;
        }
        if (!question || question->deadline.passed()) continue;  // nobody waits any more
        auto answered = question->answer();
        if (answered) continue;
        health_->down(answered.error());
        close();
        put_back(question);
        if (pause()) return;
    }
}

}  // namespace tamis::storage::sqlite
