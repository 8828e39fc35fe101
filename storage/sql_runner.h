// sql_runner - runs the quarantine's statements on whatever database is there, and says what its tables look like
//
// Statements are made on the spot from a SqlShape: which columns exist, and of what kind. Values never become SQL text.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "storage/quarantine_store.h"

namespace tamis::storage {

struct SqlShape {
    enum class Kind { postgresql, sqlite };
    Kind kind = Kind::sqlite;
    std::set<std::string, std::less<>> columns;  // "msgs.quar_loc"
    std::string id_type = "varchar";             // of msgs.mail_id
    std::string address_type = "varchar";        // of maddr.email
    std::string chunk_text = "q.mail_text";      // an expression for the bytes of quarantine.mail_text, alias q

    bool has(std::string_view column) const { return columns.contains(column); }
    bool is_postgresql() const { return kind == Kind::postgresql; }
};

struct SqlValue {
    std::string value;
    bool is_bytes = false;  // binary: for columns that may be bytea
};

struct SqlQuery {
    std::string sql;  // every statement gives rows (RETURNING 1 where it would not)
    std::vector<SqlValue> values;
};

using SqlRow = std::vector<std::optional<std::string>>;
using SqlRows = std::vector<SqlRow>;

class SqlRunner {
public:
    using Make = std::function<std::vector<SqlQuery>(const SqlShape&)>;
    virtual ~SqlRunner() = default;
    // run - the rows of each statement; all of them are one transaction. May be done again after a lost connection.
    virtual Task<Result<std::vector<SqlRows>>> run(Make make, Deadline deadline) = 0;
    virtual std::string health() const = 0;
};

// check_shape - a Fault that says what is missing and what to do when the tables cannot be a quarantine
Done check_shape(const SqlShape& shape, std::string_view shown);

// quarantine_over - the quarantine of a backend whose runner this is
std::shared_ptr<QuarantineStore> quarantine_over(std::shared_ptr<SqlRunner> runner);

}  // namespace tamis::storage
