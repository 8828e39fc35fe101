#include "storage/lookups/lookup_cache.h"

#include "base/metric.h"

namespace tamis::storage {
namespace {

metric::Counter& hits_total() {
    static metric::Counter counter("tamis_lookup_cache_hits_total", "Policy lookups answered without the database");
    return counter;
}

// recipient_key - with the locality, which decides which keys were asked for
std::string recipient_key(const LookupAddress& recipient) { return (recipient.is_local ? "l" : "-") + recipient.pieces.full; }

std::string hit_key(std::string_view user, const LookupAddress& sender) {
    std::string key(user);
    key += sender.is_local ? '\x01' : '\x02';
    return key += sender.pieces.full;
}

class CachedLookups final : public LookupStore {
public:
    CachedLookups(std::shared_ptr<LookupStore> store, std::shared_ptr<LookupCache> cache)
        : store_(std::move(store)), cache_(std::move(cache)) {}

    Done ready() const override { return store_->ready(); }
    void forget() override { cache_->clear(); }

    Task<Result<LookupAnswer>> look_up(LookupRequest request, Deadline deadline) override {
        if (auto known = cache_->find(request)) {
            hits_total().add();
            co_return std::move(*known);
        }
        const auto generation = cache_->generation();
        auto answer = co_await store_->look_up(request, deadline);
        if (answer) cache_->put(request, *answer, generation);
        co_return answer;
    }

private:
    const std::shared_ptr<LookupStore> store_;
    const std::shared_ptr<LookupCache> cache_;
};

}  // namespace

std::optional<LookupAnswer> LookupCache::find(const LookupRequest& request) {
    const auto now = Clock::now();
    LookupAnswer answer;
    const std::lock_guard lock(mutex_);
    for (const auto& recipient : request.recipients) {
        const auto rows = rows_.find(recipient_key(recipient));
        if (rows == rows_.end() || rows->second.until <= now) return {};
        answer.rows.push_back(rows->second.rows);
        for (auto& row : answer.rows.back()) {
            for (const auto& sender : request.senders) {
                if (row.id().empty()) {
                    row.sender_hits.emplace_back();
                    continue;
                }
                const auto hit = hits_.find(hit_key(row.id(), sender));
                if (hit == hits_.end() || hit->second.until <= now) return {};
                row.sender_hits.push_back(hit->second.hit);
            }
        }
    }
    return answer;
}

std::uint64_t LookupCache::generation() const {
    const std::lock_guard lock(mutex_);
    return generation_;
}

void LookupCache::put(const LookupRequest& request, const LookupAnswer& answer, std::uint64_t generation) {
    const auto until = Clock::now() + keep_;
    const std::lock_guard lock(mutex_);
    if (generation != generation_) return;  // it changed while we asked
    if (rows_.size() > limit) rows_.clear();
    if (hits_.size() > limit) hits_.clear();
    for (std::size_t i = 0; i < request.recipients.size(); ++i) {
        Rows kept{until, answer.rows[i]};
        for (auto& row : kept.rows) {
            for (std::size_t k = 0; k < request.senders.size() && !row.id().empty(); ++k)
                hits_.insert_or_assign(hit_key(row.id(), request.senders[k]), Hit{until, row.sender_hits[k]});
            row.sender_hits.clear();
        }
        rows_.insert_or_assign(recipient_key(request.recipients[i]), std::move(kept));
    }
}

void LookupCache::clear() {
    const std::lock_guard lock(mutex_);
    ++generation_;
    rows_.clear();
    hits_.clear();
}

std::size_t LookupCache::size() const {
    const std::lock_guard lock(mutex_);
    return rows_.size();
}

std::shared_ptr<LookupStore> cached(std::shared_ptr<LookupStore> store, std::shared_ptr<LookupCache> cache) {
    return std::make_shared<CachedLookups>(std::move(store), std::move(cache));
}

}  // namespace tamis::storage
