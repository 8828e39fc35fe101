// expiry_session - SQLite: every transaction takes the file's one write lock for itself, so hosts need no turn
#include "storage/sqlite/expiry_session.h"

#include <fmt/format.h>

#include "storage/sqlite/catalogue.h"
#include "storage/sqlite/database.h"

namespace tamis::storage::sqlite {
namespace {

class Session final : public ExpirySession {
public:
    Session(std::unique_ptr<Database> database, Catalogue catalogue, std::string shown)
        : database_(std::move(database)), catalogue_(std::move(catalogue)), shown_(std::move(shown)) {}

    const Catalogue& catalogue() const override { return catalogue_; }
    bool is_postgresql() const override { return false; }
    const std::string& shown() const override { return shown_; }
    Task<Result<bool>> take_turn() override { co_return true; }
    Task<void> give_turn_back() override { co_return; }

    Task<Result<std::vector<SqlRows>>> run(std::vector<SqlQuery> queries, std::chrono::milliseconds, Access access) override {
        if (access == Access::write)
            if (auto begun = database_->run("BEGIN IMMEDIATE"); !begun) co_return fail(Errc::timeout, begun.error().detail);
        auto answers = rows_of(queries);
        if (access == Access::write) {
            const auto ended = database_->run(answers ? "COMMIT" : "ROLLBACK");
            if (answers && !ended) co_return std::unexpected(ended.error());
        }
        co_return answers;
    }

    Task<Done> run_alone(std::string sql, std::chrono::milliseconds) override { co_return database_->run(sql.c_str()); }

private:
    Result<std::vector<SqlRows>> rows_of(const std::vector<SqlQuery>& queries) {
        std::vector<SqlRows> answers;
        for (const auto& query : queries) {
            auto statement = database_->prepare(query.sql);
            if (!statement) return std::unexpected(std::move(statement.error()));
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

    const std::unique_ptr<Database> database_;
    const Catalogue catalogue_;
    const std::string shown_;
};

}  // namespace

Task<Result<std::unique_ptr<ExpirySession>>> open_expiry_session(asio::io_context&, Dsn dsn, Deadline) {
    if (is_absent(dsn)) co_return fail(Errc::not_found, fmt::format("there is no database {} yet", dsn.place));
    auto database = Database::open(dsn.place, dsn.named());
    if (!database) co_return std::unexpected(std::move(database.error()));
    auto catalogue = catalogue_of(**database);
    if (!catalogue) co_return std::unexpected(std::move(catalogue.error()));
    if (catalogue->table("msgs") == nullptr)
        co_return fail(Errc::not_found, fmt::format("{}: there is no table msgs yet", dsn.named()));
    co_return std::make_unique<Session>(std::move(*database), std::move(*catalogue), dsn.named());
}

}  // namespace tamis::storage::sqlite
