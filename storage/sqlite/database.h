// database - SQLite handles with owners, and SQLite's errors in words an administrator can act on
//
// Blocking; one thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tamis::storage::sqlite {

class Database;

// Statement - prepared once, run many times: bind everything, step, reset
class Statement {
public:
    void bind_text(int index, std::string_view text) noexcept;  // the view must live until reset()
    void bind_blob(int index, std::string_view bytes) noexcept;
    void bind_null(int index) noexcept;
    // step - true when there is a row
    Result<bool> step();
    // run - step of a statement without rows, then reset
    Done run();
    void reset() noexcept;
    std::string_view column(int index) const noexcept;  // bytes of the current row's column
    std::int64_t integer(int index) const noexcept;
    bool is_null(int index) const noexcept;
    bool is_reading() const noexcept { return sqlite3_stmt_readonly(statement_.get()) != 0; }
    int columns() const noexcept;  // of the current row; may change when the tables did
    std::string_view column_name(int index) const noexcept;

private:
    friend class Database;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
    };
    Statement(const Database& database, sqlite3_stmt* statement);
    const Database* database_;
    std::shared_ptr<void> counted_;  // a handle is open as long as it has statements
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
public:
    // open - creates the file when it is missing; WAL, synchronous=FULL: what is committed survives a power failure. A new
    // file can give free pages back to the disk in small steps (auto_vacuum, see expire.h); one that has tables stays as it is.
    static Result<std::unique_ptr<Database>> open(const std::string& path, const std::string& shown);

    // open_to_read - a file that exists; nothing in it can be changed by this handle
    static Result<std::unique_ptr<Database>> open_to_read(const std::string& path, const std::string& shown);

    const std::string& shown() const noexcept { return shown_; }  // its name in messages
    Done run(const char* sql);                                    // one or more statements without results
    Result<Statement> prepare(std::string_view sql);
    int changes() const noexcept { return sqlite3_changes(handle_.get()); }
    // in_transaction - false also when SQLite itself rolled back after an error
    bool in_transaction() const noexcept { return sqlite3_get_autocommit(handle_.get()) == 0; }
    // probe - whether it can be written now: lock, rights, disk
    Done probe();
    // fault - what SQLite's code means; is_no_room() when only writing fails, and Errc::unavailable when nothing can be done now
    Fault fault(int code) const;

    // is_stale - somebody in this process met trouble with the file that only closing it everywhere mends: SQLite keeps the
    // locks of all handles of a process together, and one that could not be given back stays taken until the last handle is
    // closed. Whoever has such a handle closes it soon; until then open() refuses.
    bool is_stale() const noexcept;

private:
    friend class Statement;
    class Shared;  // what the handles of one file have in common
    struct Close {
        void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
    };
    Database(std::string path, std::string shown);
    bool is_new();  // nothing was ever written into it
    std::string path_, shown_;
    std::shared_ptr<Shared> shared_;
    std::uint64_t generation_ = 0;
    std::shared_ptr<void> counted_;  // as an open handle of that generation; closed before it is not
    std::unique_ptr<sqlite3, Close> handle_;
};

// install_steps - runs the schema's steps that the database lacks (PRAGMA user_version); returns how many
Result<int> install_steps(Database& database, const std::string& shown);

}  // namespace tamis::storage::sqlite
