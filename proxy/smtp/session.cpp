#include "proxy/smtp/session.h"

#include <fmt/format.h>

#include "base/counted.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "mail/address.h"
#include "proxy/received.h"
#include "proxy/smtp/data_receiver.h"
#include "proxy/unclear_line.h"

namespace tamis::proxy {
namespace {

constexpr std::size_t message_capacity = 16 * 1024;  // of the input buffer in DATA: enough for most messages
constexpr std::size_t data_capacity = 128 * 1024;    // while a larger message comes in and there is memory for it
constexpr std::uint64_t session_cost = 16 * 1024;    // command buffer, dialogue and coroutines of an idle connection
constexpr std::uint64_t message_cost = 64 * 1024;    // taken before the 354; a larger message takes more as it comes

metric::Counter& denied_total() {
    static metric::Counter counter("tamis_connections_denied_total", "connections from peers that are not allowed");
    return counter;
}

}  // namespace

Session::Session(std::unique_ptr<Stream> stream, Peer peer, Services& services, Pipeline& pipeline)
    : stream_(std::move(stream)),
      peer_(std::move(peer)),
      services_(services),
      pipeline_(pipeline),
      snapshot_(services.snapshot()),
      dialog_(dialog_options()),
      input_(command_capacity()),
      session_end_(Deadline::in(snapshot_->settings->limits.session)),
      memory_(services.memory.charge(session_cost)),
      connection_(++services.connections) {}

Session::~Session() = default;

DialogOptions Session::dialog_options() const {
    const auto& settings = *snapshot_->settings;
    const bool local = peer_.address.empty();
    DialogOptions out;
    out.hostname = settings.server.hostname;
    out.socket_address = peer_.socket_address;
    out.peer_address = peer_.address;
    out.listener = peer_.listener;
    out.recipient_limit = static_cast<std::size_t>(settings.limits.recipients);
    out.size_limit = settings.limits.message_size.count;
    out.error_limit = static_cast<unsigned>(settings.limits.errors);
    out.may_xforward = local || settings.xforward_peers.contains(peer_.address);
    out.offers_tls = snapshot_->tls != nullptr;
    out.requires_tls = settings.server.tls_required;
    return out;
}

// command_capacity - of the input buffer between messages: idle connections are many
std::size_t Session::command_capacity() const { return snapshot_->settings->limits.line.count + 2; }

Deadline Session::command_deadline() const { return session_end_.sooner(snapshot_->settings->limits.idle); }

// send - also when the time of the session is over: without its answer a message that was taken comes again
Task<Done> Session::send(const std::string& text) {
    co_return co_await stream_->write(text, Deadline::in(snapshot_->settings->limits.idle));
}

// may_be_dismissed - nobody is in the middle of something: a client that keeps the connection for its next message looks
// whether it is still good before it uses it (Postfix sends RSET), one that was just greeted does not
bool Session::may_be_dismissed() const { return waiting_ && (rests_ || Deadline::Clock::now() - waiting_since_ >= stop_grace); }

void Session::stop() {
    if (!may_be_dismissed()) return;
    boost::system::error_code ignored;
    stream_->socket().cancel(ignored);
}

Task<void> Session::run() {
    bool broken = false;
    try {
        co_await talk();
    } catch (const std::exception& trouble) {
        log::error({}, "bug: session with {} ended by an exception: {}", peer_.address, escaped(trouble.what(), 300));
        broken = true;
    }
    if (broken) {
        const auto done = co_await send(reply(421, "4.3.2", "Service shutting down, internal error").wire());
        if (!done) log::debug({}, "could not say 421: {}", describe(done.error()));
    }
    co_await linger();
    stream_->close();
}

// linger - a socket that is closed with unread input, or that gets more of it afterwards, answers with a reset, and that may
// take our last reply away from the client before it has read it. So: end our side, and read until the client ends its own.
Task<void> Session::linger() {
    boost::system::error_code ignored;  // the connection is gone already: then there is nothing to end
    stream_->socket().shutdown(Stream::Socket::shutdown_send, ignored);
    const auto end = Deadline::in(linger_limit);
    for (;;) {
        input_.clear();
        if (auto got = co_await input_.fill(*stream_, end); !got) co_return;
    }
}

// next_line - one command line without CRLF. A line that is none is answered here and the next one is read. A Fault
// ends the session: Errc::stopping and Errc::over_limit when the 421 was said, otherwise the peer is gone.
Task<Result<std::string_view>> Session::next_line() {
    const std::size_t limit = snapshot_->settings->limits.line.count;
    bool skipping = false;   // the rest of a line that was too long
    std::size_t looked = 0;  // octets of it that were looked at before: a line may come one octet at a time
    for (;;) {
        const auto text = input_.unread();
        const auto end = text.find("\r\n", looked);  // and nothing else: a bare LF must not make two commands of one line
        if (end != std::string_view::npos) {
            const auto line = text.substr(0, end);
            input_.consume(end + 2);
            looked = 0;
            const bool is_too_long = std::exchange(skipping, false) || end > limit;
            if (!is_too_long && line.find_first_of("\r\n") == std::string_view::npos) co_return line;
            const auto step =
                dialog_.bad_line(is_too_long ? "line too long" : "a line must end in CRLF and have no other CR or LF");
            look_at(line, step.reply);
            output_ += step.reply.wire();
            if (step.next == Dialog::Next::close) co_return fail(Errc::over_limit, "too many errors");
            continue;
        }
        if (text.size() > limit) {
            skipping = true;
            input_.consume(text.size() - (text.ends_with('\r') ? 1 : 0));
        }
        looked = input_.unread().size() - (input_.unread().ends_with('\r') ? 1 : 0);
        if (!output_.empty()) {
            auto sent = co_await send(std::exchange(output_, {}));
            if (!sent) co_return std::unexpected(sent.error());
        }
        const bool idle = dialog_.state() == Dialog::State::fresh || dialog_.state() == Dialog::State::greeted;
        waiting_ = idle && text.empty();
        waiting_since_ = Deadline::Clock::now();
        input_.set_capacity(command_capacity());
        if (services_.stopping && may_be_dismissed()) {
            output_ += reply(421, "4.3.2", "Service shutting down, closing channel").wire();
            co_return fail(Errc::stopping, "shutting down");
        }
        auto got = co_await input_.fill(*stream_, command_deadline());
        waiting_ = false;
        if (got) continue;
        if (services_.stopping && idle) {
            output_ += reply(421, "4.3.2", "Service shutting down, closing channel").wire();
        } else if (got.error().is(Errc::timeout)) {
            output_ += reply(421, "4.4.2", "Error: timeout exceeded, closing channel").wire();
            log::info({}, "connection from {} timed out", peer_.address.empty() ? "unix socket" : peer_.address);
        }
        co_return std::unexpected(got.error());
    }
}

// look_at - a line that was answered with a syntax error: the log says once what it looked like
void Session::look_at(std::string_view line, const Reply& reply) {
    if (reply.code != 500 && reply.code != 501) return;
    if (std::exchange(told_unclear_, true)) return;
    const auto& settings = *snapshot_->settings;
    tell_unclear({"SMTP", peer_.listener, peer_.address, line}, {settings.server.listen, settings.control.listen});
}

Task<bool> Session::start_tls() {
    if (!input_.unread().empty()) {
        log::warning({}, "STARTTLS pipelining violation attempt from {}, {} of plain text thrown away", peer_.address,
                     counted(input_.unread().size(), "octet"));
        input_.clear();
    }
    auto done = co_await stream_->start_tls_server(*snapshot_->tls, command_deadline());
    if (!done) {
        log::warning({}, "TLS handshake with {} failed: {}", peer_.address, describe(done.error()));
        co_return false;
    }
    dialog_.tls_started(stream_->tls_description());
    co_return true;
}

// talk - replies are collected while commands are there to be read and go out together (RFC 2920), but always before anything is
// waited for: a client that waits for them would wait for ever, and so would we.
Task<void> Session::talk() {
    const bool local = peer_.address.empty();
    if (!local && !snapshot_->settings->allowed_peers.contains(peer_.address)) {
        denied_total().add();
        log::warning({}, "DENIED ACCESS from IP {} to {}: not in server.allowed_peers", peer_.address, peer_.listener);
        const auto done =
            co_await send(reply(554, {}, fmt::format("[{}] access denied for {}", peer_.socket_address, peer_.address)).wire());
        if (!done) log::debug({}, "could not say 554: {}", describe(done.error()));
        co_return;
    }
    output_ = dialog_.greeting().wire();
    for (;;) {
        auto line = co_await next_line();
        if (!line) break;
        rests_ = false;
        auto step = dialog_.on_line(*line);
        look_at(*line, step.reply);
        output_ += step.reply.wire();
        if (step.next == Dialog::Next::close) break;
        if (step.next == Dialog::Next::start_tls) {
            auto sent = co_await send(std::exchange(output_, {}));
            if (!sent || !co_await start_tls()) co_return;
        } else if (step.next == Dialog::Next::data) {
            if (!input_.unread().empty()) {  // content sent before our 354: nobody who keeps to RFC 2920 does that
                output_.clear();
                output_ = reply(554, "5.5.0", "Error: SMTP protocol synchronization: data sent before 354").wire();
                log::warning({}, "data before 354 from {}, connection closed", peer_.address);
                break;
            }
            if (!co_await receive_and_answer()) break;
            rests_ = true;
            if (Deadline::Clock::now() >= session_end_.at) {
                output_ += reply(421, "4.4.2", "Error: session time limit reached, closing channel").wire();
                break;
            }
            snapshot_ = services_.snapshot();
        }
    }
    if (!output_.empty()) {
        const auto done = co_await send(std::exchange(output_, {}));
        if (!done) log::debug({}, "last reply to {} not sent: {}", peer_.address, describe(done.error()));
    }
}

// Receiving - a message on its way into the spool
struct Session::Receiving {
    Receiving(const config::Snapshot& snapshot, Slots& memory, Slots::Units units, mail::LogId id)
        : log_id(std::move(id)),
          spool(snapshot.spool, memory, std::move(units)),
          receiver(snapshot.settings->limits.message_size.count, [this](std::string_view bytes) {
              digest.feed(bytes);
              return spool.append(bytes);
          }) {}
    mail::LogId log_id;
    deliver::SpoolWriter spool;
    BodyDigest digest;
    DataReceiver receiver;
};

// receive - step 3: to the real end of the data, also of a message that is refused then: its rest must never be taken for
// commands. Memory is taken as the message grows; when there is none, reading goes on and the message fails at its end. A Fault:
// the connection is lost or idle.
Task<Done> Session::receive(Receiving& into) {
    auto& receiver = into.receiver;
    Slots::Units buffer_memory;
    input_.set_capacity(std::max(message_capacity, command_capacity()));
    while (!receiver.finished()) {
        if (input_.unread().empty()) {
            auto got = co_await input_.fill(*stream_, command_deadline());
            if (!got) co_return std::unexpected(std::move(got.error()));
        }
        if (auto room = co_await into.spool.make_room(input_.unread().size(), command_deadline()); !room)
            log::error(into.log_id.get(), "waited for memory in vain: {} of {} octets of limits.memory are in use",
                       services_.memory.used(), services_.memory.limit());  // read on to its end: append() fails
        input_.consume(receiver.feed(input_.unread()));
        if (receiver.size() > message_capacity && buffer_memory.amount() == 0) {
            buffer_memory = services_.memory.try_take(data_capacity);
            if (buffer_memory.amount() != 0) input_.set_capacity(data_capacity);
        }
    }
    input_.set_capacity(command_capacity());
    co_return Done{};
}

// received - the message, sealed; or the reply that refuses it
std::expected<mail::Message, Reply> Session::received(Receiving& from, const mail::Envelope& envelope) const {
    const auto& receiver = from.receiver;
    const auto limit = snapshot_->settings->limits.message_size.count;
    if (receiver.too_big()) {
        log::notice(from.log_id.get(), "Blocked OVERSIZED, {} -> {}, size: {}, limit: {}", mail::smtp_form(envelope.sender),
                    counted(envelope.recipients.size(), "recipient"), receiver.size(), limit);
        return std::unexpected(
            reply(552, "5.3.4", fmt::format("Message size ({} B) exceeds size limit of {} B", receiver.size(), limit)));
    }
    auto sealed = receiver.sink_failed() ? Result<std::shared_ptr<const mail::SealedSpool>>(std::unexpected(from.spool.fault()))
                                         : from.spool.seal();
    if (!sealed) {
        log::error(from.log_id.get(), "message of {} cannot be stored: {}", counted(receiver.size(), "octet"),
                   describe(sealed.error()));
        return std::unexpected(reply(452, "4.3.1", fmt::format("Insufficient system storage, id={}", from.log_id.get())));
    }
    return received_message(
        {std::move(*sealed), receiver.size(), receiver.has_8bit(), receiver.normalised(), receiver.removed(), from.digest.hex()},
        from.log_id);
}

// receive_and_answer - steps 3 to 10; false: the connection is of no more use
Task<bool> Session::receive_and_answer() {
    const bool lmtp = dialog_.is_lmtp();
    ReceivedMail job;
    job.snapshot = snapshot_;
    job.per_recipient_replies = lmtp;
    job.envelope = dialog_.take_envelope();
    ++transaction_;
    const auto log_id = mail::log_id_of(connection_, transaction_);

    // memory is admitted before the client may send; it waits its turn, and Postfix keeps the mail meanwhile
    auto units = co_await services_.memory.take(message_cost, command_deadline());
    if (!units) {
        log::error(log_id.get(), "no memory for another message: {} of {} octets of limits.memory are in use",
                   services_.memory.used(), services_.memory.limit());
        output_ = reply(452, "4.3.1", "Insufficient memory, try again later").wire();  // instead of 354
        co_return true;
    }
    auto sent = co_await send(std::exchange(output_, {}));
    if (!sent) co_return false;

    {  // what receiving needs is given back before the message is processed
        Receiving receiving(*snapshot_, services_.memory, std::move(*units), log_id);
        if (auto done = co_await receive(receiving); !done) {
            log::info(log_id.get(), "{} -> {}: connection lost or idle while receiving data, nothing was processed: {}",
                      mail::smtp_form(job.envelope.sender), counted(job.envelope.recipients.size(), "recipient"),
                      describe(done.error()));
            if (done.error().is(Errc::timeout)) output_ = reply(421, "4.4.2", "Error: timeout in DATA, closing channel").wire();
            co_return false;
        }
        job.received_end = std::chrono::steady_clock::now();
        auto message = received(receiving, job.envelope);
        if (!message) {
            for (std::size_t i = 0; i < (lmtp ? job.envelope.recipients.size() : 1); ++i) output_ += message.error().wire();
            co_return true;
        }
        job.message = std::move(*message);
    }
    job.client_is_gone = [this] { return input_.unread().empty() && stream_->is_closed_by_peer(); };

    auto answer = co_await pipeline_.process(job, Deadline::in(snapshot_->settings->limits.message));
    const bool gone = stream_->is_closed_by_peer();
    for (const auto& text : answer.replies) output_ += text.wire();
    sent = co_await send(std::exchange(output_, {}));
    if (sent && !gone) {
        pipeline_.reply_arrived(job, answer);
        co_return true;
    }
    log::info(log_id.get(), "the client was gone before it got our answer: {}",
              sent ? "connection closed" : describe(sent.error()));
    co_return false;
}

}  // namespace tamis::proxy
