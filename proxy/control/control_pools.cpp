#include "proxy/control/control_pools.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "config/settings.h"

namespace tamis::proxy {

ControlPeer identify(int descriptor, bool is_unix, std::string address, std::string listener, const config::Settings& settings) {
    ControlPeer out{is_unix, std::move(address), std::move(listener), 0, ControlPools::strangers, {}};
    if (!is_unix) {
        if (settings.control_peers.contains(out.address)) out.pool = "peers";
        else out.refusal = fmt::format("{} is not in control.allowed_peers", out.address);
        return out;
    }
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
        out.refusal = "the kernel does not say who asks";
        return out;
    }
    out.user = who.uid;
    if (out.user == 0 || out.user == ::geteuid()) out.pool = "root";
    else if (std::ranges::count(settings.control_users, out.user) != 0) out.pool = fmt::format("uid {}", out.user);
    else out.refusal = fmt::format("uid {} is not in control.allowed_users", out.user);
    return out;
}

ControlPools::Place::~Place() {
    const std::lock_guard lock(state_->mutex);
    state_->places.remove(this);
}

void ControlPools::Place::on_yield(std::function<void()> end) {
    {
        const std::lock_guard lock(state_->mutex);
        end_ = end;
        if (!must_yield_) return;
    }
    end();
}

void ControlPools::Place::set_busy(bool busy) {
    const std::lock_guard lock(state_->mutex);
    busy_ = busy;
    quiet_since_ = Deadline::Clock::now();
}

std::shared_ptr<ControlPools::Place> ControlPools::enter(const std::string& pool, std::size_t limit) {
    auto place = std::make_shared<Place>(state_, pool);
    std::function<void()> end;
    bool is_refused = false;
    {
        const std::lock_guard lock(state_->mutex);
        std::size_t taken = 0;
        Place* quietest = nullptr;
        for (auto* other : state_->places) {
            if (other->pool_ != pool || other->must_yield_) continue;
            ++taken;
            if (!other->busy_ && (quietest == nullptr || other->quiet_since_ < quietest->quiet_since_)) quietest = other;
        }
        const bool is_full = taken >= limit;
        const bool has_room = !is_full || (quietest != nullptr && pool != strangers);
        if (has_room) state_->places.push_back(place.get());
        if (is_full && has_room) {
            quietest->must_yield_ = true;
            end = quietest->end_;
        }
        if (!has_room) is_refused = true;
    }
    if (is_refused) return nullptr;
    if (end) end();
    return place;
}

}  // namespace tamis::proxy
