// dsn - where a database is, in every form an administrator may already have
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/setting.h"

namespace tamis::storage {

struct Dsn {
    enum class Kind { postgresql, sqlite };
    Kind kind = Kind::sqlite;
    std::string conninfo;  // libpq connection string without the password; empty for SQLite
    Secret password;       // empty when none was given
    std::string path;      // SQLite: file path or ":memory:"
    std::string shown;     // for logs: never holds the password
    std::string use = {};  // which setting or option gave it: "storage_dsn", "lookup_dsn entry 2 of 3", "--dsn"; may be empty
    bool needs_primary = false;  // PostgreSQL: of several hosts in the text only one that can be written will do

    // named - for messages: which one it is, and where it leads to
    std::string named() const { return use.empty() ? shown : use + " " + shown; }
};

// parse_dsn - postgresql:// and postgres:// URIs, libpq "key=value" strings, sqlite:/path, sqlite::memory:, amavisd's
// "DBI:Pg:dbname=...;host=...;port=..." and "DBI:SQLite:dbname=/path", with user and password beside it when given
// (these win over what the text says). A Fault (bad_input) says what is expected and never shows any part of the value
// that could be a password. SQLite paths are absolute.
Result<Dsn> parse_dsn(std::string_view text, std::string_view user = {}, std::string_view password = {});

// name_entries - says of each DSN which setting it came from, and of a list with several, which entry it is
void name_entries(std::vector<Dsn>& dsns, std::string_view setting);

// load_dsns - the value of lookup_dsn or storage_dsn: a text, a table { dsn, user, password }, or a list of these
std::vector<Dsn> load_dsns(const ConfigValue& from, std::string_view setting, Problems& problems);

}  // namespace tamis::storage
