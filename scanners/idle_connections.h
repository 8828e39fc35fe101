// idle_connections - kept-alive connections between two requests, kept by the io_context they belong to
//
// A service of the execution context: connections die with their io_context, never after it, and a thread only ever
// gets its own. At most `per_peer` of one peer; one that the peer has closed, or on which something came unasked, is
// dropped when it is taken. One thread at a time per io_context (design: one thread each).
#pragma once

#include <boost/asio/execution_context.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "base/stream.h"

namespace tamis::scanners {

class IdleConnections final : public asio::execution_context::service {
public:
    static asio::execution_context::id id;  // how Asio tells services apart

    static constexpr std::size_t per_peer = 32;
    static constexpr std::chrono::seconds longest_idle{60};

    explicit IdleConnections(asio::execution_context& owner) : service(owner) {}
    // of - the connections of the io_context behind an executor
    static IdleConnections& of(const asio::any_io_executor& executor);

    // take - an idle connection to that peer that still looks alive; none when there is none
    std::unique_ptr<Stream> take(const std::string& peer);
    // put - keeps it for the next request
    void put(const std::string& peer, std::unique_ptr<Stream> stream);

private:
    struct Idle {
        std::unique_ptr<Stream> stream;
        Deadline::Clock::time_point since;
    };
    void shutdown() override { idle_.clear(); }
    void drop_old();

    std::map<std::string, std::deque<Idle>> idle_;
};

}  // namespace tamis::scanners
