#include "scanners/idle_connections.h"

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

namespace tamis::scanners {

asio::execution_context::id IdleConnections::id;

IdleConnections& IdleConnections::of(const asio::any_io_executor& executor) {
    return asio::use_service<IdleConnections>(asio::query(executor, asio::execution::context));
}

void IdleConnections::drop_old() {
    const auto oldest = Deadline::Clock::now() - longest_idle;
    for (auto peer = idle_.begin(); peer != idle_.end();) {
        auto& list = peer->second;
        while (!list.empty() && list.front().since < oldest) list.pop_front();
        peer = list.empty() ? idle_.erase(peer) : std::next(peer);
    }
}

std::unique_ptr<Stream> IdleConnections::take(const std::string& peer) {
    drop_old();
    const auto found = idle_.find(peer);
    if (found == idle_.end()) return {};
    auto& list = found->second;
    while (!list.empty()) {
        auto stream = std::move(list.back().stream);
        list.pop_back();
        if (!stream->is_stale()) return stream;
    }
    return {};
}

void IdleConnections::put(const std::string& peer, std::unique_ptr<Stream> stream) {
    drop_old();
    auto& list = idle_[peer];
    if (list.size() == per_peer) list.pop_front();
    list.push_back({std::move(stream), Deadline::Clock::now()});
}

}  // namespace tamis::scanners
