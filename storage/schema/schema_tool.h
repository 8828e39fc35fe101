// schema_tool - reads the catalogue of a database and runs statements there in one transaction
//
// Both block until the database answers: for the command line and for tests, never for an io_context's thread.
#pragma once

#include <string>
#include <vector>

#include "base/deadline.h"
#include "base/result.h"
#include "storage/dsn.h"
#include "storage/schema/catalogue.h"

namespace tamis::storage {

// read_catalogue - the facts about a database; one that is_absent() has no tables and is not created. `limit` is the time to
// reach a server.
Result<Catalogue> read_catalogue(const Dsn& dsn, Deadline::Clock::duration limit = std::chrono::seconds(10));

// run_statements - all of them, or none; two that run at once wait for each other, a table that others hold for 30 s is
// given up. The Fault names the statement and what the server said.
Done run_statements(const Dsn& dsn, const std::vector<std::string>& statements);

// at_statement - for the backends: which of them it was, when nothing was changed
std::unexpected<Fault> at_statement(const Fault& why, const std::string& statement);

}  // namespace tamis::storage
