// takeover - a restart without systemd that refuses no connection: the listening sockets of the tamisd that runs go to the next
//
// The running one listens on state_dir/takeover.sock (SEQPACKET, 0600). The next one (tamisd --take-over) asks for the
// sockets, starts as usual, accepts, and only then says "go": now the old one stops accepting and drains. When the
// new one fails before that, nothing has changed. The kernel's queue of connections belongs to the socket, so none
// is lost on the way. Peers are checked on both sides: root, or the user that tamisd runs as.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "proxy/listener.h"

namespace tamis::proxy {

// takeover_path - where the running tamisd can be asked
std::string takeover_path(const std::string& state_dir);

// TakenOver - sockets of the running tamisd, as long as it has not been told to go
class TakenOver {
public:
    // ask - null: nobody runs there. `user` is who tamisd runs as. Waits 10 seconds at most. Blocks: for the start only.
    static Result<std::unique_ptr<TakenOver>> ask(const std::string& state_dir, uid_t user);
    ~TakenOver();
    TakenOver(const TakenOver&) = delete;
    TakenOver& operator=(const TakenOver&) = delete;

    // take - those that listen on this address or path (ListeningSocket::name); the caller owns them now
    std::vector<ListeningSocket> take(const std::string& name);
    // finish - "we accept now, go"; sockets that were not taken are closed and the paths of theirs removed. A Fault: the
    // old one did not answer and may accept still, beside us.
    Done finish();

private:
    explicit TakenOver(int channel) : channel_(channel) {}
    int channel_;
    std::vector<ListeningSocket> sockets_;
};

// TakeoverServer - the running side, on the main loop
class TakeoverServer {
public:
    TakeoverServer(asio::io_context& context, std::string state_dir, std::vector<ListeningSocket> sockets,
                   std::function<void()> go);
    ~TakeoverServer();
    TakeoverServer(const TakeoverServer&) = delete;
    TakeoverServer& operator=(const TakeoverServer&) = delete;

    // start - listens; replaces what an earlier tamisd left there
    Done start();
    void stop();

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tamis::proxy
