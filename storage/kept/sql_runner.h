// sql_runner - runs the quarantine's statements on whatever database is there
//
// Statements are made on the spot for the tables that are there (SqlTarget). Values never become SQL text.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "storage/kept/quarantine_store.h"
#include "storage/sql/sql_text.h"

namespace tamis::storage {

class SqlRunner {
public:
    using Make = std::function<std::vector<SqlQuery>(const SqlTarget&)>;
    virtual ~SqlRunner() = default;
    // run - the answer to each statement; all of them are one transaction. May be done again after a lost connection.
    virtual Task<Result<std::vector<SqlAnswer>>> run(Make make, Deadline deadline) = 0;
};

// check_quarantine - a Fault that says what is missing and what to do when the tables cannot be a quarantine
Done check_quarantine(const Catalogue& catalogue, std::string_view shown);

// quarantine_over - the quarantine of a backend whose runner this is
std::shared_ptr<QuarantineStore> quarantine_over(std::shared_ptr<SqlRunner> runner);

}  // namespace tamis::storage
