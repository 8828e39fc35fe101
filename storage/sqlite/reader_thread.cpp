#include "storage/sqlite/reader_thread.h"

namespace tamis::storage::sqlite {

ReaderThread::ReaderThread(std::vector<Dsn> dsns, std::chrono::milliseconds patience, Opened opened)
    : dsns_(std::move(dsns)), health_(std::make_shared<Health>(dsns_.front().shown, patience)), opened_(std::move(opened)) {}

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
        auto database = Database::open(dsn.path, dsn.shown);
        auto ready = database ? opened_(**database) : Done(std::unexpected(database.error()));
        if (!ready) {
            health_->down(ready.error());
            continue;
        }
        database_ = std::move(*database);
        health_->up(dsn.shown);
        backoff_.reset();
        return true;
    }
    return false;
}

std::shared_ptr<ReaderThread::Question> ReaderThread::next() {
    std::unique_lock lock(mutex_);
    signal_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return nullptr;
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
        if (!question) return;
        if (question->deadline.passed()) continue;  // nobody waits any more
        auto answered = question->answer();
        if (answered) continue;
        health_->down(answered.error());
        database_.reset();
        {
            const std::lock_guard lock(mutex_);
            waiting_.push_front(question);
        }
        if (pause()) return;
    }
}

}  // namespace tamis::storage::sqlite
