// listener - the sockets we accept on: our own, or those systemd hands us
//
// Never refuses and never says 421 under load (one failed connection makes Postfix suspend the destination for
// minutes): when descriptors run out it pauses and the connections wait in the backlog.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/async.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace tamis::proxy {

struct ListeningSocket {
    int descriptor = -1;
    std::string name;  // for logs: "127.0.0.1:10024", "/run/tamis.sock"
    std::string path;  // of a unix socket of ours, to be removed at the end; empty otherwise
};

// open_listeners - binds and listens; for host names every address. A stale unix socket is replaced, a live one is not. Changes
// the umask for a moment: before there are threads.
Result<std::vector<ListeningSocket>> open_listeners(const std::vector<std::string>& endpoints, int backlog, unsigned socket_mode);
// inherited_listeners - LISTEN_FDS of sd_listen_fds(3); empty when we were not socket-activated
std::vector<ListeningSocket> inherited_listeners();

struct Accepted {
    int descriptor = -1;
    std::string peer_address;  // "" on a unix socket
    std::string socket_address;
    std::string listener;  // "10024" or the path
    bool is_unix = false;
    bool is_ipv6 = false;
};

// Acceptor - accepts on one listening socket until stop(); all calls on its executor
class Acceptor {
public:
    Acceptor(asio::any_io_executor executor, const ListeningSocket& socket);
    ~Acceptor();
    // run - hands every connection to `take` until stop()
    Task<void> run(std::function<void(Accepted)> take);
    // stop - no more connections are taken; those in the backlog stay there for whoever else holds the socket
    void stop();

private:
    struct Native;
    std::unique_ptr<Native> native_;
    std::string name_;
};

}  // namespace tamis::proxy
