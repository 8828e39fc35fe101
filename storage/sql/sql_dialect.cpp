#include "storage/sql/sql_dialect.h"

#include <fmt/format.h>

namespace tamis::storage {

SqlDialect::Tags SqlDialect::tags_of(std::string_view table) const {
    return {
        fmt::format(
            "WITH RECURSIVE parts(p) AS (SELECT min(partition_tag) FROM {0} UNION ALL "
            "SELECT (SELECT min(partition_tag) FROM {0} WHERE partition_tag > parts.p) FROM parts WHERE parts.p IS NOT NULL) ",
            table),
        "IN (SELECT p FROM parts WHERE p IS NOT NULL)"};
}

std::string SqlDialect::is_before(std::string_view first, std::string_view second, std::string_view value,
                                  std::string_view second_value) const {
    return fmt::format("({}, {}) < ({}, {})", first, second, value, second_value);
}

std::string SqlDialect::create_index(std::string_view name, std::string_view table, std::string_view columns) const {
    return fmt::format("CREATE INDEX {} ON {} ({})", name, table, columns);
}

}  // namespace tamis::storage
