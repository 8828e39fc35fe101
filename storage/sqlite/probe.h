// probe - what `tamis doctor` asks of an SQLite file, and what it recommends
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "base/async.h"
#include "storage/probe.h"

namespace tamis::storage::sqlite {

// probe - blocks for as long as reading the file takes
Task<void> probe(asio::io_context& loop, DatabaseFacts& facts, std::chrono::milliseconds patience);
std::vector<std::string> reach(const DatabaseFacts& facts, const Advised& advised);

}  // namespace tamis::storage::sqlite
