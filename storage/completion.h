// completion - hands one value from a store's thread to the coroutine that waits for it, on that coroutine's executor
//
// set() may come from any thread, before, while or after somebody waits; the first value counts. One coroutine waits,
// until its deadline. A waiter that is destroyed early is forgotten: set() then wakes nobody. The waiter's executor
// must be single-threaded (an io_context run by one thread, or a strand), as everywhere in this program.
#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/async.h"
#include "base/deadline.h"

namespace tamis::storage {

template <class T>
class Completion {
public:
    using Shared = std::shared_ptr<Completion>;

    static void set(const Shared& self, T value) {
        const std::lock_guard lock(self->mutex_);
        if (self->value_) return;
        self->value_ = std::move(value);
        if (self->waiter_ != nullptr) asio::post(self->waiter_->get_executor(), [self] { self->wake(); });
    }

    // wait - the value, or nothing when the deadline passed first
    static Task<std::optional<T>> wait(Shared self, Deadline deadline) {
        asio::steady_timer timer(co_await asio::this_coro::executor, deadline.at);
        const Waiting waiting(*self, timer);
        for (;;) {
            if (auto value = self->take()) co_return value;
            if (deadline.passed()) co_return std::nullopt;
            co_await timer.async_wait(as_result);
        }
    }

private:
    class Waiting {
    public:
        Waiting(Completion& on, asio::steady_timer& timer) : on_(on) { put(&timer); }
        ~Waiting() { put(nullptr); }
        Waiting(const Waiting&) = delete;
        Waiting& operator=(const Waiting&) = delete;

    private:
        void put(asio::steady_timer* timer) {
            const std::lock_guard lock(on_.mutex_);
            on_.waiter_ = timer;
        }
        Completion& on_;
    };

    void wake() {
        const std::lock_guard lock(mutex_);
        if (waiter_ != nullptr) waiter_->expires_at(Deadline::Clock::time_point::min());
    }
    std::optional<T> take() {
        const std::lock_guard lock(mutex_);
        return std::move(value_);
    }

    std::mutex mutex_;
    std::optional<T> value_;
    asio::steady_timer* waiter_ = nullptr;  // lives in the waiting coroutine
};

}  // namespace tamis::storage
