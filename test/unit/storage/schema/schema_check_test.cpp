// check, upgrade, check again: every era in every encoding, with rows in it, and what amavisd's own statements say to it
#include "storage/schema/schema_check.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "storage/backend.h"
#include "storage/schema/schema.h"
#include "storage/schema/schema_tool.h"
#include "test/unit/storage/fixture.h"
#include "test/unit/storage/pg/server.h"

using namespace tamis;
using namespace tamis::storage;
using namespace tamis::test;
using Catch::Contains;

namespace {

SchemaReport check(const Dsn& dsn) {
    const auto catalogue = read_catalogue(dsn);
    INFO((catalogue ? "" : catalogue.error().detail));
    REQUIRE(catalogue);
    return check_schema(*catalogue, *dsn.backend);
}

void upgrade(const Dsn& dsn) {
    const auto statements = check(dsn).statements();
    const auto done = run_statements(dsn, statements);
    INFO((done ? "" : done.error().detail));
    REQUIRE(done);
}

std::string nasty_text() {
    std::string text = "\\000 \\\\ \\x41 gr\xc3\xbc\xc3\x9f\n";
    for (int i = 0; i < 256; ++i) text += static_cast<char>(i == '\r' ? 'r' : i);
    return text;
}

// what amavisd 2.13 executes for one message, with literals for its parameters
std::string amavisd_inserts(bool partitions) {
    if (!partitions) return {};
    return "INSERT INTO maddr (partition_tag, email, domain) VALUES (13, 'amavisd@example.org'::bytea, 'org.example'); "
           "INSERT INTO msgs (partition_tag,mail_id,secret_id,am_id,time_num,time_iso,sid,policy,client_addr,size,host) VALUES "
           "(13, 'AmavisdMail1', 'AmavisdSecr1', '1-01', 1673000100, '20230106T101500Z', (SELECT id FROM maddr WHERE partition_tag=13), '', '', 1, 'h'); "
           "INSERT INTO quarantine (partition_tag,mail_id,chunk_ind,mail_text) VALUES (13, 'AmavisdMail1', 1, E'\\\\377\\\\000'::bytea); "
           "INSERT INTO msgrcpt (partition_tag,mail_id,rseqnum,rid,is_local,content,ds,rs,bl,wl,bspam_level,smtp_resp) VALUES "
           "(13, 'AmavisdMail1', 1, (SELECT id FROM maddr WHERE partition_tag=13), 'Y', 'S', 'D', ' ', 'N', 'N', 7, '250'); "
           "UPDATE msgs SET content='S',quar_type='Q',quar_loc='AmavisdMail1',dsn_sent='N',spam_level=7,message_id='',from_addr='',subject='',"
           "client_addr='',originating='N' WHERE partition_tag=13 AND mail_id='AmavisdMail1'";
}

}  // namespace

TEST_CASE("the era of a database is recognised, with what works and what an upgrade gains") {
    if (!PgServer::is_wanted()) return;
    struct Row {
        const char* era;
        const char* name;
        const char* works;
    };
    const auto row = GENERATE(Row{"amavisd-2.3", "amavisd-new 2.3 (2005)", "no column msgs.quar_loc (amavisd 2.4)"},
                              Row{"amavisd-2.4", "amavisd-new 2.4 (2006), before 2.4.4", "quarantine.mail_text is text"},
                              Row{"amavisd-2.6", "amavisd-new 2.6 (2008)", "msgs.mail_id is varchar"},
                              Row{"amavisd-2.13", "amavisd-new 2.7 to 2.13", ""});
    const Dsn dsn = *parse_dsn(pg_server().url(era_database(row.era, "UTF8")));
    const auto report = check(dsn);
    CHECK(report.era == row.name);
    CHECK(report.problems.empty());
    CHECK_FALSE(report.is_empty);
    CHECK_THAT(fmt::format("{}", fmt::join(report.works, "\n")), Contains(row.works));
    for (const auto& change : report.changes) CHECK_FALSE(change.gain.empty());
}

TEST_CASE(
    "upgrade: every era in every encoding; mail and records stay, Tamis and amavisd go on, a second run has nothing to do") {
    if (!PgServer::is_wanted()) return;
    const auto* era = GENERATE(from_range(std::begin(eras), std::end(eras)));
    const auto* encoding = GENERATE(from_range(std::begin(encodings), std::end(encodings)));
    INFO(era << " " << encoding);
    const auto database = era_database(era, encoding);
    const Dsn dsn = *parse_dsn(pg_server().url(database));
    const auto store = open_record_store({dsn}, {.connections = 1}).value();  // stays open: it must notice
    auto record = make_record("j\xc3\xb6rg@example.org");
    record.recipients.push_back(record.recipients.front());
    record.recipients.back().address = "second@example.com";
    REQUIRE(keep(*store, record, mail::QuarantineCopy{"X: y\n", make_spool(nasty_text())}));
    pg_server().query(
        database,
        "INSERT INTO policy (id, policy_name) VALUES (1, 'p'); INSERT INTO users (policy_id, email) VALUES (1, 'u@example.com')");
    const auto before = pg_server().query(database, "SELECT am_id, time_num, sid, size, host, content, subject FROM msgs");

    upgrade(dsn);
    const auto after = check(dsn);
    INFO(fmt::format("{}", fmt::join(after.statements(), "\n")));
    CHECK(after.changes.empty());
    CHECK(after.problems.empty());
    CHECK_THAT(after.era, Contains("Tamis, schema step"));
    CHECK(pg_server().query(database, "SELECT am_id, time_num, sid, size, host, content, subject FROM msgs") == before);
    CHECK(pg_server().query(database, "SELECT rseqnum FROM msgrcpt ORDER BY 1") == std::vector<std::string>{"1", "2"});
    CHECK(pg_server().query(database, "SELECT CAST(time_iso AS DATE), encode(mail_id, 'escape') FROM msgs") ==
          std::vector<std::string>{"2023-01-06|" + record.mail_id.get()});
    CHECK(pg_server().query(database, "SELECT encode(email, 'hex') FROM maddr WHERE domain='org.example'") ==
          std::vector<std::string>{"6ac3b67267406578616d706c652e6f7267"});

    const auto read_back = [&](const mail::MessageRecord& of) { return stored_copy(dsn, of.mail_id); };
    CHECK(read_back(record).value_or("failed") == "X: y\n" + nasty_text());
    auto later = make_record("j\xc3\xb6rg@example.org");
    const auto kept = keep(*store, later, mail::QuarantineCopy{"X: y\n", make_spool(nasty_text())});
    INFO((kept ? "" : kept.error().detail));
    REQUIRE(kept);
    CHECK(read_back(later).value_or("failed") == "X: y\n" + nasty_text());
    pg_server().query(database, amavisd_inserts(true));
    CHECK(pg_server().query(database, "SELECT count(*) FROM msgs") == std::vector<std::string>{"3"});
    CHECK(pg_server().query(database, "SELECT count(*) FROM maddr WHERE partition_tag = 0") ==
          std::vector<std::string>{"3"});  // nobody twice
    // 2006 had foreign keys that delete a message's rows with it: so they still do
    if (std::string_view(era) == "amavisd-2.4") {
        pg_server().query(database, "DELETE FROM msgs WHERE partition_tag = 13");
        CHECK(pg_server().query(database, "SELECT count(*) FROM quarantine WHERE partition_tag = 13") ==
              std::vector<std::string>{"0"});
    }
}

TEST_CASE("an upgrade that cannot be done changes nothing and names the statement") {
    if (!PgServer::is_wanted()) return;
    const auto database = era_database("amavisd-2.3", "UTF8");
    const Dsn dsn = *parse_dsn(pg_server().url(database));
    auto statements = check(dsn).statements();
    statements.push_back("ALTER TABLE msgs ADD nonsense no_such_type");
    const auto done = run_statements(dsn, statements);
    REQUIRE_FALSE(done);
    CHECK_THAT(done.error().detail, Contains("nothing was changed") && Contains("no_such_type"));
    CHECK(check(dsn).era == "amavisd-new 2.3 (2005)");
}

TEST_CASE("what Tamis cannot work with, and what is only half there, is said") {
    if (!PgServer::is_wanted()) return;
    struct Row {
        const char* change;
        const char* want;
    };
    const auto row = GENERATE(Row{"ALTER TABLE msgs ADD tenant integer NOT NULL", "msgs.tenant"},
                              Row{"DROP TABLE quarantine", "there is no quarantine"},
                              Row{"ALTER TABLE msgs DROP mail_id CASCADE", "msgs.mail_id"});
    const auto database = era_database("amavisd-2.13", "UTF8");
    pg_server().query(database, row.change);
    CHECK_THAT(fmt::format("{}", fmt::join(check(*parse_dsn(pg_server().url(database))).problems, "\n")), Contains(row.want));
}

namespace {

// shape - tables, columns and indexes of a database, as one text
std::string shape(const Dsn& dsn) {
    auto catalogue = read_catalogue(dsn).value();
    std::ranges::sort(catalogue.tables, {}, &Table::name);
    std::string out;
    for (auto& table : catalogue.tables) {
        out += table.name + ":";
        for (const auto& column : table.columns)
            out += fmt::format(" {} {}({}){}{}", column.name, column.type, column.width, column.is_not_null ? "!" : "",
                               column.has_default ? "=" : "");
        std::ranges::sort(table.indexes, {}, &Index::name);
        for (const auto& index : table.indexes)
            out += fmt::format(" [{} {}{}{}]", index.name, fmt::join(index.columns, ","), index.is_unique ? " unique" : "",
                               index.is_primary ? " primary" : "");
        out += "\n";
    }
    return out;
}

Dsn fresh(bool is_sqlite, const std::string& folder) {
    return *parse_dsn(is_sqlite ? "sqlite:" + folder + "/t.db" : pg_server().url(pg_server().make_database("UTF8")));
}

void run_sql(const Dsn& dsn, const std::string& sql) {
    const auto done = run_statements(dsn, {sql});
    INFO((done ? "" : done.error().detail));
    REQUIRE(done);
}

}  // namespace

TEST_CASE("a table that is missing is made anew by an upgrade, as it is in a new database") {
    const bool is_sqlite = GENERATE(true, false);
    if (!is_sqlite && !PgServer::is_wanted()) return;
    const std::vector<std::string> missing =
        GENERATE(std::vector<std::string>{"quarantine"}, std::vector<std::string>{"msgs"}, std::vector<std::string>{"msgrcpt"},
                 std::vector<std::string>{"maddr"}, std::vector<std::string>{"wblist"},
                 std::vector<std::string>{"wblist", "mailaddr"}, std::vector<std::string>{"msgs", "msgrcpt", "quarantine"},
                 std::vector<std::string>{"policy"}, std::vector<std::string>{"wblist", "users"});
    INFO((is_sqlite ? "sqlite" : "postgresql") << " without " << missing.front());
    std::string folder = (std::filesystem::temp_directory_path() / "tamis-schema-XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const auto dsn = fresh(is_sqlite, folder);
    REQUIRE(install_schema(dsn));
    const auto before = shape(dsn);
    CHECK(check(dsn).changes.empty());
    for (const auto& table : missing) run_sql(dsn, "DROP TABLE " + table + (is_sqlite ? "" : " CASCADE"));
    const auto report = check(dsn);
    const bool is_optional = missing.back() == "wblist" || missing.back() == "mailaddr";
    CHECK(report.problems.empty() == is_optional);
    CHECK(std::ranges::none_of(report.changes, &SchemaChange::is_new));
    upgrade(dsn);
    CHECK(shape(dsn) == before);
    CHECK(check(dsn).changes.empty());
    CHECK(check(dsn).problems.empty());
    const auto store = open_record_store({dsn}, {}).value();
    CHECK(keep(*store, make_record(), mail::QuarantineCopy{"X: y\n", make_spool("x")}));
    if (!is_sqlite)
        CHECK(pg_server()
                  .query(dsn.shown.substr(dsn.shown.rfind('/') + 1), "SELECT count(*) FROM msgrcpt WHERE time_num > 0")
                  .at(0) == "1");
    std::filesystem::remove_all(folder);
}

TEST_CASE("a database with tables of one kind gets those of the other when it is to be for both") {
    const bool is_sqlite = GENERATE(true, false);
    if (!is_sqlite && !PgServer::is_wanted()) return;
    const bool has_policies = GENERATE(true, false);
    INFO((is_sqlite ? "sqlite" : "postgresql") << (has_policies ? " with policies" : " with records"));
    std::string folder = (std::filesystem::temp_directory_path() / "tamis-schema-XXXXXX").string();
    REQUIRE(mkdtemp(folder.data()) != nullptr);
    const auto dsn = fresh(is_sqlite, folder);
    for (const auto* table : {"policy", "users", "mailaddr", "wblist"})
        for (const auto& statement : table_statements(*dsn.backend, table))
            if (has_policies) run_sql(dsn, statement);
    for (const auto* table : {"maddr", "msgs", "msgrcpt", "quarantine"})
        for (const auto& statement : table_statements(*dsn.backend, table))
            if (!has_policies) run_sql(dsn, statement);
    CHECK(check(dsn).problems.empty());
    const auto catalogue = read_catalogue(dsn).value();
    const auto report = check_schema(catalogue, *dsn.backend, {true, true});
    CHECK_THAT(fmt::format("{}", fmt::join(report.problems, "\n")),
               Contains("tamis schema install") && Contains(has_policies ? "quarantine" : "wblist"));
    std::vector<std::string> statements;
    for (const auto& change : report.changes)
        if (change.is_new) statements.insert(statements.end(), change.statements.begin(), change.statements.end());
    const auto done = run_statements(dsn, statements);
    INFO((done ? "" : done.error().detail));
    REQUIRE(done);
    if (!has_policies) upgrade(dsn);  // step 2 is for the tables that were there
    CHECK(check_schema(read_catalogue(dsn).value(), *dsn.backend, {true, true}).changes.empty());
    if (!is_sqlite) {
        const auto other = fresh(false, folder);
        REQUIRE(install_schema(other));
        CHECK(shape(dsn) == shape(other));
    }
    std::filesystem::remove_all(folder);
}

TEST_CASE("an empty database is empty; after install and grants there is nothing to do, and the role can work") {
    if (!PgServer::is_wanted()) return;
    const auto database = pg_server().make_database("SQL_ASCII");
    const Dsn dsn = *parse_dsn(pg_server().url(database));
    CHECK(check(dsn).is_empty);
    REQUIRE(install_schema(dsn));
    pg_server().query(database, "DROP ROLE IF EXISTS \"od\"\"d\"; CREATE ROLE \"od\"\"d\" LOGIN");
    REQUIRE(run_statements(dsn, dsn.backend->schema.grants("od\"d")));
    const auto report = check(dsn);
    INFO(fmt::format("{}", fmt::join(report.statements(), "\n")));
    CHECK(report.changes.empty());
    const auto store = open_record_store({*parse_dsn(pg_server().url(database, "od%22d"))}, {}).value();
    CHECK(keep(*store, make_record(), mail::QuarantineCopy{"X: y\n", make_spool("x")}));
    pg_server().query(database, "DROP OWNED BY \"od\"\"d\"; DROP ROLE \"od\"\"d\"");
}
