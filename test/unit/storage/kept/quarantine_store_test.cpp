#include "storage/kept/quarantine_store.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "storage/kept/quarantine_sql.h"
#include "storage/pg/backend.h"
#include "storage/schema/schema.h"
#include "storage/schema/schema_tool.h"
#include "storage/sqlite/database.h"
#include "test/lib/pg_server.h"
#include "test/lib/quarantine_data.h"
#include "test/unit/storage/fixture.h"

using namespace tamis;
using namespace tamis::storage;
using namespace tamis::test;

namespace {

PgServer& server() {
    static PgServer instance({"max_connections=40", "fsync=off"});
    return instance;
}

struct Folder {
    Folder() : path((std::filesystem::temp_directory_path() / "tamis-quarantine-XXXXXX").string()) {
        if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp");
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

// Bases - an empty database of each kind with our schema
struct Bases {
    Folder folder;
    std::vector<Dsn> dsns;
    Bases() {
        dsns.push_back(*parse_dsn("sqlite:" + folder.path + "/t.db"));
        if (PgServer::is_wanted()) dsns.push_back(*parse_dsn(server().url(server().make_database())));
        for (const auto& dsn : dsns) REQUIRE(install_schema(dsn));
    }
};

std::shared_ptr<QuarantineStore> open(const Dsn& dsn) { return open_quarantine_store({dsn}, {}).value(); }

QuarantinePage page_of(QuarantineStore& store, QuarantineFilter filter, std::optional<PageKey> after = {},
                       std::size_t limit = 50) {
    auto page = run<Result<QuarantinePage>>([&] { return store.list(filter, after, limit, Deadline::in(30s)); });
    INFO((page ? "" : page.error().detail));
    REQUIRE(page);
    return *page;
}

std::vector<std::string> subjects(const QuarantinePage& page) {
    std::vector<std::string> out;
    for (const auto& item : page.items) out.push_back(item.subject);
    return out;
}

std::vector<std::string> subjects(QuarantineStore& store, QuarantineFilter filter) {
    return subjects(page_of(store, std::move(filter)));
}

std::vector<QuarantineItem> find(QuarantineStore& store, const std::string& mail_id, std::optional<std::int64_t> tag = {}) {
    auto found = run<Result<std::vector<QuarantineItem>>>([&] { return store.find(mail_id, tag, Deadline::in(30s)); });
    INFO((found ? "" : found.error().detail));
    REQUIRE(found);
    return *found;
}

mail::MessageRecord record(int number, std::string subject, char content, std::string sender,
                           std::vector<std::string> recipients) {
    auto out = make_record(std::move(sender), recipients.front());
    out.received_at = std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000 + number));
    out.subject = std::move(subject);
    out.content = content;
    out.spam_level = number;
    out.host = number % 2 == 0 ? "even.example.com" : "odd.example.com";
    for (std::size_t i = 1; i < recipients.size(); ++i) {
        out.recipients.push_back(out.recipients.front());
        out.recipients.back().address = recipients[i];
    }
    return out;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("the quarantine is listed newest first by every filter") {
    Bases bases;
    for (const auto& dsn : bases.dsns) {
        INFO(dsn.shown);
        const auto records = open_record_store({dsn}, {}).value();
        REQUIRE(keep(*records, record(1, "one 100% a_b", 'S', "a@one.example.org", {"bob@example.com"})));
        REQUIRE(keep(*records, record(2, "two", 'V', "B@Two.example.org",
                                      {"bob@example.com", "Bob@example.com", "carol@other.example.com"})));
        REQUIRE(keep(*records, record(3, "three", 'S', "", {"carol@other.example.com"})));
        REQUIRE(keep(*records, record(4, "four \xe2\x82\xac", 'B', "a@one.example.org",
                                      {"dave@example.com",
                                       "fred@B\xc3\xbc"
                                       "cher.example"})));
        auto clean = record(5, "clean", 'C', "a@one.example.org", {"bob@example.com"});
        clean.quarantine_type = ' ';
        REQUIRE(keep(*records, clean));
        const auto store = open(dsn);
        CHECK(subjects(*store, {}) == Names{"four \xe2\x82\xac", "three", "two", "one 100% a_b"});
        CHECK(subjects(*store, {.recipient = "BOB@example.com"}) == Names{"two", "one 100% a_b"});
        CHECK(subjects(*store, {.recipient = "nobody@example.com"}).empty());
        CHECK(subjects(*store, {.recipient = "@other.example.com"}) == Names{"three", "two"});
        for (const char* same : {"@b\xc3\xbc"
                                 "cher.example",
                                 "@xn--bcher-kva.example",
                                 "fred@b\xc3\xbc"
                                 "cher.example",
                                 "Fred@xn--bcher-kva.example"})
            CHECK(subjects(*store, {.recipient = same}) == Names{"four \xe2\x82\xac"});
        CHECK(subjects(*store, {.sender = "b@two.example.org"}) == Names{"two"});
        CHECK(subjects(*store, {.sender = "<>"}) == Names{"three"});
        CHECK(subjects(*store, {.sender = "@one.example.org"}) == Names{"four \xe2\x82\xac", "one 100% a_b"});
        CHECK(subjects(*store, {.recipient = "bob@example.com", .sender = "a@one.example.org"}) == Names{"one 100% a_b"});
        CHECK(subjects(*store, {.subject = "100% a_"}) == Names{"one 100% a_b"});
        CHECK(subjects(*store, {.subject = "TW"}) == Names{"two"});
        CHECK(subjects(*store, {.subject = "_b%"}).empty());
        CHECK(subjects(*store, {.subject = "'; DROP TABLE msgs; --"}).empty());
        CHECK(subjects(*store, {.categories = "VB"}) == Names{"four \xe2\x82\xac", "two"});
        CHECK(subjects(*store, {.recipient = "bob@example.com", .categories = "V"}) == Names{"two"});
        CHECK(subjects(*store, {.min_score = 2, .max_score = 3}) == Names{"three", "two"});
        CHECK(subjects(*store, {.host = "odd.example.com"}) == Names{"three", "one 100% a_b"});
        CHECK(subjects(*store, {.since = 1'700'000'002, .until = 1'700'000'004}) == Names{"three", "two"});
        CHECK(subjects(*store, {.state = 'R'}).empty());
        CHECK(subjects(*store, {.recipient = "bob@example.com", .state = ' '}) == Names{"two", "one 100% a_b"});

        const auto first = page_of(*store, {}, {}, 3);
        CHECK(subjects(first) == Names{"four \xe2\x82\xac", "three", "two"});
        REQUIRE(first.next);
        const auto second = page_of(*store, {}, first.next, 3);
        CHECK(subjects(second) == Names{"one 100% a_b"});
        CHECK_FALSE(second.next);
        const auto& two = first.items[2];
        CHECK(two.sender == "b@two.example.org");
        CHECK((two.time == 1'700'000'002 && two.content == 'V' && two.score == 2 && two.type == "Q" && two.size == 1234));
        REQUIRE(two.recipients.size() == 3);
        CHECK(two.recipients[1].sequence == 2);
        CHECK(two.recipients[2].address == "carol@other.example.com");
        CHECK((two.recipients[2].state == " " && two.recipients[2].disposition == 'D'));
    }
}

TEST_CASE("a message is found in each partition, and its states change by compare and set") {
    Bases bases;
    for (const auto& dsn : bases.dsns) {
        INFO(dsn.shown);
        const auto records = open_record_store({dsn}, {}).value();
        auto kept = record(1, "one", 'S', "a@example.org", {"bob@example.com", "carol@example.com"});
        REQUIRE(keep(*records, kept,
                     mail::QuarantineCopy{"X-Quarantine-ID: <x>\n",
                                          make_spool("Subject: x\r\n\r\n" + std::string(40'000, 'x') + "\r\n")}));
        kept.partition_tag = 7;
        REQUIRE(keep(*records, kept));
        const auto store = open(dsn);
        const auto both = find(*store, kept.mail_id.get());
        REQUIRE(both.size() == 2);
        CHECK((both[0].key.partition_tag == 0 && both[1].key.partition_tag == 7));
        CHECK(find(*store, kept.mail_id.get(), 7).size() == 1);
        CHECK(find(*store, kept.mail_id.get(), 8).empty());
        CHECK(find(*store, "unknown-id").empty());

        const auto& carol = both[0].recipients.at(1);
        const StateChange change{both[0].key, carol, "t", carol.response + " [releasing]"};
        const auto ask = [&](const StateChange& wanted) {
            return run<Result<StateNow>>([&] { return store->change_state(wanted, Deadline::in(30s)); });
        };
        auto now = ask(change);
        REQUIRE(now);
        CHECK(now->changed);
        now = ask(change);  // the same again: done, not twice
        CHECK(now->changed);
        auto other = change;
        other.response = "somebody else's";
        now = ask(other);
        REQUIRE(now);
        CHECK_FALSE(now->changed);
        CHECK((now->state == "t" && now->response == change.response));
        const auto after = find(*store, kept.mail_id.get());
        CHECK(
            (after[0].recipients[0].state == " " && after[0].recipients[1].state == "t" && after[1].recipients[1].state == " "));
        CHECK(subjects(*store, {.state = 't'}) == Names{"one"});

        std::string text;
        std::int64_t last = -1;
        for (;;) {
            const auto chunks =
                run<Result<std::vector<Chunk>>>([&] { return store->read_chunks(both[0].key, last, Deadline::in(30s)); });
            REQUIRE(chunks);
            if (chunks->empty()) break;
            for (const auto& chunk : *chunks) text += chunk.text;
            last = chunks->back().number;
        }
        CHECK(text == "X-Quarantine-ID: <x>\nSubject: x\n\n" + std::string(40'000, 'x') + "\n");
        CHECK(last == 3);

        const auto stats = run<Result<QuarantineStats>>([&] { return store->stats(0, 2'000'000'000, Deadline::in(30s)); });
        REQUIRE(stats);
        REQUIRE(stats->counts.size() == 1);
        CHECK((stats->counts[0].messages == 2 && stats->counts[0].octets == 2468 && stats->counts[0].content == 'S'));
        CHECK(stats->states == std::vector<std::pair<std::string, std::uint64_t>>{{" ", 3}, {"t", 1}});

        REQUIRE(run<Done>([&] { return store->remove(both[0].key, Deadline::in(30s)); }));
        CHECK(run<Result<std::vector<Chunk>>>([&] { return store->read_chunks(both[0].key, -1, Deadline::in(30s)); })->empty());
        CHECK(page_of(*store, {}).items.size() == 1);
        CHECK(find(*store, kept.mail_id.get(), 0).at(0).recipients.at(0).state == "D");
        const auto unknown = run<Done>([&] { return store->remove({0, "unknown"}, Deadline::in(30s)); });
        REQUIRE_FALSE(unknown);
        CHECK(unknown.error().is(Errc::not_found));
    }
}

TEST_CASE("a database from before amavisd 2.6 is listed too: no partition_tag, rseqnum, quar_loc; addresses and ids as texts") {
    if (!PgServer::is_wanted()) return;
    for (const auto encoding : {"UTF8", "SQL_ASCII", "LATIN1"}) {
        INFO(encoding);
        const auto database = server().make_database(encoding);
        server().query(
            database,
            "CREATE TABLE maddr (id serial PRIMARY KEY, email varchar(255) NOT NULL UNIQUE, domain varchar(255) NOT NULL)");
        server().query(
            database,
            "CREATE TABLE msgs (mail_id varchar(12) PRIMARY KEY, secret_id varchar(12), am_id varchar(20) NOT NULL, time_num integer NOT NULL, "
            "time_iso char(16) NOT NULL, sid integer NOT NULL, policy varchar(255), client_addr varchar(255), size integer NOT NULL, content char(1), "
            "quar_type char(1), dsn_sent char(1), spam_level real, message_id varchar(255), from_addr varchar(255), subject varchar(255), host varchar(255) NOT NULL)");
        server().query(
            database,
            "CREATE TABLE msgrcpt (mail_id varchar(12) NOT NULL, rid integer NOT NULL, ds char(1) NOT NULL, rs char(1) NOT NULL, bl char(1), wl char(1), "
            "bspam_level real, smtp_resp varchar(255))");
        server().query(
            database,
            "CREATE TABLE quarantine (mail_id varchar(12) NOT NULL, chunk_ind integer NOT NULL, mail_text text NOT NULL, PRIMARY KEY (mail_id, chunk_ind))");
        server().query(
            database,
            "INSERT INTO maddr (email, domain) VALUES ('a@example.org', 'org.example'), ('bob@example.com', 'com.example')");
        server().query(
            database,
            "INSERT INTO msgs VALUES ('mailid+12345', 's', 'x', 1700000000, '20230106T101500', 1, '', '', 10, 'S', 'Q', 'N', 5, '', 'f', 'old', 'h')");
        server().query(database, "INSERT INTO msgrcpt VALUES ('mailid+12345', 2, 'D', ' ', 'N', 'N', 5, NULL)");
        server().query(database, "INSERT INTO quarantine VALUES ('mailid+12345', 1, 'gr' || chr(252) || 'n')");
        const auto dsn = *parse_dsn(server().url(database));
        for (const bool upgraded : {false, true}) {
            INFO(upgraded);
            if (upgraded) REQUIRE(install_schema(dsn).value() == 1);
            const auto store = open(dsn);
            CHECK(subjects(*store, {}) == Names{"old"});
            CHECK(subjects(*store, {.recipient = "bob@example.com"}) == Names{"old"});
            CHECK(subjects(*store, {.sender = "a@example.org", .categories = "S", .state = upgraded ? 'V' : ' '}) ==
                  Names{"old"});
            CHECK(subjects(*store, {.recipient = "@example.com"}) == Names{"old"});
            const auto found = find(*store, "mailid+12345");
            REQUIRE(found.size() == 1);
            REQUIRE(found[0].recipients.size() == 1);
            const auto chunks =
                run<Result<std::vector<Chunk>>>([&] { return store->read_chunks(found[0].key, -1, Deadline::in(30s)); });
            REQUIRE(chunks);
            REQUIRE(chunks->size() == 1);
            CHECK(chunks->front().text == (std::string_view(encoding) == "UTF8" ? "gr\xc3\xbcn" : "gr\xfcn"));
            const StateChange change{found[0].key, found[0].recipients[0], upgraded ? "R" : "V", "ok"};
            const auto now = run<Result<StateNow>>([&] { return store->change_state(change, Deadline::in(30s)); });
            REQUIRE(now);
            CHECK(now->changed);
            CHECK(subjects(*store, {.state = upgraded ? 'R' : 'V'}) == Names{"old"});
        }
    }
}

TEST_CASE("a table that is none of amavisd's is a clear fault") {
    if (!PgServer::is_wanted()) return;
    log::capture(true);
    const auto store = open_quarantine_store({*parse_dsn(server().url(server().make_database()))}, {.patience = 200ms}).value();
    const auto page = run<Result<QuarantinePage>>([&] { return store->list({}, {}, 50, Deadline::in(20s)); });
    log::capture(false);
    REQUIRE_FALSE(page);
    CHECK(page.error().detail.find("no table ") != std::string::npos);
}

TEST_CASE("no page of a large quarantine scans a table, and pages fit together") {
    if (!PgServer::is_wanted()) return;
    const auto database = server().make_database();
    const auto dsn = *parse_dsn(server().url(database));
    server().query(database, std::string(schema_steps(pg::backend).front().sql));
    constexpr long long messages = 200'000;
    for (const auto& sql : quarantine_addresses()) server().query(database, sql);
    for (const auto& sql : quarantine_messages(1, messages)) server().query(database, sql);
    REQUIRE(install_schema(dsn).value() == 1);
    for (const auto* table : {"msgs", "msgrcpt", "maddr", "quarantine"})
        server().query(database, std::string("ANALYZE ") + table);
    const auto store = open(dsn);

    const auto catalogue = read_catalogue(dsn).value();
    const SqlTarget target{catalogue, dsn.backend->sql()};
    const auto plan = [&](SqlQuery query) {
        for (std::size_t i = query.values.size(); i-- > 0;) {
            const auto place = fmt::format("${}", i + 1);
            for (auto at = query.sql.find(place); at != std::string::npos; at = query.sql.find(place))
                query.sql.replace(at, place.size(), "'" + query.values[i].value + "'");
        }
        return server().query(database,
                              "SET enable_seqscan=off; SET enable_hashjoin=off; SET enable_mergejoin=off; EXPLAIN " + query.sql);
    };
    const QuarantineFilter filters[] = {{},
                                        {.recipient = "user1@example.com"},
                                        {.recipient = "user19000@example.com"},
                                        {.recipient = "@example.com"},
                                        {.sender = "sender20500@d500.example.org"},
                                        {.sender = "@d500.example.org"},
                                        {.subject = "invoice"},
                                        {.categories = "V"},
                                        {.categories = "VB", .min_score = 5},
                                        {.host = "filter1.example.com"},
                                        {.state = 'R'},
                                        {.recipient = "user1@example.com", .state = 'R'},
                                        {.since = quarantine_data_begin + 1000, .until = quarantine_data_begin + 2000}};
    for (const auto& filter : filters) {
        PageRequest request{filter, PageKey{quarantine_data_begin + messages / 2, "x"}, 50, {1, 2}, {20500}};
        for (const auto& query :
             {page_query(target, request), end_query(target, request), address_query(target, "user1@example.com"),
              find_query(target, "abcdefghijkl", {}), recipients_queries(target, {{0, "abcdefghijkl"}}, 11).front(),
              chunks_query(target, {0, "abcdefghijkl"}, 0, 64)}) {
            const auto lines = plan(query);
            INFO(query.sql << "\n" << join(lines, "\n"));
            REQUIRE_FALSE(lines.empty());
            const auto all = join(lines, "\n");
            for (const auto* table : {"msgs", "msgrcpt", "maddr", "quarantine"})
                CHECK(all.find(std::string("Seq Scan on ") + table) == std::string::npos);
        }
        // all pages together are what one statement says, without a gap and without a message twice
        std::set<std::string> seen;
        std::optional<PageKey> after;
        std::int64_t before = INT64_MAX;
        int pages = 0, out_of_order = 0, twice = 0;
        do {
            const auto page = page_of(*store, filter, after, 1000);
            for (const auto& item : page.items) {
                out_of_order += item.time > before ? 1 : 0;
                before = item.time;
                twice += seen.insert(item.key.mail_id).second ? 0 : 1;
            }
            after = page.next;
        } while (after && ++pages < 12);
        CHECK(out_of_order == 0);
        CHECK(twice == 0);
        std::string where = "m.quar_type <> ' '";
        if (filter.recipient.starts_with("user")) where += " AND a.email = '" + filter.recipient + "'::bytea";
        if (filter.sender.starts_with("sender")) where += " AND s.email = '" + filter.sender + "'::bytea";
        if (filter.sender.starts_with("@")) where += " AND s.domain = 'org.example.d500'";
        if (!filter.subject.empty()) where += " AND m.subject LIKE '%" + filter.subject + "%'";
        if (filter.categories == "V") where += " AND m.content = 'V'";
        if (filter.categories == "VB") where += " AND m.content IN ('V', 'B') AND m.spam_level >= 5";
        if (!filter.host.empty()) where += " AND m.host = '" + filter.host + "'";
        if (filter.state) where += " AND r.rs = 'R'";
        if (filter.since) where += fmt::format(" AND m.time_num >= {} AND m.time_num < {}", *filter.since, *filter.until);
        if (after) where += fmt::format(" AND m.time_num > {}", after->time);
        const auto expected = server().query(
            database,
            "SELECT count(*) FROM msgs m JOIN msgrcpt r USING (partition_tag, mail_id) JOIN maddr a ON a.id = r.rid "
            "JOIN maddr s ON s.id = m.sid WHERE " +
                where);
        INFO(where);
        // the last page may have ended inside a second: its key is the last one seen
        CHECK(std::abs(static_cast<long long>(seen.size()) - std::stoll(expected.front())) <= (after ? 1 : 0));
        CHECK(seen.size() > 0);
    }
}
