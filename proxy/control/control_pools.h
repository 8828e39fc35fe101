// control_pools - who is on the line of AM.PDP, counted by kind of client, so that none can keep the others out
//
// The kernel (SO_PEERCRED) or the address says who it is before a connection counts. Root with our own user, each of
// control.allowed_users, the TCP peers, and strangers have places of their own. When all places of a pool are taken, the
// connection of the same pool that has been silent longest (no request in hand) gives way. Thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "base/deadline.h"

namespace tamis::config {
struct Settings;
}

namespace tamis::proxy {

// ControlPeer - who speaks AM.PDP with us
struct ControlPeer {
    bool is_unix = false;
    std::string address;   // over TCP
    std::string listener;  // "9998" or the path
    unsigned user = 0;     // of a unix peer
    std::string pool;      // whose places it takes
    std::string refusal;   // why it may not ask anything; empty: it may
};

// identify - asks the kernel who has connected, and the settings whether that may be
ControlPeer identify(int descriptor, bool is_unix, std::string address, std::string listener, const config::Settings& settings);

class ControlPools {
    struct State;

public:
    // Place - one connection's; it is given back when the last owner lets go
    class Place {
    public:
        Place(std::shared_ptr<State> state, std::string pool) : state_(std::move(state)), pool_(std::move(pool)) {}
        ~Place();
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        // on_yield - what ends the connection when another needs its place; may be called from any thread, once
        void on_yield(std::function<void()> end);
        // set_busy - a request is in hand (it is finished in any case), or not any more
        void set_busy(bool busy);

    private:
        friend class ControlPools;
        std::shared_ptr<State> state_;
        std::string pool_;
        std::function<void()> end_;
        Deadline::Clock::time_point quiet_since_ = Deadline::Clock::now();
        bool busy_ = false, must_yield_ = false;
    };

    // enter - a place in the pool; null when all `limit` are taken by connections that have a request in hand, and for
    // strangers always when all are taken
    std::shared_ptr<Place> enter(const std::string& pool, std::size_t limit);

    static constexpr const char* strangers = "strangers";
    static constexpr std::size_t stranger_limit = 20;

private:
    struct State {
        std::mutex mutex;
        std::list<Place*> places;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace tamis::proxy
