#include "storage/pg/sql_dialect.h"

#include <fmt/format.h>

#include "storage/pg/dialect.h"

namespace tamis::storage::pg {
namespace {

class Sql final : public SqlDialect {
public:
    std::string placeholder(std::size_t number) const override { return fmt::format("${}", number); }
    std::string typed(std::string value, const Column* column) const override {
        return column == nullptr ? value : fmt::format("{}::{}", value, column->type);
    }
    bool keeps_octets(const Column* column) const override { return column != nullptr && column->type == "bytea"; }
    std::string like(std::string_view column, std::string_view pattern) const override {
        return fmt::format("{} ILIKE {} ESCAPE '\\'", column, pattern);
    }
    std::string distinct_texts(std::string_view text) const override {
        return fmt::format("string_agg(DISTINCT {}::text, '')", text);
    }
    std::string chunk_bytes(const Catalogue& catalogue, std::string_view alias) const override {
        return mail_text(catalogue, alias);
    }
    bool merges_branches() const override { return true; }  // Merge Append
    bool has_lateral() const override { return true; }
    std::string create_index(std::string_view name, std::string_view table, std::string_view columns) const override {
        return fmt::format("CREATE INDEX CONCURRENTLY {} ON {} ({})", name, table, columns);
    }
};

}  // namespace

const SqlDialect& sql_dialect() {
    static const Sql dialect;
    return dialect;
}

}  // namespace tamis::storage::pg
