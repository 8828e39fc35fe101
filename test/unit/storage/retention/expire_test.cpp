#include "storage/retention/expire.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <thread>

#include "base/text.h"
#include "storage/kept/quarantine_store.h"
#include "storage/pg/blocking.h"
#include "storage/retention/expiry_session.h"
#include "storage/retention/week_tag.h"
#include "storage/schema/schema.h"
#include "storage/sqlite/database.h"
#include "test/unit/storage/fixture.h"
#include "test/unit/storage/pg/server.h"

using namespace tamis;
using namespace tamis::storage;
using namespace tamis::test;

namespace {

constexpr std::int64_t now = 1'800'000'000;
constexpr std::int64_t day = 86'400;

// Base - a database of one kind and era, and plain SQL in it
struct Base {
    explicit Base(std::string_view era) : name(era) {
        folder = (std::filesystem::temp_directory_path() / "tamis-expire-XXXXXX").string();
        if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
        if (era == "sqlite") {
            dsn = *parse_dsn("sqlite:" + folder + "/t.db");
            REQUIRE(install_schema(dsn));
        } else if (era == "empty") {
            database = pg_server().make_database();
            dsn = *parse_dsn(pg_server().url(database));
        } else if (era == "ours") {
            database = pg_server().make_database();
            dsn = *parse_dsn(pg_server().url(database));
            REQUIRE(install_schema(dsn));
        } else {
            database = era_database(era, "UTF8");
            dsn = *parse_dsn(pg_server().url(database));
        }
        if (era != "empty") open();
    }
    void open() { store = open_record_store({dsn}, {}).value(); }
    ~Base() {
        store.reset();
        std::filesystem::remove_all(folder);
    }
    Base(const Base&) = delete;
    Base& operator=(const Base&) = delete;

    std::vector<std::string> sql(const std::string& text) const {
        if (!database.empty()) return pg_server().query(database, text);
        auto file = sqlite::Database::open(dsn.place, dsn.shown).value();
        auto statement = file->prepare(text).value();
        std::vector<std::string> out;
        for (;;) {
            const auto row = statement.step();
            INFO((row ? "" : row.error().detail));
            REQUIRE(row);
            if (!*row) return out;
            auto& line = out.emplace_back();
            for (int i = 0; i < statement.columns(); ++i)
                line += (i == 0 ? "" : "|") + (statement.is_null(i) ? std::string("(null)") : std::string(statement.column(i)));
        }
    }
    std::string one(const std::string& text) const { return sql(text).at(0); }
    // counts - rows of msgs, msgrcpt, quarantine
    std::string counts() const {
        return one(
            "SELECT (SELECT count(*) FROM msgs), (SELECT count(*) FROM msgrcpt), (SELECT count(DISTINCT mail_id) FROM quarantine)");
    }

    std::string name, folder, database;
    Dsn dsn;
    std::shared_ptr<RecordStore> store;
};

std::vector<std::string> all_kinds() {
    std::vector<std::string> out{"sqlite"};
    if (!PgServer::is_wanted()) return out;
    out.emplace_back("ours");
    for (const auto* era : eras) out.emplace_back(era);
    return out;
}

// put - a message of that age; returns its mail_id
std::string put(const Base& base, char content, std::int64_t age, bool with_copy, std::string sender = "a@one.example.org",
                std::string recipient = "bob@example.com", std::size_t size = 1000, std::int64_t tag = 0) {
    auto record = make_record(std::move(sender), std::move(recipient));
    record.received_at = std::chrono::sys_seconds(std::chrono::seconds(now - age));
    record.content = content;
    record.partition_tag = tag;
    record.size = size;
    record.quarantine_type = with_copy ? 'Q' : ' ';
    if (!with_copy) record.quarantine_location.clear();
    std::optional<mail::QuarantineCopy> copy;
    if (with_copy)
        copy = mail::QuarantineCopy{"X-Quarantine-ID: <x>\n", make_spool("Subject: x\r\n\r\n" + std::string(size, 'x') + "\r\n")};
    const auto kept = keep(*base.store, record, std::move(copy));
    INFO((kept ? "" : kept.error().detail));
    REQUIRE(kept);
    return record.mail_id.get();
}

ExpireOptions options() {
    ExpireOptions out;
    out.rules.general = {90 * 24h, 30 * 24h};
    out.rules.of_category['C'] = {14 * 24h, 14 * 24h};
    out.now = now;
    out.pause = 0ms;
    out.share = 1;
    return out;
}

Result<ExpireReport> try_expire(Expiry& expiry, const Dsn& dsn, ExpireOptions how) {
    asio::io_context loop(1);
    const std::atomic<bool> stop{false};
    std::optional<Result<ExpireReport>> out;
    asio::co_spawn(loop, expiry.run(loop, {dsn}, std::move(how), stop),
                   [&](std::exception_ptr trouble, Result<ExpireReport> report) {
                       if (trouble) std::rethrow_exception(trouble);
                       out = std::move(report);
                   });
    loop.run();
    return std::move(*out);
}

ExpireReport expire(const Base& base, ExpireOptions how = options()) {
    Expiry expiry;
    auto report = try_expire(expiry, base.dsn, std::move(how));
    INFO((report ? "" : report.error().detail));
    REQUIRE(report);
    for (const auto& remark : report->remarks) UNSCOPED_INFO(remark);
    return *report;
}

void set_state(const Base& base, const std::string& mail_id, char state) {
    base.sql(fmt::format("UPDATE msgrcpt SET rs = '{}' WHERE mail_id = '{}'", state, mail_id));
}

}  // namespace

TEST_CASE("every era and SQLite: records and copies go by their ages, a dry run says the same before") {
    const auto kind = GENERATE(from_range(all_kinds()));
    INFO(kind);
    const Base base(kind);
    const auto old = put(base, 'S', 91 * day, true, "gone@one.example.org", "nobody@example.com");
    const auto aged = put(base, 'S', 31 * day, true);
    const auto wanted = put(base, 'V', 31 * day, true);
    set_state(base, wanted, 'p');
    const auto fresh = put(base, 'V', 2 * day, true);
    const auto deleted = put(base, 'B', 2 * day, true);
    set_state(base, deleted, 'D');
    put(base, 'C', 15 * day, false);
    put(base, 'C', 13 * day, false);
    put(base, '\0', 2 * day, false);
    put(base, '\0', day / 2, false);
    put(base, 'C', 0, false, "gone@two.example.org", "bob@example.com");  // an address above the old ones

    auto how = options();
    how.dry_run = true;
    const auto would = expire(base, how);
    CHECK(base.counts() == "10|10|5");
    const auto did = expire(base);
    for (const auto* report : {&would, &did}) {
        CHECK((report->records == 2 && report->copies == 2 && report->incomplete == 1));
        CHECK((report->recipients == 3 && report->chunks == 3));
        CHECK((report->by_category.at('S').records == 1 && report->by_category.at('S').copies == 1 &&
               report->by_category.at('B').copies == 1));
        CHECK((report->by_category.at('C').records == 1 && report->by_category.at('\0').records == 1));
        CHECK((report->is_complete && report->oldest_record == now - 31 * day && report->oldest_copy == now - 31 * day));
    }
    CHECK((would.transactions == 0 && did.transactions > 0));
    CHECK(base.counts() == "7|7|2");
    CHECK(did.addresses == 2);
    CHECK(base.one("SELECT count(*) FROM maddr") == "3");
    CHECK(base.one("SELECT count(*) FROM msgs m WHERE NOT EXISTS (SELECT 1 FROM maddr a WHERE a.id = m.sid)") == "0");

    const auto quarantine = open_quarantine_store({base.dsn}, {}).value();
    const auto find = [&](const std::string& id) {
        return run<Result<std::vector<QuarantineItem>>>([&] { return quarantine->find(id, {}, Deadline::in(30s)); }).value();
    };
    CHECK(find(old).empty());
    REQUIRE(find(aged).size() == 1);
    CHECK(find(aged).front().type == "");
    CHECK(find(aged).front().location == (kind == "amavisd-2.3" ? "" : "expired"));
    CHECK((find(wanted).front().type == "Q" && find(fresh).front().type == "Q"));
    const auto chunks =
        run<Result<std::vector<Chunk>>>([&] { return quarantine->read_chunks(find(wanted).front().key, -1, Deadline::in(30s)); });
    CHECK((chunks && chunks->size() == 1));
    CHECK(expire(base).is_empty());
}

TEST_CASE("rows without their message go, whatever wrote them; a second look finds nothing") {
    const auto kind = GENERATE(from_range(all_kinds()));
    INFO(kind);
    if (kind == "amavisd-2.4") return;  // its foreign keys let none come to be
    const Base base(kind);
    put(base, 'S', 2 * day, true);
    for (int i = 0; i < 30; ++i) put(base, 'S', 3 * day, true);
    base.sql(fmt::format("DELETE FROM msgs WHERE time_num < {}", now - 2 * day));
    CHECK(base.counts() == "1|31|31");
    const auto report = expire(base);
    CHECK((report.orphan_recipients == 30 && report.orphan_chunks == 30));
    CHECK(base.counts() == "1|1|1");
    CHECK(expire(base).is_empty());
}

TEST_CASE("a large copy goes in pieces, and what a broken run left of it is found") {
    const auto kind = GENERATE(from_range(all_kinds()));
    INFO(kind);
    const Base base(kind);
    const auto large = put(base, 'S', 31 * day, true, "a@b.example", "c@d.example", 8'000'000);
    const auto older = put(base, 'S', 91 * day, true, "a@b.example", "c@d.example", 8'000'000);
    const auto report = expire(base);
    CHECK((report.copies == 1 && report.records == 1 && report.chunks > 900));
    CHECK(report.transactions > 10);
    CHECK(base.counts() == "1|1|0");
    if (kind == "amavisd-2.3") return;  // no quar_loc that could say so
    const auto left = put(base, 'S', 2 * day, true);
    base.sql(fmt::format("UPDATE msgs SET quar_type = ' ', quar_loc = 'expired' WHERE mail_id = '{}'", left));
    CHECK(expire(base).orphan_chunks == 1);
    CHECK(base.counts() == "2|2|0");
}

TEST_CASE("a copy in two places keeps the other one") {
    const auto kind = GENERATE(from_range(all_kinds()));
    if (kind == "amavisd-2.3") return;
    INFO(kind);
    const Base base(kind);
    const auto id = put(base, 'S', 31 * day, true);
    const auto other = put(base, 'S', 31 * day, true);
    base.sql(fmt::format("UPDATE msgs SET quar_type = 'Z', quar_loc = 'spam-x.gz,{0}' WHERE mail_id = '{0}'", id));
    CHECK(expire(base).copies == 2);
    CHECK(base.sql(fmt::format("SELECT quar_type FROM msgs WHERE mail_id = '{}' AND quar_loc = 'spam-x.gz'", id)) ==
          std::vector<std::string>{"Z"});
    CHECK(base.sql(fmt::format("SELECT quar_type FROM msgs WHERE mail_id = '{}' AND quar_loc = 'expired'", other)) ==
          std::vector<std::string>{" "});
}

TEST_CASE("a slow database does not make it fall behind the mail: the rate goes before the share") {
    if (!PgServer::is_wanted()) return;
    const Base base("ours");
    base.sql(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.001); RETURN OLD; END $$; "
        "CREATE TRIGGER slow BEFORE DELETE ON msgs FOR EACH ROW EXECUTE FUNCTION slow()");  // as if each row came from a cold disk
    for (int i = 0; i < 100; ++i) put(base, 'S', 91 * day, false);
    auto how = options();
    how.share = 0.01;
    how.least_rate = 1e6;
    const auto report = expire(base, how);
    CHECK(report.records == 100);
    CHECK(report.transactions <= 50);  // not one message in each, although 2 ms are aimed at
    CHECK(report.elapsed < 10s);       // by the share alone: more than 100 x 1 ms x 99
}

TEST_CASE("foreign keys of every kind") {
    if (!PgServer::is_wanted()) return;
    const std::string action = GENERATE("CASCADE", "RESTRICT", "NO ACTION");
    INFO(action);
    const Base base("amavisd-2.13");
    for (const auto* table : {"msgrcpt", "quarantine"})
        base.sql(fmt::format(
            "ALTER TABLE {} ADD FOREIGN KEY (partition_tag, mail_id) REFERENCES msgs (partition_tag, mail_id) ON DELETE {}",
            table, action));
    base.sql("ALTER TABLE msgs ADD FOREIGN KEY (sid) REFERENCES maddr (id) ON DELETE RESTRICT");
    base.sql("ALTER TABLE msgrcpt ADD FOREIGN KEY (rid) REFERENCES maddr (id) ON DELETE RESTRICT");
    for (int i = 0; i < 20; ++i) put(base, 'S', 91 * day, true, fmt::format("s{}@example.org", i));
    put(base, 'S', day, true);
    const auto report = expire(base);
    CHECK((report.records == 20 && report.recipients == 20 && report.chunks == 20 && report.addresses == 20));
    CHECK(base.counts() == "1|1|1");
}

TEST_CASE("a foreign key of the site's own keeps its record, and is told; the others go") {
    if (!PgServer::is_wanted()) return;
    const Base base("amavisd-2.4");
    const auto held = put(base, 'S', 91 * day, true);
    for (int i = 0; i < 10; ++i) put(base, 'S', 91 * day, true);
    base.sql(fmt::format(
        "CREATE TABLE tickets AS SELECT mail_id FROM msgs WHERE mail_id = '{}'; ALTER TABLE tickets ADD FOREIGN KEY (mail_id) REFERENCES msgs (mail_id)",
        held));
    const auto report = expire(base);
    CHECK((report.records == 10 && report.remarks.size() == 1));
    CHECK(base.one("SELECT count(*), min(mail_id) FROM msgs") == "1|" + held);
}

TEST_CASE("rows that somebody holds are passed over at once") {
    if (!PgServer::is_wanted()) return;
    const Base base("ours");
    const auto held = put(base, 'S', 91 * day, true);
    for (int i = 0; i < 5; ++i) put(base, 'S', 91 * day, true);
    auto other = storage::pg::Blocking::open(base.dsn).value();
    REQUIRE(other.query("BEGIN"));
    REQUIRE(other.query("SELECT 1 FROM msgs WHERE mail_id = '" + held + "' FOR UPDATE"));
    const auto report = expire(base);
    CHECK((report.records == 5 && report.is_complete));
    CHECK(base.counts() == "1|1|1");
    REQUIRE(other.query("ROLLBACK"));
    CHECK(expire(base).records == 1);
}

TEST_CASE("a table that somebody holds is waited for in short tries, and nothing is half gone") {
    if (!PgServer::is_wanted()) return;
    const Base base("ours");
    for (int i = 0; i < 5; ++i) put(base, 'S', 91 * day, true);
    auto other = storage::pg::Blocking::open(base.dsn).value();
    REQUIRE(other.query("BEGIN"));
    REQUIRE(other.query("LOCK TABLE quarantine IN SHARE MODE"));  // as CREATE INDEX does
    std::optional<ExpireReport> report;
    std::thread host([&] { report = expire(base); });
    const bool has_tried = wait_until([&] { return base.one("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1"; });
    CHECK(base.counts() == "5|5|5");
    REQUIRE(other.query("COMMIT"));
    host.join();
    CHECK(has_tried);
    CHECK(report->records == 5);
    CHECK(base.counts() == "0|0|0");
}

TEST_CASE("one host at a time; a dry run needs no turn") {
    if (!PgServer::is_wanted()) return;
    const Base base("ours");
    put(base, 'S', 91 * day, true);
    {
        asio::io_context loop(1);
        std::unique_ptr<ExpirySession> first;
        const auto take = [&](std::unique_ptr<ExpirySession>& into) {
            Result<bool> mine = false;
            asio::co_spawn(loop, open_expiry_session(loop, {base.dsn}, Deadline::in(10s)),
                           [&](std::exception_ptr, Result<std::unique_ptr<ExpirySession>> session) {
                               if (session) into = std::move(*session);
                               loop.stop();
                           });
            loop.run();
            loop.restart();
            if (!into) return false;
            asio::co_spawn(loop, into->take_turn(), [&](std::exception_ptr, Result<bool> taken) {
                mine = std::move(taken);
                loop.stop();
            });
            loop.run();
            return mine && *mine;
        };
        REQUIRE(take(first));
        const auto report = expire(base);
        CHECK((report.is_elsewhere && report.records == 0));
        auto how = options();
        how.dry_run = true;
        CHECK(expire(base, how).records == 1);
        CHECK(base.counts() == "1|1|1");
    }
    CHECK(wait_until([&] { return !expire(base).is_elsewhere; }));  // the server notices in its own time that the session ended
    CHECK(base.counts() == "0|0|0");
}

TEST_CASE("a standby is passed over, and a database that lacks the index says which") {
    if (!PgServer::is_wanted()) return;
    const Base base("ours");
    Expiry expiry;
    base.sql("ALTER DATABASE " + base.database + " SET default_transaction_read_only = on");
    auto refused = try_expire(expiry, base.dsn, options());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.find("read-only") != std::string::npos);
    pg_server().query("postgres", "ALTER DATABASE " + base.database + " RESET default_transaction_read_only");
    base.sql("DROP INDEX msgs_idx_time_num");
    refused = try_expire(expiry, base.dsn, options());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.find("CREATE INDEX CONCURRENTLY msgs_idx_time_num") != std::string::npos);
}

TEST_CASE("runs after the first look at what became due since") {
    const auto kind = GENERATE(as<std::string>(), "sqlite", "ours");
    if (kind != "sqlite" && !PgServer::is_wanted()) return;
    const Base base(kind);
    Expiry expiry;
    put(base, 'S', 91 * day, false);
    CHECK(try_expire(expiry, base.dsn, options())->records == 1);
    auto how = options();
    how.is_full = false;
    put(base, 'S', 91 * day, false);   // written late: still looked at
    put(base, 'S', 100 * day, false);  // only by a full run
    put(base, 'S', 90 * day - 100, false);
    CHECK(try_expire(expiry, base.dsn, how)->records == 1);
    how.now += 200;
    CHECK(try_expire(expiry, base.dsn, how)->records == 1);
    how.is_full = true;
    CHECK(try_expire(expiry, base.dsn, how)->records == 1);
    CHECK(base.counts() == "0|0|0");
}

TEST_CASE("an address that a message takes up while it goes comes back under its number, or the message follows it") {
    if (!PgServer::is_wanted()) return;
    const bool is_new = GENERATE(false, true);
    const std::string kind = GENERATE("ours", "amavisd-2.3");
    INFO(kind << " " << is_new);
    const Base base(kind);
    base.sql("INSERT INTO maddr (id, email, domain) VALUES (77, 'x@example.org', 'org.example')");
    auto other = storage::pg::Blocking::open(base.dsn).value();
    REQUIRE(other.query("BEGIN"));
    REQUIRE(other.query(fmt::format(
        "INSERT INTO msgs (mail_id, am_id, time_num, time_iso, sid, size, host, content) VALUES ('mailid000001', '1', {0}, '20270115T080000Z', 77, 1, 'h', 'C')",
        now - 2 * day)));
    std::optional<ExpireReport> report;
    std::thread host([&] { report = expire(base); });
    const bool has_gone = wait_until([&] { return base.one("SELECT count(*) FROM maddr") == "0"; });
    if (is_new) base.sql("INSERT INTO maddr (id, email, domain) VALUES (78, 'x@example.org', 'org.example')");
    const auto committed = other.query("COMMIT");
    host.join();
    REQUIRE((has_gone && committed));
    CHECK((report->restored_addresses == 1 && report->addresses == 0));
    CHECK(base.sql("SELECT a.id, a.email = 'x@example.org', a.domain FROM msgs m JOIN maddr a ON a.id = m.sid") ==
          std::vector<std::string>{is_new ? "78|t|org.example" : "77|t|org.example"});
}

TEST_CASE(
    "a record whose address went meanwhile is written again; a foreign key that always refuses is the message's own trouble") {
    if (!PgServer::is_wanted()) return;
    const Base base("ours");
    base.sql("CREATE SEQUENCE tries");
    base.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('tries') = 1 THEN RAISE foreign_key_violation; END IF; RETURN NEW; END $$");
    base.sql("CREATE TRIGGER refuse BEFORE INSERT ON msgs FOR EACH ROW EXECUTE FUNCTION refuse()");
    CHECK(keep(*base.store, make_record()));
    base.sql(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE foreign_key_violation; END $$");
    const auto refused = keep(*base.store, make_record());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().is(Errc::bad_input));
}

TEST_CASE("mail flows while everything behind it goes: nothing is refused, no record loses an address") {
    const auto kind = GENERATE(as<std::string>(), "sqlite", "ours", "amavisd-2.4");
    if (kind != "sqlite" && !PgServer::is_wanted()) return;
    INFO(kind);
    const Base base(kind);
    std::atomic<bool> end{false};
    std::atomic<int> runs{0};
    std::string trouble;
    std::thread host([&] {
        Expiry expiry;
        auto how = options();
        how.rules.general = {std::chrono::seconds(100), std::chrono::seconds(10)};
        how.share = 0.5;  // SQLite hands its lock to nobody: one that takes it again at once keeps the others out
        while (!end || runs == 0) {
            const auto report = try_expire(expiry, base.dsn, how);
            if (!report) trouble = report.error().detail;
            ++runs;
        }
    });
    int refused = 0, sent = 0;
    for (int round = 0; round < 25; ++round) {
        std::vector<mail::MessageRecord> records;
        for (int i = 0; i < 12; ++i) {  // the same few addresses, of records that are due at once and of such that stay
            auto record = make_record(fmt::format("s{}@example.org", (round + i) % 7), fmt::format("r{}@example.com", i % 5));
            record.received_at = std::chrono::sys_seconds(std::chrono::seconds(now - (i % 3 == 0 ? 50 : 7200)));
            records.push_back(std::move(record));
        }
        for (const auto& answer : keep_all(*base.store, records)) {
            ++sent;
            if (!answer) ++refused;
            if (!answer) UNSCOPED_INFO(answer.error().detail);
        }
    }
    end = true;
    host.join();
    CHECK(trouble == "");
    CHECK((refused == 0 && sent == 300));
    CHECK(runs > 0);
    CHECK(base.one(fmt::format("SELECT count(*) FROM msgs WHERE time_num = {}", now - 50)) == "100");
    CHECK(base.one("SELECT count(*) FROM msgs m WHERE NOT EXISTS (SELECT 1 FROM maddr a WHERE a.id = m.sid)") == "0");
    CHECK(base.one("SELECT count(*) FROM msgrcpt m WHERE NOT EXISTS (SELECT 1 FROM maddr a WHERE a.id = m.rid)") == "0");
}

TEST_CASE("SQLite gives back its pages, in steps or all at once") {
    const Base base("sqlite");
    const auto pages = [&] { return *parse_unsigned(base.one("PRAGMA page_count")); };
    for (int i = 0; i < 10; ++i) put(base, 'S', 91 * day, true, "a@b.example", "c@d.example", 400'000);
    put(base, 'S', day, true);
    const auto before = pages();
    const auto report = expire(base);
    CHECK((report.pages > 500 && pages() < before / 4));
    CHECK(base.one("PRAGMA integrity_check") == "ok");
    auto how = options();
    how.frees_pages = false;
    for (int i = 0; i < 10; ++i) put(base, 'S', 91 * day, true, "a@b.example", "c@d.example", 400'000);
    CHECK(expire(base, how).pages == 0);
    CHECK(pages() > before / 2);
    how.vacuums = true;
    expire(base, how);
    CHECK(pages() < before / 4);
    CHECK(base.counts() == "1|1|1");
}

TEST_CASE("tables divided by week: partitions are made ahead, past ones are dropped whole, copies before their records") {
    if (!PgServer::is_wanted()) return;
    Base base("empty");
    REQUIRE(install_schema(base.dsn, Divided::by_week));
    base.open();
    const std::chrono::sys_seconds today{std::chrono::seconds(now)};
    const auto names = [&](const std::string& table) {
        return base.sql("SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = '" + table + "'::regclass ORDER BY 1");
    };
    CHECK(names("msgs").size() == 9);
    for (const auto& name : names("msgs")) base.sql("DROP TABLE " + name);
    for (const auto& name : names("msgrcpt")) base.sql("DROP TABLE " + name);
    for (const auto& name : names("quarantine")) base.sql("DROP TABLE " + name);
    auto how = options();
    how.removes = false;
    for (const auto& [age, ahead] : {std::pair{120, 3}, std::pair{60, 2}, std::pair{8, 2}}) {
        how.now = now - age * day;
        how.weeks_ahead = ahead;
        CHECK(expire(base, how).created.size() == 3U * static_cast<unsigned>(ahead + 1));
    }
    CHECK(expire(base, how).is_empty());
    const auto week = [&](std::int64_t age) { return fmt::format("_{}", week_tag(today - std::chrono::seconds(age))); };
    const auto has = [&](const std::string& table, std::int64_t age) {
        return std::ranges::count(names(table), table + week(age)) == 1;
    };

    for (const std::int64_t age : {110, 100, 60, 50, 1})
        put(base, 'S', age * day, true, fmt::format("s{}@example.org", age), "bob@example.com", 1000, tag_by_week);
    CHECK(base.one("SELECT count(DISTINCT tableoid), count(*) FROM msgs") == "5|5");
    const auto wanted = base.one(fmt::format("SELECT encode(mail_id, 'escape') FROM msgs WHERE time_num = {}", now - 50 * day));
    set_state(base, wanted, 'p');
    how = options();
    how.rules.of_category.clear();
    how.weeks_ahead = 1;
    how.dry_run = true;
    const auto would = expire(base, how);
    CHECK(base.counts() == "5|5|5");
    how.dry_run = false;
    const auto did = expire(base, how);
    for (const auto& remark : did.remarks) UNSCOPED_INFO(remark);
    CHECK(did.remarks.empty());
    CHECK(would.dropped == did.dropped);
    CHECK_FALSE((has("msgs", 110 * day) || has("msgrcpt", 110 * day) || has("quarantine", 110 * day) || has("msgs", 100 * day)));
    CHECK((has("msgs", 60 * day) && has("msgrcpt", 60 * day) && !has("quarantine", 60 * day)));
    CHECK((has("msgs", 50 * day) && has("quarantine", 50 * day)));  // somebody waits for a copy in it
    CHECK((has("msgs", 1 * day) && has("quarantine", 1 * day) && has("msgs", -7 * day)));
    CHECK(base.counts() == "3|3|2");
    CHECK(base.sql(fmt::format("SELECT quar_type, quar_loc FROM msgs WHERE time_num = {}", now - 60 * day)) ==
          std::vector<std::string>{" |expired"});
    CHECK(did.addresses == 4);  // each week has its own
    CHECK(expire(base, how).is_empty());
    put(base, 'S', 0, true, "a@b.example", "c@d.example", 1000, tag_by_week);
    CHECK(expire(base, how).is_empty());
    REQUIRE_FALSE(install_schema(base.dsn, Divided::by_week));
}

TEST_CASE("a site's own partitions: lists, a default one, a detaching that was broken off, another owner") {
    if (!PgServer::is_wanted()) return;
    Base base("empty");
    REQUIRE(install_schema(base.dsn));
    base.open();
    for (const auto* table : {"msgs", "msgrcpt", "quarantine"}) {
        base.sql(fmt::format(
            "CREATE TABLE {0}_d (LIKE {0} INCLUDING ALL) PARTITION BY LIST (partition_tag); DROP TABLE {0} CASCADE; ALTER TABLE {0}_d RENAME TO {0}",
            table));
        base.sql(fmt::format(
            "CREATE TABLE {0}_1 PARTITION OF {0} FOR VALUES IN (1); CREATE TABLE {0}_2 PARTITION OF {0} FOR VALUES IN (2, 3); CREATE TABLE {0}_rest PARTITION OF {0} DEFAULT",
            table));
    }
    put(base, 'S', 100 * day, true, "a@b.example", "c@d.example", 1000, 1);
    put(base, 'S', 100 * day, true, "a@b.example", "c@d.example", 1000, 2);
    put(base, 'S', 10 * day, true, "a@b.example", "c@d.example", 1000, 3);
    put(base, 'S', 100 * day, true, "a@b.example", "c@d.example", 1000, 9);
    const auto report = expire(base);
    CHECK(report.dropped == std::vector<std::string>{"public.quarantine_1", "public.msgrcpt_1", "public.msgs_1"});
    CHECK((report.records == 2 && report.created.empty()));  // numbers that are no weeks: none is made
    CHECK(base.counts() == "1|1|1");
    for (const auto* table : {"msgs", "msgrcpt", "quarantine"})
        base.sql(fmt::format("DROP TABLE {0}_rest; DROP TABLE {0}_2", table));
    CHECK(expire(base).created.size() == 27);  // nothing that says otherwise: weeks

    base.sql("CREATE ROLE foreigner LOGIN");
    base.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON maddr, msgs, msgrcpt, quarantine TO foreigner");
    auto how = options();
    how.now += 30 * day;
    Expiry expiry;
    const auto other = try_expire(expiry, *parse_dsn(pg_server().url(base.database, "foreigner")), how);
    REQUIRE(other);
    REQUIRE(other->remarks.size() == 3);
    CHECK(other->remarks.front().find("belongs to another role") != std::string::npos);
    base.sql("DROP OWNED BY foreigner; DROP ROLE foreigner");
}
