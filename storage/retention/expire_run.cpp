#include "storage/retention/expire_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"

namespace tamis::storage {
namespace {

using std::chrono::milliseconds;
using Asked = ExpirySql::Asked;

constexpr milliseconds target{2};            // what a transaction shall take: mail that meets one waits about as long
constexpr milliseconds limit{80};            // what it may take: then the server breaks it off
constexpr milliseconds longest_limit{4000};  // the smallest piece of work must get done some time, however slow the disk:
constexpr int patient_tries = 5;             // after so many tries in a row it gets twice the time, and again
constexpr milliseconds read_limit{20'000};
constexpr std::size_t window_limit = 20'000;  // candidates at once; more come in one second only when somebody imported them
constexpr double large = 400;                 // cost from which a copy is taken in pieces
constexpr int tries = 60;                     // of one transaction that is broken off again and again

double cost_of(const Candidate& message) {
    return message.has_stored_copy() ? 1.5 + static_cast<double>(message.size) / 16'384 : 1;
}

}  // namespace

std::int64_t ExpireRun::time_of(const SqlRows& rows, std::int64_t otherwise) {
    if (rows.empty() || rows.front().empty() || !rows.front().front()) return otherwise;
    return static_cast<std::int64_t>(
        parse_unsigned(*rows.front().front(), INT64_MAX).value_or(static_cast<std::uint64_t>(otherwise)));
}

void ExpireRun::Pace::learn(Clock::duration took, bool was_full) {
    const double factor =
        std::chrono::duration<double>(target).count() / std::max(1e-4, std::chrono::duration<double>(took).count());
    if (factor < 1 || was_full)
        amount = std::clamp(amount * std::clamp(factor, 0.3, 1.5), std::max(least, std::min(amount, enough)), most);
}

ExpireRun::ExpireRun(asio::io_context& loop, std::vector<Dsn> dsns, ExpireOptions options, const std::atomic<bool>& stop)
    : loop_(loop),
      dsns_(std::move(dsns)),
      options_(std::move(options)),
      stop_(stop),
      until_(Deadline::in(options_.longest_run)),
      pause_(loop) {
    records_.most = static_cast<double>(std::max<std::size_t>(1, options_.batch));
    records_.amount = std::min(records_.amount, records_.most);
}

Task<Done> ExpireRun::open() {
    auto session = co_await open_expiry_session(loop_, dsns_, Deadline::in(options_.connect_limit));
    if (!session) co_return std::unexpected(std::move(session.error()));
    session_ = std::move(*session);
    sql_ = &session_->statements();
    if (auto fine = sql_->check(); !fine && options_.removes)
        co_return fail(fine.error().code, fmt::format("{}: {}", session_->shown(), fine.error().detail));
    if (options_.dry_run) co_return Done{};
    auto turn = co_await session_->take_turn();
    if (!turn) co_return std::unexpected(std::move(turn.error()));
    report_.is_elsewhere = !*turn;
    co_return Done{};
}

Task<void> ExpireRun::close() {
    if (session_) co_await session_->give_turn_back();
}

Task<void> ExpireRun::rest(Clock::duration worked, std::size_t messages) {
    const auto share = std::clamp(options_.share, 0.01, 1.0);
    std::chrono::duration<double> span = worked * ((1 - share) / share);
    if (messages > 0 && options_.least_rate > 0)
        span = std::min<std::chrono::duration<double>>(
            span, std::chrono::duration<double>(static_cast<double>(messages) / options_.least_rate) - worked);
    span = std::clamp<std::chrono::duration<double>>(
        span, options_.pause, std::max<std::chrono::milliseconds>(options_.pause, std::chrono::seconds(10)));
    pause_.expires_after(std::chrono::duration_cast<Clock::duration>(span));
    co_await pause_.async_wait(as_result);
}

Task<ExpireRun::Answers> ExpireRun::read(std::vector<SqlQuery> queries) {
    const auto begin = Clock::now();
    auto answers = co_await session_->run(std::move(queries), read_limit, Access::read);
    read_for_ = Clock::now() - begin;
    co_await rest(read_for_, answers && !answers->empty() ? std::max<std::size_t>(1, answers->back().rows.size()) : 0);
    co_return answers;
}

Task<Result<SqlRows>> ExpireRun::read_one(SqlQuery query) {
    std::vector<SqlQuery> queries;
    queries.push_back(std::move(query));
    auto answers = co_await read(std::move(queries));
    if (!answers) co_return std::unexpected(std::move(answers.error()));
    co_return std::move(answers->front().rows);
}

// write - one transaction; Errc::timeout when it was too much at once
Task<ExpireRun::Answers> ExpireRun::write(std::vector<SqlQuery> queries, Pace& pace, bool was_full, std::size_t messages) {
    const auto begin = Clock::now();
    auto allowed = limit;
    for (int i = patient_tries; pace.is_least() && i <= misses_ && allowed < longest_limit; ++i) allowed *= 2;
    auto answers = co_await session_->run(std::move(queries), allowed, Access::write);
    const auto took = Clock::now() - begin;
    report_.longest_transaction =
        std::max(report_.longest_transaction, std::chrono::duration_cast<std::chrono::microseconds>(took));
    if (answers) {
        ++report_.transactions;
        misses_ = 0;
        pace.learn(took, was_full);
    } else if (answers.error().is(Errc::timeout)) {
        ++report_.too_long;
        ++misses_;
        pace.shrink();
    }
    co_await rest(took, messages);
    co_return answers;
}

// write_small - what cannot be made smaller, tried again while it is broken off
Task<ExpireRun::Answers> ExpireRun::write_small(std::function<std::vector<SqlQuery>()> make) {
    for (int attempt = 1;; ++attempt) {
        Pace single{1, 1, 1};
        auto answers = co_await write(make(), single, false);
        if (answers || !answers.error().is(Errc::timeout) || attempt == tries) co_return answers;
    }
}

// walk - window by window along the time; what is due of each is taken at once
Task<Done> ExpireRun::walk(Walk walk, std::int64_t from) {
    auto first = co_await read_one(sql_->first(walk, from));
    if (!first) co_return std::unexpected(std::move(first.error()));
    for (std::int64_t at = time_of(*first, walk.until); at < walk.until && !is_over();) {
        auto last = co_await read_one(sql_->window_end(walk, at, rows_.size()));
        if (!last) co_return std::unexpected(std::move(last.error()));
        const auto until = std::max(at + 1, time_of(*last, walk.until));
        auto rows = co_await read_one(sql_->candidates(walk, at, until, window_limit));
        if (!rows) co_return std::unexpected(std::move(rows.error()));
        rows_.learn(read_for_, true);
        std::vector<Candidate> found;
        for (const auto& row : *rows) found.push_back(ExpirySql::candidate_of(row));
        const auto before = report_.records + report_.incomplete;
        if (auto taken = co_await take(walk, std::move(found)); !taken) co_return taken;
        // more in this window than we read: look again, unless nothing of it can go
        if (rows->size() < window_limit || report_.records + report_.incomplete == before || options_.dry_run) at = until;
    }
    if (is_over()) report_.is_complete = false;
    co_return Done{};
}

Task<Done> ExpireRun::take(const Walk& walk, std::vector<Candidate> found) {
    std::map<Due, std::vector<Candidate>> batches;
    std::map<Due, double> costs;
    const auto flush = [&](Due what) {
        costs[what] = 0;
        return take_batch(walk, what, std::exchange(batches[what], {}));
    };
    for (auto& message : found) {
        if (is_over()) co_return Done{};
        const auto what = due(message, options_.rules, options_.now);
        const bool is_of_walk = walk.kind == Walk::Kind::records      ? what == Due::record
                                : walk.kind == Walk::Kind::incomplete ? what == Due::incomplete
                                                                      : what == Due::copy;
        if (!is_of_walk) {
            if (what == Due::nothing && walk.kind == Walk::Kind::records &&
                (!report_.oldest_record || message.time < *report_.oldest_record))
                report_.oldest_record = message.time;
            if (what == Due::nothing && walk.kind == Walk::Kind::copies &&
                (!report_.oldest_copy || message.time < *report_.oldest_copy))
                report_.oldest_copy = message.time;
            continue;
        }
        const auto cost = cost_of(message);
        if (cost >= large && !options_.dry_run) {
            if (auto taken = co_await take_large(walk, what, std::move(message)); !taken) co_return taken;
            continue;
        }
        if (!batches[what].empty() && costs[what] + cost > records_.amount)
            if (auto taken = co_await flush(what); !taken) co_return taken;
        batches[what].push_back(std::move(message));
        costs[what] += cost;
    }
    for (const auto what : {Due::record, Due::copy, Due::incomplete})
        if (!batches[what].empty())
            if (auto taken = co_await flush(what); !taken) co_return taken;
    co_return Done{};
}

// take_batch - in one transaction, or in several smaller ones when that was too much
Task<Done> ExpireRun::take_batch(const Walk& walk, Due what, std::vector<Candidate> batch) {
    std::span<const Candidate> left(batch);
    std::size_t size = left.size();
    for (int attempt = 0; !left.empty() && !is_over();) {
        size = std::min(size, left.size());
        const auto now = left.first(size);
        double cost = 0;
        for (const auto& message : now) cost += cost_of(message);
        Answers answers = std::vector<SqlAnswer>{};
        const auto asked = options_.dry_run ? Asked::counted : what == Due::copy ? Asked::expired_copies : Asked::deleted_records;
        if (options_.dry_run) {
            answers = co_await read(sql_->count_rows(now));
        } else {
            const bool marks_only = what == Due::copy && std::ranges::all_of(now, [&](const Candidate& one) {
                                        return std::ranges::any_of(past_copies_, [&](const Partition& partition) {
                                            return partition.holds(one.key.partition_tag);
                                        });
                                    });
            Pace single{1, 1, 1};
            answers = co_await write(what == Due::copy ? sql_->expire_copies(now, !marks_only) : sql_->delete_records(now, walk),
                                     size == 1 ? single : records_, cost > records_.amount / 2, size);
        }
        if (answers) {
            note(walk, what, now, sql_->counts_of(*answers, asked));
            left = left.subspan(size);
            continue;
        }
        const bool is_hopeless = !answers.error().is(Errc::timeout) || ++attempt >= tries;
        if (is_hopeless && !(answers.error().is(Errc::refused) && size > 1)) {
            if (!answers.error().is(Errc::refused)) co_return std::unexpected(std::move(answers.error()));
            report_.remarks.push_back(answers.error().detail);  // a foreign key of the site's own: this one stays
            left = left.subspan(size);
            continue;
        }
        size = std::max<std::size_t>(1, size / 3);
    }
    co_return Done{};
}

// take_large - a copy whose chunks are too many for one transaction: first it is said to be gone, then it goes in pieces
Task<Done> ExpireRun::take_large(const Walk& walk, Due what, Candidate message) {
    std::vector<Candidate> one{message};
    auto marked = co_await write_small([&] { return sql_->expire_copies(one, false); });
    if (!marked) co_return std::unexpected(std::move(marked.error()));
    if (what == Due::copy && sql_->counts_of(*marked, Asked::expired_copies).records == 0)
        co_return Done{};  // somebody wants it now
    Pace pieces{50, 1, 1000};
    std::uint64_t gone = 0;
    for (int attempt = 0; !is_over();) {
        std::vector<SqlQuery> queries;
        const auto most = pieces.size();
        queries.push_back(sql_->delete_some_chunks(message, most));
        auto answers = co_await write(std::move(queries), pieces, true);
        if (!answers && answers.error().is(Errc::timeout) && ++attempt < tries) continue;
        if (!answers) co_return std::unexpected(std::move(answers.error()));
        gone += answers->front().changed;
        if (answers->front().changed < most) break;
    }
    if (is_over()) co_return Done{};
    if (what != Due::copy) {
        report_.chunks += gone;
        one.front().size = 0;
        co_return co_await take_batch(walk, what, std::move(one));
    }
    note(walk, what, one, {1, 0, gone});
    co_return Done{};
}

void ExpireRun::note(const Walk& walk, Due what, std::span<const Candidate> messages, const ExpirySql::Counts& counts) {
    // what somebody else holds was passed over: of a batch we then do not know which
    const auto done = options_.dry_run ? messages.size() : std::min<std::uint64_t>(counts.records, messages.size());
    for (const auto& message : messages.first(static_cast<std::size_t>(done))) {
        auto& count = report_.by_category[message.content];
        (what == Due::copy ? count.copies : count.records) += 1;
    }
    report_.chunks += counts.chunks;
    if (what == Due::copy) {
        report_.copies += done;
        return;
    }
    report_.recipients += counts.recipients;
    (walk.kind == Walk::Kind::incomplete ? report_.incomplete : report_.records) += done;
}

Task<Done> ExpireRun::find_oldest(const std::vector<Walk>& walks) {
    for (const auto& [kind, into] :
         {std::pair{Walk::Kind::records, &report_.oldest_record}, std::pair{Walk::Kind::copies, &report_.oldest_copy}}) {
        auto rows = co_await read_one(sql_->oldest_kept(walks, kind));
        if (!rows && rows.error().is(Errc::timeout)) co_return Done{};  // good to know, not worth more time
        if (!rows) co_return std::unexpected(std::move(rows.error()));
        // a walk may have met an older one, for whose copy somebody waits
        if (!rows->empty()) *into = std::min(into->value_or(INT64_MAX), time_of(*rows, 0));
    }
    co_return Done{};
}

Task<Result<std::int64_t>> ExpireRun::number(std::string sql) {
    SqlQuery query;
    query.sql = std::move(sql);
    auto rows = co_await read_one(std::move(query));
    if (!rows) co_return std::unexpected(std::move(rows.error()));
    co_return time_of(*rows, 0);
}

// free_pages - what became free goes back to the disk, where it does not do so by itself
Task<Done> ExpireRun::free_pages() {
    const auto* pages = session_->free_pages();
    if (pages == nullptr || options_.dry_run) co_return Done{};
    if (options_.vacuums) co_return co_await session_->run_alone(pages->vacuum, read_limit);
    auto can_release = co_await number(pages->can_release);
    if (!can_release) co_return std::unexpected(std::move(can_release.error()));
    if (*can_release != 1 || !options_.frees_pages) co_return Done{};
    Pace pace{100, 10, 5000};
    while (!is_over()) {
        auto free = co_await number(pages->count);
        if (!free) co_return std::unexpected(std::move(free.error()));
        if (*free == 0) co_return Done{};
        const auto begin = Clock::now();
        auto done = co_await session_->run_alone(pages->release(pace.size()), limit);
        const auto took = Clock::now() - begin;
        if (!done) co_return done;
        report_.longest_transaction =
            std::max(report_.longest_transaction, std::chrono::duration_cast<std::chrono::microseconds>(took));
        report_.pages += std::min(static_cast<std::uint64_t>(*free), static_cast<std::uint64_t>(pace.size()));
        pace.learn(took, true);
        co_await rest(took, 0);
    }
    co_return Done{};
}

}  // namespace tamis::storage
