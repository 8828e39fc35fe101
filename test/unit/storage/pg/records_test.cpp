#include "storage/pg/records.h"

#include <catch2/catch.hpp>
#include <thread>

#include "base/log.h"
#include "storage/no_room.h"
#include "storage/pg/backend.h"
#include "storage/pg/blocking.h"
#include "storage/records/chunks.h"
#include "storage/schema/schema.h"
#include "test/lib/cutting_proxy.h"
#include "test/lib/pg_server.h"
#include "test/unit/storage/fixture.h"
#include "test/unit/storage/pg/server.h"

using namespace tamis;
using namespace tamis::storage;
using namespace tamis::test;

namespace {

PgServer& server() { return pg_server(); }

std::string new_database(std::string_view encoding = "UTF8") {
    const auto name = server().make_database(encoding);
    const auto installed = install_schema(*parse_dsn(server().url(name)));
    INFO((installed ? "" : installed.error().detail));
    REQUIRE(installed);
    REQUIRE(*installed == static_cast<int>(schema_steps(pg::backend).size()));
    return name;
}

std::shared_ptr<RecordStore> open(std::vector<std::string> urls, StoreOptions options = {}) {
    std::vector<Dsn> dsns;
    for (const auto& url : urls) dsns.push_back(*parse_dsn(url));
    return open_record_store(std::move(dsns), options).value();
}

struct Captured {
    Captured() { log::capture(true); }
    ~Captured() { log::capture(false); }
};

std::string count(const std::string& database, const std::string& what) {
    return server().query(database, "SELECT count(*) FROM " + what).at(0);
}

std::string fault_after_patience(std::vector<std::string> urls) {
    const auto store = open(std::move(urls), {.patience = 300ms});
    const auto done = keep(*store, make_record());
    REQUIRE_FALSE(done);
    CHECK(done.error().is(Errc::unavailable));
    CHECK_FALSE(store->ready());
    return done.error().detail;
}

}  // namespace

TEST_CASE("PostgreSQL: rows are as documented, char(1) columns are bpchar") {
    if (!PgServer::is_wanted()) return;
    const auto database = new_database();
    const auto store = open({server().url(database)});
    auto record = make_record();
    record.recipients.push_back(record.recipients.front());
    record.recipients.back().address = "Other@Example.com.";
    record.recipients.push_back({});
    REQUIRE(keep(*store, record));
    CHECK(server().query(database, "SELECT encode(email,'escape'), domain FROM maddr ORDER BY email") ==
          std::vector<std::string>{"other@example.com|com.example", "sender@example.org|org.example",
                                   "user@example.com|com.example"});
    CHECK(
        server().query(
            database,
            "SELECT partition_tag, encode(mail_id,'escape'), encode(secret_id,'escape'), am_id, time_num, time_iso AT TIME ZONE 'UTC', "
            "(SELECT encode(email,'escape') FROM maddr WHERE id=sid), policy, client_addr, size, originating, content, quar_type, quar_loc, "
            "dsn_sent, spam_level, message_id, from_addr, subject, host FROM msgs") ==
        std::vector<std::string>{"0|" + record.mail_id.get() + "|" + record.secret_id.get() +
                                 "|12345-01|1673000100|2023-01-06 10:15:00|sender@example.org|MYNETS|192.0.2.1|1234|Y|S|Q|" +
                                 record.mail_id.get() + "|N|7.25|<a@b>|A <a@b>|subject|filter.example.com"});
    CHECK(
        server().query(
            database,
            "SELECT rseqnum, (SELECT encode(email,'escape') FROM maddr WHERE id=rid), is_local, content, ds, rs, rs='', bl, wl, bspam_level, "
            "smtp_resp FROM msgrcpt ORDER BY 1") ==
        std::vector<std::string>{"1|user@example.com|Y|S|D| |t|N|N|7.25|250 2.7.0 Ok, discarded, id=12345-01 - spam",
                                 "2|other@example.com|Y|S|D| |t|N|N|7.25|250 2.7.0 Ok, discarded, id=12345-01 - spam"});
    CHECK(server().query(database,
                         "SELECT count(*) FROM information_schema.columns WHERE character_maximum_length=1 AND udt_name='bpchar' "
                         "AND table_name IN ('policy','msgs','msgrcpt')") == std::vector<std::string>{"22"});
    // known addresses burn no sequence values
    REQUIRE(keep(*store, make_record()));
    CHECK(server().query(database, "SELECT last_value FROM maddr_id_seq") == std::vector<std::string>{"3"});
}

TEST_CASE("PostgreSQL: of many messages in one commit only the guilty fails, a duplicate mail_id is a conflict") {
    if (!PgServer::is_wanted()) return;
    const auto database = new_database();
    server().query(database, "ALTER TABLE msgs ADD CHECK (subject <> 'guilty')");
    const auto store = open({server().url(database)});
    std::vector<mail::MessageRecord> records;
    for (int i = 0; i < 60; ++i) records.push_back(make_record(fmt::format("s{}@x.org", i)));
    records[20].mail_id = records[3].mail_id;
    records[40].subject = "guilty";
    const auto answers = keep_all(*store, records, mail::QuarantineCopy{"P\n", make_spool("x")});
    for (std::size_t i = 0; i < answers.size(); ++i) {
        INFO(i);
        CHECK(answers[i].has_value() == (i != 20 && i != 40));
    }
    CHECK(answers[20].error().is(Errc::conflict));
    CHECK(answers[40].error().is(Errc::bad_input));
    CHECK_THAT(answers[40].error().detail, Catch::Contains("msgs_subject_check"));
    for (const auto* table : {"msgs", "msgrcpt", "quarantine"}) CHECK(count(database, table) == "58");
}

TEST_CASE("PostgreSQL: what does not fit on the server's disk fails alone and at once; smaller ones and reading go on") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = new_database();
    server().query(
        database,
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.chunk_ind > 3 THEN RAISE EXCEPTION "
        "USING ERRCODE = ''53100'', MESSAGE = ''could not extend file: No space left on device''; END IF; RETURN NEW; END'");
    server().query(database, "CREATE TRIGGER no_room BEFORE INSERT ON quarantine FOR EACH ROW EXECUTE FUNCTION no_room()");
    const auto store = open({server().url(database)});
    const auto first = make_record();
    REQUIRE(keep(*store, first, mail::QuarantineCopy{"P\n", make_spool("small")}));
    for (int i = 0; i < 5; ++i) store->remember(make_record());
    std::vector<Done> answers(9);
    asio::io_context loop(1);
    const auto begun = Deadline::Clock::now();
    for (std::size_t i = 0; i < answers.size(); ++i)
        asio::co_spawn(
            loop,
            store->keep(make_record(), mail::QuarantineCopy{"P\n", make_spool(std::string(i % 3 == 2 ? 200'000 : 10, 'x'))},
                        Deadline::in(60s)),
            [&answers, i](const std::exception_ptr&, Done done) { answers[i] = std::move(done); });
    loop.run();
    for (std::size_t i = 0; i < answers.size(); ++i) {
        INFO(i << ": " << (answers[i] ? "" : answers[i].error().detail));
        CHECK(answers[i].has_value() == (i % 3 != 2));
        if (!answers[i]) CHECK(is_no_room(answers[i].error()));
    }
    CHECK(Deadline::Clock::now() - begun < 30s);
    CHECK(store->ready());
    CHECK(stored_copy(*parse_dsn(server().url(database)), first.mail_id));
    CHECK(run<std::size_t>([&] { return store->drain(Deadline::in(30s)); }) == 0);
    CHECK(count(database, "msgs") == "12");
}

TEST_CASE("PostgreSQL: emoji, invalid UTF-8, NUL and SQL in texts and addresses, in UTF8, SQL_ASCII and LATIN1 databases") {
    if (!PgServer::is_wanted()) return;
    const auto* encoding = GENERATE("UTF8", "SQL_ASCII", "LATIN1");
    const auto database = new_database(encoding);
    const auto store = open({server().url(database)});
    const std::string emoji = "\xf0\x9f\x98\x80";
    auto record = make_record(std::string("a\0\xff\"\\'{},--@x.org", 17), emoji +
                                                                              "@b\xc3\xbc"
                                                                              "cher.example");
    record.subject = emoji + " \xd8\x64 '; DROP TABLE msgs; -- " + std::string(300, 'x') + emoji;
    record.from = std::string("nul\0nul \xe4", 9);
    record.host = emoji;
    INFO(encoding);
    const auto done = keep(*store, record);
    INFO((done ? "" : done.error().detail));
    REQUIRE(done);
    CHECK(server().query(database, "SELECT octet_length(subject) > 200, char_length(subject) <= 255 FROM msgs") ==
          std::vector<std::string>{"t|t"});
    CHECK(server().query(database, "SELECT encode(email,'hex') FROM maddr ORDER BY email LIMIT 1") ==
          std::vector<std::string>{"613fff225c277b7d2c2d2d40782e6f7267"});
}

TEST_CASE("PostgreSQL: addresses in varchar columns, as databases before amavisd 2.6 have them") {
    if (!PgServer::is_wanted()) return;
    const auto database = new_database();
    server().query(database, "ALTER TABLE maddr ALTER email TYPE varchar(255) USING encode(email,'escape')");
    const auto store = open({server().url(database)});
    REQUIRE(keep(*store, make_record("we\"ird\\,{}\xff@x.org")));
    CHECK(server().query(database, "SELECT email FROM maddr ORDER BY 1") ==
          std::vector<std::string>{"user@example.com", "we\"ird\\,{}?@x.org"});
}

TEST_CASE("PostgreSQL: a session being set up holds locks of one table at a time, so that ALTER TABLE beside it is no deadlock") {
    if (!PgServer::is_wanted()) return;
    const auto name = new_database();
    auto administrator = pg::Blocking::open(*parse_dsn(server().url(name))).value();
    REQUIRE(administrator.query("BEGIN"));
    REQUIRE(administrator.query("LOCK TABLE quarantine IN SHARE ROW EXCLUSIVE MODE"));
    const auto store = open({server().url(name)});
    Done done;
    std::thread host([&] { done = keep(*store, make_record()); });
    const bool waits =
        wait_until([&] { return server().query(name, "SELECT count(*) FROM pg_locks WHERE NOT granted").at(0) != "0"; });
    for (const auto* table : {"maddr", "msgs", "msgrcpt"}) {
        const auto locked = administrator.query(fmt::format("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE NOWAIT", table));
        INFO((locked ? "" : locked.error().detail));
        CHECK(locked);
    }
    CHECK(administrator.query("COMMIT"));
    host.join();
    CHECK(waits);
    CHECK(done);
}

TEST_CASE("PostgreSQL: sessions are terminated all the time, and nothing is lost or written twice") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = new_database();
    const auto store = open({server().url(database)});
    std::atomic<bool> over = false;
    std::thread killer([&] {
        while (!over) {
            server().query("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='" + database + "'");
            // the next kill comes when something was written: on a busy machine even connecting takes longer than a fixed pause
            const auto before = count(database, "msgs");
            do usleep(100'000);
            while (!over && count(database, "msgs") == before);
        }
    });
    std::size_t kept = 0;
    for (int round = 0; round < 10; ++round) {
        std::vector<mail::MessageRecord> records;
        for (int i = 0; i < 100; ++i) records.push_back(make_record(fmt::format("s{}@x.org", i)));
        for (int i = 0; i < 10; ++i) store->remember(make_record());
        for (const auto& answer : keep_all(*store, records, mail::QuarantineCopy{"P\n", make_spool(std::string(20'000, 'x'))})) {
            INFO((answer ? "" : answer.error().detail));
            CHECK(answer);
            kept += answer ? 1 : 0;
        }
    }
    over = true;
    killer.join();
    CHECK(run<std::size_t>([&] { return store->drain(Deadline::in(30s)); }) == 0);
    CHECK(count(database, "msgs") == std::to_string(kept + 100));
    CHECK(count(database, "msgrcpt") == std::to_string(kept + 100));
    CHECK(count(database, "quarantine") == std::to_string(2 * kept));
}

TEST_CASE("PostgreSQL: the answer to a commit is lost: what was committed is neither lost nor written twice nor refused") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = new_database();
    CuttingProxy proxy(server().port());
    const auto store =
        open({fmt::format("postgresql://postgres@127.0.0.1:{}/{}?sslmode=disable", proxy.port(), database)}, {.connections = 1});
    REQUIRE(keep(*store, make_record()));
    proxy.cut_at(std::string("COMMIT\0", 7));
    std::vector<mail::MessageRecord> records;
    for (int i = 0; i < 20; ++i) records.push_back(make_record());
    for (const auto& answer : keep_all(*store, records, mail::QuarantineCopy{"P\n", make_spool("x")})) {
        INFO((answer ? "" : answer.error().detail));
        CHECK(answer);
    }
    CHECK(proxy.cuts() == 1);
    CHECK(count(database, "msgs") == "21");
    CHECK(count(database, "quarantine") == "20");
    // cut at an earlier answer of the same round trip: the commit may have happened or not
    proxy.cut_at(std::string("INSERT 0 1\0", 11));
    CHECK(keep(*store, make_record()));
    CHECK(proxy.cuts() == 2);
    CHECK(count(database, "msgs") == "22");
}

TEST_CASE("PostgreSQL: the server is stopped and started again under load") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = new_database();
    const auto store = open({server().url(database)}, {.patience = 600ms});
    REQUIRE(keep(*store, make_record()));
    std::vector<std::string> kept_ids;
    std::size_t refused = 0;
    std::atomic<bool> over = false;
    std::thread load([&] {
        while (!over) {
            std::vector<mail::MessageRecord> records;
            for (int i = 0; i < 50; ++i) records.push_back(make_record(fmt::format("s{}@x.org", i)));
            if (store->remembered() < 1000) store->remember(make_record());  // a slow restart must not make it a long drain
            const auto answers = keep_all(*store, records);
            for (std::size_t i = 0; i < answers.size(); ++i) {
                if (answers[i]) kept_ids.push_back(records[i].mail_id.get());
                if (!answers[i] && refused++ == 0) CHECK(answers[i].error().is(Errc::unavailable));
            }
        }
    });
    server().stop();
    CHECK(wait_until([&] { return !store->ready(); }));
    CHECK_THAT(store->ready().error().detail, Catch::Contains(server().url(database)) && Catch::Contains("not available since"));
    CHECK(wait_until([&] { return store->remembered() > 1; }));
    CHECK(wait_until([&] {  // after the patience callers are refused at once
        const auto begin = Deadline::Clock::now();
        return !keep(*store, make_record()) && Deadline::Clock::now() - begin < 200ms;
    }));
    server().start();
    CHECK(wait_until([&] { return store->ready().has_value(); }));
    CHECK(keep(*store, make_record()));
    over = true;
    load.join();
    CHECK(run<std::size_t>([&] { return store->drain(Deadline::in(30s)); }) == 0);
    CHECK(refused > 0);
    CHECK(kept_ids.size() > 0);
    for (const auto& id : kept_ids) CHECK(count(database, "msgs WHERE mail_id='" + id + "'") == "1");
    CHECK(server().query(database,
                         "SELECT count(*) FROM msgs LEFT JOIN msgrcpt USING (partition_tag, mail_id) WHERE rid IS NULL") ==
          std::vector<std::string>{"0"});
}

TEST_CASE("PostgreSQL: a server that hangs is given up at the caller's deadline, and a stop does not wait for it") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = new_database();
    auto store = open({server().url(database)});
    REQUIRE(keep(*store, make_record()));
    server().freeze();
    const auto late = keep(*store, make_record(), {}, Deadline::in(300ms));
    const auto begin = Deadline::Clock::now();
    store.reset();
    CHECK(Deadline::Clock::now() - begin < 30s);  // the server answers never
    server().thaw();
    REQUIRE_FALSE(late);
    CHECK(late.error().is(Errc::timeout));
}

TEST_CASE("PostgreSQL: a dead first server, and a read-only one, lead to the next in the list") {
    if (!PgServer::is_wanted()) return;
    const auto database = new_database(), standby = new_database();
    server().query("postgres", "ALTER DATABASE " + standby + " SET default_transaction_read_only = on");
    const auto store = open({"postgresql://postgres@127.0.0.1:1/x", server().url(standby), server().url(database)});
    REQUIRE(keep(*store, make_record()));
    CHECK(count(database, "msgs") == "1");
    CHECK(store->ready());
}

TEST_CASE("PostgreSQL: a database that becomes read-only is left for the next") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = new_database(), second = new_database();
    const auto store = open({server().url(database), server().url(second)});
    REQUIRE(keep(*store, make_record()));
    server().query("postgres", "ALTER DATABASE " + database + " SET default_transaction_read_only = on");
    server().query("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname='" + database + "'");
    CHECK(keep(*store, make_record()));
    CHECK(count(database, "msgs") == "1");
    CHECK(count(second, "msgs") == "1");
}

TEST_CASE("PostgreSQL: what is wrong with a DSN or a database is said, with what to do") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = new_database(), empty = server().make_database();
    const auto& postgres = server();
    static const bool roles_made = [&] {
        postgres.query("postgres", "CREATE ROLE secretive LOGIN PASSWORD 'right'; CREATE ROLE poor LOGIN");
        return true;
    }();
    REQUIRE(roles_made);
    const auto without = fault_after_patience({postgres.url(database, "secretive")});
    CHECK_THAT(without, Catch::Contains("no password supplied") && Catch::Contains(postgres.url(database, "secretive")) &&
                            Catch::Contains("password=") && Catch::Contains("{ dsn ="));
    const auto wrong = fault_after_patience({postgres.url(database, "secretive:hunter2")});
    CHECK_THAT(wrong, Catch::Contains("wrong password for user \"secretive\"") && !Catch::Contains("hunter2"));
    CHECK_THAT(fault_after_patience({postgres.url("nowhere")}),
               Catch::Contains("no database \"nowhere\"") && Catch::Contains("createdb"));
    CHECK_THAT(fault_after_patience({postgres.url(database, "nobody")}),
               Catch::Contains("no user \"nobody\"") && Catch::Contains("createuser"));
    CHECK_THAT(fault_after_patience({postgres.url(empty)}),
               Catch::Contains("no table \"maddr\"") && Catch::Contains("schema/postgresql"));
    CHECK_THAT(fault_after_patience({postgres.url(database, "poor")}),
               Catch::Contains("no permission to write the table") && Catch::Contains("grant"));
    CHECK_THAT(fault_after_patience({"postgresql://u@no-such-host.invalid/d"}),
               Catch::Contains("\"no-such-host.invalid\" cannot be resolved"));
    server().query(database, "ALTER TABLE msgrcpt DROP COLUMN rid CASCADE");
    CHECK_THAT(fault_after_patience({postgres.url(database)}), Catch::Contains("no column \"msgrcpt.rid\""));
    const auto shown = fault_after_patience({"postgresql://u@127.0.0.1:1/a", "postgresql://u@127.0.0.1:2/b"});
    CHECK_THAT(shown, Catch::Contains("u@127.0.0.1:1/a") && Catch::Contains("u@127.0.0.1:2/b"));
    for (const auto& line : log::captured()) CHECK_THAT(line, !Catch::Contains("hunter2"));
}

TEST_CASE("PostgreSQL: a password in a table of its own, host names, and a missing table that is made later") {
    if (!PgServer::is_wanted()) return;
    const Captured captured;
    const auto database = server().make_database();
    server().query("postgres", "DROP ROLE IF EXISTS owner1; CREATE ROLE owner1 LOGIN PASSWORD 'pw'");
    server().query(database, "GRANT ALL ON SCHEMA public TO owner1");
    const auto dsn = parse_dsn(fmt::format("DBI:Pg:dbname={};host=localhost;port={}", database, server().port()), "owner1", "pw");
    REQUIRE(dsn);
    const auto store = open_record_store({*dsn}, {}).value();
    CHECK(wait_until([&] { return !store->ready() && store->ready().error().detail.find("no table") != std::string::npos; }));
    REQUIRE(install_schema(*dsn).value() == static_cast<int>(schema_steps(pg::backend).size()));
    CHECK(install_schema(*dsn).value() == 0);
    CHECK(keep(*store, make_record()));
}
