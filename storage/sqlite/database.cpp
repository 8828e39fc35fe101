#include "storage/sqlite/database.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/deadline.h"
#include "base/text.h"
#include "storage/no_room.h"
#include "storage/schema/schema.h"
#include "storage/sqlite/backend.h"

namespace tamis::storage::sqlite {
namespace {

constexpr int busy_milliseconds = 500;  // how long SQLite itself waits for another process; we go on asking afterwards

// why_not_open - what the operator can do about a file that cannot be opened or written
std::string why_not_open(const std::string& path) {
    const auto folder = std::filesystem::path(path).parent_path();
    std::error_code ignored;
    if (!std::filesystem::exists(folder, ignored))
        return fmt::format("the directory {} does not exist; create it for the user this program runs as", folder.string());
    if (std::filesystem::is_directory(path, ignored)) return "it is a directory; expected the path of a file";
    if (access(folder.c_str(), W_OK | X_OK) != 0)
        return fmt::format("no permission to write in the directory {} (uid {})", folder.string(), geteuid());
    if (std::filesystem::exists(path, ignored) && access(path.c_str(), R_OK | W_OK) != 0)
        return fmt::format("no permission to read and write the file (uid {})", geteuid());
    return "the file cannot be opened";
}

}  // namespace

// Shared - a generation ends with the first trouble that needs all handles closed
class Database::Shared {
public:
    static std::shared_ptr<Shared> of(const std::string& path) {
        static std::mutex mutex;
        static std::map<std::string, std::shared_ptr<Shared>> files;  // as many as the configuration names
        const std::lock_guard lock(mutex);
        auto& found = files[path];
        if (!found) found = std::make_shared<Shared>();
        return found;
    }
    std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_relaxed); }
    // token - alive as long as a handle of that generation is
    std::shared_ptr<void> token(std::uint64_t& generation) {
        const std::lock_guard lock(mutex_);
        generation = generation_;
        return token_;
    }
    // old_handles - whether handles of an earlier generation are still open; nobody is waited for longer than `patience`
    bool old_handles() {
        constexpr auto patience = std::chrono::seconds(10);
        const std::lock_guard lock(mutex_);
        std::erase_if(ended_, [](const auto& ended) { return ended.expired(); });
        return !ended_.empty() && Deadline::Clock::now() - ended_at_ < patience;
    }
    void end_generation() {
        constexpr auto seldom = std::chrono::seconds(3);  // what closing does not mend is not mended by closing again
        const std::lock_guard lock(mutex_);
        if (Deadline::Clock::now() - ended_at_ < seldom) return;
        ended_at_ = Deadline::Clock::now();
        ended_.push_back(token_);
        token_ = std::make_shared<int>();
        ++generation_;
        busy_ = 0;
    }
    // seen - what the calls say: being locked out for long may be our own doing
    void seen(int code) {
        constexpr int long_busy = 5;
        if (code == SQLITE_BUSY) {
            if (++busy_ >= long_busy) end_generation();
        } else if (code == SQLITE_IOERR || code == SQLITE_PROTOCOL) {
            end_generation();
        }
    }
    void worked() noexcept { busy_.store(0, std::memory_order_relaxed); }

private:
    std::mutex mutex_;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<int> busy_{0};
    std::shared_ptr<void> token_ = std::make_shared<int>();
    std::vector<std::weak_ptr<void>> ended_;
    Deadline::Clock::time_point ended_at_{};
};

Database::Database(std::string path, std::string shown)
    : path_(std::move(path)), shown_(std::move(shown)), shared_(Shared::of(path_)), counted_(shared_->token(generation_)) {}

bool Database::is_stale() const noexcept { return generation_ != shared_->generation(); }

Statement::Statement(const Database& database, sqlite3_stmt* statement)
    : database_(&database), counted_(database.counted_), statement_(statement) {}

void Statement::bind_text(int index, std::string_view text) noexcept {
    sqlite3_bind_text64(statement_.get(), index, text.data() != nullptr ? text.data() : "", text.size(), SQLITE_STATIC,
                        SQLITE_UTF8);
}

void Statement::bind_blob(int index, std::string_view bytes) noexcept {
    sqlite3_bind_blob64(statement_.get(), index, bytes.data() != nullptr ? bytes.data() : "", bytes.size(), SQLITE_STATIC);
}

void Statement::bind_null(int index) noexcept { sqlite3_bind_null(statement_.get(), index); }

Result<bool> Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) {
        database_->shared_->worked();
        return false;
    }
    Fault fault = database_->fault(code);
    reset();
    return std::unexpected(std::move(fault));
}

Done Statement::run() {
    const auto stepped = step();
    reset();
    if (!stepped) return std::unexpected(stepped.error());
    return {};
}

void Statement::reset() noexcept { sqlite3_reset(statement_.get()); }

std::string_view Statement::column(int index) const noexcept {
    const void* bytes = sqlite3_column_blob(statement_.get(), index);
    const int size = sqlite3_column_bytes(statement_.get(), index);
    return bytes == nullptr ? std::string_view()
                            : std::string_view(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

std::int64_t Statement::integer(int index) const noexcept { return sqlite3_column_int64(statement_.get(), index); }

bool Statement::is_null(int index) const noexcept { return sqlite3_column_type(statement_.get(), index) == SQLITE_NULL; }

int Statement::columns() const noexcept { return sqlite3_data_count(statement_.get()); }

std::string_view Statement::column_name(int index) const noexcept {
    const char* name = sqlite3_column_name(statement_.get(), index);
    return name == nullptr ? std::string_view() : std::string_view(name);
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, const std::string& shown) {
    std::unique_ptr<Database> database(new Database(path, shown));
    if (database->shared_->old_handles())
        return fail(Errc::unavailable, fmt::format("{}: the file is closed everywhere first, after trouble with it", shown));
    sqlite3* handle = nullptr;
    const int code =
        sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    database->handle_.reset(handle);
    if (code != SQLITE_OK) return std::unexpected(database->fault(code));
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, busy_milliseconds);
    std::string settings = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864";
    if (database->is_new()) settings.insert(0, "PRAGMA auto_vacuum=INCREMENTAL; ");  // later it does nothing, but takes the lock
    if (auto set = database->run(settings.c_str()); !set && !is_no_room(set.error()))  // a full disk: what is there can be read
        return std::unexpected(std::move(set.error()));
    return database;
}

bool Database::is_new() {
    auto pages = prepare("PRAGMA page_count");
    if (!pages) return false;
    const auto row = pages->step();
    return row && *row && pages->integer(0) == 0;
}

Result<std::unique_ptr<Database>> Database::open_to_read(const std::string& path, const std::string& shown) {
    std::unique_ptr<Database> database(new Database(path, shown));
    // nobody has it open when there is no log: then not even its shared memory is made
    std::string uri = "file:";
    for (const char c : path)
        uri += is_alpha(c) || is_digit(c) || c == '/' || c == '.' || c == '-' || c == '_'
                   ? std::string(1, c)
                   : fmt::format("%{:02x}", static_cast<unsigned char>(c));
    if (::access((path + "-wal").c_str(), F_OK) != 0) uri += "?immutable=1";
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(uri.c_str(), &handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, nullptr);
    database->handle_.reset(handle);
    if (code != SQLITE_OK) return std::unexpected(database->fault(code));
    sqlite3_extended_result_codes(handle, 1);
    sqlite3_busy_timeout(handle, busy_milliseconds);
    return database;
}

Done Database::run(const char* sql) {
    const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return std::unexpected(fault(code));
    return {};
}

Done Database::probe() {
    auto version = prepare("PRAGMA user_version");
    if (!version) return std::unexpected(std::move(version.error()));
    if (auto row = version->step(); !row) return std::unexpected(std::move(row.error()));
    const auto same = fmt::format("PRAGMA user_version={}", version->integer(0));
    version->reset();
    return run(same.c_str());  // a commit of one page that changes nothing
}

Result<Statement> Database::prepare(std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(std::min<std::size_t>(sql.size(), INT_MAX)),
                                        SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    Statement owner(*this, statement);
    if (code != SQLITE_OK) return std::unexpected(fault(code));
    return owner;
}

Fault Database::fault(int code) const {
    const auto say = [&](Errc errc, std::string_view what) {
        return Fault{make_error_code(errc), fmt::format("{}: {}", shown_, what)};
    };
    const char* message = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
    const int system = handle_ ? sqlite3_system_errno(handle_.get()) : 0;
    const bool is_file = (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_READONLY;
    const auto no_room = [&](std::string_view what) { return Fault{no_room_error(), fmt::format("{}: {}", shown_, what)}; };
    if ((code & 0xff) == SQLITE_FULL || (is_file && (system == ENOSPC || system == EDQUOT || system == EFBIG)))
        return no_room("the disk is full");
    if (is_file && system == EROFS) return no_room("the file system is read-only");
    shared_->seen(code & 0xff);
    switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return say(Errc::unavailable, "locked by another process for too long");
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_AUTH:
        case SQLITE_READONLY: return say(Errc::unavailable, why_not_open(path_));
        case SQLITE_NOTADB:
            return say(Errc::unavailable, "the file is not an SQLite database; move it away and it is created anew");
        case SQLITE_CORRUPT:
            return say(Errc::unavailable, fmt::format("the database is damaged ({}); restore it, or move it away", message));
        case SQLITE_IOERR:
        case SQLITE_NOMEM: return say(Errc::unavailable, message);
        case SQLITE_CONSTRAINT:
            return say(
                code == SQLITE_CONSTRAINT_PRIMARYKEY || code == SQLITE_CONSTRAINT_UNIQUE ? Errc::conflict : Errc::bad_input,
                message);
        case SQLITE_MISMATCH:  // a STRICT table of the site's
        case SQLITE_TOOBIG: return say(Errc::bad_input, message);
        default: return say(Errc::unavailable, fmt::format("{} (SQLite error {})", message, code));
    }
}

namespace {

// user_version - the last step of the database. Tables that are somebody else's (amavisd's) are left as they are: they count
// as up to date until `tamis schema upgrade` was asked for.
Result<int> user_version(Database& database) {
    auto statement = database.prepare(
        "SELECT (SELECT user_version FROM pragma_user_version), "
        "(SELECT count(*) FROM sqlite_master WHERE type='table' AND name='msgs')");
    if (!statement) return std::unexpected(std::move(statement.error()));
    const auto row = statement->step();
    if (!row) return std::unexpected(row.error());
    const auto version = static_cast<int>(statement->integer(0));
    return version == 0 && statement->integer(1) != 0 ? schema_steps(backend).back().number : version;
}

Result<bool> install_step(Database& database, const SchemaStep& step) {
    auto result = database.run("BEGIN IMMEDIATE");
    if (!result) return std::unexpected(std::move(result.error()));
    const auto version = user_version(database);  // another process may have been faster
    const bool needed = version && *version < step.number;
    if (!version) result = std::unexpected(version.error());
    if (result && needed) result = database.run(std::string(step.sql).c_str());
    if (result && needed) result = database.run(fmt::format("PRAGMA user_version={}", step.number).c_str());
    if (result) result = database.run("COMMIT");
    if (result) return needed;
    if (database.in_transaction()) {
        const auto rolled_back = database.run("ROLLBACK");
        if (!rolled_back) result.error().detail += "; " + rolled_back.error().detail;
    }
    return std::unexpected(std::move(result.error()));
}

}  // namespace

Result<int> install_steps(Database& database, const std::string& shown) {
    const auto steps = schema_steps(backend);
    const auto version = user_version(database);
    if (!version) return std::unexpected(version.error());
    if (*version > steps.back().number)
        return fail(Errc::unavailable, fmt::format("{}: its schema is at step {}, this program knows {}: it belongs to a newer "
                                                   "version",
                                                   shown, *version, steps.back().number));
    int installed = 0;
    for (const auto& step : steps) {
        if (step.number <= *version) continue;
        const auto ran = install_step(database, step);
        if (!ran) return fail(ran.error().code, fmt::format("schema step {}: {}", step.name, ran.error().detail));
        installed += *ran ? 1 : 0;
    }
    return installed;
}

}  // namespace tamis::storage::sqlite
