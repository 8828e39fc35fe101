#include "storage/sql/sql_text.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tamis::storage {
namespace {

constexpr char mark = '\x1f';  // around the number of a value whose placeholder will not say which one it is

}  // namespace

std::string SqlText::put(SqlValue value) {
    values_.push_back(std::move(value));
    if (target_.dialect.has_numbered_placeholders()) return target_.dialect.placeholder(values_.size());
    return fmt::format("{}{}{}", mark, values_.size(), mark);
}

SqlQuery SqlText::take() {
    if (target_.dialect.has_numbered_placeholders()) return {std::move(sql_), std::move(values_)};
    SqlQuery out;
    bool is_number = false;  // every second piece is one
    for (const auto piece : split(sql_, mark)) {
        if (is_number) {
            out.values.push_back(values_.at(parse_unsigned(piece).value_or(0) - 1));
            out.sql += target_.dialect.placeholder(out.values.size());
        } else {
            out.sql += piece;
        }
        is_number = !is_number;
    }
    return out;
}

}  // namespace tamis::storage
