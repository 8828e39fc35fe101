#include "storage/schema/schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/backend.h"

namespace tamis::storage {
namespace {

// statements_of - one by one, without comments. Bodies of triggers fall into pieces: nobody asks for them.
std::vector<std::string> statements_of(std::string_view sql) {
    std::string text;
    while (!sql.empty()) {
        const auto line = sql.substr(0, sql.find('\n'));
        sql.remove_prefix(std::min(sql.size(), line.size() + 1));
        text += line.substr(0, line.find("--"));
        text += '\n';
    }
    std::vector<std::string> out;
    for (const auto statement : split(text, ';'))
        if (const auto trimmed = trim(statement); !trimmed.empty()) out.emplace_back(trimmed);
    return out;
}

}  // namespace

std::span<const SchemaStep> schema_steps(const Backend& backend) { return embedded_steps(backend.schema.steps); }

std::vector<std::string> table_statements(const Backend& backend, std::string_view table) {
    const auto steps = schema_steps(backend);
    if (steps.empty()) return {};
    auto all = statements_of(steps.front().sql);
    std::erase_if(all, [&](const std::string& one) {
        return !one.starts_with(fmt::format("CREATE TABLE {} (", table)) &&
               !(one.starts_with("CREATE INDEX ") && one.find(fmt::format(" ON {} (", table)) != std::string::npos);
    });
    return all;
}

std::vector<std::string> index_statements(const SchemaStep& step) {
    auto all = statements_of(step.sql);
    std::erase_if(all, [](const std::string& one) { return !one.starts_with("CREATE INDEX "); });
    return all;
}

Result<int> install_schema(const Dsn& dsn, Divided divided) { return dsn.backend->schema.install(dsn, divided); }

}  // namespace tamis::storage
