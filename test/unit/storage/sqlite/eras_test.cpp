// SQLite databases with amavisd's tables of every era (README.sql-pg: INTEGER PRIMARY KEY AUTOINCREMENT instead of serial)
#include <catch2/catch.hpp>
#include <filesystem>

#include "base/text.h"
#include "storage/backend.h"
#include "storage/lookups/lookup_store.h"
#include "storage/schema/schema.h"
#include "storage/schema/schema_check.h"
#include "storage/schema/schema_tool.h"
#include "storage/sqlite/database.h"
#include "test/unit/storage/fixture.h"
#include "test/unit/storage/pg/server.h"

using namespace tamis;
using namespace tamis::storage;
using namespace tamis::test;

namespace {

struct Folder {
    Folder() : path((std::filesystem::temp_directory_path() / "tamis-eras-XXXXXX").string()) {
        if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

// as_sqlite - the same tables with SQLite's word for a serial
std::string as_sqlite(std::string sql) {
    for (auto at = sql.find("serial"); at != std::string::npos; at = sql.find("serial", at)) {
        const auto key = sql.find("KEY", at);
        sql.replace(at, key + 3 - at, "INTEGER PRIMARY KEY AUTOINCREMENT");
    }
    return sql;
}

}  // namespace

TEST_CASE("SQLite: amavisd's tables of every era are used as they are, and upgraded") {
    const auto* era = GENERATE(from_range(std::begin(eras), std::end(eras)));
    INFO(era);
    const Folder folder;
    const Dsn dsn = *parse_dsn("sqlite:" + folder.path + "/amavis.db");
    {
        auto database = sqlite::Database::open(dsn.place, dsn.shown);
        REQUIRE(database);
        const auto made = (*database)->run(as_sqlite(era_sql(era)).c_str());
        INFO((made ? "" : made.error().detail));
        REQUIRE(made);
        // amavisd binds addresses as blobs when told that they may have 8-bit characters
        REQUIRE((*database)->run("INSERT INTO maddr (email, domain) VALUES (CAST('us@example.com' AS BLOB), 'com.example')"));
    }
    const std::string text = std::string("\\000 \\\\ \0 \xff\n", 12) + std::string(40'000, 'x') + "\n";
    auto record = make_record("us@example.com", "pal@friend.example.org");
    record.subject = std::string("\xf0\x9f\x98\x80 \xd8\x64 \0", 8);
    record.recipients.push_back(record.recipients.front());
    record.recipients.back().address = "second@example.com";
    record.content = '\0';
    const auto work = [&](mail::MessageRecord& of) {
        const auto store = open_record_store({dsn}, {}).value();
        const auto kept = keep(*store, of, mail::QuarantineCopy{"X: y\n", make_spool(text)});
        INFO((kept ? "" : kept.error().detail));
        REQUIRE(kept);
        of.content = 'S';
        of.recipients[0].disposition = 'P';
        REQUIRE(run<Done>([&] { return store->finish(of, Deadline::in(30s)); }));
        CHECK(stored_copy(dsn, of.mail_id).value() == "X: y\n" + text);
    };
    work(record);
    {
        const auto pals = open_pen_pals({dsn}, {}).value();
        const auto found = run<Result<std::vector<std::optional<std::chrono::system_clock::time_point>>>>([&] {
            return pals->last_written({"pal@friend.example.org", {"us@example.com", "second@example.com"}, {}, {}},
                                      Deadline::in(30s));
        });
        INFO((found ? "" : found.error().detail));
        REQUIRE(found);
        CHECK(found->at(0));
        CHECK_FALSE(found->at(1));
    }
    const auto before = check_schema(*read_catalogue(dsn), *dsn.backend);
    CHECK_THAT(before.era, Catch::Contains(std::string(era).substr(8, 3) == "2.1" ? "2.13" : std::string(era).substr(8, 3)));
    const auto upgraded = run_statements(dsn, before.statements());
    INFO((upgraded ? "" : upgraded.error().detail));
    REQUIRE(upgraded);
    const auto after = check_schema(*read_catalogue(dsn), *dsn.backend);
    INFO(fmt::format("{}", fmt::join(after.statements(), "\n")));
    CHECK(after.changes.empty());
    auto database = sqlite::Database::open(dsn.place, dsn.shown);
    auto rows =
        (*database)->prepare("SELECT group_concat(rseqnum || ds) FROM (SELECT rseqnum, ds FROM msgrcpt ORDER BY rseqnum)");
    REQUIRE(rows->step().value());
    CHECK(rows->column(0) == "1P,2D");
    rows->reset();
    auto again = make_record("us@example.com", "pal@friend.example.org");
    again.content = '\0';
    work(again);
}
