// runner - the quarantine's statements on PostgreSQL: unnamed statements in pipeline mode, one transaction for each run()
#include "storage/pg/runner.h"

#include <fmt/format.h>

#include "storage/completion.h"
#include "storage/pg/dialect.h"
#include "storage/pg/questions.h"
#include "storage/pg/reading_session.h"

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

using Answered = Completion<Result<std::vector<SqlRows>>>;

class Asked final : public Question {
public:
    Asked(SqlRunner::Make make, Deadline until) : Question(until), make_(std::move(make)) {}

    Result<std::size_t> ask(Connection& connection) override {
        const auto queries = make_(std::any_cast<const SqlShape&>(connection.notes()));
        for (const auto& query : queries) {
            std::vector<Value> values;
            for (const auto& value : query.values)
                values.push_back(value.is_bytes ? Value::bytes(value.value) : Value::text(value.value));
            if (auto sent = connection.query(query.sql, values); !sent) return std::unexpected(std::move(sent.error()));
        }
        return queries.size();
    }
    void take(Connection&, const std::vector<Reply>& replies) override {
        std::vector<SqlRows> answers;
        for (const auto& reply : replies) {
            auto& rows = answers.emplace_back();
            for (int row = 0; row < PQntuples(reply.get()); ++row) {
                auto& into = rows.emplace_back();
                for (int i = 0; i < PQnfields(reply.get()); ++i) into.push_back(cell(reply.get(), row, i));
            }
        }
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

    std::string health() const override { return questions_.health().text(); }

    Task<Result<std::vector<SqlRows>>> run(Make make, Deadline deadline) override {
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
        SqlShape shape;
        shape.kind = SqlShape::Kind::postgresql;
        for (const auto& table : dialect->catalogue.tables)
            for (const auto& column : table.columns) shape.columns.insert(table.name + "." + column.name);
        shape.id_type = dialect->type("msgs", "mail_id");
        shape.address_type = dialect->type("maddr", "email");
        shape.chunk_text = dialect->mail_text("q");
        if (auto fine = check_shape(shape, connection.dsn().named()); !fine) co_return fine;
        if (!dialect->is_writable && must_write_)
            co_return fail(Errc::unavailable,
                           fmt::format("{}: the server is read-only (a standby, or default_transaction_read_only is set); "
                                       "list the primary's DSN as well",
                                       connection.dsn().named()));
        connection.notes() = std::move(shape);
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
