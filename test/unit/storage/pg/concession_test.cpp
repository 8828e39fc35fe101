// concession_test - databases whose triggers take less than their columns do: no message fails, and it is said once
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/log.h"
#include "test/unit/storage/fixture.h"
#include "test/unit/storage/pg/server.h"

using namespace tamis;
using namespace tamis::storage;
using namespace tamis::test;

namespace {

struct Captured {
    Captured() { log::capture(true); }
    ~Captured() { log::capture(false); }
    // warnings - all lines that said it; the capture is empty then
    static std::vector<std::string> warnings() {
        auto lines = log::captured();
        std::erase_if(lines, [](const std::string& line) { return line.find("This is said once") == std::string::npos; });
        return lines;
    }
};

std::vector<std::string> query(const std::string& database, const std::string& sql) { return pg_server().query(database, sql); }

void add_trigger(const std::string& database, const std::string& table, const std::string& body) {
    query(database, fmt::format("CREATE FUNCTION on_{0}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {1} RETURN NEW; END $$",
                                table, body));
    query(database, fmt::format("CREATE TRIGGER on_{0} BEFORE INSERT ON {0} FOR EACH ROW EXECUTE PROCEDURE on_{0}()", table));
}

// add_iredmail_trigger - reduced from iRedMail's schema for PostgreSQL
void add_iredmail_trigger(const std::string& database) {
    query(database, "ALTER TABLE maddr ADD COLUMN email_raw varchar(255) NOT NULL DEFAULT ''");
    add_trigger(database, "maddr", "NEW.email_raw := convert_from(NEW.email, 'UTF8');");
}

std::shared_ptr<RecordStore> open(const std::string& database, StoreOptions options = {}) {
    return open_record_store({*parse_dsn(pg_server().url(database))}, options).value();
}

const mail::QuarantineCopy& copy() {
    static const mail::QuarantineCopy one{"X: y\n", make_spool("text\r\n")};
    return one;
}

}  // namespace

TEST_CASE("PostgreSQL: a trigger that takes no address but UTF-8 fails no message, and is told of once") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto* era = GENERATE("amavisd-2.6", "amavisd-2.13");
    INFO(era);
    const auto database = era_database(era, "UTF8");
    add_iredmail_trigger(database);
    const auto store = open(database, {.connections = 1});
    auto record = make_record("a\xff@example.net", "\xe9u@example.com");
    record.recipients.push_back(record.recipients.front());
    record.recipients.back().address = "\xe8u@example.com";  // stored alike
    record.recipients.push_back(record.recipients.front());
    record.recipients.back().address = "j\xc3\xb6rg@example.com";
    record.subject = "gr\xc3\xbc\xc3\x9f";
    const auto kept = keep(*store, record, copy());
    INFO((kept ? "" : kept.error().detail));
    REQUIRE(kept);
    CHECK(query(database, "SELECT email_raw FROM maddr ORDER BY 1") ==
          std::vector<std::string>{"?u@example.com", "a?@example.net", "j\xc3\xb6rg@example.com"});
    CHECK(query(database,
                "SELECT s.email_raw, m.subject, (SELECT count(*) FROM quarantine) FROM msgs m JOIN maddr s ON s.id = m.sid") ==
          std::vector<std::string>{"a?@example.net|gr\xc3\xbc\xc3\x9f|1"});
    CHECK(query(database, "SELECT a.email_raw FROM msgrcpt r JOIN maddr a ON a.id = r.rid ORDER BY 1") ==
          std::vector<std::string>{"?u@example.com", "?u@example.com", "j\xc3\xb6rg@example.com"});
    for (auto& to : record.recipients) to.response = "250 finished";
    REQUIRE(run<Done>([&] { return store->finish(record, Deadline::in(30s)); }));
    CHECK(query(database, "SELECT count(*) FROM msgrcpt WHERE smtp_resp = '250 finished'") == std::vector<std::string>{"3"});
    // many at the same time, remembered ones too, and other odd octets
    std::vector<mail::MessageRecord> records;
    for (int i = 0; i < 40; ++i)
        records.push_back(make_record(fmt::format("{}\x80{}@example.net", i % 2 == 0 ? "" : "x", i), "\xe9u@example.com"));
    for (const auto& done : keep_all(*store, records, copy())) CHECK(done);
    store->remember(make_record("remembered\xc3@example.net"));
    CHECK(run<std::size_t>([&] { return store->drain(Deadline::in(30s)); }) == 0);
    CHECK(query(database, "SELECT count(*) FROM msgs") == std::vector<std::string>{"42"});
    CHECK(query(database, "SELECT count(*) FROM maddr WHERE email_raw = '?u@example.com'") == std::vector<std::string>{"1"});
    const auto said = Captured::warnings();
    REQUIRE(said.size() == 1);
    CHECK_THAT(said.front(), Catch::Contains("SQLSTATE 22021"));
}

TEST_CASE("PostgreSQL: whatever a trigger refuses of an address or a text, the message is stored") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    struct Row {
        const char *table, *body, *want;
    };
    const auto row = GENERATE(
        // everything that is not ASCII
        Row{"maddr",
            "IF encode(NEW.email, 'escape') LIKE '%\\\\2%' OR encode(NEW.email, 'escape') LIKE '%\\\\3%' THEN RAISE 'no'; END IF;",
            "??\"@example.com"},
        // a text of another kind: a backslash and quotes are no escape
        Row{"maddr",
            "PERFORM decode(convert_from(NEW.email, 'UTF8'), 'escape'); IF position('\"'::bytea in NEW.email) > 0 THEN RAISE 'quotes'; END IF;",
            "???@example.com"},
        // what procedures in Perl or Python say
        Row{"maddr", "IF position('\\xc3'::bytea in NEW.email) > 0 THEN RAISE 'decode' USING ERRCODE = 'XX000'; END IF;",
            "??\"@example.com"},
        // a text put into a statement
        Row{"msgs", "EXECUTE 'SELECT ''' || NEW.subject || '''';", "it?s"},
        Row{"msgs", "IF NEW.subject LIKE '%\xc3\xbc%' THEN RAISE 'untranslatable' USING ERRCODE = '22P05'; END IF;", "gr??"},
        Row{"msgs", "IF octet_length(NEW.subject || NEW.from_addr) > 140 THEN RAISE 'too long' USING ERRCODE = '22001'; END IF;",
            "ssss"},
        Row{"msgrcpt", "IF octet_length(NEW.smtp_resp) > 33 THEN RAISE 'too long' USING ERRCODE = '22001'; END IF;",
            "250 2.7.0 Ok"});
    INFO(row.table << " " << row.body);
    const auto database = era_database("amavisd-2.13", "UTF8");
    add_trigger(database, row.table, row.body);
    const auto store = open(database);
    auto record = make_record("sender@example.net", "\xc3\xb6\"@example.com");
    record.subject = row.want == std::string("it?s")   ? "it's"
                     : row.want == std::string("gr??") ? "gr\xc3\xbc\xc3\x9f"
                                                       : std::string(200, 's');
    std::vector<mail::MessageRecord> records{record, make_record(), make_record()};
    for (const auto& done : keep_all(*store, records, copy())) {
        INFO((done ? "" : done.error().detail));
        CHECK(done);
    }
    CHECK(
        query(
            database,
            "SELECT count(*) FROM msgs JOIN maddr ON maddr.id = sid JOIN msgrcpt ON msgrcpt.mail_id = msgs.mail_id JOIN maddr t ON t.id = rid") ==
        std::vector<std::string>{"3"});
    const auto stored = query(
        database,
        fmt::format(
            "SELECT convert_from(t.email, 'UTF8'), subject, smtp_resp FROM msgs JOIN msgrcpt USING (mail_id) JOIN maddr t ON t.id = rid "
            "WHERE mail_id = '{}'",
            record.mail_id.get()));
    REQUIRE(stored.size() == 1);
    CHECK_THAT(stored.front(), Catch::Contains(row.want));
    CHECK(Captured::warnings().size() == 1);
}

TEST_CASE("PostgreSQL: trouble of the server's own that passes costs a record nothing") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = era_database("amavisd-2.13", "UTF8");
    query(database, "CREATE SEQUENCE tries");
    add_trigger(database, "msgs",
                "IF nextval('tries') = 1 THEN RAISE 'tuple concurrently updated' USING ERRCODE = 'XX000'; END IF;");
    const auto store = open(database);
    auto record = make_record();
    record.subject = "gr\xc3\xbc\xc3\x9f it's";
    const auto kept = keep(*store, record);
    INFO((kept ? "" : kept.error().detail));
    REQUIRE(kept);
    CHECK(query(database, "SELECT subject FROM msgs") == std::vector<std::string>{record.subject});
    CHECK(Captured::warnings().empty());
}

TEST_CASE("PostgreSQL: a record that waited for a trigger to be mended is stored whole") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = era_database("amavisd-2.13", "UTF8");
    add_trigger(database, "msgs", "PERFORM 1 FROM gone;");
    const auto store = open(database);
    auto record = make_record();
    record.subject = "gr\xc3\xbc\xc3\x9f it's " + std::string(80, 's');
    store->remember(record);
    CHECK(run<std::size_t>([&] { return store->drain(Deadline::in(2s)); }) == 1);
    query(database, "CREATE TABLE gone ()");
    CHECK(run<std::size_t>([&] { return store->drain(Deadline::in(30s)); }) == 0);
    CHECK(query(database, "SELECT subject FROM msgs") == std::vector<std::string>{record.subject});
}

TEST_CASE("PostgreSQL: a trigger that takes nothing fails that message alone, with its own words") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = era_database("amavisd-2.13", "UTF8");
    add_trigger(database, "msgs", "IF NEW.subject = 'never' THEN RAISE 'not this one'; END IF;");
    const auto store = open(database);
    auto never = make_record();
    never.subject = "never";
    const auto answers = keep_all(*store, {make_record(), never, make_record()}, copy());
    CHECK(answers[0]);
    CHECK(answers[2]);
    REQUIRE_FALSE(answers[1]);
    CHECK_THAT(answers[1].error().detail, Catch::Contains("not this one"));
    CHECK(Captured::warnings().empty());
}
