#include "proxy/event_thread.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>

#include "base/counted.h"
#include "base/log.h"
#include "base/text.h"

namespace tamis::proxy {
namespace {

asio::generic::stream_protocol protocol_of(const Accepted& accepted) {
    if (accepted.is_unix) return asio::local::stream_protocol();
    return accepted.is_ipv6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4();
}

}  // namespace

void run_loop(asio::io_context& context) {
    for (;;) try {
            context.run();
            return;
        } catch (const std::exception& trouble) {
            log::error({}, "bug: an exception in an event loop: {}", escaped(trouble.what(), 300));
        }
}

// Listed - a session that stop_sessions() can find
struct EventThread::Listed {
    Listed(std::set<Session*>& in, Session& session) : list(in), one(&session) { list.insert(one); }
    ~Listed() { list.erase(one); }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    std::set<Session*>& list;
    Session* one;
};

EventThread::EventThread(Services& shared, deliver::ReinjectOptions options)
    : services_(shared),
      reinjector_(std::move(options)),
      workers_(open_workers()),
      pipeline_(shared, reinjector_, workers_.get()),
      sweep_timer_(context) {}

std::unique_ptr<worker::WorkerPool> EventThread::open_workers() {
    if (!services_.spawner || !services_.snapshot()->settings->open.enabled) return nullptr;
    const auto options = worker::pool_options_of(services_.snapshot()->settings->open);
    return std::make_unique<worker::WorkerPool>(context, *services_.spawner, options, &services_.memory);
}

void EventThread::reload() {
    asio::post(context, [this, options = worker::pool_options_of(services_.snapshot()->settings->open)] {
        if (workers_) workers_->set_options(options);
    });
}

void EventThread::start() {
    asio::co_spawn(context, sweep(), asio::detached);  // ends when join() cancels its timer
    thread_ = std::thread([this] { run_loop(context); });
}

Task<void> EventThread::sweep() {
    bool was_busy = false;
    for (;;) {
        sweep_timer_.expires_after(std::chrono::seconds(5));
        auto [error] = co_await sweep_timer_.async_wait(as_result);
        if (error) co_return;
        reinjector_.close_idle();
        // what a crowd of large messages used goes back to the system when the crowd has gone; malloc would keep it
        const bool is_busy = load.load(std::memory_order_relaxed) != 0;
        if (was_busy && !is_busy) ::malloc_trim(0);
        was_busy = is_busy;
    }
}

// stream_of - null when the loop cannot watch the connection; it is closed then, and the client tries again
std::unique_ptr<Stream> EventThread::stream_of(const Accepted& accepted) {
    Stream::Socket socket(context);
    boost::system::error_code error;
    socket.assign(protocol_of(accepted), accepted.descriptor, error);
    if (!error) return std::make_unique<Stream>(std::move(socket));
    log::error({}, "a connection to {} was closed, it cannot be watched: {}", accepted.listener, error.message());
    ::close(accepted.descriptor);
    load.fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
}

void EventThread::take(const Accepted& accepted) {
    auto stream = stream_of(accepted);
    if (!stream) return;
    asio::co_spawn(context, serve(std::move(stream), Peer{accepted.peer_address, accepted.socket_address, accepted.listener}),
                   [this](const std::exception_ptr& broken) {
                       load.fetch_sub(1, std::memory_order_relaxed);
                       if (broken) log::error({}, "a connection was closed: no memory for its session");
                   });
}

// serve - at most limits.connections at the same time; the others wait here, unrefused, with nothing but their socket
Task<void> EventThread::serve(std::unique_ptr<Stream> stream, Peer peer) {
    const auto settings = services_.snapshot()->settings;
    Slots::Units place;
    if (peer.address.empty() || settings->allowed_peers.contains(peer.address)) {
        place = services_.serving.try_take(1);
        if (place.amount() == 0) {
            if (services_.told_waiting.begin_quiet(std::chrono::minutes(1)))
                log::warning({}, "{} served (limits.connections), new ones wait for their greeting",
                             counted(services_.serving.limit(), "connection is", "connections are"));
            auto taken = co_await services_.serving.take(1, Deadline::in(settings->limits.session));
            if (!taken) co_return;
            place = std::move(*taken);
        }
    }
    Session session(std::move(stream), std::move(peer), services_, pipeline_);
    const Listed listed(sessions_, session);
    co_await session.run();
}

void EventThread::take_control(const Accepted& accepted, ControlPeer peer, const std::shared_ptr<ControlPools::Place>& place) {
    auto stream = stream_of(accepted);
    if (!stream) return;
    auto session = std::make_shared<ControlSession>(std::move(stream), std::move(peer), place, services_, pipeline_, reinjector_);
    controls_.insert(session.get());
    place->on_yield([this, weak = std::weak_ptr(session)] {
        asio::post(context, [weak] {
            if (const auto still = weak.lock()) still->yield();
        });
    });
    asio::co_spawn(context, session->run(), [this, session](const std::exception_ptr&) {
        controls_.erase(session.get());
        load.fetch_sub(1, std::memory_order_relaxed);
    });
}

void EventThread::stop_sessions() {
    for (auto* session : sessions_) session->stop();
    for (auto* session : controls_) session->stop();
}

void EventThread::join() {
    asio::post(context, [this] {
        sweep_timer_.cancel();
        reinjector_.close_all();
        if (workers_) workers_->stop();
        context.stop();  // the sessions are gone; timers of kept connections are all that is left
    });
    if (thread_.joinable()) thread_.join();
}

}  // namespace tamis::proxy
