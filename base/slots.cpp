#include "base/slots.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace tamis {

struct Slots::Waiter {
    Waiter(asio::any_io_executor executor, std::uint64_t wanted) : timer(std::move(executor)), amount(wanted) {}
    asio::steady_timer timer;  // used only on its own executor
    std::uint64_t      amount;
    bool               granted = false;  // guarded by Slots::mutex_
};

void Slots::Units::release() noexcept {
    if (from_ != nullptr) std::exchange(from_, nullptr)->put_back(std::exchange(amount_, 0));
}

void Slots::Units::give_back(std::uint64_t part) noexcept {
    part = std::min(part, amount_);
    if (from_ == nullptr || part == 0) return;
    amount_ -= part;
    from_->put_back(part);
}

void Slots::Units::absorb(Units other) noexcept {
    if (other.from_ == nullptr) return;
    from_ = other.from_;
    amount_ += std::exchange(other.amount_, 0);
    other.from_ = nullptr;
}

Slots::Units Slots::try_take(std::uint64_t amount) {
    const std::lock_guard lock(mutex_);
    amount = std::min(amount, limit_);
    if (!waiting_.empty() || used_ + amount > limit_) return {};
    used_ += amount;
    return {*this, amount};
}

Task<Result<Slots::Units>> Slots::take(std::uint64_t amount, Deadline deadline) {
    std::shared_ptr<Waiter> waiter;
    {
        const std::lock_guard lock(mutex_);
        amount = std::min(amount, limit_);
        if (waiting_.empty() && used_ + amount <= limit_) {
            used_ += amount;
            co_return Units(*this, amount);
        }
    }
    waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor, amount);
    waiter->timer.expires_at(deadline.at);
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(waiter);
        wake_locked();
    }
    for (;;) {
        bool granted = false;
        bool late = false;
        {
            const std::lock_guard lock(mutex_);
            granted = waiter->granted;
            late = !granted && deadline.passed();
            if (late) {
                std::erase(waiting_, waiter);
                wake_locked();
            }
        }
        if (granted) co_return Units(*this, amount);
        if (late) co_return fail(Errc::timeout, "waiting for a free slot");
        co_await waiter->timer.async_wait(as_result);
    }
}

void Slots::put_back(std::uint64_t amount) noexcept {
    const std::lock_guard lock(mutex_);
    used_ -= amount;
    wake_locked();
}

void Slots::wake_locked() {
    while (!waiting_.empty() && used_ + std::min(waiting_.front()->amount, limit_) <= limit_) {
        auto waiter = std::move(waiting_.front());
        waiting_.pop_front();
        used_ += waiter->amount;
        waiter->granted = true;
        asio::post(waiter->timer.get_executor(), [waiter] { waiter->timer.expires_at(Deadline::Clock::time_point::min()); });
    }
}

std::uint64_t Slots::used() const {
    const std::lock_guard lock(mutex_);
    return used_;
}

std::uint64_t Slots::limit() const {
    const std::lock_guard lock(mutex_);
    return limit_;
}

void Slots::set_limit(std::uint64_t limit) {
    const std::lock_guard lock(mutex_);
    limit_ = limit;
    wake_locked();
}

}  // namespace tamis
