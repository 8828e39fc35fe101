// lookup_cache - keeps the rows of recipients and of wblist across messages for a short time (the option lookup_cache)
//
// A message whose recipients and senders are all known is answered at once; any other asks for all of it in its one
// query. Bounded; thread-safe. What was read before a change was announced is not kept after it.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "storage/lookups/lookup_store.h"

namespace tamis::storage {

class LookupCache {
public:
    explicit LookupCache(std::chrono::milliseconds keep) : keep_(keep) {}

    // find - the whole answer, or nothing
    std::optional<LookupAnswer> find(const LookupRequest& request);
    // generation - to be taken before asking the database and given to put()
    std::uint64_t generation() const;
    void put(const LookupRequest& request, const LookupAnswer& answer, std::uint64_t generation);
    void clear();
    std::size_t size() const;

private:
    using Clock = Deadline::Clock;
    struct Rows {
        Clock::time_point until;
        std::vector<policy::UserRow> rows;  // without sender_hits
    };
    struct Hit {
        Clock::time_point until;
        std::optional<policy::SenderHit> hit;
    };
    static constexpr std::size_t limit = 50'000;

    const std::chrono::milliseconds keep_;
    mutable std::mutex mutex_;
    std::uint64_t generation_ = 0;
    std::unordered_map<std::string, Rows> rows_;  // by the recipient as given
    std::unordered_map<std::string, Hit> hits_;   // by users.id and sender
};

// cached - the store behind a cache
std::shared_ptr<LookupStore> cached(std::shared_ptr<LookupStore> store, std::shared_ptr<LookupCache> cache);

}  // namespace tamis::storage
