#include "storage/sqlite/schema.h"

#include "storage/schema/schema_tool.h"
#include "storage/sqlite/catalogue.h"
#include "storage/sqlite/database.h"

namespace tamis::storage::sqlite {

Result<int> install_schema(const Dsn& dsn, Divided divided) {
    if (divided == Divided::by_week) return fail(Errc::bad_input, "SQLite has no partitions");
    auto database = Database::open(dsn.place, dsn.named());
    if (!database) return std::unexpected(std::move(database.error()));
    return install_steps(**database, dsn.named());
}

Result<Catalogue> read_catalogue(const Dsn& dsn, Deadline::Clock::duration) {
    if (is_absent(dsn)) return Catalogue{};
    auto database = Database::open(dsn.place, dsn.named());
    if (!database) return std::unexpected(std::move(database.error()));
    return catalogue_of(**database);
}

Done run_statements(const Dsn& dsn, const std::vector<std::string>& statements) {
    auto database = Database::open(dsn.place, dsn.named());
    if (!database) return std::unexpected(std::move(database.error()));
    if (auto begun = (*database)->run("BEGIN IMMEDIATE"); !begun) return begun;
    for (const auto& statement : statements)
        if (auto done = (*database)->run(statement.c_str()); !done) return at_statement(done.error(), statement);
    return (*database)->run("COMMIT");
}

}  // namespace tamis::storage::sqlite
