// expiry_session - PostgreSQL: statements in pipeline mode, those that come again and again prepared; the turn is an advisory lock
#include "storage/pg/expiry_session.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "storage/pg/connection.h"
#include "storage/pg/dialect.h"
#include "storage/pg/expiry_sql.h"
#include "storage/pg/partitions.h"
#include "storage/pg/questions.h"

namespace tamis::storage::pg {
namespace {

constexpr std::chrono::seconds turn_limit{10};
constexpr std::chrono::seconds turn_end_limit{1};
constexpr std::chrono::seconds answer_margin{5};        // of a living server, above its own timeout
constexpr std::chrono::milliseconds lock_patience{60};  // what a writing transaction waits for somebody's lock
constexpr const char* turn = "1952541033, 5";           // "tami", and what it is for
constexpr std::size_t most_prepared = 32;               // texts with a number of the moment in them would be without end

// Rows are found by index, also where the table was small when the statistics were made. Nobody waits for what is deleted:
// a commit that a crash loses is done again, so the server need not wait for its disk with the locks held.
std::string settings_sql(std::chrono::milliseconds limit, std::chrono::milliseconds lock_limit, bool is_local,
                         bool has_plan_cache_mode) {
    return fmt::format(
        "SELECT set_config('statement_timeout', '{1}', {0}), set_config('lock_timeout', '{2}', {0}), "
        "set_config('synchronous_commit', 'off', {0}), set_config('enable_seqscan', 'off', {0}), set_config('enable_hashjoin', 'off', {0}), "
        "set_config('enable_mergejoin', 'off', {0}), set_config('jit', 'off', {0}){3}",
        is_local, limit.count(), lock_limit.count(),
        has_plan_cache_mode ? fmt::format(", set_config('plan_cache_mode', 'force_generic_plan', {})", is_local) : "");
}

// the cast fails when another session holds it; the error's text stands in the server's log
const std::string turn_or_fail = fmt::format(
    "SELECT (CASE WHEN pg_try_advisory_xact_lock({}) THEN '1' ELSE 'Tamis: another host is at the retention' END)::integer",
    turn);

Errc meaning_of(std::string_view sqlstate, std::string_view text) {
    if (sqlstate == "57014" || sqlstate == "55P03" || sqlstate == "40P01" || sqlstate == "40001") return Errc::timeout;
    if (sqlstate == "23503") return Errc::refused;
    if (sqlstate == "22P02" && text.find("another host is at the retention") != std::string_view::npos) return Errc::conflict;
    if (sqlstate == "25006" || sqlstate.starts_with("57P") || sqlstate.starts_with("08") || sqlstate == "26000" ||
        sqlstate == "0A000")
        return Errc::closed;  // the last: a plan of tables that were changed
    return Errc::unavailable;
}

class Session final : public ExpirySession {
public:
    Session(std::unique_ptr<Connection> connection, Catalogue catalogue)
        : connection_(std::move(connection)),
          catalogue_(std::move(catalogue)),
          sql_(catalogue_),
          partitions_(catalogue_.server_version),
          shown_(connection_->dsn().named()),
          has_plan_cache_mode_(connection_->server_version() >= 120'000) {}

    const ExpirySql& statements() const override { return sql_; }
    const PartitionSql* partitions() const override { return &partitions_; }
    const std::string& shown() const override { return shown_; }

    Task<Result<bool>> take_turn() override {
        if (connection_->is_pooled()) co_return true;
        auto taken = co_await ask({}, queries_of(fmt::format("SELECT pg_try_advisory_lock({})", turn)), turn_limit);
        if (!taken) co_return std::unexpected(std::move(taken.error()));
        has_turn_ = taken->front().rows.front().front() == "t";
        co_return has_turn_;
    }
    Task<void> give_turn_back() override {
        if (std::exchange(has_turn_, false))
            (void)co_await ask({}, queries_of(fmt::format("SELECT pg_advisory_unlock({})", turn)), turn_end_limit);
    }

    Task<Result<std::vector<SqlAnswer>>> run(std::vector<SqlQuery> queries, std::chrono::milliseconds limit,
                                             Access access) override {
        std::vector<std::string> before{settings_sql(
            limit, access == Access::write ? std::min(limit / 2, lock_patience) : limit / 2, true, has_plan_cache_mode_)};
        if (access == Access::write && connection_->is_pooled()) before.push_back(turn_or_fail);
        co_return co_await ask(std::move(before), std::move(queries), limit,
                               access == Access::write && !connection_->is_pooled());
    }

    Task<Done> run_alone(std::string sql, std::chrono::milliseconds limit) override {
        const bool has_session = !connection_->is_pooled();  // behind a pooler the settings would stay with somebody else's
        if (has_session)
            if (auto set = co_await ask({}, queries_of(settings_sql(limit, limit / 2, false, false)), limit); !set)
                co_return std::unexpected(std::move(set.error()));
        auto done = co_await ask({}, queries_of(std::move(sql)), limit);
        if (has_session && !connection_->is_lost())
            if (auto reset = co_await ask({}, queries_of("RESET ALL"), limit); !reset && done)
                co_return std::unexpected(std::move(reset.error()));
        if (!done) co_return std::unexpected(std::move(done.error()));
        co_return Done{};
    }

private:
    static std::vector<SqlQuery> queries_of(std::string sql) {
        std::vector<SqlQuery> queries(1);
        queries.front().sql = std::move(sql);
        return queries;
    }

    // ask - in one transaction; the answers are those of `queries`.
    Task<Result<std::vector<SqlAnswer>>> ask(std::vector<std::string> before, std::vector<SqlQuery> queries,
                                             std::chrono::milliseconds limit, bool prepares = false) {
        connection_->set_limit(Deadline::in(limit * static_cast<int>(queries.size() + 1) + answer_margin));
        std::vector<const std::string*> results;  // that will come: of a statement being prepared, its text
        Done sent;
        const auto send = [&](const std::string& sql, std::span<const Value> values) {
            auto known = prepares ? prepared_.find(sql) : prepared_.end();
            if (prepares && known == prepared_.end() && prepared_.size() < most_prepared) {
                known = prepared_.emplace(sql, fmt::format("tamis_expire_{}", ++names_)).first;
                if (sent) sent = connection_->prepare(known->second.c_str(), sql);
                results.push_back(&known->first);
            }
            if (sent)
                sent =
                    known == prepared_.end() ? connection_->query(sql, values) : connection_->send(known->second.c_str(), values);
            results.push_back(nullptr);
        };
        for (const auto& sql : before) send(sql, {});
        for (const auto& query : queries) {
            std::vector<Value> values;
            for (const auto& value : query.values)
                values.push_back(value.is_bytes ? Value::bytes(value.value) : Value::text(value.value));
            send(query.sql, values);
        }
        if (sent) sent = connection_->sync();
        if (sent) sent = co_await connection_->flush();
        if (!sent) co_return fail(Errc::closed, sent.error().detail);
        std::vector<SqlAnswer> answers;
        std::optional<Fault> refused;
        std::size_t number = 0;  // of statements
        for (std::size_t result = 0;; ++result) {
            auto reply = co_await connection_->next();
            if (!reply) co_return fail(Errc::closed, reply.error().detail);
            const auto status = PQresultStatus(reply->get());
            if (status == PGRES_PIPELINE_SYNC) break;
            const auto* preparing = result < results.size() ? results[result] : nullptr;
            if (preparing != nullptr) {
                if (status == PGRES_COMMAND_OK) continue;
                prepared_.erase(prepared_.find(*preparing));  // refused, or not looked at any more
            }
            if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
                if (status == PGRES_PIPELINE_ABORTED || refused) continue;
                const char* code = PQresultErrorField(reply->get(), PG_DIAG_SQLSTATE);
                const auto text = one_line(PQresultErrorMessage(reply->get()));
                refused =
                    Fault{make_error_code(meaning_of(code == nullptr ? "" : code, text)), fmt::format("{}: {}", shown(), text)};
                continue;
            }
            if (number++ < before.size()) continue;
            answers.push_back(answer_of(reply->get()));
        }
        connection_->set_limit(Deadline::never());  // nobody asks while the run rests
        if (refused) co_return std::unexpected(std::move(*refused));
        if (answers.size() != queries.size())
            co_return fail(Errc::broken, "the database gave another number of results than asked");
        co_return answers;
    }

    const std::unique_ptr<Connection> connection_;
    const Catalogue catalogue_;
    const RetentionSql sql_;
    const RetentionPartitions partitions_;
    bool has_turn_ = false;
    const std::string shown_;
    const bool has_plan_cache_mode_;
    std::map<std::string, std::string> prepared_;  // names by text
    int names_ = 0;
};

}  // namespace

Task<Result<std::unique_ptr<ExpirySession>>> open_expiry_session(asio::io_context& loop, Dsn dsn, Deadline deadline) {
    dsn.needs_primary = true;
    auto connection = co_await Connection::open(loop, dsn, deadline);
    if (!connection) co_return std::unexpected(std::move(connection.error()));
    (*connection)->set_limit(deadline);
    auto dialect = co_await detect(**connection, Use::write);
    if (!dialect) co_return std::unexpected(std::move(dialect.error()));
    if (!dialect->catalogue.is_writable)
        co_return fail(Errc::unavailable,
                       fmt::format("{}: the server is read-only (a standby); list the primary's DSN as well", dsn.named()));
    co_return std::make_unique<Session>(std::move(*connection), std::move(dialect->catalogue));
}

}  // namespace tamis::storage::pg
