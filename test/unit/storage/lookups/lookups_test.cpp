// The same cases on SQLite and on PostgreSQL with today's schema and with one of 2006.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/log.h"
#include "policy/policy_layers.h"
#include "storage/lookups/lookup_cache.h"
#include "storage/lookups/lookup_store.h"
#include "storage/pg/blocking.h"
#include "storage/schema/schema.h"
#include "storage/sqlite/database.h"
#include "test/lib/pg_server.h"
#include "test/unit/storage/fixture.h"
#include "test/unit/storage/pg/server.h"

using namespace tamis;
using namespace tamis::storage;
using namespace tamis::test;

namespace {

PgServer& server() { return pg_server(); }

// the lookup tables as amavisd's README.sql of 2.4 (2006) had them
constexpr const char* schema_2006 =
    "CREATE TABLE policy (id serial PRIMARY KEY, policy_name varchar(32), virus_lover char(1), spam_lover char(1), "
    "banned_files_lover char(1), bad_header_lover char(1), bypass_virus_checks char(1), bypass_spam_checks char(1), "
    "bypass_banned_checks char(1), bypass_header_checks char(1), spam_modifies_subj char(1), virus_quarantine_to varchar(64), "
    "spam_quarantine_to varchar(64), banned_quarantine_to varchar(64), bad_header_quarantine_to varchar(64), "
    "clean_quarantine_to varchar(64), spam_tag_level float, spam_tag2_level float, spam_kill_level float, "
    "spam_dsn_cutoff_level float, spam_quarantine_cutoff_level float, message_size_limit integer, banned_rulenames varchar(64));"
    "CREATE TABLE users (id serial PRIMARY KEY, priority integer NOT NULL DEFAULT 7, policy_id integer NOT NULL DEFAULT 1, "
    "email varchar(255) NOT NULL UNIQUE, fullname varchar(255), local char(1));"
    "CREATE TABLE mailaddr (id serial PRIMARY KEY, priority integer NOT NULL DEFAULT 7, email varchar(255) NOT NULL UNIQUE);"
    "CREATE TABLE wblist (rid integer NOT NULL, sid integer NOT NULL, wb varchar(10) NOT NULL, PRIMARY KEY (rid,sid));";

class Folder {
public:
    Folder() {
        std::string path = (std::filesystem::temp_directory_path() / "tamis-lookups-XXXXXX").string();
        if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = path;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    std::string file() const { return path_ + "/t.db"; }

private:
    std::string path_;
};

// Place - one database of the kind under test
class Place {
public:
    explicit Place(std::string_view kind) : kind_(kind) {
        if (is_sqlite()) {
            dsn_ = "sqlite:" + folder_.file();
            REQUIRE(install_schema(*parse_dsn(dsn_)));
            return;
        }
        name_ = server().make_database(kind == "latin1" ? "LATIN1" : "UTF8");
        dsn_ = server().url(name_);
        if (kind == "2006") run(schema_2006);
        else REQUIRE(install_schema(*parse_dsn(dsn_)));
    }
    bool is_sqlite() const { return kind_ == "sqlite"; }
    void run(const std::string& sql) const {
        if (!is_sqlite()) {
            server().query(name_, sql);
            return;
        }
        const auto database = sqlite::Database::open(folder_.file(), "test");
        REQUIRE(database);
        const auto done = (*database)->run(sql.c_str());
        INFO((done ? "" : done.error().detail));
        REQUIRE(done);
    }
    std::vector<std::string> query(const std::string& sql) const { return server().query(name_, sql); }
    std::shared_ptr<LookupStore> open(LookupOptions options = {}) const {
        return open_lookup_store({*parse_dsn(dsn_)}, std::move(options)).value();
    }
    const std::string& dsn() const { return dsn_; }

private:
    Folder folder_;
    std::string kind_, name_, dsn_;
};

std::vector<std::string> kinds() {
    if (!PgServer::is_wanted()) return {"sqlite"};
    return {"sqlite", "today", "2006"};
}

LookupAddress address(std::string_view text, bool is_local = true) {
    LookupAddress out;
    out.pieces = policy::address_pieces(text, {"+", false});
    out.keys = policy::sql_keys(out.pieces, {.with_bare_user = is_local});
    out.is_local = is_local;
    return out;
}

Result<LookupAnswer> ask(LookupStore& store, const std::vector<std::string>& recipients,
                         const std::vector<std::string>& senders = {}, Deadline deadline = Deadline::in(30s)) {
    LookupRequest request;
    for (const auto& each : recipients) request.recipients.push_back(address(each));
    for (const auto& each : senders) request.senders.push_back(address(each, false));
    return run<Result<LookupAnswer>>([&] { return store.look_up(request, deadline); });
}

std::vector<std::vector<policy::UserRow>> rows(LookupStore& store, const std::vector<std::string>& recipients,
                                               const std::vector<std::string>& senders = {}) {
    auto answer = ask(store, recipients, senders);
    INFO((answer ? "" : answer.error().detail));
    REQUIRE(answer);
    REQUIRE(answer->rows.size() == recipients.size());
    return std::move(answer->rows);
}

std::string emails(const std::vector<policy::UserRow>& rows) {
    std::string out;
    for (const auto& row : rows) out += (out.empty() ? "" : " ") + std::string(row.email());
    return out;
}

std::string value(const policy::UserRow& row, std::string_view field) {
    const auto* text = row.at(row.shape->column_of(policy::field_index(field).value()));
    return text == nullptr ? "NULL" : *text;
}

std::string hits(const policy::UserRow& row) {
    std::string out;
    for (const auto& hit : row.sender_hits) out += hit ? "[" + hit->wb + " " + hit->key + "]" : "[-]";
    return out;
}

struct Captured {
    Captured() { log::capture(true); }
    ~Captured() { log::capture(false); }
};

}  // namespace

TEST_CASE("lookups: one message's recipients get their rows, ranked") {
    for (const auto& kind : kinds()) {
        INFO(kind);
        const Place place(kind);
        place.run(
            "INSERT INTO policy (id, policy_name, bypass_spam_checks, spam_kill_level) VALUES (1,'a','Y',NULL), (2,'b','N',4.5)");
        place.run(
            "INSERT INTO users (id, priority, policy_id, email) VALUES (1,7,1,'u@x.org'), (2,5,2,'@x.org'), (3,0,2,'@.'), "
            "(4,9,2,'boss'), (5,7,2,'@.de')");
        const auto store = place.open();
        const auto all = rows(*store, {"u+ext@x.org", "Other@X.org", "n@none.net", "boss@sub.some.de", "u@x.org"});
        CHECK(emails(all[0]) == "u@x.org @x.org @.");
        CHECK(emails(all[1]) == "@x.org @.");
        CHECK(emails(all[2]) == "@.");
        CHECK(emails(all[3]) == "boss @.de @.");
        CHECK(emails(all[4]) == "u@x.org @x.org @.");
        CHECK(all[0][0].id() == "1");
        CHECK(value(all[0][0], "bypass_spam_checks") == "Y");
        CHECK(value(all[0][0], "spam_kill_level") == "NULL");
        CHECK(value(all[0][1], "spam_kill_level") == "4.5");

        CHECK(rows(*store, {}).empty());
    }
}

TEST_CASE("lookups: a change is seen by the next message") {
    for (const auto& kind : kinds()) {
        INFO(kind);
        const Place place(kind);
        const auto store = place.open();
        CHECK(emails(rows(*store, {"u@x.org"})[0]).empty());
        place.run("INSERT INTO policy (id, bypass_spam_checks) VALUES (1,'Y')");
        place.run("INSERT INTO users (id, policy_id, email) VALUES (1,1,'u@x.org')");
        CHECK(value(rows(*store, {"u@x.org"})[0].at(0), "bypass_spam_checks") == "Y");
        place.run("UPDATE policy SET bypass_spam_checks='N'");
        CHECK(value(rows(*store, {"u@x.org"})[0].at(0), "bypass_spam_checks") == "N");
        place.run("ALTER TABLE policy ADD spam_tag3_level" + std::string(kind == "2006" ? " real" : "_x real"));
        place.run("ALTER TABLE users ADD column more varchar(5)");  // under a prepared users.*
        CHECK(value(rows(*store, {"u@x.org"})[0].at(0), "bypass_spam_checks") == "N");
        place.run("DELETE FROM users");
        CHECK(emails(rows(*store, {"u@x.org"})[0]).empty());
    }
}

TEST_CASE("lookups: wblist by user and sender") {
    for (const auto& kind : kinds()) {
        INFO(kind);
        const Place place(kind);
        place.run("INSERT INTO policy (id) VALUES (1)");
        place.run(
            "INSERT INTO users (id, priority, policy_id, email) VALUES (1,7,1,'u@x.org'), (2,5,1,'@x.org'), (3,7,1,'v@x.org')");
        place.run(
            "INSERT INTO mailaddr (id, priority, email) VALUES (1,9,'s@spam.org'), (2,5,'@spam.org'), (3,0,'@.'), (4,9,'@.org')");
        place.run("INSERT INTO wblist (rid, sid, wb) VALUES (1,2,'B'), (1,3,'W'), (2,1,'-3.5'), (2,4,'W'), (3,3,' ')");
        const auto store = place.open();
        const auto all = rows(*store, {"u@x.org", "v@x.org", "w@y.org"}, {"s@spam.org", "t@else.de"});
        CHECK(emails(all[0]) == "u@x.org @x.org");
        CHECK(hits(all[0][0]) == "[B @spam.org][W @.]");
        CHECK(hits(all[0][1]) == "[-3.5 s@spam.org][-]");
        CHECK(hits(all[1][0]) == "[  @.][  @.]");
        CHECK(hits(all[1][1]) == "[-3.5 s@spam.org][-]");
        CHECK(hits(rows(*store, {"u@x.org"}, {})[0][0]).empty());
        CHECK(hits(rows(*store, {"u@x.org"}, {""})[0][0]) == "[W @.]");
        CHECK(hits(rows(*place.open({.select_wblist = ""}), {"u@x.org"}, {"s@spam.org"})[0][0]) == "[-]");
    }
}

TEST_CASE("lookups: hostile addresses find what they name and nothing else") {
    for (const auto& kind : kinds()) {
        INFO(kind);
        const Place place(kind);
        place.run("INSERT INTO policy (id) VALUES (1)");
        place.run("INSERT INTO users (id, policy_id, email) VALUES (1,1,'o''neill@x.org'), (2,1,'a b@x.org'), (3,1,'%@x.org')");
        const auto store = place.open();
        const std::string longest = std::string(64, 'l') + "@" + std::string(251, 'd') + ".de";
        const auto all =
            rows(*store, {"O'Neill@x.org", "\"a b\"@x.org", "'; DROP TABLE users; --@x.org", "\xff\xfe\x80@x.org",
                          "u\xc3\xa9@x.org", "_@x.org", "\\@x.org", "{\"a\",b}@x.org", longest, "%@x.org", "[192.0.2.1]", ""});
        const std::vector<std::string> want = {"o'neill@x.org", "a b@x.org", "", "", "", "", "", "", "", "%@x.org", "", ""};
        for (std::size_t i = 0; i < want.size(); ++i) CHECK(emails(all[i]) == want[i]);
        CHECK(rows(*store, {"a@x.org"}, {"\xff'\"@x.org", "{}@\\"}).size() == 1);
    }
}

TEST_CASE("lookups: 8-bit addresses in bytea and UTF-8 columns") {
    if (!PgServer::is_wanted()) return;
    const Place place("today");
    place.run("INSERT INTO policy (id) VALUES (1)");
    place.run("INSERT INTO users (id, policy_id, email) VALUES (1,1,'\\xff80406a'::bytea), (2,1,convert_to('é@x.org','UTF8'))");
    const auto store = place.open();
    CHECK(emails(rows(*store, {"\xff\x80@j"})[0]) == "\xff\x80@j");
    CHECK(emails(rows(*store, {"\xc3\xa9@x.org"})[0]) == "\xc3\xa9@x.org");
    const Place old("2006");
    old.run("INSERT INTO policy (id) VALUES (1)");
    old.run("INSERT INTO users (id, policy_id, email) VALUES (1,1,'é@x.org')");
    CHECK(emails(rows(*old.open(), {"\xc3\xa9@x.org"})[0]) == "\xc3\xa9@x.org");
    const Place latin("latin1");
    CHECK(emails(rows(*latin.open(), {"\xc3\xa9@x.org", "\xff@x.org"})[0]).empty());
}

TEST_CASE("lookups: a policy that does not exist, and rows that say nothing") {
    for (const auto& kind : kinds()) {
        INFO(kind);
        const Place place(kind);
        if (kind == "today") place.run("ALTER TABLE users DROP CONSTRAINT users_policy_id_fkey");
        place.run("INSERT INTO users (id, policy_id, email) VALUES (1,99,'u@x.org')");
        const auto all = rows(*place.open(), {"u@x.org"});
        const policy::PolicyTables tables;
        const auto effective = policy::effective_policy(tables, {}, address("u@x.org").pieces, all[0]);
        REQUIRE(effective.problems.size() == 1);
        CHECK_THAT(effective.problems[0], Catch::Contains("users row 1 (\"u@x.org\"): column policy_id holds 99"));
    }
}

TEST_CASE("lookups: statements of the site's own") {
    for (const auto& kind : kinds()) {
        INFO(kind);
        const Place place(kind);
        place.run("CREATE TABLE boxes (box integer, dom varchar(100), loc varchar(100), byp char(1), level varchar(10))");
        place.run("INSERT INTO boxes VALUES (11,'x.org','u','Y','3'), (12,'x.org',NULL,'N','4'), (NULL,'y.org',NULL,'Y','5')");
        place.run("CREATE TABLE senders (box integer, addr varchar(100), verdict varchar(10))");
        place.run("INSERT INTO senders VALUES (11,'s@spam.org','B'), (12,'@.org','W')");
        LookupOptions options;
        options.select_policy =
            "SELECT box AS id, byp AS bypass_spam_checks, level AS spam_kill_level FROM boxes "
            "WHERE dom=%d AND (loc=%u OR loc IS NULL) ORDER BY loc IS NULL, box";
        const auto with_ours = place.open(options);
        auto all = rows(*with_ours, {"U+ext@X.org", "v@x.org", "v@y.org", "v@z.org"}, {"s@spam.org"});
        REQUIRE(all[0].size() == 2);
        CHECK(all[0][0].id() == "11");
        CHECK(value(all[0][0], "spam_kill_level") == "3");
        CHECK(value(all[0][1], "spam_kill_level") == "4");
        CHECK(all[1].size() == 1);
        REQUIRE(all[2].size() == 1);
        CHECK(all[2][0].id().empty());  // NULL id: nothing in wblist can be meant
        CHECK(hits(all[2][0]) == "[-]");
        CHECK(all[3].empty());
        CHECK(hits(all[0][0]) == "[-]");
        options.select_wblist =
            "SELECT verdict AS wb, addr AS email FROM senders WHERE box=? AND addr IN (%k) ORDER BY length(addr) DESC";
        const auto store = place.open(options);
        all = rows(*store, {"u@x.org", "v@y.org"}, {"s@spam.org", "t@a.org"});
        CHECK(hits(all[0][0]) == "[B s@spam.org][-]");
        CHECK(hits(all[0][1]) == "[W @.org][W @.org]");
        CHECK(hits(all[1][0]) == "[-][-]");
        place.run("INSERT INTO users (id, policy_id, email) SELECT 1, id, 'u@x.org' FROM policy WHERE 1=0");
        options.select_policy.clear();
        CHECK(rows(*place.open(options), {"u@x.org"}, {"s@spam.org"})[0].empty());
    }
}

TEST_CASE("lookups: what takes long keeps nobody waiting") {
    if (!PgServer::is_wanted()) return;
    const Place place("today");
    place.run(
        "CREATE FUNCTION held(text) RETURNS integer LANGUAGE plpgsql AS "
        "$$ BEGIN IF $1 LIKE 'slow%' THEN PERFORM pg_advisory_xact_lock(7); END IF; RETURN length($1); END $$");
    auto holder = pg::Blocking::open(*parse_dsn(place.dsn())).value();
    REQUIRE(holder.query("SELECT pg_advisory_lock(7)"));
    const auto store = place.open({.connections = 2, .select_policy = "SELECT held(%u) AS id, 'Y' AS bypass_spam_checks"});
    std::optional<Result<LookupAnswer>> late;
    std::jthread waiting([&] { late = ask(*store, {"slow@x.org"}); });
    const bool is_held = wait_until([&] { return place.query("SELECT count(*) FROM pg_locks WHERE NOT granted").at(0) == "1"; });
    for (int i = 0; i < 3; ++i) CHECK(rows(*store, {"quick@x.org"}).at(0).at(0).id() == "5");
    CHECK_FALSE(late);
    REQUIRE(holder.query("SELECT pg_advisory_unlock(7)"));
    waiting.join();
    CHECK(is_held);
    REQUIRE(late);
    CHECK(*late);
}

TEST_CASE("lookups: a statement that the database refuses is named, and mail waits") {
    for (const auto& kind : kinds()) {
        INFO(kind);
        const Place place(kind);
        const Captured quiet;
        const auto fault = [&](LookupOptions options) {
            options.patience = 200ms;
            const auto answer = ask(*place.open(options), {"u@x.org"}, {"s@x.org"});
            REQUIRE_FALSE(answer);
            CHECK(answer.error().is(Errc::unavailable));
            return answer.error().detail;
        };
        CHECK_THAT(fault({.select_policy = "SELEKT 1 WHERE 'x'=%u"}), Catch::Contains("storage.select_policy: "));
        CHECK_THAT(fault({.select_policy = "SELECT 1 FROM nowhere WHERE x=%u"}), Catch::Contains("nowhere"));
        CHECK_THAT(fault({.select_wblist = "SELECT 1 FROM nowhere WHERE x=%u"}), Catch::Contains("storage.select_wblist: "));
        CHECK_FALSE(open_lookup_store({*parse_dsn(place.dsn())}, {.select_policy = "SELECT 1"}));
    }
}

TEST_CASE("lookups: the tables wblist and mailaddr may be missing, users may not") {
    for (const auto& kind : kinds()) {
        INFO(kind);
        const Place place(kind);
        const Captured quiet;
        place.run("DROP TABLE wblist");
        place.run("DROP TABLE mailaddr");
        place.run("INSERT INTO policy (id) VALUES (1)");
        place.run("INSERT INTO users (id, policy_id, email) VALUES (1,1,'u@x.org')");
        CHECK(emails(rows(*place.open(), {"u@x.org"}, {"s@x.org"})[0]) == "u@x.org");
        place.run("DROP TABLE users");
        const auto answer = ask(*place.open({.patience = 200ms}), {"u@x.org"});
        REQUIRE_FALSE(answer);
        CHECK_THAT(answer.error().detail, Catch::Contains("users"));
    }
}

TEST_CASE("lookups: SQLite: a new file gets its tables, addresses may be blobs, a foreign file is left as it is") {
    const Folder folder;
    const auto dsn = *parse_dsn("sqlite:" + folder.file());
    {
        const auto store = open_lookup_store({dsn}, {}).value();
        CHECK(emails(rows(*store, {"u@x.org"})[0]).empty());
        const auto database = sqlite::Database::open(folder.file(), "t").value();
        REQUIRE(
            database->run("INSERT INTO policy (id) VALUES (1); INSERT INTO users (id, policy_id, email) VALUES (1,1,x'754078')"));
        CHECK(emails(rows(*store, {"u@x"})[0]) == "u@x");
    }
    const Folder other;
    {
        const auto database = sqlite::Database::open(other.file(), "t").value();
        REQUIRE(database->run(
            "CREATE TABLE policy (id integer, spam_lover char(1)); CREATE TABLE users (id integer, policy_id integer, email text);"
            "INSERT INTO policy VALUES (1,'Y'); INSERT INTO users VALUES (1,1,'u@x')"));
    }
    const auto store = open_lookup_store({*parse_dsn("sqlite:" + other.file())}, {}).value();
    CHECK(value(rows(*store, {"u@x"}, {"s@x"})[0].at(0), "spam_lover") == "Y");
}

TEST_CASE("lookups: a database that is away is a fault in time, and comes back") {
    if (!PgServer::is_wanted()) return;
    const Captured quiet;
    PgServer own({"fsync=off"});
    const auto name = own.make_database();
    REQUIRE(install_schema(*parse_dsn(own.url(name))));
    const auto store = open_lookup_store({*parse_dsn(own.url(name))}, {.patience = 300ms}).value();
    REQUIRE(ask(*store, {"u@x.org"}));
    own.stop();
    const auto away = ask(*store, {"u@x.org"});
    REQUIRE_FALSE(away);
    CHECK_FALSE(store->ready());
    own.start();
    CHECK(wait_until([&] { return ask(*store, {"u@x.org"}).has_value(); }));
    own.freeze();
    const auto late = ask(*store, {"u@x.org"}, {}, Deadline::in(300ms));
    own.thaw();
    REQUIRE_FALSE(late);
    CHECK(late.error().is(Errc::timeout));
    CHECK(wait_until([&] { return ask(*store, {"u@x.org"}).has_value(); }));
}

TEST_CASE("lookup cache: keeps for its time, forgets when told, and when PostgreSQL says so") {
    for (const auto& kind : kinds()) {
        INFO(kind);
        const Place place(kind);
        place.run("INSERT INTO policy (id) VALUES (1)");
        place.run("INSERT INTO users (id, policy_id, email) VALUES (1,1,'u@x.org')");
        place.run("INSERT INTO mailaddr (id, email) VALUES (1,'@spam.org')");
        const auto store = place.open({.cache = 1h});
        const auto seen = [&] { return emails(rows(*store, {"u@x.org", "v@x.org"}, {"s@spam.org"})[1]); };
        REQUIRE(wait_until([&] { return store->ready().has_value(); }));  // what is asked earlier is not kept
        CHECK(seen().empty());
        place.run("INSERT INTO users (id, policy_id, email) VALUES (2,1,'v@x.org')");
        CHECK(seen().empty());
        store->forget();
        CHECK(seen() == "v@x.org");
        CHECK(hits(rows(*store, {"v@x.org"}, {"s@spam.org"})[0][0]) == "[-]");
        place.run("INSERT INTO wblist (rid, sid, wb) VALUES (2,1,'B')");
        CHECK(hits(rows(*store, {"v@x.org"}, {"s@spam.org"})[0][0]) == "[-]");
        CHECK(hits(rows(*store, {"v@x.org"}, {"t@spam.org"})[0][0]) == "[B @spam.org]");  // a new sender asks anew
        if (place.is_sqlite()) continue;
        std::ifstream file(std::string(TAMIS_SOURCE_DIR) + "/schema/postgresql/optional-notify.sql");
        place.run(std::string(std::istreambuf_iterator<char>(file), {}));
        REQUIRE(wait_until([&] { return store->ready().has_value(); }));
        CHECK(seen() == "v@x.org");
        place.run("DELETE FROM wblist");
        CHECK(wait_until([&] { return hits(rows(*store, {"v@x.org"}, {"s@spam.org"})[0][0]) == "[-]"; }));
        place.run("DELETE FROM users WHERE id=2");
        CHECK(wait_until([&] { return seen().empty(); }));
    }
}

TEST_CASE("lookup cache: what was read before a change is not kept after it; entries expire; NULL ids are kept") {
    LookupRequest request;
    request.recipients.push_back(address("u@x.org"));
    request.senders.push_back(address("s@y.org", false));
    const auto shape = std::make_shared<const policy::RowShape>(std::vector<std::string>{"id", "email"});
    LookupAnswer answer;
    const auto values = [](policy::UserRow::Values of) { return std::make_shared<const policy::UserRow::Values>(std::move(of)); };
    answer.rows = {{policy::UserRow{shape, values({"1", "u@x.org"}), {policy::SenderHit{"B", "@y.org"}}},
                    policy::UserRow{shape, values({std::nullopt, "@."}), {std::nullopt}}}};
    LookupCache cache(1h);
    const auto before = cache.generation();
    CHECK_FALSE(cache.find(request));
    cache.put(request, answer, before);
    REQUIRE(cache.find(request));
    CHECK(hits(cache.find(request)->rows[0][0]) == "[B @y.org]");
    CHECK(hits(cache.find(request)->rows[0][1]) == "[-]");
    cache.clear();
    CHECK_FALSE(cache.find(request));
    cache.put(request, answer, before);
    CHECK(cache.size() == 0);
    LookupCache brief(0ms);
    brief.put(request, answer, brief.generation());
    CHECK_FALSE(brief.find(request));
    request.recipients.push_back(address("other@x.org"));
    CHECK_FALSE(cache.find(request));
}

TEST_CASE("pen pals: when ours last wrote to the sender, or answered") {
    for (const std::string kind : {"sqlite", "today"}) {
        if (kind == "today" && !PgServer::is_wanted()) continue;
        INFO(kind);
        const Place place(kind);
        const auto records = open_record_store({*parse_dsn(place.dsn())}, {}).value();
        const auto sent = [&](std::string from, std::string to, int day, char disposition, std::string id, char content = 'C') {
            auto record = make_record(std::move(from), std::move(to));
            record.received_at = std::chrono::sys_days(std::chrono::year(2024) / 1 / day);
            record.content = content;
            record.message_id = std::move(id);
            record.recipients[0].disposition = disposition;
            REQUIRE(keep(*records, record));
        };
        sent("ours@x.org", "pal@y.org", 3, 'P', "<1@x>");
        sent("Ours@X.org", "Pal@Y.org", 5, 'P', "<2@x>");
        sent("ours@x.org", "pal@y.org", 9, 'D', "<3@x>");        // never left
        sent("ours@x.org", "pal@y.org", 10, 'P', "<4@x>", 'V');  // infected
        sent("pal@y.org", "ours@x.org", 11, 'P', "<5@y>");       // the other direction
        sent("second@x.org", "list@z.org", 7, 'P', "<ref@x>");
        sent("second@x.org", "second@x.org", 8, 'P', "<self@x>");
        const auto store = open_pen_pals({*parse_dsn(place.dsn())}, {}).value();
        const auto days = [&](std::string sender, std::vector<std::string> recipients, std::vector<std::string> references = {},
                              int since = 1) {
            const PenPalQuestion question{std::move(sender), recipients, std::move(references),
                                          std::chrono::sys_days(std::chrono::year(2024) / 1 / since)};
            const auto times = run<Result<std::vector<std::optional<std::chrono::system_clock::time_point>>>>(
                [&] { return store->last_written(question, Deadline::in(30s)); });
            INFO((times ? "" : times.error().detail));
            REQUIRE(times);
            std::string out;
            for (const auto& time : *times)
                out += time ? fmt::format("{} ",
                                          static_cast<unsigned>(
                                              std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(*time)).day()))
                            : "- ";
            return out;
        };
        CHECK(days("pal@Y.ORG", {"OURS@x.org", "second@x.org", "nobody@x.org"}) == "5 - - ");
        CHECK(days("stranger@y.org", {"ours@x.org"}) == "- ");
        CHECK(days("pal@y.org", {"ours@x.org"}, {}, 6) == "- ");
        CHECK(days("stranger@z.org", {"second@x.org"}, {"<none@x>", "<ref@x>"}) == "7 ");
        CHECK(days("stranger@z.org", {"second@x.org"}, {"<self@x>"}) == "- ");
        CHECK(days("stranger@z.org", {"ours@x.org"}, {"<ref@x>"}) == "- ");
        CHECK(days("\xff'{\"@z.org", {"\xff@x.org"}, {"<\xff>"}) == "- ");
    }
}

TEST_CASE("originals of bounces: what we sent and nothing else, found by index") {
    for (const std::string kind : {"sqlite", "today"}) {
        if (kind == "today" && !PgServer::is_wanted()) continue;
        INFO(kind);
        const Place place(kind);
        const auto records = open_record_store({*parse_dsn(place.dsn())}, {}).value();
        const auto sent = [&](std::string from, std::string id, bool originating, char disposition = 'P') {
            auto record = make_record(std::move(from), "pal@y.org");
            record.message_id = std::move(id);
            record.originating = originating;
            record.recipients[0].disposition = disposition;
            REQUIRE(keep(*records, record));
        };
        const std::string length(300, 'a');
        sent("ours@x.org", "<1@x>", false);
        sent("other@x.org", "<2@x>", true);
        sent("stranger@y.org", "<3@x>", false);
        sent("ours@x.org", "<4@x>", true, 'D');  // never left
        sent("ours@x.org", "<" + length + "@x>", false);
        const auto store = open_pen_pals({*parse_dsn(place.dsn())}, {}).value();
        const auto knows = [&](std::string id, std::vector<std::string> recipients) {
            const auto known =
                run<Result<std::optional<bool>>>([&] { return store->knows_original({id, recipients}, Deadline::in(30s)); });
            INFO((known ? "" : known.error().detail));
            REQUIRE(known);
            REQUIRE(*known);
            return **known;
        };
        CHECK(knows("<1@x>", {"nobody@x.org", "OURS@X.org"}));
        CHECK_FALSE(knows("<1@x>", {"nobody@x.org"}));
        CHECK(knows("<2@x>", {"nobody@x.org"}));  // originating: whoever sent it (addresses may have been rewritten)
        CHECK_FALSE(knows("<3@x>", {"ours@x.org"}));
        CHECK_FALSE(knows("<4@x>", {"ours@x.org"}));
        CHECK(knows("<" + length + "@x>", {"ours@x.org"}));
        CHECK_FALSE(knows("<none@x>", {"ours@x.org"}));
        CHECK_FALSE(knows("<\xff'{\"\\>", {"\xff'{\"@x.org"}));
    }
}

TEST_CASE("originals of bounces: the question goes by the index on Message-IDs") {
    if (!PgServer::is_wanted()) return;
    const Place place("today");
    const auto records = open_record_store({*parse_dsn(place.dsn())}, {}).value();
    auto record = make_record("ours@x.org", "pal@y.org");
    record.message_id = "<1@x>";
    record.recipients[0].disposition = 'P';
    REQUIRE(keep(*records, record));
    place.run(
        "INSERT INTO msgs (mail_id, am_id, time_num, time_iso, sid, size, host, message_id) SELECT convert_to('m'||i,'UTF8'), '1', 1, now(), 1, 1, 'h', '<m'||i||'>' "
        "FROM generate_series(1,20000) i; ANALYZE msgs");
    const auto used = [&] {
        return place.query("SELECT coalesce(idx_scan,0) FROM pg_stat_user_indexes WHERE indexrelname='msgs_idx_mess_id'").at(0);
    };
    const auto used_before = used();
    auto store = open_pen_pals({*parse_dsn(place.dsn())}, {}).value();
    const auto known =
        run<Result<std::optional<bool>>>([&] { return store->knows_original({"<1@x>", {"ours@x.org"}}, Deadline::in(30s)); });
    REQUIRE(known);
    CHECK(*known == true);
    store.reset();  // a session that ends tells its counters
    CHECK(wait_until([&] { return used() != used_before; }));
}

TEST_CASE("originals of bounces: tables without Message-IDs cannot tell") {
    if (!PgServer::is_wanted()) return;
    const Place place("today");
    place.run("ALTER TABLE msgs RENAME message_id TO message_id_away");
    const auto store = open_pen_pals({*parse_dsn(place.dsn())}, {}).value();
    const auto known =
        run<Result<std::optional<bool>>>([&] { return store->knows_original({"<1@x>", {"ours@x.org"}}, Deadline::in(30s)); });
    INFO((known ? "" : known.error().detail));
    REQUIRE(known);
    CHECK_FALSE(known->has_value());
}
