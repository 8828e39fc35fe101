#include "deliver/reinject.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "deliver/client_dialog.h"
#include "deliver/connection_cache.h"
#include "deliver/data_writer.h"

namespace tamis::deliver {
namespace {

// Counters - amavisd's OutConn* counters
struct Counters {
    metric::Counter opened{"tamis_next_hop_connections_total", "connections to next hops", "how", "new"};
    metric::Counter reused{"tamis_next_hop_connections_total", "connections to next hops", "how", "reused"};
    metric::Counter dead{"tamis_next_hop_connections_total", "connections to next hops", "how", "reused_dead"};
    metric::Counter failed{"tamis_next_hop_connections_total", "connections to next hops", "how", "failed"};
};
Counters& counters() {
    static Counters instance;
    return instance;
}

}  // namespace

struct Reinjector::Cache {
    explicit Cache(ReinjectOptions given) : options(std::move(given)), idle(options) {}
    const ReinjectOptions options;
    ConnectionCache idle;
    std::vector<std::string> warned;  // next hops whose refusal of XFORWARD was logged
};

namespace {

// buffered_reply - a reply that is complete in the input buffer; nothing when more must be read. `looked` is how much of what
// is left was looked at: a line may come one octet at a time.
Result<bool> buffered_reply(InputBuffer& input, ReplyParser& parser, std::size_t& looked) {
    for (;;) {
        const auto unread = input.unread();
        const auto end = unread.find('\n', looked);
        if (end == std::string_view::npos) {
            if (input.full()) return fail(Errc::bad_reply, "a line of the reply is longer than 8192 octets");
            looked = unread.size();
            return false;
        }
        auto line = unread.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        auto last = parser.on_line(line);
        input.consume(end + 1);
        looked = 0;
        if (!last || *last) return last;
    }
}

Task<Result<RemoteReply>> read_reply(Connection& connection, Deadline deadline) {
    ReplyParser parser;
    std::size_t looked = 0;
    for (;;) {
        auto complete = buffered_reply(connection.input, parser, looked);
        if (!complete) co_return std::unexpected(std::move(complete.error()));
        if (*complete) co_return parser.take();
        auto got = co_await connection.input.fill(*connection.stream, deadline);
        if (!got) co_return std::unexpected(std::move(got.error()));
        if (deadline.passed()) co_return fail(Errc::timeout, "reading a reply");
    }
}

// write_views - one system call for a plain stream; one TLS record sequence instead of one record for each view
Task<Done> write_views(Stream& stream, const LineGuard::Views& views, Deadline deadline) {
    if (!stream.is_tls()) co_return co_await stream.write(views, deadline);
    std::string together;
    together.reserve(asio::buffer_size(views));
    for (const auto& view : views) together.append(static_cast<const char*>(view.data()), view.size());
    co_return co_await stream.write(together, deadline);
}

Task<Done> write_text(Stream& stream, const mail::EditedMessage& text, std::chrono::seconds patience, Deadline deadline) {
    DataWriter writer(text);
    for (;;) {
        auto batch = writer.next();
        if (!batch) co_return std::unexpected(std::move(batch.error()));
        if ((*batch)->empty()) co_return Done{};
        if (deadline.passed()) co_return fail(Errc::timeout, "writing the message");
        auto done = co_await write_views(stream, **batch, deadline.sooner(patience));
        if (!done) co_return done;
    }
}

// step - does what the dialogue wants, once
Task<Done> step(Connection& connection, const Submission& what, const ReinjectOptions& options, Deadline deadline) {
    auto& dialog = connection.dialog;
    const auto want = dialog.want();
    const auto limit = deadline.sooner(dialog.patience(options));
    const bool speaks = want == ClientDialog::Want::write || want == ClientDialog::Want::text;
    if (speaks && !connection.input.unread().empty())  // replies and questions would no longer belong together
        co_return fail(Errc::bad_reply, fmt::format("the next hop said something that nobody asked for: \"{}\"",
                                                    escaped(connection.input.unread())));
    switch (want) {
        case ClientDialog::Want::write: {
            const std::string out = dialog.take_output();
            co_return co_await connection.stream->write(out, limit);
        }
        case ClientDialog::Want::reply: {
            auto reply = co_await read_reply(connection, limit);
            if (!reply) co_return std::unexpected(std::move(reply.error()));
            dialog.on_reply(*reply);
            co_return Done{};
        }
        case ClientDialog::Want::tls: {
            connection.input.clear();  // what came before TLS is nobody's reply (docs/security.md)
            const auto& to = connection.to.endpoint;
            auto done = co_await connection.stream->start_tls_client(*options.tls, to.is_unix() ? "localhost" : to.host, limit);
            if (done) dialog.on_tls_started();
            co_return done;
        }
        case ClientDialog::Want::text: {
            auto done = co_await write_text(*connection.stream, what.text, options.data_block_timeout, deadline);
            if (done) dialog.on_text_written();
            co_return done;
        }
        case ClientDialog::Want::nothing: break;
    }
    co_return Done{};
}

Task<void> converse(Connection& connection, const Submission& what, const ReinjectOptions& options, Deadline deadline) {
    while (connection.dialog.want() != ClientDialog::Want::nothing) {
        auto done = co_await step(connection, what, options, deadline);
        if (done) continue;
        log::info(what.log_id, "{} during {}: {}", connection.to.shown, connection.dialog.section(), describe(done.error()));
        connection.dialog.on_fault(done.error());
    }
}

ClientDialog::Manner manner_of(const ReinjectOptions& options) {
    return {.ehlo_name = options.ehlo_name,
            .use_xforward = options.use_xforward,
            .may_tls = options.tls != nullptr,
            .require_tls = options.require_tls};
}

std::vector<SubmissionResult> same_for_all(const Submission& what, SubmissionResult result) {
    return std::vector<SubmissionResult>(what.recipients.size(), std::move(result));
}

Task<Result<std::unique_ptr<Connection>>> open(const NextHop& to, const ReinjectOptions& options, Deadline deadline) {
    auto stream = co_await connect(to.endpoint, deadline.sooner(options.connect_timeout));
    if (!stream) co_return std::unexpected(std::move(stream.error()));
    co_return std::make_unique<Connection>(to, manner_of(options), std::move(*stream));
}

}  // namespace

// Attempt - the parts of submit that need the private Cache
struct Reinjector::Attempt {
    static void warn_once(Cache& cache, const NextHop& to, const Submission& what, const std::string& refusal) {
        if (refusal.empty() || std::ranges::find(cache.warned, to.shown) != cache.warned.end()) return;
        log::warning(what.log_id, "{} refused XFORWARD ({}); going on without it, told only once", to.shown, refusal);
        constexpr std::size_t most_remembered = 256;
        if (cache.warned.size() < most_remembered) cache.warned.push_back(to.shown);
    }

    static Task<std::vector<SubmissionResult>> run(std::shared_ptr<Cache> cache, const NextHop& to, const Submission& what,
                                                   Deadline deadline) {
        const auto& options = cache->options;
        auto connection = cache->idle.take(to);
        for (;;) {
            auto probe = ClientDialog::Probe::no;
            const bool reused = connection != nullptr;
            if (reused) {
                counters().reused.add();
                if (Deadline::Clock::now() - connection->idle_since > options.probe_after) probe = ClientDialog::Probe::yes;
            } else {
                auto opened = co_await open(to, options, deadline);
                if (!opened) {
                    counters().failed.add();
                    log::warning(what.log_id, "can't connect to {}: {}", to.shown, describe(opened.error()));
                    co_return same_for_all(what, refused(450, "4.4.1",
                                                         fmt::format("Can't connect to {}, MTA({}), id={}", to.endpoint.text(),
                                                                     to.shown, what.log_id)));
                }
                counters().opened.add();
                connection = std::move(*opened);
            }
            connection->dialog.begin(what, probe);
            co_await converse(*connection, what, options, deadline);
            warn_once(*cache, to, what, connection->dialog.xforward_refusal());
            const bool again = connection->dialog.should_retry();
            auto results = connection->dialog.take_results();
            cache->idle.keep(std::move(connection));
            if (!again) co_return results;
            counters().dead.add();
            log::info(what.log_id, "kept connection to {} was dead, opening a new one", to.shown);
            connection = nullptr;  // a new connection is never retried: this ends
        }
    }

    static Task<std::vector<SubmissionResult>> guarded(std::shared_ptr<Cache> cache, NextHop to, Submission what,
                                                       Deadline deadline) {
        if (what.recipients.empty()) co_return std::vector<SubmissionResult>();
        if (what.envelope == nullptr)
            co_return same_for_all(what, refused(451, "4.5.0", fmt::format("Internal error: no envelope, id={}", what.log_id)));
        std::string broken;
        try {
            co_return co_await run(cache, to, what, deadline);
        } catch (const std::exception& error) {
            broken = error.what();
        }
        log::error(what.log_id, "submitting to {}: {}", to.shown, broken);
        auto result = refused(451, "4.5.0", fmt::format("Internal error while submitting, id={}", what.log_id));
        result.unknown_outcome = true;
        co_return same_for_all(what, std::move(result));
    }
};

Reinjector::Reinjector(ReinjectOptions options) : cache_(std::make_shared<Cache>(std::move(options))) {}
Reinjector::~Reinjector() { cache_->idle.stop(); }

void Reinjector::close_idle() { cache_->idle.close_idle(); }
void Reinjector::close_all() { cache_->idle.close_all(); }

// No coroutine itself: it must take hold of the cache now, not when it is first resumed.
Task<std::vector<SubmissionResult>> Reinjector::submit(NextHop to, Submission what, Deadline deadline) {
    return Attempt::guarded(cache_, std::move(to), std::move(what), deadline);
}

}  // namespace tamis::deliver
