// reader_thread - one thread that reads an SQLite database for everybody: any thread asks, answers come as completions
//
// Trouble with the file: it is opened anew with back-off; whoever asks waits until its deadline, or is refused at once
// when the database is away for longer than the patience.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/deadline.h"
#include "storage/backoff.h"
#include "storage/dsn.h"
#include "storage/health.h"
#include "storage/sqlite/database.h"

namespace tamis::storage::sqlite {

class ReaderThread {
public:
    class Question {
    public:
        explicit Question(Deadline until) : deadline(until) {}
        virtual ~Question() = default;
        // answer - reads; a Fault (unavailable) means that the file is in trouble, and the question is asked again
        virtual Done answer() = 0;
        virtual void refuse(Fault why) = 0;
        const Deadline deadline;
    };
    // Opened - called on the thread after every opening, before any question: prepares statements
    using Opened = std::function<Done(Database&)>;

    // `closing` is called before the file is closed: it gives up the statements
    ReaderThread(std::vector<Dsn> dsns, std::chrono::milliseconds patience, Opened opened, std::function<void()> closing = [] {});
    ~ReaderThread() { stop(); }
    void start() {
        thread_ = std::thread([this] { run(); });
    }
    void stop();
    void put(std::shared_ptr<Question> question);
    const Health& health() const noexcept { return *health_; }

private:
    void run();
    bool open();
    void close();
    void refuse_all(const Fault& why);
    std::shared_ptr<Question> next();
    void put_back(std::shared_ptr<Question> question);
    bool is_stopping();

    const std::vector<Dsn> dsns_;
    const std::shared_ptr<Health> health_;
    const Opened opened_;
    const std::function<void()> closing_;
    std::unique_ptr<Database> database_;  // only the thread
    Backoff backoff_;                     // only the thread
    std::mutex mutex_;
    std::condition_variable signal_;
    std::deque<std::shared_ptr<Question>> waiting_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace tamis::storage::sqlite
