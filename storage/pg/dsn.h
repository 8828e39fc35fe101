// dsn - a PostgreSQL database; Dsn::place is libpq's "key='value' ..." without the password
#pragma once

#include <string>

#include "storage/dsn.h"

namespace tamis::storage::pg {

Result<Dsn> parse_dsn(const DsnText& text);
std::string text_of(const Dsn& dsn);

}  // namespace tamis::storage::pg
