// runner - the quarantine's statements on SQLite, on a thread of their own; a run() of several is one transaction
#include "storage/sqlite/runner.h"

#include <fmt/format.h>

#include "storage/completion.h"
#include "storage/no_room.h"
#include "storage/sqlite/reader_thread.h"

namespace tamis::storage::sqlite {
namespace {

using Answered = Completion<Result<std::vector<SqlRows>>>;

class Runner final : public SqlRunner {
public:
    Runner(std::vector<Dsn> dsns, const QuarantineStoreOptions& options)
        : reader_(std::move(dsns), options.patience, [this](Database& database) { return look_at(database); }) {
        reader_.start();
    }
    ~Runner() override { reader_.stop(); }

    std::string health() const override { return reader_.health().text(); }

    Task<Result<std::vector<SqlRows>>> run(Make make, Deadline deadline) override {
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
            const auto queries = make_(owner_.shape_);
            const bool together = queries.size() > 1;
            if (together)
                if (auto begun = database.run("BEGIN IMMEDIATE"); !begun) {
                    if (!is_no_room(begun.error())) return begun;
                    Answered::set(answered, std::unexpected(std::move(begun.error())));
                    return {};
                }
            auto answers = owner_.rows_of(queries);
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
        Runner& owner_;
        const Make make_;
    };

    Result<std::vector<SqlRows>> rows_of(const std::vector<SqlQuery>& queries) {
        std::vector<SqlRows> answers;
        for (const auto& query : queries) {
            auto statement = database_->prepare(query.sql);
            if (!statement) return fail(Errc::broken, statement.error().detail);
            for (std::size_t i = 0; i < query.values.size(); ++i)
                statement->bind_text(static_cast<int>(i) + 1, query.values[i].value);
            auto& rows = answers.emplace_back();
            for (;;) {
                const auto row = statement->step();
                if (!row) return std::unexpected(row.error());
                if (!*row) break;
                auto& into = rows.emplace_back();
                for (int i = 0; i < statement->columns(); ++i)
                    into.push_back(statement->is_null(i) ? std::nullopt : std::optional(std::string(statement->column(i))));
            }
        }
        return answers;
    }

    Done look_at(Database& database) {
        database_ = &database;
        shape_ = {};
        auto any = database.prepare("SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'");
        if (!any) return std::unexpected(std::move(any.error()));
        if (const auto row = any->step(); !row) return std::unexpected(row.error());
        const bool is_empty = any->integer(0) == 0;
        any->reset();
        if (is_empty)  // quite new: whoever comes first makes the tables
            if (auto installed = install_steps(database, database.shown()); !installed)
                return std::unexpected(std::move(installed.error()));
        auto statement = database.prepare(
            "SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' "
            "AND m.name IN ('maddr', 'msgs', 'msgrcpt', 'quarantine')");
        if (!statement) return std::unexpected(std::move(statement.error()));
        for (;;) {
            const auto row = statement->step();
            if (!row) return std::unexpected(row.error());
            if (!*row) break;
            shape_.columns.emplace(statement->column(0));
        }
        return check_shape(shape_, database.shown());
    }

    Database* database_ = nullptr;  // only the thread
    SqlShape shape_;                // only the thread
    ReaderThread reader_;           // last: its thread uses the rest
};

}  // namespace

std::shared_ptr<SqlRunner> open_runner(std::vector<Dsn> dsns, const QuarantineStoreOptions& options) {
    return std::make_shared<Runner>(std::move(dsns), options);
}

}  // namespace tamis::storage::sqlite
