#include "storage/sqlite/answer.h"

namespace tamis::storage::sqlite {

Result<SqlAnswer> answer_of(Database& database, Statement& statement, const SqlQuery& query) {
    for (std::size_t i = 0; i < query.values.size(); ++i) statement.bind_text(static_cast<int>(i) + 1, query.values[i].value);
    SqlAnswer answer;
    for (;;) {
        const auto row = statement.step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        auto& into = answer.rows.emplace_back();
        for (int i = 0; i < statement.columns(); ++i)
            into.push_back(statement.is_null(i) ? std::nullopt : std::optional(std::string(statement.column(i))));
    }
    if (!statement.is_reading()) answer.changed = static_cast<std::uint64_t>(database.changes());
    return answer;
}

}  // namespace tamis::storage::sqlite
