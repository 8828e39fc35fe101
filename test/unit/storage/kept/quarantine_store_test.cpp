#include "storage/kept/quarantine_store.h"

#include <catch2/catch.hpp>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "storage/kept/quarantine_sql.h"
#include "storage/pg/backend.h"
#include "storage/schema/schema.h"
#include "storage/schema/schema_tool.h"
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

using Names = std::vector<std::string>;

}  // namespace

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
