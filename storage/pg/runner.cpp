// runner - the quarantine's statements on PostgreSQL: unnamed statements in pipeline mode, one transaction for each run()
#include "storage/pg/runner.h"

#include <fmt/format.h>

#include "storage/completion.h"
#include "storage/pg/dialect.h"
#include "storage/pg/questions.h"
#include "storage/pg/reading_session.h"
#include "storage/pg/sql_dialect.h"

namespace tamis::storage::pg {
namespace {

// Pages are read along indexes; a plan must never scan a large table because it was small when the statistics were made.
std::string session_sql(std::string_view local) {
    return fmt::format(
        "SELECT set_config('statement_timeout', '20000', {0}), set_config('idle_in_transaction_session_timeout', '60000', {0}), "
        "set_config('enable_seqscan', 'off', {0}), set_config('enable_hashjoin', 'off', {0}), "
        "set_config('enable_mergejoin', 'off', {0}), set_config('jit', 'off', {0})",
        local);
}

using Answered = Completion<Result<std::vector<SqlAnswer>>>;

class Asked final : public Question {
public:
    Asked(SqlRunner::Make make, Deadline until) : Question(until), make_(std::move(make)) {}

    Result<std::size_t> ask(Connection& connection) override {
        const auto queries = make_({std::any_cast<const Catalogue&>(connection.notes()), sql_dialect()});
        for (const auto& query : queries) {
            std::vector<Value> values;
            for (const auto& value : query.values)
                values.push_back(value.is_bytes ? Value::bytes(value.value) : Value::text(value.value));
            if (auto sent = connection.query(query.sql, values); !sent) return std::unexpected(std::move(sent.error()));
        }
        return queries.size();
    }
    void take(Connection&, const std::vector<Reply>& replies) override {
        std::vector<SqlAnswer> answers;
        for (const auto& reply : replies) answers.push_back(answer_of(reply.get()));
        Answered::set(answered, std::move(answers));
    }
    void refuse(Fault why) override { Answered::set(answered, std::unexpected(std::move(why))); }

    const Answered::Shared answered = std::make_shared<Answered>();

private:
    const SqlRunner::Make make_;
};

class Runner final : public SqlRunner, private Questions::SetUp {
public:
    Runner(std::vector<Dsn> dsns, const QuarantineStoreOptions& options)
        : must_write_(options.must_write),
          questions_(std::move(dsns), options.connections, options.patience, *this, options.round) {
        questions_.start();
    }
    ~Runner() override { questions_.stop(); }

    Task<Result<std::vector<SqlAnswer>>> run(Make make, Deadline deadline) override {
        const auto asked = std::make_shared<Asked>(std::move(make), deadline);
        questions_.put(asked);
        auto answer = co_await Answered::wait(asked->answered, deadline);
        if (answer) co_return std::move(*answer);
        co_return fail(Errc::timeout, "no answer from the quarantine's database: " + questions_.health().text());
    }

private:
    Task<Done> set_up(Connection& connection) override {
        if (connection.is_pooled()) {  // the pooler forgets it after each transaction: Questions says it again
            auto prepared = co_await prepare_all(connection, {{reading_settings, session_sql("true"), ""}});
            if (!prepared) co_return std::unexpected(std::move(prepared.error()));
        } else if (auto set = co_await connection.run(session_sql("false")); !set) {
            co_return std::unexpected(std::move(set.error()));
        }
        auto dialect = co_await detect(connection, Use::read);
        if (!dialect) co_return std::unexpected(std::move(dialect.error()));
        if (auto fine = check_quarantine(dialect->catalogue, connection.dsn().named()); !fine) co_return fine;
        if (!dialect->catalogue.is_writable && must_write_)
            co_return fail(Errc::unavailable,
                           fmt::format("{}: the server is read-only (a standby, or default_transaction_read_only is set); "
                                       "list the primary's DSN as well",
                                       connection.dsn().named()));
        connection.notes() = std::move(dialect->catalogue);
        co_return Done{};
    }

    const bool must_write_;
    Questions questions_;  // last: its thread uses the rest
};

}  // namespace

std::shared_ptr<SqlRunner> open_runner(std::vector<Dsn> dsns, const QuarantineStoreOptions& options) {
    return std::make_shared<Runner>(std::move(dsns), options);
}

}  // namespace tamis::storage::pg
