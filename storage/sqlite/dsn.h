// dsn - an SQLite database; Dsn::place is its path, or ":memory:"
#pragma once

#include <string>
#include <string_view>

#include "storage/dsn.h"

namespace tamis::storage::sqlite {

Result<Dsn> parse_dsn(const DsnText& text);
std::string text_of(const Dsn& dsn);
std::string in_directory(std::string_view directory);

}  // namespace tamis::storage::sqlite
