// retention_timer - the daemon's regular expiry: a thread and a database connection of its own, never those of mail
//
// Takes the settings of the moment for each run. Every message of the first run of a day is looked at, else only what became
// due. stop() returns within the time of one short transaction. start(), wake() and stop() from one thread.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <thread>

#include "proxy/services.h"
#include "storage/retention/expire.h"

namespace tamis::proxy {

class RetentionTimer {
public:
    explicit RetentionTimer(const Services& services) : services_(services) {}
    ~RetentionTimer() { stop(); }
    RetentionTimer(const RetentionTimer&) = delete;
    RetentionTimer& operator=(const RetentionTimer&) = delete;

    void start();
    void wake();  // the settings may have changed
    void stop();

private:
    Task<void> run();
    Task<void> run_once(std::shared_ptr<const config::Settings> settings);

    const Services& services_;
    std::atomic<bool> stopping_{false};
    storage::Expiry expiry_;
    std::chrono::steady_clock::time_point last_full_{};
    bool had_full_ = false;
    std::string last_trouble_;
    std::unique_ptr<asio::io_context> loop_;
    std::unique_ptr<asio::steady_timer> timer_;  // goes before the loop
    std::thread thread_;
};

}  // namespace tamis::proxy
