#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "base/text.h"
#include "storage/backend.h"

using namespace tamis;
using namespace tamis::storage;

TEST_CASE("every text for a database is of one backend") {
    std::set<std::string> schemes, drivers;
    int take_words = 0;
    for (const auto* backend : backends()) {
        INFO(backend->name);
        for (const auto scheme : backend->dsn.schemes) CHECK(schemes.insert(to_lower(scheme)).second);
        for (const auto driver : backend->dsn.drivers) CHECK(drivers.insert(to_lower(driver)).second);
        take_words += backend->dsn.takes_words ? 1 : 0;
        CHECK_FALSE(backend->dsn.schemes.empty());
        CHECK_FALSE(backend->dsn.examples.empty());
        CHECK_THAT(dsn_help(), Catch::Contains(std::string(backend->dsn.brief)));
    }
    CHECK(take_words <= 1);
    CHECK(dsn_expected() ==
          "expected postgresql://user:password@host/database, \"host=... dbname=... user=... password=...\", "
          "sqlite:/path/to/file, sqlite::memory:, or \"DBI:Pg:dbname=...;host=...;port=...\"");
    CHECK(dsn_help() == "postgresql://..., \"host=... dbname=...\", sqlite:/path, DBI:Pg:...");
}

TEST_CASE("what a backend says of a DSN leads to the same database again") {
    for (const auto* text : {"postgresql://u@db:5433/mail", "host=db dbname=mail user='a b'", "sqlite:/var/lib/t.db",
                             "sqlite::memory:", "DBI:SQLite:dbname=/t.db"}) {
        INFO(text);
        const auto dsn = parse_dsn(text).value();
        REQUIRE(dsn.backend != nullptr);
        const auto again = parse_dsn(dsn.backend->dsn.text_of(dsn)).value();
        CHECK(again.backend == dsn.backend);
        CHECK(again.place == dsn.place);
        CHECK(again.shown == dsn.shown);
    }
}

TEST_CASE("only a database that is a file can be absent; one in memory is nobody else's") {
    CHECK(is_absent(parse_dsn("sqlite:/nonexistent/t.db").value()));
    CHECK_FALSE(is_absent(parse_dsn("sqlite:/etc/passwd").value()));
    CHECK_FALSE(is_absent(parse_dsn("postgresql://db/mail").value()));
    const auto memory = parse_dsn("sqlite::memory:").value();
    CHECK((memory.is_private && memory.file.empty() && is_absent(memory)));
    CHECK(default_dsn("/var/lib/tamis")->file == "/var/lib/tamis/tamis.db");
}

TEST_CASE("the steps of every folder below schema/ are there, numbered from 1") {
    for (const auto* backend : backends()) {
        INFO(backend->name);
        const auto steps = schema_steps(*backend);
        REQUIRE_FALSE(steps.empty());
        for (std::size_t i = 0; i < steps.size(); ++i) CHECK(steps[i].number == static_cast<int>(i) + 1);
        for (const auto* table : {"maddr", "msgs", "msgrcpt", "quarantine", "users", "policy", "mailaddr", "wblist"})
            CHECK_FALSE(table_statements(*backend, table).empty());
    }
    CHECK(embedded_steps("nowhere").empty());
}
