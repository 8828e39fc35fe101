#include "deliver/connection_cache.h"

#include <sys/socket.h>

#include <algorithm>
#include <string_view>

namespace tamis::deliver {

void Connection::close() noexcept {
    constexpr std::string_view quit = "QUIT\r\n";
    if (dialog.is_reusable() && !stream->is_tls() && !stream->is_stale()) {
        const auto sent = ::send(stream->socket().native_handle(), quit.data(), quit.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) return stream->close();  // it is gone already: as good
    }
    stream->close();
}

bool ConnectionCache::is_over(const Connection& connection) const {
    const auto now = Deadline::Clock::now();
    return now - connection.idle_since >= options_->idle_limit || now - connection.opened_at >= options_->age_limit;
}

std::unique_ptr<Connection> ConnectionCache::take(const NextHop& to) {
    for (std::size_t i = idle_.size(); i-- != 0;) {
        if (idle_[i]->to != to) continue;
        auto connection = std::move(idle_[i]);
        idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
        if (!is_over(*connection) && !connection->stream->is_stale()) return connection;
        connection->close();
    }
    return nullptr;
}

void ConnectionCache::keep(std::unique_ptr<Connection> connection) {
    const bool may =
        !stopped_ && options_->cached_connections != 0 && connection->dialog.is_reusable() && connection->input.unread().empty();
    connection->idle_since = Deadline::Clock::now();
    if (!may || is_over(*connection)) return connection->close();
    if (idle_.size() >= options_->cached_connections) {
        idle_.front()->close();
        idle_.erase(idle_.begin());
    }
    idle_.push_back(std::move(connection));
}

void ConnectionCache::close_idle() {
    std::erase_if(idle_, [this](const auto& connection) {
        if (!is_over(*connection) && !connection->stream->is_stale()) return false;
        connection->close();
        return true;
    });
}

void ConnectionCache::close_all() {
    for (const auto& connection : idle_) connection->close();
    idle_.clear();
}

void ConnectionCache::stop() {
    stopped_ = true;
    close_all();
}

}  // namespace tamis::deliver
