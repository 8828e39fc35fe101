// postgresql - the place that is a database of a private server
#include <fmt/format.h>
#include <libpq-fe.h>

#include <map>

#include "storage/schema/schema.h"
#include "test/contract/storage/place.h"
#include "test/lib/pg_server.h"
#include "test/unit/storage/pg/server.h"

namespace tamis::test {
namespace {

struct Finish {
    void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};

std::string hex(std::string_view bytes) {
    std::string out;
    for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
    return out;
}

std::string from_hex(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2)
        out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
    return out;
}

// model - a database with those tables, made once: the others are copies of it
std::string model(const std::string& name) {
    static std::map<std::string, std::string> made;
    auto& database = made[name];
    if (!database.empty()) return database;
    database = pg_server().make_database();
    if (name == "today") {
        const auto installed = storage::install_schema(*storage::parse_dsn(pg_server().url(database)));
        if (!installed) throw std::runtime_error(installed.error().detail);
    } else if (name != "none") {
        pg_server().query(database, era_sql(name));
    }
    return database;
}

// idle - databases whose rows a case is done with, by the name of their tables
std::map<std::string, std::vector<std::string>>& idle() {
    static std::map<std::string, std::vector<std::string>> databases;
    return databases;
}

class PgPlace final : public Place {
public:
    explicit PgPlace(const std::string& tables) : tables_(tables) {
        static int count = 0;
        auto& waiting = idle()[tables_];
        if (waiting.empty()) {
            name_ = fmt::format("place{}", ++count);
            pg_server().query("postgres", fmt::format("CREATE DATABASE {} TEMPLATE {}", name_, model(tables_)));
        } else {
            name_ = waiting.back();
            waiting.pop_back();
            query("TRUNCATE policy, users, mailaddr, wblist, maddr, msgs, msgrcpt, quarantine RESTART IDENTITY");
        }
    }
    ~PgPlace() override {
        try {
            bring_back();
            let_go();
            connection_.reset();
            if (has_other_tables_ || tables_ == "none")
                pg_server().query("postgres", fmt::format("DROP DATABASE {} WITH (FORCE)", name_));
            else idle()[tables_].push_back(name_);
        } catch (const std::exception& error) {
            fmt::print(stderr, "{}\n", error.what());
        }
    }

    storage::Dsn dsn() const override { return *storage::parse_dsn(pg_server().url(name_)); }

    void insert(const std::string& table, const Fields& row) override {
        std::string columns, values;
        for (const auto& [column, value] : row) {
            columns += (columns.empty() ? "" : ", ") + column;
            values += (values.empty() ? "" : ", ") + literal(table, column, value);
        }
        query(fmt::format("INSERT INTO {} ({}) VALUES ({})", table, columns, values));
    }
    void update(const std::string& table, const Fields& where, const Fields& set) override {
        std::string text;
        for (const auto& [column, value] : set)
            text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", column, literal(table, column, value));
        query(fmt::format("UPDATE {} SET {}{}", table, text, condition(table, where)));
    }
    void erase(const std::string& table, const Fields& where) override {
        query(fmt::format("DELETE FROM {}{}", table, condition(table, where)));
    }
    std::vector<Cells> rows(const std::string& table, const std::vector<std::string>& columns) const override {
        std::string list;
        for (const auto& column : columns)
            list += fmt::format("{}encode({}, 'hex')", list.empty() ? "" : ", ",
                                is_bytes(table, column) ? column : fmt::format("convert_to({}::text, 'UTF8')", column));
        auto out = query(fmt::format("SELECT {} FROM {}", list, table));
        for (auto& row : out)
            for (auto& cell : row)
                if (cell) cell = from_hex(*cell);
        return out;
    }
    void run(const std::string& sql) override {
        has_other_tables_ = true;
        query(sql);
    }

    void take_away() override {
        connection_.reset();
        if (!std::exchange(is_away_, true)) pg_server().stop();
    }
    void bring_back() override {
        if (std::exchange(is_away_, false)) pg_server().start();
    }
    void hold() override { ask(holder_, "BEGIN; LOCK TABLE msgs IN EXCLUSIVE MODE"); }
    void let_go() override { holder_.reset(); }
    void fill() override {
        run("CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53100'', "
            "MESSAGE = ''could not extend file: No space left on device''; END'; "
            "CREATE TRIGGER no_room BEFORE INSERT ON msgs FOR EACH ROW EXECUTE FUNCTION no_room()");
    }
    void make_room() override { run("DROP TRIGGER no_room ON msgs"); }
    void stand_by() override {
        has_other_tables_ = true;
        pg_server().query("postgres", fmt::format("ALTER DATABASE {} SET default_transaction_read_only = on", name_));
    }
    int port() const override { return pg_server().port(); }
    storage::Dsn through(int port) const override {
        return *storage::parse_dsn(fmt::format("postgresql://postgres@127.0.0.1:{}/{}?sslmode=disable", port, name_));
    }

private:
    using Connection = std::unique_ptr<PGconn, Finish>;

    // ask - one or more statements; the rows of the last one
    std::vector<Cells> ask(Connection& by, const std::string& sql) const {
        if (PQstatus(by.get()) != CONNECTION_OK) by.reset(PQconnectdb(pg_server().url(name_).c_str()));
        const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(by.get(), sql.c_str()), &PQclear);
        const auto status = PQresultStatus(result.get());
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            throw std::runtime_error(sql + ": " + PQerrorMessage(by.get()));
        std::vector<Cells> rows(static_cast<std::size_t>(PQntuples(result.get())));
        for (std::size_t i = 0; i < rows.size(); ++i)
            for (int column = 0; column < PQnfields(result.get()); ++column) {
                const int row = static_cast<int>(i);
                if (PQgetisnull(result.get(), row, column) == 1) rows[i].emplace_back();
                else rows[i].emplace_back(PQgetvalue(result.get(), row, column));
            }
        return rows;
    }
    std::vector<Cells> query(const std::string& sql) const { return ask(connection_, sql); }

    bool is_bytes(const std::string& table, const std::string& column) const {
        if (bytes_.empty()) {
            bytes_.insert("none");
            for (const auto& row :
                 query("SELECT table_name || '.' || column_name FROM information_schema.columns WHERE data_type = 'bytea'"))
                bytes_.insert(row.at(0).value());
        }
        return bytes_.contains(table + "." + column);
    }
    std::string literal(const std::string& table, const std::string& column, const Cell& value) const {
        if (!value) return "NULL";
        if (is_bytes(table, column)) return fmt::format("'\\x{}'::bytea", hex(*value));
        std::string out = "'";
        for (const char c : *value) out += c == '\'' ? std::string("''") : std::string(1, c);
        return out + "'";
    }
    std::string condition(const std::string& table, const Fields& where) const {
        std::string out;
        for (const auto& [column, value] : where)
            out += fmt::format("{}{} = {}", out.empty() ? " WHERE " : " AND ", column, literal(table, column, value));
        return out;
    }

    std::string tables_, name_;
    bool is_away_ = false;
    bool has_other_tables_ = false;  // statements changed them: no other case gets this database
    mutable Connection connection_;
    Connection holder_;
    mutable std::set<std::string> bytes_;  // columns, asked once
};

}  // namespace

PlaceKind postgresql_places() {
    return {
        "PostgreSQL",
        {Can::sql, Can::eras, Can::expire, Can::vanish, Can::be_cut, Can::be_held, Can::be_full, Can::stand_by, Can::take_turns},
        [](Tables tables) -> std::unique_ptr<Place> {
            return std::make_unique<PgPlace>(tables == Tables::today ? "today" : "none");
        },
        [](std::string_view era) -> std::unique_ptr<Place> { return std::make_unique<PgPlace>(std::string(era)); }};
}

}  // namespace tamis::test
