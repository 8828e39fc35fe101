// database - the tables of the backend in memory: rows of cells by column, and what a test does to them
//
// A database has a name and lives as long as somebody holds it. Thread-safe: whoever touches the tables holds the mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "storage/dsn.h"
#include "storage/health.h"
#include "test/contract/storage/place.h"

namespace tamis::test::memory {

using Row = std::map<std::string, Cell, std::less<>>;
using Table = std::vector<Row>;

class Database {
public:
    // of - the database of that name; new when nobody holds one
    static std::shared_ptr<Database> of(const std::string& name);

    std::mutex mutex;
    Table maddr, msgs, msgrcpt, quarantine, policy, users, mailaddr, wblist;
    std::int64_t last_address = 0;
    std::atomic<bool> is_away{false}, is_held{false}, is_full{false};

    Table& table(std::string_view name);
};

// text - of a cell; "" when it is NULL or not there
std::string text(const Row& row, std::string_view column);
std::int64_t number(const Row& row, std::string_view column);
char letter(const Row& row, std::string_view column);  // a blank when it is empty
// is_same_message - the rows belong to one message
bool is_same_message(const Row& a, const Row& b);
bool holds(const Row& row, const Fields& where);

// Reader - a store that reads: waits for a database that is away, as long as its patience says
class Reader {
public:
    Reader(std::vector<storage::Dsn> dsns, std::chrono::milliseconds patience);
    // reach - done when the database is there
    Task<Done> reach(Deadline deadline);
    Done ready();
    std::string health() const { return health_.text(); }
    Database& operator*() { return *database_; }

private:
    bool look();
    storage::Dsn dsn_;
    std::shared_ptr<Database> database_;
    storage::Health health_;
};

}  // namespace tamis::test::memory
