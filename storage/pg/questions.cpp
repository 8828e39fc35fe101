#include "storage/pg/questions.h"

#include "base/text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "storage/pg/connect_advice.h"
#include "storage/pg/reading_session.h"

namespace tamis::storage::pg {
namespace {

constexpr std::size_t batch_limit = 16;
constexpr std::chrono::milliseconds late{5};  // a question that waited longer gets another session
constexpr int try_limit = 3;
constexpr std::chrono::seconds answer_limit{25};        // above the session's statement_timeout
constexpr std::chrono::seconds pooled_answer_limit{6};  // the same, behind a pooler that may have no server any more

std::string_view sqlstate_of(const PGresult* result) {
    const char* code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    return code == nullptr ? std::string_view() : std::string_view(code);
}

// is_stale - the statement was fine once; a new session helps (a column was added or changed, the server goes down, a pooler
// lost it)
bool is_stale(std::string_view sqlstate) {
    return sqlstate == "0A000" || sqlstate == "26000" || sqlstate.starts_with("42") || sqlstate.starts_with("57P") ||
           sqlstate.starts_with("08");
}

Fault server_fault(const Connection& connection, const PGresult* result, std::string_view shown) {
    const auto advice = statement_advice(sqlstate_of(result));
    return {make_error_code(Errc::unavailable),
            fmt::format("{}: {}{}{}{}{}", connection.dsn().named(), shown, shown.empty() ? "" : ": ",
                        one_line(PQresultErrorMessage(result)), advice.empty() ? "" : "; ", advice)};
}

}  // namespace

// InHand - questions a session works on: what is not answered goes back, also when the coroutine is destroyed
class Questions::InHand {
public:
    InHand(Questions& questions, Batch batch) : questions_(questions), batch_(std::move(batch)) {}
    ~InHand() { questions_.put_back(std::move(batch_)); }
    InHand(const InHand&) = delete;
    InHand& operator=(const InHand&) = delete;
    Batch& batch() { return batch_; }
    void done(const std::shared_ptr<Question>& question) { std::erase(batch_, question); }

private:
    Questions& questions_;
    Batch batch_;
};

Questions::Questions(std::vector<Dsn> dsns, std::size_t sessions, std::chrono::milliseconds patience, SetUp& setup,
                     std::optional<std::chrono::milliseconds> round)
    : health_(std::make_shared<Health>(dsns.front().named(), patience)),
      setup_(setup),
      pool_(std::move(dsns), {std::clamp<std::size_t>(sessions, 1, 8), late, round}, health_, *this) {}

void Questions::stop() {
    pool_.stop();
    std::deque<std::shared_ptr<Question>> rest;
    {
        const std::lock_guard lock(mutex_);
        rest.swap(waiting_);
    }
    for (const auto& question : rest) question->refuse({make_error_code(Errc::stopping), "lookup"});
}

void Questions::put(std::shared_ptr<Question> question) {
    if (const auto hopeless = health_->hopeless()) return question->refuse(*hopeless);
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(question));
    }
    pool_.wake();
}

Task<Done> Questions::set_up(Connection& connection) {
    setup_.heard();  // nobody listened until now
    return setup_.set_up(connection);
}

// wish - what is asked while a session waits for the server goes with its next round trip, unless that takes long
Pool::Wish Questions::wish(std::size_t busy) const {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) return Pool::Wish::none;
    const bool is_late = waiting_.size() >= batch_limit || Deadline::Clock::now() - waiting_.front()->asked_at > late;
    return busy == 0 || is_late ? Pool::Wish::now : Pool::Wish::soon;
}

void Questions::away(const Fault& why) {
    std::deque<std::shared_ptr<Question>> rest;
    {
        const std::lock_guard lock(mutex_);
        rest.swap(waiting_);
    }
    for (const auto& question : rest) question->refuse(why);
}

void Questions::heard(Connection& connection) {
    if (connection.take_notifications() != 0) setup_.heard();
}

Questions::Batch Questions::take_batch() {
    Batch batch;
    const std::lock_guard lock(mutex_);
    while (!waiting_.empty() && batch.size() < batch_limit) {
        auto question = std::move(waiting_.front());
        waiting_.pop_front();
        if (!question->deadline.passed()) batch.push_back(std::move(question));  // else nobody waits any more
    }
    if (!waiting_.empty()) pool_.wake();  // more than one batch: another session may help
    return batch;
}

void Questions::put_back(Batch batch) {
    for (auto& question : batch) {
        if (question->tries >= try_limit) {
            question->refuse({make_error_code(Errc::unavailable), "the database breaks the connection again and again"});
            continue;
        }
        const std::lock_guard lock(mutex_);
        waiting_.push_front(std::move(question));
    }
}

Task<Pool::Outcome> Questions::run(Connection& connection) {
    heard(connection);
    InHand hand(*this, take_batch());
    if (hand.batch().empty()) co_return Pool::Outcome::done;
    bool stale = false;
    auto answered = co_await answer_all(connection, hand, stale);
    if (!answered) {
        log::info({}, "storage: {} (lookups are tried again)", answered.error().detail);
        co_return Pool::Outcome::reconnect;
    }
    heard(connection);
    co_return stale ? Pool::Outcome::reconnect : Pool::Outcome::done;
}

// answer_all - each question ends with a sync of its own, so that an error of one does not touch the next
Task<Done> Questions::answer_all(Connection& connection, InHand& hand, bool& stale) {
    struct Asked {
        std::shared_ptr<Question> question;
        std::size_t results;
    };
    std::vector<Asked> asked;
    connection.set_limit(Deadline::in(connection.is_pooled() ? pooled_answer_limit : answer_limit));
    const Batch batch = hand.batch();
    for (const auto& question : batch) {
        ++question->tries;
        // what is between two syncs is one transaction, for which the settings hold
        if (connection.is_pooled())
            if (auto sent = connection.send(reading_settings, {}); !sent) co_return sent;
        auto results = question->ask(connection);
        // a half-sent question cannot be told from the next one
        if (!results && (connection.is_lost() || connection.is_pooled())) co_return std::unexpected(std::move(results.error()));
        if (!results) {
            question->refuse(std::move(results.error()));
            hand.done(question);
            continue;
        }
        if (auto sent = connection.sync(); !sent) co_return sent;
        asked.push_back({question, *results});
    }
    if (auto sent = co_await connection.flush(); !sent) co_return sent;
    for (const auto& [question, results] : asked) {
        std::vector<Reply> replies;
        std::optional<Fault> refused;
        bool is_again = false;
        bool is_settings = connection.is_pooled();  // the first result
        for (;;) {
            auto reply = co_await connection.next();
            if (!reply) co_return std::unexpected(std::move(reply.error()));
            const auto status = PQresultStatus(reply->get());
            if (status == PGRES_PIPELINE_SYNC) break;
            if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && !refused) {
                is_again = is_stale(sqlstate_of(reply->get())) && question->tries < try_limit;
                refused = server_fault(connection, reply->get(), {});
            }
            if (!is_settings) replies.push_back(std::move(*reply));
            is_settings = false;
        }
        if (is_again) {
            stale = true;
            continue;  // stays in hand and goes back
        }
        if (!refused && replies.size() != results)
            refused = Fault{make_error_code(Errc::broken), "the database gave another number of results than asked"};
        if (refused) question->refuse(std::move(*refused));
        else question->take(connection, replies);
        hand.done(question);
    }
    co_return Done{};
}

Task<Result<Prepared>> prepare_all(Connection& connection, std::vector<Preparation> statements) {
    for (const auto& statement : statements) {
        if (auto sent = connection.prepare(statement.name, statement.sql); !sent)
            co_return std::unexpected(std::move(sent.error()));
        if (auto sent = connection.describe(statement.name); !sent) co_return std::unexpected(std::move(sent.error()));
        if (auto sent = connection.sync(); !sent) co_return std::unexpected(std::move(sent.error()));
    }
    if (auto sent = co_await connection.flush(); !sent) co_return std::unexpected(std::move(sent.error()));
    Prepared out;
    std::optional<Fault> refused;
    for (const auto& statement : statements) {
        std::vector<Oid> types;
        for (;;) {
            auto reply = co_await connection.next();
            if (!reply) co_return std::unexpected(std::move(reply.error()));
            const auto status = PQresultStatus(reply->get());
            if (status == PGRES_PIPELINE_SYNC) break;
            if (status != PGRES_COMMAND_OK) {
                if (!refused) refused = server_fault(connection, reply->get(), statement.shown);
                continue;
            }
            for (int i = 0; i < PQnparams(reply->get()); ++i) types.push_back(PQparamtype(reply->get(), i));
        }
        out.parameter_types.push_back(std::move(types));
    }
    if (refused) co_return std::unexpected(std::move(*refused));
    co_return out;
}

std::optional<std::string> cell(const PGresult* result, int row, int column) {
    if (PQgetisnull(result, row, column) == 1) return {};
    const std::string_view text(PQgetvalue(result, row, column), static_cast<std::size_t>(PQgetlength(result, row, column)));
    if (PQftype(result, column) != oid_bytea) return std::string(text);
    std::size_t size = 0;
    struct Free {
        void operator()(unsigned char* bytes) const noexcept { PQfreemem(bytes); }
    };
    const std::unique_ptr<unsigned char, Free> bytes(
        PQunescapeBytea(static_cast<const unsigned char*>(static_cast<const void*>(text.data())), &size));
    if (!bytes) return {};
    return std::string(static_cast<const char*>(static_cast<const void*>(bytes.get())), size);
}

SqlAnswer answer_of(PGresult* result) {
    SqlAnswer answer;
    for (int row = 0; row < PQntuples(result); ++row) {
        auto& into = answer.rows.emplace_back();
        for (int i = 0; i < PQnfields(result); ++i) into.push_back(cell(result, row, i));
    }
    if (!std::string_view(PQcmdStatus(result)).starts_with("SELECT"))
        answer.changed = parse_unsigned(PQcmdTuples(result)).value_or(0);
    return answer;
}

}  // namespace tamis::storage::pg
