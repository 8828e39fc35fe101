// sqlite - the place that is a file in a folder of its own
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "storage/schema/schema.h"
#include "test/contract/storage/place.h"
#include "test/unit/storage/pg/server.h"

namespace tamis::test {
namespace {

namespace fs = std::filesystem;

struct Close {
    void operator()(sqlite3* handle) const noexcept { sqlite3_close_v2(handle); }
};
using Handle = std::unique_ptr<sqlite3, Close>;

Handle open(const std::string& path) {
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    Handle owner(handle);
    if (code != SQLITE_OK) throw std::runtime_error(path + ": " + sqlite3_errmsg(handle));
    sqlite3_busy_timeout(handle, 10'000);
    sqlite3_exec(handle, "PRAGMA synchronous=OFF", nullptr, nullptr, nullptr);  // what the test writes may be lost
    return owner;
}

// as_sqlite - the same tables with SQLite's word for a serial
std::string as_sqlite(std::string sql) {
    for (auto at = sql.find("serial"); at != std::string::npos; at = sql.find("serial", at)) {
        const auto key = sql.find("KEY", at);
        sql.replace(at, key + 3 - at, "INTEGER PRIMARY KEY AUTOINCREMENT");
    }
    return sql;
}

class SqlitePlace final : public Place {
public:
    SqlitePlace() : folder_((fs::temp_directory_path() / "tamis-contract-XXXXXX").string()) {
        if (mkdtemp(folder_.data()) == nullptr) throw std::runtime_error("mkdtemp");
        fs::create_directory(folder_ + "/here");
    }
    ~SqlitePlace() override {
        holder_.reset();
        if (is_full_) make_room();
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }

    storage::Dsn dsn() const override { return *storage::parse_dsn("sqlite:" + file()); }

    void insert(const std::string& table, const Fields& row) override {
        std::string columns, marks;
        std::vector<Cell> values;
        for (const auto& [column, value] : row) {
            columns += (columns.empty() ? "" : ", ") + column;
            marks += marks.empty() ? "?" : ", ?";
            values.push_back(value);
        }
        query(fmt::format("INSERT INTO {} ({}) VALUES ({})", table, columns, marks), values);
    }
    void update(const std::string& table, const Fields& where, const Fields& set) override {
        std::string text;
        std::vector<Cell> values;
        for (const auto& [column, value] : set) {
            text += fmt::format("{}{} = ?", text.empty() ? "" : ", ", column);
            values.push_back(value);
        }
        query(fmt::format("UPDATE {} SET {}{}", table, text, condition(where, values)), values);
    }
    void erase(const std::string& table, const Fields& where) override {
        std::vector<Cell> values;
        const auto text = condition(where, values);
        query(fmt::format("DELETE FROM {}{}", table, text), values);
    }
    std::vector<Cells> rows(const std::string& table, const std::vector<std::string>& columns) const override {
        return query(fmt::format("SELECT {} FROM {}", fmt::join(columns, ", "), table), {});
    }
    void run(const std::string& sql) override {
        const auto handle = open(file());
        if (sqlite3_exec(handle.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
            throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle.get()));
    }

    void take_away() override { fs::rename(folder_ + "/here", folder_ + "/away"); }
    void bring_back() override { fs::rename(folder_ + "/away", folder_ + "/here"); }
    void hold() override {
        holder_ = open(file());
        if (sqlite3_exec(holder_.get(), "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) != SQLITE_OK)
            throw std::runtime_error(sqlite3_errmsg(holder_.get()));
    }
    void let_go() override { holder_.reset(); }
    // no file of this process gets larger than the largest of these is now
    void fill() override {
        std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &limit_);
        std::uintmax_t largest = 0;
        for (const auto& entry : fs::directory_iterator(folder_ + "/here")) largest = std::max(largest, entry.file_size());
        const rlimit none{largest, limit_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &none);
        is_full_ = true;
    }
    void make_room() override {
        ::setrlimit(RLIMIT_FSIZE, &limit_);
        is_full_ = false;
    }

private:
    std::string file() const { return folder_ + "/here/t.db"; }

    static std::string condition(const Fields& where, std::vector<Cell>& values) {
        std::string out;
        for (const auto& [column, value] : where) {
            out += fmt::format("{}{} = ?", out.empty() ? " WHERE " : " AND ", column);
            values.push_back(value);
        }
        return out;
    }

    std::vector<Cells> query(const std::string& sql, const std::vector<Cell>& values) const {
        const auto handle = open(file());
        sqlite3_stmt* prepared = nullptr;
        if (sqlite3_prepare_v2(handle.get(), sql.c_str(), -1, &prepared, nullptr) != SQLITE_OK)
            throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle.get()));
        const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> statement(prepared, &sqlite3_finalize);
        for (std::size_t i = 0; i < values.size(); ++i)
            if (values[i])
                sqlite3_bind_text64(prepared, static_cast<int>(i) + 1, values[i]->data(), values[i]->size(), SQLITE_TRANSIENT,
                                    SQLITE_UTF8);
        std::vector<Cells> out;
        int code = 0;
        while ((code = sqlite3_step(prepared)) == SQLITE_ROW) {
            auto& row = out.emplace_back();
            for (int i = 0; i < sqlite3_column_count(prepared); ++i) {
                const auto* bytes = static_cast<const char*>(sqlite3_column_blob(prepared, i));
                const auto size = static_cast<std::size_t>(sqlite3_column_bytes(prepared, i));
                if (sqlite3_column_type(prepared, i) == SQLITE_NULL) row.emplace_back();
                else row.emplace_back(bytes == nullptr ? std::string() : std::string(bytes, size));
            }
        }
        if (code != SQLITE_DONE) throw std::runtime_error(sql + ": " + sqlite3_errmsg(handle.get()));
        return out;
    }

    std::string folder_;
    Handle holder_;
    rlimit limit_{};
    bool is_full_ = false;
};

}  // namespace

PlaceKind sqlite_places() {
    return {"SQLite",
            {Can::sql, Can::eras, Can::expire, Can::be_held, Can::be_full},
            [](Tables tables) -> std::unique_ptr<Place> {
                auto place = std::make_unique<SqlitePlace>();
                if (tables == Tables::none) return place;
                const auto installed = storage::install_schema(place->dsn());
                if (!installed) throw std::runtime_error(installed.error().detail);
                return place;
            },
            [](std::string_view era) -> std::unique_ptr<Place> {
                auto place = std::make_unique<SqlitePlace>();
                place->run(as_sqlite(era_sql(era)));
                return place;
            }};
}

}  // namespace tamis::test
