#include "storage/pg/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <random>

#include "base/counted.h"
#include "base/log.h"
#include "base/metric.h"
#include "storage/backoff.h"
#include "storage/no_room.h"
#include "storage/pg/pool.h"
#include "storage/pg/questions.h"
#include "storage/pg/refusal.h"
#include "storage/pg/statements.h"
#include "storage/pg/transaction.h"
#include "storage/records/queued_store.h"

namespace tamis::storage::pg {
namespace {

constexpr std::size_t batch_messages = 128;
constexpr std::uint64_t batch_bytes = 1024 * 1024;
constexpr std::chrono::milliseconds linger{50};  // how long remembered records are collected
constexpr std::chrono::milliseconds slow{25};    // a message that waits longer gets a session of its own
constexpr int repeats = 5;                       // of a transaction after a deadlock
constexpr int address_repeats = 2;
constexpr std::chrono::seconds read_limit{60};

// Our statements touch single rows by index; a plan made when a table was empty must not scan it when it is large.
// Compressing quarantined mail is most of what it costs the server; lz4 takes half of pglz's time where it is built in.
std::string settings_sql(bool for_session, bool has_lz4) {
    const auto* local = for_session ? "false" : "true";
    return fmt::format(
        "SELECT set_config('statement_timeout', '20000', {0}), "
        "set_config('idle_in_transaction_session_timeout', '60000', {0}), set_config('enable_seqscan', 'off', {0}), "
        "set_config('enable_hashjoin', 'off', {0}), set_config('enable_mergejoin', 'off', {0}), "
        "set_config('jit', 'off', {0}){1}",
        local, has_lz4 ? fmt::format(", set_config('default_toast_compression', 'lz4', {})", local) : "");
}
constexpr const char* has_lz4_sql =
    "SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)";

metric::Counter& written() {
    static metric::Counter counter("tamis_storage_messages_total", "Messages written to PostgreSQL");
    return counter;
}
metric::Counter& commits() {
    static metric::Counter counter("tamis_storage_commits_total", "Transactions committed to PostgreSQL");
    return counter;
}

// InHand - jobs a session works on: what is not finished goes back to the queue, also when the coroutine is destroyed
class InHand {
public:
    InHand(std::shared_ptr<RecordQueue> queue, Jobs jobs) : queue_(std::move(queue)), jobs_(std::move(jobs)) {}
    ~InHand() { queue_->put_back(std::move(jobs_)); }
    InHand(const InHand&) = delete;
    InHand& operator=(const InHand&) = delete;
    const Jobs& jobs() const { return jobs_; }
    void finish(const std::shared_ptr<RecordJob>& job, Done answer) {
        queue_->finish(*job, std::move(answer));
        std::erase(jobs_, job);
    }

private:
    std::shared_ptr<RecordQueue> queue_;
    Jobs jobs_;
};

std::vector<Dsn> needing_primary(std::vector<Dsn> dsns) {
    for (auto& dsn : dsns) dsn.needs_primary = true;
    return dsns;
}

RecordSession& session_of(Connection& connection) { return std::any_cast<RecordSession&>(connection.notes()); }

// is_stale - the tables may have changed since the dialect was read (an upgrade): what was fine before is no column, type,
// table or plan any more
bool is_stale(std::string_view sqlstate) { return sqlstate.starts_with("42") || sqlstate == "0A000"; }

// has_lost_address - an address that was there when the transaction began is gone: the retention (ours or somebody else's)
// found it unused. Tried again it is written anew. A site's own NOT NULL or foreign key refuses again, and then it counts.
bool has_lost_address(std::string_view sqlstate) { return sqlstate == "23502" || sqlstate == "23503"; }

class Records final : public QueuedStore, private Pool::Work {
public:
    Records(std::vector<Dsn> dsns, const StoreOptions& options)
        : QueuedStore(dsns.front().named(), options),
          pool_(needing_primary(std::move(dsns)), {std::clamp<std::size_t>(options.connections, 1, 8), slow}, health_, *this) {
        pool_.start();
    }
    ~Records() override {
        pool_.stop();
        refuse_rest();
    }

private:
    void wake(Urgency urgency) override {
        if (urgency == Urgency::now) pool_.wake();
        else pool_.wake_later(linger);
    }

    Pool::Wish wish(std::size_t busy) const override {
        const auto load = queue_->load();
        if (load.waiting == 0)
            return load.unwritten > 0 && busy == 0 && Deadline::Clock::now() >= remember_after_ ? Pool::Wish::now
                                                                                                : Pool::Wish::none;
        if (busy == 0 || load.waiting >= batch_messages || Deadline::Clock::now() - load.oldest > slow) return Pool::Wish::now;
        return Pool::Wish::soon;
    }

    void away(const Fault& why) override { queue_->fail_waiting(why); }

    Task<Done> set_up(Connection& connection) override;
    Task<Pool::Outcome> run(Connection& connection) override;
    Task<Pool::Outcome> write(Connection& connection, InHand& hand);
    Task<Pool::Outcome> write_group(Connection& connection, InHand& hand, Jobs group, std::deque<Jobs>& more);
    Pool::Outcome give_up(InHand& hand, const Fault& why);
    Task<Result<bool>> is_stored(Connection& connection, std::shared_ptr<RecordJob> job);
    Task<Done> settle_one(Connection& connection, std::shared_ptr<RecordJob> job, Attempt attempt);
    Task<Result<std::vector<std::string>>> select(Connection& connection, const Statement& statement, const MessageRows& rows);
    void answer(InHand& hand, const std::shared_ptr<RecordJob>& job, Done done);

    Task<Attempt> try_group(Connection& connection, RecordSession& session, const Jobs& group);
    void committed(Connection& connection, InHand& hand, const Jobs& group, const Attempt& attempt);
    bool concedes(RecordJob& job, RecordSession& session, const Attempt& attempt);
    void note_concession(const Jobs& group, RecordSession& session);
    Pool::Outcome put_off(InHand& hand, const Jobs& group, const Fault& why, std::deque<Jobs>& more);

    Backoff backoff_;                               // only the pool's thread, as are the next four
    Deadline::Clock::time_point remember_after_{};  // records that did not fit
    bool is_full_ = false;                          // the operator knows
    std::string refused_;                           // why the database did not take something as it was; empty: it took all
    bool has_said_ = false;                         // that it did not
    Pool pool_;                                     // last: its thread uses the rest
};

Task<Done> Records::set_up(Connection& connection) {
    auto dialect = co_await detect(connection, Use::write);
    if (!dialect) co_return std::unexpected(std::move(dialect.error()));
    if (!dialect->catalogue.is_writable)
        co_return fail(Errc::unavailable, fmt::format("{}: the server is read-only (a standby, or default_transaction_read_only "
                                                      "is set); list the primary's DSN as well",
                                                      connection.dsn().named()));
    auto lz4 = co_await connection.run(has_lz4_sql);
    if (!lz4) co_return std::unexpected(std::move(lz4.error()));
    const bool has_lz4 = PQntuples(lz4->get()) > 0;
    if (!connection.is_pooled())
        if (auto set = co_await connection.run(settings_sql(true, has_lz4)); !set)
            co_return std::unexpected(std::move(set.error()));
    RecordSession session{std::move(*dialect), {}, false};
    session.statements = record_statements(session.dialect);
    // prepare_all: each in a transaction of its own. A session that held locks of two tables here could be in a deadlock with
    // an administrator's ALTER TABLE.
    std::vector<Preparation> statements{{statement::begin, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", ""},
                                        {statement::settings, settings_sql(false, has_lz4), ""},
                                        {statement::commit, "COMMIT", ""},
                                        {statement::rollback, "ROLLBACK", ""}};
    for (const auto* statement : session.statements.all()) statements.push_back({statement->name, statement->sql, ""});
    if (auto prepared = co_await prepare_all(connection, std::move(statements)); !prepared)
        co_return std::unexpected(std::move(prepared.error()));
    connection.notes() = std::move(session);
    co_return Done{};
}

Task<Pool::Outcome> Records::run(Connection& connection) {
    const bool may_remember = Deadline::Clock::now() >= remember_after_;
    InHand hand(queue_, queue_->take(batch_messages, batch_bytes, may_remember ? SIZE_MAX : 0));
    if (hand.jobs().empty()) co_return Pool::Outcome::done;
    co_return co_await write(connection, hand);
}

// select - the first column of every row
Task<Result<std::vector<std::string>>> Records::select(Connection& connection, const Statement& statement,
                                                       const MessageRows& rows) {
    const Bound bound(statement, rows);
    connection.set_limit(Deadline::in(read_limit));
    auto sent = connection.send(statement.name, bound.values(), true);
    if (sent) sent = connection.sync();
    if (sent) sent = co_await connection.flush();
    if (!sent) co_return std::unexpected(std::move(sent.error()));
    auto reply = co_await connection.next();
    if (!reply) co_return std::unexpected(std::move(reply.error()));
    if (auto end = co_await connection.next(); !end) co_return std::unexpected(std::move(end.error()));
    if (PQresultStatus(reply->get()) != PGRES_TUPLES_OK)
        co_return fail(Errc::unavailable,
                       fmt::format("{}: {}", connection.dsn().named(), one_line(PQresultErrorMessage(reply->get()))));
    std::vector<std::string> found;
    for (int row = 0; row < PQntuples(reply->get()); ++row)
        found.emplace_back(PQgetvalue(reply->get(), row, 0), static_cast<std::size_t>(PQgetlength(reply->get(), row, 0)));
    co_return found;
}

Task<Pool::Outcome> Records::write(Connection& connection, InHand& hand) {
    std::deque<Jobs> groups;
    Jobs together;
    const Jobs all = hand.jobs();
    for (const auto& job : all) {
        if (job->abandoned) hand.finish(job, fail(Errc::timeout, "nobody waits for it any more"));
        else if (job->uncertain) groups.push_back({job});
        else together.push_back(job);
    }
    if (!together.empty()) groups.push_front(std::move(together));
    while (!groups.empty()) {
        Jobs group = std::move(groups.front());
        groups.pop_front();
        const auto outcome = co_await write_group(connection, hand, std::move(group), groups);
        if (outcome != Pool::Outcome::done) co_return outcome;
    }
    co_return Pool::Outcome::done;
}

// try_group - as one transaction; again when the server says so (a deadlock, a lost address), after a short pause by chance, so
// that two who were in each other's way do not meet again
Task<Attempt> Records::try_group(Connection& connection, RecordSession& session, const Jobs& group) {
    for (int i = 0;; ++i) {
        Transaction transaction(connection, session, group);
        auto attempt = co_await transaction.run();
        if (attempt.end != Attempt::End::refused || i == repeats) co_return attempt;
        const bool is_again =
            refusal_of(attempt.sqlstate) == Refusal::again || (has_lost_address(attempt.sqlstate) && i < address_repeats);
        if (!is_again) co_return attempt;
        asio::steady_timer pause(co_await asio::this_coro::executor,
                                 std::chrono::milliseconds(std::random_device{}() % (10U << i)));
        co_await pause.async_wait(as_result);
    }
}

void Records::committed(Connection& connection, InHand& hand, const Jobs& group, const Attempt& attempt) {
    RecordSession& session = session_of(connection);
    session.has_proven = true;
    note_concession(group, session);
    if (std::exchange(is_full_, false)) {
        backoff_.reset();
        remember_after_ = {};
        log::notice({}, "{}: there is room again", connection.dsn().named());
    }
    commits().add();
    written().add(static_cast<double>(group.size()));
    for (std::size_t i = 0; i < group.size(); ++i) {
        const bool is_missing = std::ranges::count(attempt.not_found, i) > 0;
        answer(hand, group[i],
               is_missing
                   ? Done(fail(Errc::not_found, fmt::format("no record of mail_id {} to finish", group[i]->record.mail_id.get())))
                   : Done());
    }
}

// write_group - one transaction for many messages, and what follows from its end. The order of the questions is the point: first
// whether anything is known at all (a lost answer to COMMIT is asked about by mail_id, never guessed), then whether the tables
// changed under us, then whether the data is to blame: doubted once, conceded to step by step, and only then the one guilty message
// is taken out of its group, so that it delays nobody. Whatever is put back into `more` goes on with this connection.
Task<Pool::Outcome> Records::write_group(Connection& connection, InHand& hand, Jobs group, std::deque<Jobs>& more) {
    RecordSession& session = session_of(connection);
    Attempt attempt;
    if (group.front()->uncertain) {
        auto stored = co_await is_stored(connection, group.front());
        if (!stored) co_return connection.is_lost() ? Pool::Outcome::reconnect : give_up(hand, stored.error());
        if (*stored) {
            answer(hand, group.front(), {});
            co_return Pool::Outcome::done;
        }
    }
    attempt = co_await try_group(connection, session, group);
    const auto refusal = attempt.sqlstate.empty() ? Refusal::message : refusal_of(attempt.sqlstate);
    const bool is_refused = attempt.end == Attempt::End::refused;
    // a pooler, or a server that goes down, says so in an answer of its own: it tells no more about the commit than silence
    if (attempt.end == Attempt::End::lost || (is_refused && refusal == Refusal::reconnect)) {
        log::info({}, "storage: {} ({} tried again)", attempt.why.detail,
                  counted(hand.jobs().size(), "message is", "messages are"));
        for (const auto& job : group)  // a finish() is written again: that its message is there says nothing about it
            job->uncertain = job->uncertain || (attempt.commit_sent && job->kind != RecordJob::Kind::finish);
        co_return Pool::Outcome::reconnect;
    }
    const bool blames_data = is_refused && may_blame_data(attempt.sqlstate, attempt.is_in_function);
    if (is_refused && session.has_proven && is_stale(attempt.sqlstate) && !blames_data) {
        log::info({}, "storage: {} (the tables are looked at again)", attempt.why.detail);
        co_return Pool::Outcome::reconnect;
    }
    if (attempt.end == Attempt::End::committed) {
        committed(connection, hand, group, attempt);
        co_return Pool::Outcome::done;
    }
    if (blames_data && may_pass(attempt.sqlstate) && group.size() == 1 && !std::exchange(group.front()->was_doubted, true)) {
        more.push_front(std::move(group));
        co_return Pool::Outcome::done;
    }
    if (blames_data && group.size() == 1 && concedes(*group.front(), session, attempt)) {
        more.push_front(std::move(group));
        co_return Pool::Outcome::done;
    }
    const bool is_alone = group.size() == 1 || !blames_data;
    if (is_alone && (refusal == Refusal::trouble || refusal == Refusal::again)) co_return give_up(hand, attempt.why);
    if (refusal == Refusal::no_room) co_return put_off(hand, group, attempt.why, more);
    if (group.size() == 1) {
        auto settled = co_await settle_one(connection, group.front(), attempt);
        if (!settled && connection.is_lost()) co_return Pool::Outcome::reconnect;
        answer(hand, group.front(), std::move(settled));
        co_return Pool::Outcome::done;
    }
    if (!attempt.guilty) {
        for (const auto& job : group) more.push_back({job});
        co_return Pool::Outcome::done;
    }
    more.push_back({group[*attempt.guilty]});
    group.erase(group.begin() + static_cast<std::ptrdiff_t>(*attempt.guilty));
    more.push_front(std::move(group));
    co_return Pool::Outcome::done;
}

// concedes - gives up so much of the message that its rows are others than those that were refused; false when nothing is left
bool Records::concedes(RecordJob& job, RecordSession& session, const Attempt& attempt) {
    if (attempt.is_about_copy) return false;
    const MessageRows before = rows_for(job, session);
    while (const auto next = next_concession(job.concession, attempt.sqlstate == "22001")) {
        job.concession = *next;
        if (rows_for(job, session) == before) continue;
        refused_ = attempt.why.detail;
        return true;
    }
    job.concession = {};  // nothing helped: it was not about what the message says
    return false;
}

// note_concession - something was stored otherwise than it came: the operator is told once, and the session learns
void Records::note_concession(const Jobs& group, RecordSession& session) {
    if (group.size() != 1 || group.front()->concession == Concession()) return;
    const auto& gave_up = group.front()->concession;
    if (gave_up == Concession{Concession::Octets::utf8_addresses, Concession().most}) session.takes_utf8_only = true;
    if (std::exchange(has_said_, true)) return;
    log::warning(
        group.front()->log_id(),
        "storage: {}: this address or text was not taken as it came; it is stored with \"?\" in place of what was refused, "
        "or shorter, and so is any other that is refused. This is said once",
        refused_);
}

// is_stored - whether the message is there already: the same mail_id with the same secret
Task<Result<bool>> Records::is_stored(Connection& connection, std::shared_ptr<RecordJob> job) {
    const RecordSession& session = session_of(connection);
    const MessageRows rows = make_rows(job->record, session.dialect.text);
    auto secret = co_await select(connection, session.statements.select_secret, rows);
    if (!secret) co_return std::unexpected(std::move(secret.error()));
    co_return !secret->empty() && secret->front() == rows.secret_id;
}

// settle_one - a message that was refused all by itself: it may be there already, by a commit whose answer was lost
Task<Done> Records::settle_one(Connection& connection, std::shared_ptr<RecordJob> job, Attempt attempt) {
    if (refusal_of(attempt.sqlstate) != Refusal::duplicate)
        co_return fail(attempt.sqlstate.empty() ? Errc::broken : Errc::bad_input, attempt.why.detail);
    auto stored = co_await is_stored(connection, job);
    if (!stored) co_return std::unexpected(std::move(stored.error()));
    if (job->uncertain && *stored) co_return Done{};
    co_return fail(Errc::conflict, fmt::format("{}: mail_id {} exists already (partition {})", connection.dsn().named(),
                                               job->record.mail_id.get(), job->record.partition_tag));
}

// put_off - there is no room for these together: each by itself, and one that does not fit is told so. Remembered records go
// back into the queue, for later.
Pool::Outcome Records::put_off(InHand& hand, const Jobs& group, const Fault& why, std::deque<Jobs>& more) {
    if (!std::exchange(is_full_, true))
        log::error({}, "storage: {}; what does not fit is not stored, reading goes on", why.detail);
    if (std::ranges::any_of(group, [](const auto& job) { return job->kind == RecordJob::Kind::remember; })) {
        const auto pause = backoff_.next();
        remember_after_ = Deadline::Clock::now() + pause;
        pool_.wake_later(pause);
    }
    for (const auto& job : group) {
        if (job->kind == RecordJob::Kind::remember) continue;  // `hand` puts it back
        if (group.size() == 1) hand.finish(job, std::unexpected(Fault{no_room_error(), why.detail}));
        else more.push_back({job});
    }
    return Pool::Outcome::done;
}

// give_up - whoever waits is told at once; remembered records stay and are tried again
Pool::Outcome Records::give_up(InHand& hand, const Fault& why) {
    health_->down(why);
    const Jobs jobs = hand.jobs();
    for (const auto& job : jobs)
        if (job->kind != RecordJob::Kind::remember) hand.finish(job, fail(Errc::unavailable, why.detail));
    return Pool::Outcome::trouble;
}

void Records::answer(InHand& hand, const std::shared_ptr<RecordJob>& job, Done done) {
    if (!done && job->kind == RecordJob::Kind::remember) lose(job->record, describe(done.error()));
    hand.finish(job, done ? Done() : std::unexpected(std::move(done.error())));
}

}  // namespace

std::shared_ptr<RecordStore> open_records(std::vector<Dsn> dsns, const StoreOptions& options) {
    return std::make_shared<Records>(std::move(dsns), options);
}

}  // namespace tamis::storage::pg
