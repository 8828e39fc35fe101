// quarantine_list - what one page of the quarantine costs with millions of messages, whatever page and whatever search
//
//     quarantine_list [MESSAGES]     default 5,000,000; a private PostgreSQL server, minutes to fill, 2.5 GB of disk in TMPDIR
//
// Prints for every search the median and the worst of its pages: newest, in the middle, oldest. The time is that of
// QuarantineStore::list(), address look-up and recipients included, on one warm connection.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "storage/quarantine_store.h"
#include "storage/schema.h"
#include "test/lib/pg_server.h"
#include "test/lib/quarantine_data.h"
#include "test/unit/storage/fixture.h"

namespace {

using namespace tamis;
using namespace tamis::storage;
using Clock = std::chrono::steady_clock;

double milliseconds(Clock::duration span) { return std::chrono::duration<double, std::milli>(span).count(); }

struct Search {
    const char*      name;
    QuarantineFilter filter;
};

void measure(QuarantineStore& store, const Search& search, long long messages) {
    std::vector<double> times;
    std::size_t rows = 0, pages = 0, cut = 0;
    for (const double place : {1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.01}) {
        std::optional<PageKey> after;
        if (place < 1) after = PageKey{test::quarantine_data_begin + static_cast<std::int64_t>(place * static_cast<double>(messages)), "x"};
        for (int i = 0; i < 3; ++i) {  // three pages on from there
            const auto begin = Clock::now();
            const auto page = test::run<Result<QuarantinePage>>([&] { return store.list(search.filter, after, 50, Deadline::in(std::chrono::seconds(60))); });
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

}  // namespace

int main(int argc, char** argv) {
    const long long messages = argc > 1 ? std::atoll(argv[1]) : 5'000'000;
    test::PgServer server({"fsync=off", "synchronous_commit=off", "shared_buffers=512MB", "max_wal_size=8GB", "autovacuum=off", "maintenance_work_mem=256MB"});
    const auto database = server.make_database();
    const auto dsn = *parse_dsn(server.url(database));
    auto begin = Clock::now();
    const auto lap = [&](const std::string& what) {
        fmt::print("{}: {:.1f} s\n", what, milliseconds(Clock::now() - begin) / 1000);
        std::fflush(stdout);
        begin = Clock::now();
    };
    server.query(database, std::string(schema_steps(Dsn::Kind::postgresql).front().sql));
    for (const auto& sql : test::quarantine_addresses()) server.query(database, sql);
    constexpr long long piece = 500'000;
    for (long long first = 1; first <= messages; first += piece)
        for (const auto& sql : test::quarantine_messages(first, std::min(piece, messages - first + 1))) server.query(database, sql);
    lap(fmt::format("{} messages written", messages));
    if (const auto installed = install_schema(dsn); !installed) {
        fmt::print("{}\n", installed.error().detail);
        return 1;
    }
    lap("schema step 0002 on them");
    for (const auto* table : {"msgs", "msgrcpt", "maddr"}) server.query(database, std::string("VACUUM ANALYZE ") + table);
    lap("VACUUM ANALYZE");
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
        {"one day", {.since = test::quarantine_data_begin + messages / 2, .until = test::quarantine_data_begin + messages / 2 + 86'400}},
        {"subject, 1 in 500", {.subject = "invoice"}},
        {"subject, 1 in 100,000", {.subject = "needle"}},
        {"recipient's domain", {.recipient = "@example.com"}},
        {"sender's domain", {.sender = "@d500.example.org"}},
    };
    for (const auto& search : searches) {  // once to fill the caches
        const auto page = test::run<Result<QuarantinePage>>([&] { return store->list(search.filter, {}, 50, Deadline::in(std::chrono::seconds(60))); });
        if (!page) fmt::print("{}: {}\n", search.name, page.error().detail);
    }
    fmt::print("| search | median ms | worst ms | rows a page | pages cut short |\n|---|---|---|---|---|\n");
    for (const auto& search : searches) measure(*store, search, messages);
    return 0;
}
