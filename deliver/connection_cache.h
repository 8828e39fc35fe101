// connection_cache - connections to next hops that wait for their next submission (docs/amavis/smtp.md 3.4)
//
// Only connections whose dialogue is_reusable() are kept. One that was idle or alive for too long, or whose peer has
// closed it or said something unasked, is never handed out. A closed one is told QUIT when that needs no waiting.
// Belongs to one thread.
#pragma once

#include <memory>
#include <vector>

#include "base/deadline.h"
#include "base/stream.h"
#include "deliver/client_dialog.h"
#include "deliver/next_hop.h"
#include "deliver/reinject.h"

namespace tamis::deliver {

// Connection - a stream, the dialogue on it and what was read and not yet used
struct Connection {
    Connection(const NextHop& hop, ClientDialog::Manner manner, std::unique_ptr<Stream> opened)
        : to(hop), stream(std::move(opened)), dialog(hop, std::move(manner)) {}

    static constexpr std::size_t longest_line = 8192;  // of a reply; RFC 5321 says 512

    NextHop to;
    std::unique_ptr<Stream> stream;
    InputBuffer input{longest_line};
    ClientDialog dialog;
    Deadline::Clock::time_point opened_at = Deadline::Clock::now();
    Deadline::Clock::time_point idle_since = opened_at;

    // close - QUIT first when the dialogue stands where it is allowed
    void close() noexcept;
};

class ConnectionCache {
public:
    explicit ConnectionCache(const ReinjectOptions& options) : options_(&options) {}
    ~ConnectionCache() { close_all(); }
    ConnectionCache(const ConnectionCache&) = delete;
    ConnectionCache& operator=(const ConnectionCache&) = delete;

    // take - the connection to this next hop that was used last, or nothing
    std::unique_ptr<Connection> take(const NextHop& to);
    // keep - for later, when it may be reused and there is room; else it is closed
    void keep(std::unique_ptr<Connection> connection);
    void close_idle();
    void close_all();
    // stop - from now on nothing is kept
    void stop();
    std::size_t size() const noexcept { return idle_.size(); }

private:
    bool is_over(const Connection& connection) const;

    const ReinjectOptions* options_;
    std::vector<std::unique_ptr<Connection>> idle_;  // the longest idle first
    bool stopped_ = false;
};

}  // namespace tamis::deliver
