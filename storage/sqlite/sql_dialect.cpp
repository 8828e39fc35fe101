#include "storage/sqlite/sql_dialect.h"

#include <fmt/format.h>

namespace tamis::storage::sqlite {
namespace {

class Sql final : public SqlDialect {
public:
    std::string placeholder(std::size_t number) const override { return fmt::format("?{}", number); }
    bool keeps_octets(const Column*) const override { return true; }
    std::string like(std::string_view column, std::string_view pattern) const override {
        return fmt::format("{} LIKE {} ESCAPE '\\'", column, pattern);
    }
    std::string distinct_texts(std::string_view text) const override { return fmt::format("group_concat(DISTINCT {})", text); }
    std::string chunk_bytes(const Catalogue&, std::string_view alias) const override {
        return fmt::format("{}.mail_text", alias);
    }
    bool merges_branches() const override { return false; }
    bool has_lateral() const override { return false; }
};

}  // namespace

const SqlDialect& sql_dialect() {
    static const Sql dialect;
    return dialect;
}

}  // namespace tamis::storage::sqlite
