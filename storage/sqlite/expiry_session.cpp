// expiry_session - SQLite: every transaction takes the file's one write lock for itself, so hosts need no turn
#include "storage/sqlite/expiry_session.h"

#include <fmt/format.h>

#include "storage/sqlite/answer.h"
#include "storage/sqlite/catalogue.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/expiry_sql.h"

namespace tamis::storage::sqlite {
namespace {

const FreePages pages{"PRAGMA auto_vacuum = INCREMENTAL; VACUUM", "SELECT auto_vacuum = 2 FROM pragma_auto_vacuum",
                      "PRAGMA freelist_count",
                      [](std::size_t most) { return fmt::format("PRAGMA incremental_vacuum({})", most); }};

class Session final : public ExpirySession {
public:
    Session(std::unique_ptr<Database> database, Catalogue catalogue, std::string shown)
        : database_(std::move(database)), catalogue_(std::move(catalogue)), sql_(catalogue_), shown_(std::move(shown)) {}

    const ExpirySql& statements() const override { return sql_; }
    const FreePages* free_pages() const override { return &pages; }
    const std::string& shown() const override { return shown_; }
    Task<Result<bool>> take_turn() override { co_return true; }
    Task<void> give_turn_back() override { co_return; }

    Task<Result<std::vector<SqlAnswer>>> run(std::vector<SqlQuery> queries, std::chrono::milliseconds, Access access) override {
        if (access == Access::write)
            if (auto begun = database_->run("BEGIN IMMEDIATE"); !begun) co_return fail(Errc::timeout, begun.error().detail);
        auto answers = answers_to(queries);
        if (access == Access::write) {
            const auto ended = database_->run(answers ? "COMMIT" : "ROLLBACK");
            if (answers && !ended) co_return std::unexpected(ended.error());
        }
        co_return answers;
    }

    Task<Done> run_alone(std::string sql, std::chrono::milliseconds) override { co_return database_->run(sql.c_str()); }

private:
    Result<std::vector<SqlAnswer>> answers_to(const std::vector<SqlQuery>& queries) {
        std::vector<SqlAnswer> answers;
        for (const auto& query : queries) {
            auto statement = database_->prepare(query.sql);
            if (!statement) return std::unexpected(std::move(statement.error()));
            auto answer = answer_of(*database_, *statement, query);
            if (!answer) return std::unexpected(std::move(answer.error()));
            answers.push_back(std::move(*answer));
        }
        return answers;
    }

    const std::unique_ptr<Database> database_;
    const Catalogue catalogue_;
    const RetentionSql sql_;
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
