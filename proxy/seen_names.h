// seen_names - names that came up since the start (viruses, for newvirus_admin; warnings that are told once); bounded,
// shared by all threads
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace tamis::proxy {

class SeenNames {
public:
    static constexpr std::size_t limit = 100'000;  // then it starts afresh

    // any_new - whether one of the names was not remembered yet
    bool any_new(const std::vector<std::string>& names) const {
        const std::lock_guard lock(mutex_);
        for (const auto& name : names)
            if (!names_.contains(name)) return true;
        return false;
    }
    void remember(const std::vector<std::string>& names) {
        const std::lock_guard lock(mutex_);
        if (names_.size() + names.size() > limit) names_.clear();
        names_.insert(names.begin(), names.end());
    }

private:
    mutable std::mutex mutex_;
    std::set<std::string> names_;
};

}  // namespace tamis::proxy
