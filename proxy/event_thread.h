// event_thread - one event loop with everything that lives on it: connections to next hops, decoder processes, sessions
//
// A session lives on one thread from its first octet to its last and needs no lock. take(), take_control() and whatever names
// `context` are for the loop itself: others post to it. `load` may be read by anybody.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <set>
#include <thread>

#include "base/async.h"
#include "base/stream.h"
#include "deliver/reinject.h"
#include "proxy/control/control_session.h"
#include "proxy/listener.h"
#include "proxy/pipeline.h"
#include "proxy/services.h"
#include "proxy/smtp/session.h"
#include "scanners/worker/pool.h"

namespace tamis::proxy {

// run_loop - to its end. What is thrown past a handler ends that handler, not the daemon: no memory, or a bug of ours.
void run_loop(asio::io_context& context);

class EventThread {
public:
    EventThread(Services& shared, deliver::ReinjectOptions options);

    void start();
    // reload - what a new snapshot changes for decoder processes; from any thread
    void reload();
    // take / take_control - a connection that was accepted; on the loop
    void take(const Accepted& accepted);
    void take_control(const Accepted& accepted, ControlPeer peer, const std::shared_ptr<ControlPools::Place>& place);
    // stop_sessions - asks every session to end; on the loop
    void stop_sessions();
    // join - ends the loop and the thread; the sessions are gone by then, or are given up
    void join();

private:
    struct Listed;
    std::unique_ptr<worker::WorkerPool> open_workers();
    std::unique_ptr<Stream> stream_of(const Accepted& accepted);
    Task<void> sweep();
    Task<void> serve(std::unique_ptr<Stream> stream, Peer peer);

    Services& services_;
    std::set<Session*> sessions_;  // only on this thread; outlive what is on the loop
    std::set<ControlSession*> controls_;

public:
    asio::io_context context{1};
    std::atomic<std::size_t> load{0};  // connections in hand

private:
    asio::executor_work_guard<asio::io_context::executor_type> guard_{context.get_executor()};
    deliver::Reinjector reinjector_;
    std::unique_ptr<worker::WorkerPool> workers_;  // null: mail is not opened
    Pipeline pipeline_;
    asio::steady_timer sweep_timer_;
    std::thread thread_;
};

}  // namespace tamis::proxy
