// probe - what `tamis doctor` asks of a PostgreSQL server, and what it recommends
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "storage/probe.h"

namespace tamis::storage::pg {

Task<void> probe(asio::io_context& loop, DatabaseFacts& facts, std::chrono::milliseconds patience);
std::vector<std::string> reach(const DatabaseFacts& facts, const Advised& advised);
std::string grant(std::string_view right, const std::vector<std::string>& tables, std::string_view role);
std::string allow_connections(std::int64_t connections);

}  // namespace tamis::storage::pg
