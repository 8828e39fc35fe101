// off_loop - runs blocking work on a thread pool while a coroutine waits for it, until a deadline
//
// The work owns what it needs: it may outlive the coroutine, whose frame it never touches. When the deadline passes
// first, the work goes on to its own end and its result is dropped.
#pragma once

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"

namespace tamis::scanners {

namespace detail {

template <class T>
struct OffLoop {
    std::mutex          mutex;
    std::optional<T>    result;
    asio::steady_timer* waiter = nullptr;  // null when nobody waits any more; else it and its io_context live

    void finish(T value, const std::shared_ptr<OffLoop>& self) {
        const std::lock_guard lock(mutex);
        result = std::move(value);
        if (waiter == nullptr) return;
        asio::post(waiter->get_executor(), [self] {
            const std::lock_guard relock(self->mutex);
            if (self->waiter != nullptr) self->waiter->expires_at(Deadline::Clock::time_point::min());
        });
    }
};

template <class T>
struct WaitsHere {  // for as long as the coroutine's frame lives
    WaitsHere(std::shared_ptr<OffLoop<T>> state, asio::steady_timer& timer) : shared(std::move(state)) {
        shared->waiter = &timer;
    }
    ~WaitsHere() {
        const std::lock_guard lock(shared->mutex);
        shared->waiter = nullptr;
    }
    WaitsHere(const WaitsHere&) = delete;
    WaitsHere& operator=(const WaitsHere&) = delete;
    std::shared_ptr<OffLoop<T>> shared;
};

}  // namespace detail

// run_off_loop - the result of the work; Errc::timeout when it is not there by the deadline. The work must not throw.
template <class T>
Task<Result<T>> run_off_loop(asio::thread_pool& pool, std::move_only_function<T()> work, Deadline deadline) {
    asio::steady_timer timer(co_await asio::this_coro::executor, deadline.at);
    const auto shared = std::make_shared<detail::OffLoop<T>>();
    const detail::WaitsHere<T> waits(shared, timer);
    asio::post(pool, [shared, work = std::move(work)]() mutable { shared->finish(work(), shared); });
    for (;;) {
        {
            const std::lock_guard lock(shared->mutex);
            if (shared->result) co_return std::move(*shared->result);
        }
        if (deadline.passed()) co_return fail(Errc::timeout, "waiting for a blocking call");
        auto [ignored] = co_await timer.async_wait(as_result);
        (void)ignored;
    }
}

}  // namespace tamis::scanners
