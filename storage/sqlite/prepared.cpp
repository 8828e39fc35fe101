#include "storage/sqlite/prepared.h"

#include <fmt/format.h>

namespace tamis::storage::sqlite {

Result<bool> has_table(Database& database, std::string_view name) {
    auto statement = database.prepare(
        "SELECT count(*) FROM sqlite_master WHERE type IN ('table','view') AND (?1='' OR name=?1) "
        "AND name NOT LIKE 'sqlite_%'");
    if (!statement) return std::unexpected(std::move(statement.error()));
    statement->bind_text(1, name);
    const auto row = statement->step();
    if (!row) return std::unexpected(row.error());
    return statement->integer(0) != 0;
}

Result<std::unique_ptr<Statement>> prepared(Database& database, const std::string& sql, std::string_view shown) {
    auto statement = database.prepare(sql);
    if (statement) return std::make_unique<Statement>(std::move(*statement));
    return fail(statement.error().code,
                shown.empty() ? statement.error().detail : fmt::format("{}: {}", shown, statement.error().detail));
}

}  // namespace tamis::storage::sqlite
