// runner - the quarantine's statements on SQLite, on a thread of their own; a run() of several is one transaction
#include "storage/sqlite/runner.h"

#include <fmt/format.h>

#include "storage/completion.h"
#include "storage/no_room.h"
#include "storage/sqlite/answer.h"
#include "storage/sqlite/catalogue.h"
#include "storage/sqlite/prepared.h"
#include "storage/sqlite/reader_thread.h"
#include "storage/sqlite/sql_dialect.h"

namespace tamis::storage::sqlite {
namespace {

using Answered = Completion<Result<std::vector<SqlAnswer>>>;

class Runner final : public SqlRunner {
public:
    Runner(std::vector<Dsn> dsns, const QuarantineStoreOptions& options)
        : reader_(std::move(dsns), options.patience, [this](Database& database) { return look_at(database); }) {
        reader_.start();
    }
    ~Runner() override { reader_.stop(); }

    Task<Result<std::vector<SqlAnswer>>> run(Make make, Deadline deadline) override {
        const auto asked = std::make_shared<Asked>(*this, std::move(make), deadline);
        reader_.put(asked);
        auto answer = co_await Answered::wait(asked->answered, deadline);
        if (answer) co_return std::move(*answer);
        co_return fail(Errc::timeout, "no answer from the quarantine's database: " + reader_.health().text());
    }

private:
    class Asked final : public ReaderThread::Question {
    public:
        Asked(Runner& owner, Make make, Deadline until) : Question(until), owner_(owner), make_(std::move(make)) {}
        Done answer() override {
            auto& database = *owner_.database_;
            const auto queries = make_({owner_.catalogue_, sql_dialect()});
            const bool together = queries.size() > 1;
            if (together)
                if (auto begun = database.run(reads(database, queries) ? "BEGIN" : "BEGIN IMMEDIATE"); !begun) {
                    if (!is_no_room(begun.error())) return begun;
                    Answered::set(answered, std::unexpected(std::move(begun.error())));
                    return {};
                }
            auto answers = owner_.answers_to(queries);
            if (together) {
                auto ended = database.run(answers ? "COMMIT" : "ROLLBACK");
                if (answers && !ended && !is_no_room(ended.error())) return ended;
                if (answers && !ended) answers = std::unexpected(ended.error());
            }
            if (!answers && answers.error().is(Errc::unavailable)) return std::unexpected(std::move(answers.error()));
            Answered::set(answered, std::move(answers));
            return {};
        }
        void refuse(Fault why) override { Answered::set(answered, std::unexpected(std::move(why))); }
        const Answered::Shared answered = std::make_shared<Answered>();

    private:
        // reads - nothing of it writes, as the first says: then nobody is waited for or kept waiting
        static bool reads(Database& database, const std::vector<SqlQuery>& queries) {
            const auto first = database.prepare(queries.front().sql);
            return first && first->is_reading();
        }
        Runner& owner_;
        const Make make_;
    };

    Result<std::vector<SqlAnswer>> answers_to(const std::vector<SqlQuery>& queries) {
        std::vector<SqlAnswer> answers;
        for (const auto& query : queries) {
            auto statement = database_->prepare(query.sql);
            if (!statement) return fail(Errc::broken, statement.error().detail);
            auto answer = answer_of(*database_, *statement, query);
            if (!answer) return std::unexpected(std::move(answer.error()));
            answers.push_back(std::move(*answer));
        }
        return answers;
    }

    Done look_at(Database& database) {
        database_ = &database;
        const auto has_any = has_table(database, "");
        if (!has_any) return std::unexpected(has_any.error());
        if (!*has_any)  // quite new: whoever comes first makes the tables
            if (auto installed = install_steps(database, database.shown()); !installed)
                return std::unexpected(std::move(installed.error()));
        auto catalogue = catalogue_of(database);
        if (!catalogue) return std::unexpected(std::move(catalogue.error()));
        catalogue_ = std::move(*catalogue);
        return check_quarantine(catalogue_, database.shown());
    }

    Database* database_ = nullptr;  // only the thread
    Catalogue catalogue_;           // only the thread
    ReaderThread reader_;           // last: its thread uses the rest
};

}  // namespace

std::shared_ptr<SqlRunner> open_runner(std::vector<Dsn> dsns, const QuarantineStoreOptions& options) {
    return std::make_shared<Runner>(std::move(dsns), options);
}

}  // namespace tamis::storage::sqlite
