// connect_advice - why a connection failed and what the administrator can do about it
#pragma once

#include <libpq-fe.h>

#include <string>
#include <string_view>

namespace tamis::storage::pg {

// connect_advice - of a failed connection; never shows the password
std::string connect_advice(const PGconn* failed);

// statement_advice - what to do about a statement's error, by SQLSTATE; empty when there is nothing to add
std::string_view statement_advice(std::string_view sqlstate);

}  // namespace tamis::storage::pg
