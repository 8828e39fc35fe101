#include "storage/sqlite/catalogue.h"

#include "base/text.h"

namespace tamis::storage::sqlite {
namespace {

constexpr std::string_view columns_sql =
    "SELECT t.name, c.name, c.type, c.\"notnull\", c.dflt_value IS NOT NULL OR (c.pk > 0 AND lower(c.type) = 'integer') "
    "FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type IN ('table', 'view') AND lower(t.name) IN "
    "('maddr', 'msgs', 'msgrcpt', 'quarantine', 'users', 'policy', 'mailaddr', 'wblist') ORDER BY t.name, c.cid";
constexpr std::string_view indexes_sql =
    "SELECT t.name, i.name, i.\"unique\", i.origin = 'pk', c.name FROM sqlite_master t, pragma_index_list(t.name) i, "
    "pragma_index_info(i.name) c WHERE t.type = 'table' AND NOT i.partial AND lower(t.name) IN "
    "('maddr', 'msgs', 'msgrcpt', 'quarantine', 'users', 'policy', 'mailaddr', 'wblist') ORDER BY t.name, i.name, c.seqno";

}  // namespace

Result<Catalogue> catalogue_of(Database& database) {
    Catalogue catalogue;
    catalogue.encoding = "UTF8";
    const auto text = [](const Statement& from, int column) { return std::string(from.column(column)); };
    auto columns = database.prepare(columns_sql);
    if (!columns) return std::unexpected(std::move(columns.error()));
    for (;;) {
        const auto row = columns->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        const auto name = to_lower(columns->column(0));
        if (catalogue.tables.empty() || catalogue.tables.back().name != name) catalogue.tables.emplace_back().name = name;
        catalogue.tables.back().columns.push_back(
            {to_lower(columns->column(1)), to_lower(columns->column(2)), 0, columns->integer(3) != 0, columns->integer(4) != 0});
    }
    auto indexes = database.prepare(indexes_sql);
    if (!indexes) return std::unexpected(std::move(indexes.error()));
    for (;;) {
        const auto row = indexes->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        const auto table = std::ranges::find(catalogue.tables, to_lower(indexes->column(0)), &Table::name);
        if (table == catalogue.tables.end()) continue;
        auto& known = table->indexes;
        if (known.empty() || known.back().name != indexes->column(1))
            known.push_back({text(*indexes, 1), {}, indexes->integer(2) != 0, indexes->integer(3) != 0, false});
        known.back().columns.push_back(to_lower(indexes->column(4)));
    }
    auto version = database.prepare("PRAGMA user_version");
    if (!version) return std::unexpected(std::move(version.error()));
    if (const auto row = version->step(); !row) return std::unexpected(row.error());
    catalogue.last_step = static_cast<int>(version->integer(0));
    catalogue.has_steps = catalogue.last_step > 0;
    return catalogue;
}

}  // namespace tamis::storage::sqlite
