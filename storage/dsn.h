// dsn - where a database is, in every form an administrator may already have
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/setting.h"

namespace tamis::storage {

struct Backend;  // storage/backend.h

struct Dsn {
    const Backend* backend = nullptr;  // its row in storage/backends.cpp; of what parse_dsn() gives never null
    std::string place;                 // for the backend, in a form of its own, without the password
    Secret password;                   // empty when none was given
    std::string file;                  // the database, when it is a file; empty: a server, or nothing on the disk
    bool is_private = false;           // it is gone with the process that opened it, and nobody else sees it
    std::string shown;                 // for logs: never holds the password
    std::string use = {};  // which setting or option gave it: "storage_dsn", "lookup_dsn entry 2 of 3", "--dsn"; may be empty
    bool needs_primary = false;  // of several servers in the text only one that can be written will do

    // named - for messages: which one it is, and where it leads to
    std::string named() const { return use.empty() ? shown : use + " " + shown; }
};

// parse_dsn - what any backend takes: postgresql:// and postgres:// URIs, libpq "key=value" strings, sqlite:/path,
// sqlite::memory:, amavisd's "DBI:Pg:dbname=...;host=...;port=..." and "DBI:SQLite:dbname=/path", with user and password beside
// it when given (these win over what the text says). A Fault (bad_input) says what is expected and never shows any part of
// the value that could be a password. Paths of files are absolute.
Result<Dsn> parse_dsn(std::string_view text, std::string_view user = {}, std::string_view password = {});

// default_dsn - for who configured none: a database in that directory that needs no server
Result<Dsn> default_dsn(std::string_view directory);

// is_absent - opening it would create it
bool is_absent(const Dsn& dsn);

// same_kind - all DSNs of one list are of one backend; an empty list is a Fault. It begins with the setting.
Done same_kind(const std::vector<Dsn>& dsns, std::string_view setting);

// name_entries - says of each DSN which setting it came from, and of a list with several, which entry it is
void name_entries(std::vector<Dsn>& dsns, std::string_view setting);

// load_dsns - the value of lookup_dsn or storage_dsn: a text, a table { dsn, user, password }, or a list of these
std::vector<Dsn> load_dsns(const ConfigValue& from, std::string_view setting, Problems& problems);

// dsn_help - the forms in a few words, for the help text of an option
std::string dsn_help();

// --- for the backends

// DsnText - a text that is of a backend's forms
struct DsnText {
    enum class Form { scheme, driver, words };
    Form form;
    std::string_view text;  // the whole of it
    std::string_view rest;  // behind the scheme or "DBI:driver:"
    std::string_view user, password;
};

// dsn_expected - the forms there are: "expected ..., ..., or ..."
const std::string& dsn_expected();

using DsnWords = std::map<std::string, std::string, std::less<>>;
// dbi_words - "dbname=x;host=y;port=z" behind "DBI:driver:"; db and database are dbname
Result<DsnWords> dbi_words(std::string_view text);

}  // namespace tamis::storage
