#include "storage/sqlite/records.h"

#include <sqlite3.h>
#include <sys/resource.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "storage/no_room.h"
#include "storage/records/chunks.h"
#include "storage/schema/schema.h"
#include "storage/sqlite/backend.h"
#include "storage/sqlite/database.h"
#include "test/unit/storage/fixture.h"

using namespace tamis;
using namespace tamis::storage;
using namespace tamis::test;
namespace fs = std::filesystem;

namespace {

struct Folder {
    Folder() : path((fs::temp_directory_path() / "tamis-sqlite-XXXXXX").string()) {
        if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    }
    ~Folder() { fs::remove_all(path); }
    std::string file() const { return path + "/t.db"; }
    std::string path;
};

std::shared_ptr<RecordStore> open(const std::string& file, StoreOptions options = {}) {
    auto store = open_record_store({*parse_dsn("sqlite:" + file)}, options);
    REQUIRE(store);
    return *store;
}

std::vector<std::string> query(const std::string& file, const char* sql, int columns) {
    auto database = sqlite::Database::open(file, file);
    REQUIRE(database);
    auto statement = (*database)->prepare(sql);
    REQUIRE(statement);
    std::vector<std::string> rows;
    while (statement->step().value()) {
        std::string line;
        for (int i = 0; i < columns; ++i) line += (i > 0 ? "|" : "") + std::string(statement->column(i));
        rows.push_back(line);
    }
    return rows;
}

// Warnings of a test are expected, and looked at
struct Captured {
    Captured() { log::capture(true); }
    ~Captured() { log::capture(false); }
};

}  // namespace

TEST_CASE("SQLite: a new file gets the schema, and rows are as documented") {
    const Folder folder;
    auto record = make_record();
    record.recipients.push_back(record.recipients.front());
    record.recipients.back().address = "Other@Example.com.";
    REQUIRE(keep(*open(folder.file()), record));
    CHECK(query(folder.file(), "SELECT user_version FROM pragma_user_version", 1) ==
          std::vector<std::string>{std::to_string(schema_steps(sqlite::backend).back().number)});
    CHECK(query(folder.file(), "SELECT email, domain FROM maddr ORDER BY email", 2) ==
          std::vector<std::string>{"other@example.com|com.example", "sender@example.org|org.example",
                                   "user@example.com|com.example"});
    CHECK(
        query(
            folder.file(),
            "SELECT partition_tag, am_id, time_num, time_iso, (SELECT email FROM maddr WHERE id=sid), policy, client_addr, size, "
            "originating, content, quar_type, dsn_sent, spam_level, message_id, from_addr, subject, host FROM msgs",
            17) ==
        std::vector<std::string>{
            "0|12345-01|1673000100|20230106T101500Z|sender@example.org|MYNETS|192.0.2.1|1234|Y|S|Q|N|7.25|<a@b>|A <a@b>|subject|filter.example.com"});
    CHECK(
        query(
            folder.file(),
            "SELECT rseqnum, (SELECT email FROM maddr WHERE id=rid), is_local, content, ds, rs, bl, wl, bspam_level, smtp_resp FROM msgrcpt ORDER BY 1",
            10) == std::vector<std::string>{"1|user@example.com|Y|S|D| |N|N|7.25|250 2.7.0 Ok, discarded, id=12345-01 - spam",
                                            "2|other@example.com|Y|S|D| |N|N|7.25|250 2.7.0 Ok, discarded, id=12345-01 - spam"});
}

namespace {

// FileLimit - files of this process cannot grow beyond it while it lives: a disk that is nearly full
struct FileLimit {
    explicit FileLimit(rlim_t bytes) {
        std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before);
        const rlimit next{bytes, before.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &next);
    }
    ~FileLimit() { ::setrlimit(RLIMIT_FSIZE, &before); }
    rlimit before{};
};

}  // namespace

TEST_CASE("SQLite: what does not fit on the disk fails alone and at once; smaller ones and reading go on") {
    const Captured captured;
    const Folder folder;
    const auto store = open(folder.file());
    const auto first = make_record();
    REQUIRE(keep(*store, first, mail::QuarantineCopy{"P\n", make_spool("small")}));
    const auto large = make_spool(std::string(8 * 1024 * 1024, 'x')), small = make_spool("small");
    {
        const FileLimit limit(2 * 1024 * 1024);
        std::vector<Done> answers(5);
        asio::io_context loop(1);
        const auto begun = Deadline::Clock::now();
        for (std::size_t i = 0; i < answers.size(); ++i)
            asio::co_spawn(loop,
                           store->keep(make_record(), mail::QuarantineCopy{"P\n", i == 2 ? large : small}, Deadline::in(30s)),
                           [&answers, i](const std::exception_ptr&, Done done) { answers[i] = std::move(done); });
        loop.run();
        for (std::size_t i = 0; i < answers.size(); ++i) {
            INFO(i << ": " << (answers[i] ? "" : answers[i].error().detail));
            CHECK(answers[i].has_value() == (i != 2));
        }
        REQUIRE_FALSE(answers[2]);
        CHECK(is_no_room(answers[2].error()));
        CHECK_THAT(answers[2].error().detail, Catch::Contains("the disk is full"));
        CHECK(Deadline::Clock::now() - begun < 15s);  // nobody waits until its deadline for room
        CHECK(store->ready());
        CHECK(stored_copy(*parse_dsn("sqlite:" + folder.file()), first.mail_id));
    }
    CHECK(keep(*store, make_record(), mail::QuarantineCopy{"P\n", make_spool(std::string(8 * 1024 * 1024, 'x'))}));
}

TEST_CASE("SQLite: remembered records wait for room") {
    const Captured captured;
    const Folder folder;
    const auto store = open(folder.file());
    REQUIRE(keep(*store, make_record()));
    {
        const FileLimit limit(1);  // nothing at all can be written
        for (int i = 0; i < 20; ++i) store->remember(make_record());
        REQUIRE_FALSE(keep(*store, make_record()));
        CHECK(store->remembered() == 20);
    }
    REQUIRE(run<std::size_t>([&] { return store->drain(Deadline::in(30s)); }) == 0);
    CHECK(query(folder.file(), "SELECT count(*) FROM msgs", 1) == std::vector<std::string>{"21"});
}

TEST_CASE("SQLite: trouble that only closing the file everywhere mends ends the use of every handle") {
    const Folder folder;
    auto one = sqlite::Database::open(folder.file(), "one");
    auto two = sqlite::Database::open(folder.file(), "two");
    REQUIRE(one);
    REQUIRE(two);
    auto statement = (*two)->prepare("SELECT 1");
    REQUIRE(statement);
    CHECK_FALSE((*two)->is_stale());
    CHECK((*one)->fault(SQLITE_IOERR | (15 << 8)).is(Errc::unavailable));  // SQLITE_IOERR_LOCK
    CHECK((*one)->is_stale());
    CHECK((*two)->is_stale());
    one->reset();
    CHECK_FALSE(sqlite::Database::open(folder.file(), "three"));  // the second one has not been closed yet
    two->reset();
    CHECK_FALSE(sqlite::Database::open(folder.file(), "three"));  // nor can it be while it has a statement
    statement = fail(Errc::broken, "given up");
    const auto three = sqlite::Database::open(folder.file(), "three");
    REQUIRE(three);
    CHECK_FALSE((*three)->is_stale());
}

TEST_CASE("SQLite: another process holds the lock, and the message is written when it lets go") {
    const Captured captured;
    const Folder folder;
    const auto store = open(folder.file());
    REQUIRE(keep(*store, make_record()));
    auto other = sqlite::Database::open(folder.file(), "other");
    REQUIRE((*other)->run("BEGIN IMMEDIATE"));
    const auto late = keep(*store, make_record(), {}, Deadline::in(1500ms));
    REQUIRE_FALSE(late);
    CHECK(late.error().is(Errc::unavailable));
    CHECK_THAT(late.error().detail, Catch::Contains("locked by another process") && Catch::Contains(folder.file()));
    REQUIRE((*other)->run("COMMIT"));
    CHECK(keep(*store, make_record()));
    CHECK(store->ready());
    CHECK(query(folder.file(), "SELECT count(*) FROM msgs", 1) == std::vector<std::string>{"2"});
}

TEST_CASE("SQLite: a missing directory is named; the store recovers when it is made; overflow is logged in full") {
    const Captured captured;
    const Folder folder;
    const auto file = folder.path + "/sub/t.db";
    const auto store = open(file, {.remembered_limit = 1, .patience = 300ms});
    const auto refused = keep(*store, make_record());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Errc::unavailable));
    CHECK_THAT(refused.error().detail, Catch::Contains("/sub does not exist; create it") && Catch::Contains("since"));
    CHECK_FALSE(store->ready());
    const auto kept = make_record(), lost = make_record();
    store->remember(kept);
    store->remember(lost);
    CHECK(store->remembered() == 1);
    CHECK_THAT(fmt::format("{}", fmt::join(log::captured(), "\n")),
               Catch::Contains("record not written") && Catch::Contains("mail_id=" + lost.mail_id.get()));
    fs::create_directory(folder.path + "/sub");
    CHECK(run<std::size_t>([&] { return store->drain(Deadline::in(30s)); }) == 0);
    CHECK(store->ready());
    CHECK(query(file, "SELECT mail_id FROM msgs", 1) == std::vector<std::string>{kept.mail_id.get()});
}

TEST_CASE("SQLite: a file that is no database, and one of a newer version, are explained") {
    const Captured captured;
    const Folder folder;
    std::ofstream(folder.file()) << std::string(5000, 'x');
    const auto refused = keep(*open(folder.file(), {.patience = 100ms}), make_record());
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().detail, Catch::Contains("not an SQLite database"));
    fs::remove(folder.file());
    const Dsn dsn = *parse_dsn("sqlite:" + folder.file());
    CHECK(install_schema(dsn).value() == static_cast<int>(schema_steps(sqlite::backend).size()));
    CHECK(install_schema(dsn).value() == 0);
    REQUIRE((*sqlite::Database::open(folder.file(), ""))->run("PRAGMA user_version=99"));
    CHECK_THAT(install_schema(dsn).error().detail, Catch::Contains("newer"));
}

TEST_CASE("SQLite: hostile texts are stored") {
    const auto store = open(":memory:");
    auto record = make_record(std::string("a\0\xff\"'--@x.org", 13), "\xf0\x9f\x98\x80@example.com");
    record.subject = "\xf0\x9f\x98\x80 \xd8\x64 '; DROP TABLE msgs; --";
    CHECK(keep(*store, record));
}

TEST_CASE("SQLite: whatever a trigger refuses of an address or a text, the message is stored, and it is told of once") {
    const Captured captured;
    const Folder folder;
    const auto file = folder.file();
    {
        REQUIRE(keep(*open(file), make_record()));
    }
    const auto* trigger = GENERATE(
        "CREATE TRIGGER no BEFORE INSERT ON maddr WHEN instr(CAST(NEW.email AS BLOB), x'FF') BEGIN SELECT RAISE(ABORT, 'no text'); END",
        "CREATE TRIGGER no BEFORE INSERT ON maddr WHEN NEW.email LIKE '%\"%' BEGIN SELECT RAISE(FAIL, 'quotes'); END",
        "CREATE TRIGGER no BEFORE INSERT ON msgs WHEN length(NEW.subject) > 40 BEGIN SELECT RAISE(ABORT, 'too long'); END");
    INFO(trigger);
    {
        auto database = sqlite::Database::open(file, file);
        REQUIRE(database);
        REQUIRE((*database)->run(trigger));
    }
    const auto store = open(file);
    for (int i = 0; i < 3; ++i) {
        auto record = make_record("a\xff@example.net", "\"\xff\"@example.com");
        record.subject = std::string(200, 's');
        const auto kept = keep(*store, record, mail::QuarantineCopy{"X: y\n", make_spool("text\r\n")});
        INFO((kept ? "" : kept.error().detail));
        REQUIRE(kept);
    }
    CHECK(query(file,
                "SELECT count(*) FROM msgs JOIN maddr s ON s.id = sid JOIN msgrcpt USING (mail_id) JOIN maddr r ON r.id = rid",
                1) == std::vector<std::string>{"4"});
    CHECK(query(file, "SELECT count(*) FROM quarantine", 1) == std::vector<std::string>{"3"});
    const auto& lines = log::captured();
    CHECK(std::ranges::count_if(
              lines, [](const std::string& line) { return line.find("This is said once") != std::string::npos; }) == 1);
}
