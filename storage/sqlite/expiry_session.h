// expiry_session - the ExpirySession on SQLite
#pragma once

#include "storage/retention/expiry_session.h"

namespace tamis::storage::sqlite {

Task<Result<std::unique_ptr<ExpirySession>>> open_expiry_session(asio::io_context& loop, Dsn dsn, Deadline deadline);

}  // namespace tamis::storage::sqlite
