// session - one connection: moves bytes between the socket, the dialog, the data receiver and the pipeline
//
// Lives on one io_context from accept to close. Every await has a deadline. One last catch: whatever goes wrong inside,
// the client gets a 421 or a closed connection and the daemon goes on.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "base/async.h"
#include "base/stream.h"
#include "proxy/pipeline.h"
#include "proxy/services.h"
#include "proxy/smtp/dialog.h"

namespace tamis::proxy {

struct Peer {
    std::string address;         // "" on a unix socket
    std::string socket_address;  // ours
    std::string listener;        // "10024" or the path
};

class Session {
public:
    Session(std::unique_ptr<Stream> stream, Peer peer, Services& services, Pipeline& pipeline);
    ~Session();

    Task<void> run();
    // stop - the daemon is shutting down; to be called again and again until the session has ended. One that rests after its
    // message is told 421 and ends. One that was greeted, or has said something since, may finish the transaction it begins:
    // a 421 in its face would make Postfix suspend the destination. When it stays silent for stop_grace, it ends as well.
    void stop();

    static constexpr std::chrono::seconds stop_grace{3};
    static constexpr std::chrono::seconds linger_limit{5};  // for the client to read our last words

private:
    Task<void> talk();
    struct Receiving;
    Task<Done> receive(Receiving& into);
    std::expected<mail::Message, Reply> received(Receiving& from, const mail::Envelope& envelope) const;
    Task<bool> receive_and_answer();
    Task<Done> send(const std::string& text);
    Task<Result<std::string_view>> next_line();
    Deadline command_deadline() const;
    DialogOptions dialog_options() const;
    std::size_t command_capacity() const;
    Task<bool> start_tls();
    bool may_be_dismissed() const;
    void look_at(std::string_view line, const Reply& reply);
    Task<void> linger();

    std::unique_ptr<Stream> stream_;
    Peer peer_;
    Services& services_;
    Pipeline& pipeline_;
    std::shared_ptr<const config::Snapshot> snapshot_;
    Dialog dialog_;
    InputBuffer input_;
    std::string output_;  // replies not sent yet (pipelining)
    Deadline session_end_;
    Slots::Units memory_;  // what a session costs by itself
    std::uint64_t connection_ = 0;
    std::uint64_t transaction_ = 0;
    bool waiting_ = false;  // for a command, outside a transaction
    Deadline::Clock::time_point waiting_since_{};
    bool told_unclear_ = false;  // a line that is no command: told of once
    bool rests_ = false;         // the last thing that happened was the end of a transaction
};

}  // namespace tamis::proxy
