// expiry_session - the ExpirySession on PostgreSQL
#pragma once

#include "storage/retention/expiry_session.h"

namespace tamis::storage::pg {

Task<Result<std::unique_ptr<ExpirySession>>> open_expiry_session(asio::io_context& loop, Dsn dsn, Deadline deadline);

}  // namespace tamis::storage::pg
