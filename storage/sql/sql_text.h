// sql_text - a statement for the database at hand, and its values: these never become SQL
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/schema/catalogue.h"
#include "storage/sql/sql_dialect.h"

namespace tamis::storage {

struct SqlValue {
    std::string value;
    bool is_bytes = false;  // binary: for columns that may hold bytes
};

struct SqlQuery {
    std::string sql;
    std::vector<SqlValue> values = {};
};

using SqlRow = std::vector<std::optional<std::string>>;
using SqlRows = std::vector<SqlRow>;

struct SqlAnswer {
    SqlRows rows;
    // changed - rows that an INSERT, UPDATE or DELETE was about, also those that an UPDATE left as they were
    std::uint64_t changed = 0;
};

// SqlTarget - the database that a statement is written for. Both outlive it.
struct SqlTarget {
    const Catalogue& catalogue;
    const SqlDialect& dialect;

    // column - by "table.column"; null when there is none
    const Column* column(std::string_view dotted) const {
        const auto dot = dotted.find('.');
        return catalogue.column(dotted.substr(0, dot), dotted.substr(dot + 1));
    }
    bool has(std::string_view dotted) const { return column(dotted) != nullptr; }
};

// SqlText - a statement being written. The pieces may be put together in any order: a value is bound to its placeholder.
class SqlText {
public:
    explicit SqlText(const SqlTarget& target) : target_(target) {}
    SqlText& operator<<(std::string_view sql) {
        sql_ += sql;
        return *this;
    }
    // text / bytes - the placeholder of a value
    std::string text(std::string value) { return put({std::move(value), false}); }
    std::string bytes(std::string value) { return put({std::move(value), true}); }
    // id - of a mail_id, with its type where the server could not know it
    std::string id(std::string_view value) {
        return target_.dialect.typed(bytes(std::string(value)), target_.column("msgs.mail_id"));
    }
    SqlQuery take();

private:
    std::string put(SqlValue value);
    const SqlTarget& target_;
    std::string sql_;
    std::vector<SqlValue> values_;
};

}  // namespace tamis::storage
