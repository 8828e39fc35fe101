// lookup_latency - what a policy lookup costs with a large table of users
//
//     lookup_latency [USERS]          (1000000)
//
// Starts a PostgreSQL of its own, fills users, and measures LookupStore::look_up() of one recipient at a time, never the
// same twice: without the cache, with it, with 50 recipients of one message, and how long merging the rows takes.
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>

#include "policy/policy_layers.h"
#include "storage/lookups/lookup_store.h"
#include "storage/schema/schema.h"
#include "test/lib/pg_server.h"

namespace {

using namespace tamis;
using Clock = std::chrono::steady_clock;

storage::LookupAddress address(const std::string& text) {
    storage::LookupAddress out;
    out.pieces = policy::address_pieces(text, {"+", false});
    out.keys = policy::sql_keys(out.pieces, {.with_bare_user = true});
    out.is_local = true;
    return out;
}

storage::LookupRequest request(int first, int count) {
    storage::LookupRequest out;
    for (int i = 0; i < count; ++i) {
        const int user = first + i;
        out.recipients.push_back(address(fmt::format("user{}+x@d{}.example.com", user, user % 1000)));
    }
    out.senders.push_back(address("sender@else.example.org"));
    return out;
}

double microseconds(Clock::duration span) { return std::chrono::duration<double, std::micro>(span).count(); }

// measure - the median and the 99th percentile of `rounds` lookups, one after the other on one loop
Task<void> measure(std::string name, std::shared_ptr<storage::LookupStore> store, int rounds, int recipients, bool is_repeated) {
    std::vector<double> spans;
    std::size_t found = 0;
    for (int i = 0; i < rounds; ++i) {
        auto wanted = request(is_repeated ? 7 : 1000 + i * 97, recipients);
        const auto begun = Clock::now();
        const auto answer = co_await store->look_up(std::move(wanted), Deadline::in(std::chrono::seconds(30)));
        if (!answer) {
            fmt::print("{}: {}\n", name, describe(answer.error()));
            co_return;
        }
        if (i > 0) spans.push_back(microseconds(Clock::now() - begun));  // the first one waits for the connection
        for (const auto& rows : answer->rows) found += rows.size();
    }
    std::ranges::sort(spans);
    fmt::print("{:<34} median {:8.1f} us   99% {:8.1f} us   {:.1f} rows\n", name, spans[spans.size() / 2],
               spans[spans.size() * 99 / 100], static_cast<double>(found) / rounds);
}

void measure_merging(const std::vector<policy::UserRow>& rows) {
    const policy::PolicyTables tables;
    const auto recipient = policy::address_pieces("user7+x@d7.example.com", {"+", false});
    constexpr int rounds = 20'000;
    std::size_t problems = 0;
    const auto begun = Clock::now();
    for (int i = 0; i < rounds; ++i) problems += policy::effective_policy(tables, {}, recipient, rows).problems.size();
    fmt::print("{:<34} mean   {:8.1f} us   ({} rows, {} problems)\n", "merging one recipient's layers",
               microseconds(Clock::now() - begun) / rounds, rows.size(), problems);
}

void run(asio::io_context& loop, Task<void> task) {
    asio::co_spawn(loop, std::move(task), [](const std::exception_ptr& trouble) {
        if (trouble) std::rethrow_exception(trouble);
    });
    loop.run();
    loop.restart();
}

}  // namespace

int main(int argc, char** argv) {
    const int users = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
    test::PgServer server({"fsync=off"});
    const auto name = server.make_database();
    const auto dsn = *storage::parse_dsn(server.url(name));
    if (!storage::install_schema(dsn)) return 1;
    server.query(
        name,
        "INSERT INTO policy (id, policy_name, spam_kill_level, bypass_spam_checks) SELECT i, 'p', 5+i, 'N' FROM generate_series(1,100) i");
    server.query(name,
                 fmt::format("INSERT INTO users (priority, policy_id, email) SELECT 7, 1+i%100, "
                             "convert_to('user' || i || '@d' || (i%1000) || '.example.com', 'UTF8') FROM generate_series(0,{}) i",
                             users - 1));
    server.query(
        name,
        "INSERT INTO users (priority, policy_id, email) SELECT 5, 1, convert_to('@d' || i || '.example.com', 'UTF8') FROM generate_series(0,999) i");
    server.query(name, "INSERT INTO users (priority, policy_id, email) VALUES (0, 1, '@.')");
    server.query(
        name,
        "INSERT INTO mailaddr (email) SELECT convert_to('s' || i || '@else.example.org', 'UTF8') FROM generate_series(0,9999) i");
    server.query(name, "INSERT INTO mailaddr (email) VALUES ('@else.example.org')");
    server.query(
        name,
        "INSERT INTO wblist SELECT u.id, m.id, '1' FROM (SELECT id FROM users LIMIT 50000) u, (SELECT max(id) id FROM mailaddr) m");
    server.query(name, "ANALYZE");
    fmt::print("{} users on PostgreSQL over TCP\n", users);
    asio::io_context loop(1);
    const auto plain = storage::open_lookup_store({dsn}, {}).value();
    run(loop, measure("one recipient, not cached", plain, 3000, 1, false));
    run(loop, measure("50 recipients, not cached", plain, 300, 50, false));
    const auto without = storage::open_lookup_store({dsn}, {.select_wblist = ""}).value();
    run(loop, measure("50 recipients, without wblist", without, 300, 50, false));
    const auto kept = storage::open_lookup_store({dsn}, {.cache = std::chrono::hours(1)}).value();
    run(loop, measure("(connecting)", kept, 3, 1, false));
    run(loop, measure("one recipient, cached", kept, 20000, 1, true));
    std::vector<policy::UserRow> rows;
    asio::co_spawn(loop, plain->look_up(request(7, 1), Deadline::in(std::chrono::seconds(30))),
                   [&rows](const std::exception_ptr&, Result<storage::LookupAnswer> answer) {
                       if (answer) rows = std::move(answer->rows.front());
                   });
    loop.run();
    measure_merging(rows);
    return 0;
}
