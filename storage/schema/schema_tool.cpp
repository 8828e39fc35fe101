#include "storage/schema/schema_tool.h"

#include <fmt/format.h>

#include "base/text.h"
#include "storage/backend.h"

namespace tamis::storage {

std::unexpected<Fault> at_statement(const Fault& why, const std::string& statement) {
    return fail(why.code, fmt::format("{}; nothing was changed. The statement was: {}", why.detail, escaped(statement, 400)));
}

Result<Catalogue> read_catalogue(const Dsn& dsn, Deadline::Clock::duration limit) {
    return dsn.backend->schema.read_catalogue(dsn, limit);
}

Done run_statements(const Dsn& dsn, const std::vector<std::string>& statements) {
    return dsn.backend->schema.run_statements(dsn, statements);
}

}  // namespace tamis::storage
