// quarantine_list - what one page of the quarantine costs with millions of messages, whatever page and whatever search
//
//     quarantine_list [MESSAGES]       default 5,000,000; a private PostgreSQL server, minutes to fill, 4 GB of disk in TMPDIR
//     quarantine_list MESSAGES DSN     on a database that was filled so before
//
// Prints for every search the median and the worst of its pages: newest, in the middle, oldest. The time is that of
// QuarantineStore::list(), address look-up and recipients included, on one warm connection.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "storage/kept/quarantine_store.h"
#include "storage/pg/backend.h"
#include "storage/schema/schema.h"
#include "test/lib/pg_server.h"
#include "test/lib/quarantine_data.h"
#include "test/unit/storage/fixture.h"

namespace {

using namespace tamis;
using namespace tamis::storage;
using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration span) { return std::chrono::duration<double, std::milli>(span).count(); }

struct Search {
    const char* name;
    QuarantineFilter filter;
};

void measure(QuarantineStore& store, const Search& search, long long messages) {
    std::vector<double> times;
    std::size_t rows = 0, pages = 0, cut = 0;
    for (const double place : {1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.01}) {
        std::optional<PageKey> after;
        if (place < 1)
            after = PageKey{test::quarantine_data_begin + static_cast<std::int64_t>(place * static_cast<double>(messages)), "x"};
        for (int i = 0; i < 3; ++i) {  // three pages on from there
            const auto begin = Clock::now();
            const auto page = test::run<Result<QuarantinePage>>(
                [&] { return store.list(search.filter, after, 50, Deadline::in(std::chrono::seconds(60))); });
            times.push_back(milliseconds(Clock::now() - begin));
            if (!page) {
                fmt::print("{}: {}\n", search.name, page.error().detail);
                return;
            }
            ++pages;
            rows += page->items.size();
            cut += page->items.size() < 50 && page->next ? 1 : 0;
            after = page->next;
            if (!after) break;
        }
    }
    std::ranges::sort(times);
    fmt::print("| {:<42} | {:>7.1f} | {:>7.1f} | {:>6.1f} | {:>3} of {} |\n", search.name, times[times.size() / 2], times.back(),
               static_cast<double>(rows) / static_cast<double>(pages), cut, pages);
    std::fflush(stdout);
}

// fill - the tables without their indexes first: that takes a tenth of the time
void fill(test::PgServer& server, const std::string& database, long long messages) {
    server.query(database, std::string(schema_steps(pg::backend).front().sql));
    server.query(database, "CREATE TABLE kept AS SELECT indexdef FROM pg_indexes WHERE tablename IN ('msgs', 'msgrcpt')");
    for (
        const auto* sql :
        {"ALTER TABLE msgs DROP CONSTRAINT msgs_partition_mail",
         "ALTER TABLE msgrcpt DROP CONSTRAINT msgrcpt_partition_mail_rseq",
         "DROP INDEX msgs_idx_sid, msgs_idx_mess_id, msgs_idx_time_iso, msgs_idx_time_num, msgrcpt_idx_mail_id, msgrcpt_idx_rid"})
        server.query(database, sql);
    for (const auto& sql : test::quarantine_addresses()) server.query(database, sql);
    constexpr long long piece = 500'000;
    for (long long first = 1; first <= messages; first += piece)
        for (const auto& sql : test::quarantine_messages(first, std::min(piece, messages - first + 1)))
            server.query(database, sql);
    if (const auto installed = install_schema(*parse_dsn(server.url(database))); !installed)
        throw std::runtime_error(installed.error().detail);
    for (const auto& sql : server.query(database, "SELECT indexdef FROM kept")) server.query(database, sql);
    for (const auto* table : {"msgs", "msgrcpt", "maddr"}) server.query(database, std::string("VACUUM ANALYZE ") + table);
}

int run(const Dsn& dsn, long long messages) {
    const auto store = open_quarantine_store({dsn}, {}).value();
    const std::vector<Search> searches = {
        {"everything", {}},
        {"recipient with most mail", {.recipient = "user1@example.com"}},
        {"recipient with little mail", {.recipient = "user19000@example.com"}},
        {"sender", {.sender = "sender20500@d500.example.org"}},
        {"category virus (1 %)", {.categories = "V"}},
        {"category virus or banned, score >= 5", {.categories = "VB", .min_score = 5}},
        {"state released", {.state = 'R'}},
        {"host", {.host = "filter1.example.com"}},
        {"recipient and state released", {.recipient = "user1@example.com", .state = 'R'}},
        {"one day",
         {.since = test::quarantine_data_begin + messages / 2, .until = test::quarantine_data_begin + messages / 2 + 86'400}},
        {"subject, 1 in 500", {.subject = "invoice"}},
        {"subject, 1 in 100,000", {.subject = "needle"}},
        {"recipient's domain", {.recipient = "@example.com"}},
        {"sender's domain", {.sender = "@d500.example.org"}},
    };
    for (const auto& search : searches) {  // once to fill the caches
        const auto page = test::run<Result<QuarantinePage>>(
            [&] { return store->list(search.filter, {}, 50, Deadline::in(std::chrono::seconds(60))); });
        if (!page) fmt::print("{}: {}\n", search.name, page.error().detail);
    }
    fmt::print("| search | median ms | worst ms | rows a page | pages cut short |\n|---|---|---|---|---|\n");
    for (const auto& search : searches) measure(*store, search, messages);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const long long messages = argc > 1 ? std::atoll(argv[1]) : 5'000'000;
    if (argc > 2) return run(*parse_dsn(argv[2]), messages);
    test::PgServer server({"fsync=off", "synchronous_commit=off", "shared_buffers=512MB", "max_wal_size=8GB", "autovacuum=off",
                           "maintenance_work_mem=256MB"});
    const auto database = server.make_database();
    fill(server, database, messages);
    return run(*parse_dsn(server.url(database)), messages);
}
