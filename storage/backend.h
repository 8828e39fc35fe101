// backend - what a kind of database does for Tamis: one folder below storage/ and one row in storage/backends.cpp
//
// A backend keeps the promises of store.h, lookup_store.h, quarantine_store.h and expiry_session.h; test/contract/storage holds
// it to them. Nothing outside its folder and its row names it: who has a Dsn asks the row that it came from, who writes a
// statement asks the SqlDialect. What a backend cannot do is a null pointer where this says "may be null".
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "storage/dsn.h"
#include "storage/kept/quarantine_store.h"
#include "storage/lookups/custom_statement.h"
#include "storage/lookups/lookup_store.h"
#include "storage/probe.h"
#include "storage/records/store.h"
#include "storage/retention/expiry_session.h"
#include "storage/schema/catalogue.h"
#include "storage/schema/schema.h"

namespace tamis::storage {

class SchemaRules;  // storage/schema/schema_rules.h
class SqlDialect;   // storage/sql/sql_dialect.h

// DsnForms - the texts that a backend takes for a database of its kind
struct DsnForms {
    std::span<const std::string_view> schemes;   // what such a text begins with, in any case: "sqlite:", "postgresql://"
    std::span<const std::string_view> drivers;   // of "DBI:driver:...", in any case
    bool takes_words = false;                    // "host=... dbname=..." is of this kind; at most one row
    std::span<const std::string_view> examples;  // for who wrote something else
    std::string_view driver_example;             // the same, of a DBI form; may be empty
    std::string_view brief;                      // for a help text, in a few words
    std::string_view driver_brief;               // the same, of a DBI form; may be empty
    // parse - a text in one of these forms. The Fault (bad_input) says what is wrong and shows no part that may be a password.
    Result<Dsn> (*parse)(const DsnText& text) = nullptr;
    // text_of - without user (when it was given beside the text) and password, as parse_dsn() takes it
    std::string (*text_of)(const Dsn& dsn) = nullptr;
    bool has_accounts = false;  // a user and a password open it
    // in_directory - the DSN for who configured none: a database in that directory that needs no server; may be null
    std::string (*in_directory)(std::string_view directory) = nullptr;
};

// StoreOpeners - all return at once and keep trying: a database that is away is no failure of opening it. The lists are not
// empty and all of this backend. Each may be null: who wants such a store is then told that there is none of this kind.
struct StoreOpeners {
    std::shared_ptr<RecordStore> (*records)(std::vector<Dsn> dsns, const StoreOptions& options) = nullptr;
    // `changed` (may be empty) is called, on any thread, when the tables of policies may have changed
    std::shared_ptr<LookupStore> (*lookups)(std::vector<Dsn> dsns, const LookupOptions& options, CustomLookups custom,
                                            std::function<void()> changed) = nullptr;
    std::shared_ptr<PenPalStore> (*pen_pals)(std::vector<Dsn> dsns, const LookupOptions& options) = nullptr;
    // a backend of SQL gives quarantine_over() its SqlRunner
    std::shared_ptr<QuarantineStore> (*quarantine)(std::vector<Dsn> dsns, const QuarantineStoreOptions& options) = nullptr;
    // on one database, until the deadline. Errc::not_found: there is nothing yet at that place.
    Task<Result<std::unique_ptr<ExpirySession>>> (*expiry)(asio::io_context& loop, Dsn dsn, Deadline deadline) = nullptr;
};

// SchemaTools - block until the database answers: for the command line and for tests, never for an io_context's thread
struct SchemaTools {
    std::string_view steps;        // the folder below schema/ with its numbered steps; empty: it has none
    bool installs_itself = false;  // who opens an empty database to write makes the tables
    // see storage/schema/schema_tool.h and storage/schema/schema.h
    Result<Catalogue> (*read_catalogue)(const Dsn& dsn, Deadline::Clock::duration limit) = nullptr;
    Done (*run_statements)(const Dsn& dsn, const std::vector<std::string>& statements) = nullptr;
    Result<int> (*install)(const Dsn& dsn, Divided divided) = nullptr;
    // rules - what an upgrade can do here beyond adding columns and indexes
    std::unique_ptr<SchemaRules> (*rules)() = nullptr;
    // grants - what a role that does not own the tables needs for Tamis; may be null: it has no roles
    std::vector<std::string> (*grants)(std::string_view role) = nullptr;
    std::string_view instead_of_grants;  // when it has none: what to do
};

// Diagnosis - for `tamis doctor`: what it asks of a database, without changing anything in it, and what it then recommends
struct Diagnosis {
    // probe - fills in what can be known of facts.dsn within the patience; what went wrong stands in facts.trouble
    Task<void> (*probe)(asio::io_context& loop, DatabaseFacts& facts, std::chrono::milliseconds patience) = nullptr;
    // when facts.trouble says why it cannot be asked
    std::vector<std::string> (*reach)(const DatabaseFacts& facts, const Advised& advised) = nullptr;
    // for a right in facts.missing_rights; null: it has no rights
    std::string (*grant)(std::string_view right, const std::vector<std::string>& tables, std::string_view role) = nullptr;
    // so that it takes so many connections; null: it does not count them
    std::string (*allow_connections)(std::int64_t connections) = nullptr;
    std::string_view make_writable;  // for one that is a standby
};

struct Backend {
    std::string_view name;  // for people: "PostgreSQL"
    DsnForms dsn;
    StoreOpeners open;
    SchemaTools schema;
    Diagnosis doctor;
    const SqlDialect& (*sql)() = nullptr;  // for the statements that all share; null: its stores use none
};

// backends - every row there is
std::span<const Backend* const> backends();

}  // namespace tamis::storage
