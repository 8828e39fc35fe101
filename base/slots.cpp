#include "base/slots.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

namespace tamis {

struct Slots::Waiter {
    Waiter(asio::any_io_executor executor, std::uint64_t wanted) : timer(std::move(executor)), amount(wanted) {}
    asio::steady_timer timer;  // used only on its own executor
    std::uint64_t amount;
    bool granted = false;  // guarded by Slots::mutex_, as is the next one
    bool elder = false;    // granted beyond the limit
};

void Slots::Units::release() noexcept {
    if (from_ != nullptr) std::exchange(from_, nullptr)->put_back(std::exchange(amount_, 0), std::exchange(elder_, false));
}

void Slots::Units::give_back(std::uint64_t part) noexcept {
    part = std::min(part, amount_);
    if (from_ == nullptr || part == 0) return;
    amount_ -= part;
    from_->put_back(part, false);
}

void Slots::Units::absorb(Units other) noexcept {
    if (other.from_ == nullptr) return;
    from_ = std::exchange(other.from_, nullptr);
    amount_ += std::exchange(other.amount_, 0);
    elder_ = std::exchange(other.elder_, false) || elder_;
}

Slots::Units Slots::try_take(std::uint64_t amount) {
    const std::lock_guard lock(mutex_);
    amount = std::min(amount, limit_);
    if (!waiting_.empty() || !growing_.empty() || !fits_locked(amount)) return {};
    used_ += amount;
    return {*this, amount};
}

Slots::Units Slots::charge(std::uint64_t amount) {
    const std::lock_guard lock(mutex_);
    used_ += amount;
    return {*this, amount};
}

Task<Result<Slots::Units>> Slots::take(std::uint64_t amount, Deadline deadline) {
    {
        const std::lock_guard lock(mutex_);
        amount = std::min(amount, limit_);
        if (waiting_.empty() && growing_.empty() && fits_locked(amount)) {
            used_ += amount;
            co_return Units(*this, amount);
        }
    }
    const auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor, amount);
    auto granted = co_await wait(waiter, waiting_, deadline);
    if (!granted) co_return std::unexpected(std::move(granted.error()));
    co_return Units(*this, waiter->amount);
}

Task<Done> Slots::grow(Units& held, std::uint64_t amount, Deadline deadline) {
    {
        const std::lock_guard lock(mutex_);
        if (held.elder_ || (growing_.empty() && fits_locked(amount))) {
            used_ += amount;
            held.from_ = this;
            held.amount_ += amount;
            co_return Done{};
        }
    }
    const auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor, amount);
    auto granted = co_await wait(waiter, growing_, deadline);
    if (!granted) co_return granted;
    Units more(*this, amount);
    more.elder_ = waiter->elder;
    held.absorb(std::move(more));
    co_return Done{};
}

// wait - in a queue, until it is granted or late
Task<Done> Slots::wait(std::shared_ptr<Waiter> waiter, std::deque<std::shared_ptr<Waiter>>& queue, Deadline deadline) {
    waiter->timer.expires_at(deadline.at);
    {
        const std::lock_guard lock(mutex_);
        queue.push_back(waiter);
        wake_locked();
    }
    for (;;) {
        {
            const std::lock_guard lock(mutex_);
            if (waiter->granted) co_return Done{};
            if (deadline.passed()) {
                std::erase(queue, waiter);
                wake_locked();
                co_return fail(Errc::timeout, "waiting for a free slot");
            }
        }
        co_await waiter->timer.async_wait(as_result);
    }
}

void Slots::put_back(std::uint64_t amount, bool elder) noexcept {
    const std::lock_guard lock(mutex_);
    used_ -= amount;
    if (elder) has_elder_ = false;
    wake_locked();
}

void Slots::grant_locked(const std::shared_ptr<Waiter>& waiter) {
    used_ += waiter->amount;
    waiter->granted = true;
    asio::post(waiter->timer.get_executor(), [waiter] { waiter->timer.expires_at(Deadline::Clock::time_point::min()); });
}

void Slots::wake_locked() {
    while (!growing_.empty()) {
        const auto waiter = growing_.front();
        if (!fits_locked(waiter->amount)) {
            if (has_elder_) return;
            waiter->elder = has_elder_ = true;
        }
        growing_.pop_front();
        grant_locked(waiter);
    }
    while (!waiting_.empty()) {
        waiting_.front()->amount = std::min(waiting_.front()->amount, limit_);
        if (!fits_locked(waiting_.front()->amount)) return;
        const auto waiter = std::move(waiting_.front());
        waiting_.pop_front();
        grant_locked(waiter);
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
