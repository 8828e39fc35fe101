#include "storage/schema/schema_rules.h"

#include <algorithm>

#include "base/text.h"

namespace tamis::storage {

std::string SchemaWork::type(std::string_view of, std::string_view column) const {
    const Column* found = catalogue.column(of, column);
    return found == nullptr ? std::string() : found->type;
}

bool SchemaWork::creates(std::string_view name) const { return std::ranges::find(created, name) != created.end(); }

void SchemaWork::change(std::string gain, std::vector<std::string> statements, bool is_new) {
    report.changes.push_back({std::move(gain), std::move(statements), is_new});
}

bool is_text(std::string_view type) { return type == "varchar" || type == "bpchar" || type == "text"; }

bool has_index(const Table& table, std::string_view columns, bool unique) {
    return std::ranges::any_of(table.indexes, [&](const Index& index) {
        const auto have = join(index.columns, ",");
        return unique ? index.is_unique && have == columns : have == columns || have.starts_with(std::string(columns) + ",");
    });
}

}  // namespace tamis::storage
