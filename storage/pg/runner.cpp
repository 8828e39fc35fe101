// runner - the quarantine's statements on PostgreSQL: unnamed statements in pipeline mode, one transaction for each run()
#include <fmt/format.h>

#include "storage/completion.h"
#include "storage/pg/questions.h"
#include "storage/sql_runner.h"

namespace tamis::storage::pg {
namespace {

// Pages are read along indexes; a plan must never scan a large table because it was small when the statistics were made.
constexpr const char* session_sql =
    "SELECT set_config('statement_timeout', '60000', false), set_config('idle_in_transaction_session_timeout', '60000', false), "
    "set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false), "
    "set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false)";

constexpr const char* facts_sql =
    "SELECT c.relname, a.attname, t.typname, pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' "
    "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "JOIN pg_type t ON t.oid = a.atttypid WHERE c.oid IN "
    "(to_regclass('maddr'), to_regclass('msgs'), to_regclass('msgrcpt'), to_regclass('quarantine'))";

using Answered = Completion<Result<std::vector<SqlRows>>>;

class Asked final : public Question {
public:
    Asked(SqlRunner::Make make, Deadline until) : Question(until), make_(std::move(make)) {}

    Result<std::size_t> ask(Connection& connection) override {
        const auto queries = make_(std::any_cast<const SqlShape&>(connection.notes()));
        for (const auto& query : queries) {
            std::vector<Value> values;
            for (const auto& value : query.values) values.push_back(value.is_bytes ? Value::bytes(value.value) : Value::text(value.value));
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
        : must_write_(options.must_write), questions_(std::move(dsns), options.connections, options.patience, *this) {
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
        if (auto set = co_await connection.run(session_sql); !set) co_return std::unexpected(std::move(set.error()));
        auto facts = co_await connection.run(facts_sql);
        if (!facts) co_return std::unexpected(std::move(facts.error()));
        SqlShape shape;
        shape.kind = SqlShape::Kind::postgresql;
        bool read_only = false;
        for (int row = 0; row < PQntuples(facts->get()); ++row) {
            const auto text = [&](int column) { return std::string(PQgetvalue(facts->get(), row, column)); };
            const auto name = text(0) + "." + text(1);
            if (name == "msgs.mail_id") shape.id_type = text(2);
            if (name == "maddr.email") shape.address_type = text(2);
            if (name == "quarantine.mail_text") shape.chunk_type = text(2);
            shape.columns.insert(name);
            read_only = text(3) == "t";
        }
        const auto encoding = connection.parameter("server_encoding");
        shape.charset = encoding == "UTF8"        ? TextRules::Charset::utf8
                        : encoding == "SQL_ASCII" ? TextRules::Charset::any_bytes
                                                  : TextRules::Charset::ascii;
        if (auto fine = check_shape(shape, connection.dsn().shown); !fine) co_return fine;
        if (read_only && must_write_)
            co_return fail(Errc::unavailable, fmt::format("{}: the server is read-only (a standby, or default_transaction_read_only is set); "
                                                          "list the primary's DSN as well", connection.dsn().shown));
        connection.notes() = std::move(shape);
        co_return Done{};
    }

    const bool must_write_;
    Questions  questions_;  // last: its thread uses the rest
};

}  // namespace

std::shared_ptr<SqlRunner> open_runner(std::vector<Dsn> dsns, const QuarantineStoreOptions& options) {
    return std::make_shared<Runner>(std::move(dsns), options);
}

}  // namespace tamis::storage::pg
