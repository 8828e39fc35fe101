// slots - a counting semaphore for coroutines of any thread, first come first served, with a deadline
//
// Used to bound simultaneous scans per engine and bytes of mail held in memory. A taken amount is an object: it goes
// back when the object dies. Thread-safe. A waiter that is granted its amount resumes on its own executor.
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
            : from_(std::exchange(other.from_, nullptr)), amount_(std::exchange(other.amount_, 0)) {}
        Units& operator=(Units&& other) noexcept {
            if (this != &other) {
                release();
                from_ = std::exchange(other.from_, nullptr);
                amount_ = std::exchange(other.amount_, 0);
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
        Slots*        from_ = nullptr;
        std::uint64_t amount_ = 0;
    };

    // try_take - at once or not at all; an empty Units (amount 0) when there is no room or others wait
    Units try_take(std::uint64_t amount);
    // take - waits its turn until the deadline. An amount above the limit is cut to the limit, so that it can ever pass.
    Task<Result<Units>> take(std::uint64_t amount, Deadline deadline);

    std::uint64_t used() const;
    std::uint64_t limit() const;
    void          set_limit(std::uint64_t limit);

private:
    struct Waiter;
    void put_back(std::uint64_t amount) noexcept;
    void wake_locked();

    mutable std::mutex                  mutex_;
    std::uint64_t                       limit_;
    std::uint64_t                       used_ = 0;
    std::deque<std::shared_ptr<Waiter>> waiting_;
};

}  // namespace tamis
