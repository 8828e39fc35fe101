// slots - a counting semaphore for coroutines of any thread, first come first served, with a deadline
//
// Used to bound simultaneous scans per engine, connections, and bytes held in memory (limits.memory). A taken amount is an
// object: it goes back when the object dies. Thread-safe. A waiter that is granted its amount resumes on its own executor.
//
// Who holds can finish: whoever needs more while it holds some already asks with grow(). Those go before take(), and when all
// that hold wait, one of them, the elder, is granted beyond the limit until it is done; so nobody waits for ever for what
// another one holds that waits as well. More than the limit is used only by the elder and by what is charge()d.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"

namespace tamis {

class Slots {
public:
    explicit Slots(std::uint64_t limit) : limit_(limit) {}

    class [[nodiscard]] Units {
    public:
        Units() = default;
        Units(Units&& other) noexcept
            : from_(std::exchange(other.from_, nullptr)),
              amount_(std::exchange(other.amount_, 0)),
              elder_(std::exchange(other.elder_, false)) {}
        Units& operator=(Units&& other) noexcept {
            if (this != &other) {
                release();
                from_ = std::exchange(other.from_, nullptr);
                amount_ = std::exchange(other.amount_, 0);
                elder_ = std::exchange(other.elder_, false);
            }
            return *this;
        }
        ~Units() { release(); }
        std::uint64_t amount() const noexcept { return amount_; }
        // release - gives everything back now
        void release() noexcept;
        // give_back - gives part of it back
        void give_back(std::uint64_t part) noexcept;
        // absorb - takes over the units of another of the same Slots
        void absorb(Units other) noexcept;

    private:
        friend class Slots;
        Units(Slots& from, std::uint64_t amount) : from_(&from), amount_(amount) {}
        Slots* from_ = nullptr;
        std::uint64_t amount_ = 0;
        bool elder_ = false;  // may go beyond the limit
    };

    // try_take - at once or not at all; an empty Units (amount 0) when there is no room or others wait
    Units try_take(std::uint64_t amount);
    // take - waits its turn until the deadline. An amount above the limit is cut to the limit, so that it can ever pass.
    Task<Result<Units>> take(std::uint64_t amount, Deadline deadline);
    // grow - more for somebody who holds `held` (also when that is still empty), which must live until the answer; waits for
    // it until the deadline. Errc::timeout leaves `held` as it was. To be asked for before the bytes are there.
    Task<Done> grow(Units& held, std::uint64_t amount, Deadline deadline);
    // charge - counts what is there already and cannot be refused any more; the limit may be exceeded, and others wait longer
    Units charge(std::uint64_t amount);

    std::uint64_t used() const;
    std::uint64_t limit() const;
    void set_limit(std::uint64_t limit);

private:
    struct Waiter;
    void put_back(std::uint64_t amount, bool elder) noexcept;
    bool fits_locked(std::uint64_t amount) const noexcept { return used_ <= limit_ && amount <= limit_ - used_; }
    void wake_locked();
    void grant_locked(const std::shared_ptr<Waiter>& waiter);
    Task<Done> wait(std::shared_ptr<Waiter> waiter, std::deque<std::shared_ptr<Waiter>>& queue, Deadline deadline);

    mutable std::mutex mutex_;
    std::uint64_t limit_;
    std::uint64_t used_ = 0;
    bool has_elder_ = false;
    std::deque<std::shared_ptr<Waiter>> waiting_;
    std::deque<std::shared_ptr<Waiter>> growing_;
};

}  // namespace tamis
