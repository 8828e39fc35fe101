// server - the PostgreSQL server of this test program, and databases of every era in it
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>

#include "test/lib/pg_server.h"

namespace tamis::test {

// era_sql - test/schema/<name>.sql
inline std::string era_sql(std::string_view name) {
    std::ifstream file(std::string(TAMIS_SOURCE_DIR) + "/test/schema/" + std::string(name) + ".sql");
    if (!file) throw std::runtime_error("no test/schema/" + std::string(name) + ".sql");
    return {std::istreambuf_iterator<char>(file), {}};
}

// The eras whose tables differ, oldest first; "" is our own schema.
constexpr const char* eras[] = {"amavisd-2.3", "amavisd-2.4", "amavisd-2.6", "amavisd-2.13"};
constexpr const char* encodings[] = {"UTF8", "SQL_ASCII", "LATIN1"};

// pg_server - one server for all tests of this program; every test has its own database. fsync=off saves time: stopping the
// server loses nothing that the kernel has.
inline PgServer& pg_server() {
    static PgServer instance({"max_connections=40", "synchronous_commit=on", "fsync=off"});
    return instance;
}

// era_database - a fresh one with the tables of that era; returns its name
inline std::string era_database(std::string_view era, std::string_view encoding) {
    const auto name = pg_server().make_database(encoding);
    pg_server().query(name, era_sql(era));
    return name;
}

}  // namespace tamis::test
