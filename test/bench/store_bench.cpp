// store_bench - messages per second and CPU per message of the record store, with a private PostgreSQL on the same cores
//
//   store_bench [MESSAGES [AT_ONCE [SESSIONS [SIZE]]]]     default 20000 64 4 10000
//
// Prints three lines: keep() with a quarantine copy of SIZE bytes, keep() of records only, remember() and drain().
// The server runs with its defaults (fsync and synchronous_commit on). CPU is client plus server, per message.
#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>

#include "base/metric.h"
#include "storage/dsn.h"
#include "storage/records/store.h"
#include "storage/schema/schema.h"
#include "test/lib/pg_server.h"
#include "test/unit/storage/fixture.h"

namespace {

using namespace tamis;
using namespace std::chrono_literals;

struct Load {
    int left = 0, failed = 0;
};

// busy_records - recipients and senders as a real site has them: many, and seen again
mail::MessageRecord busy_record(int number) {
    return test::make_record(fmt::format("sender{}@domain{}.example", number % 5000, number % 700),
                             fmt::format("user{}@example.com", number % 2000));
}

Task<void> one_client(storage::RecordStore& store, Load& load, std::shared_ptr<const mail::SealedSpool> spool) {
    while (load.left > 0) {
        std::optional<mail::QuarantineCopy> copy;
        if (spool) copy = mail::QuarantineCopy{"X-Envelope-From: <a@b>\nX-Quarantine-ID: <x>\n", spool};
        auto done = co_await store.keep(busy_record(load.left--), std::move(copy), Deadline::in(60s));
        if (!done && load.failed++ == 0) fmt::print("FAILED: {}\n", describe(done.error()));
    }
}

double own_cpu() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// commits - so far, from the program's own metrics
double commits() {
    const std::string text = metric::exposition(), name = "\ntamis_storage_commits_total ";
    const auto at = text.find(name);
    return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + name.size(), nullptr);
}

template <class Body>
void measure(const char* what, int messages, const test::PgServer& server, Body body) {
    const double commits_before = commits(), server_before = server.cpu_seconds(), own_before = own_cpu();
    const auto begin = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    const double own = own_cpu() - own_before, servers = server.cpu_seconds() - server_before;
    fmt::print("{}: {:.0f} messages/s, CPU per message {:.3f} ms (client {:.3f}, server {:.3f}), {:.1f} messages per commit\n",
               what, messages / took.count(), (own + servers) * 1000 / messages, own * 1000 / messages, servers * 1000 / messages,
               messages / (commits() - commits_before));
}

}  // namespace

int main(int count, char** arguments) {
    const auto number = [&](int at, int fallback) { return count > at ? std::atoi(arguments[at]) : fallback; };
    const int messages = number(1, 20000), at_once = number(2, 64), sessions = number(3, 4), size = number(4, 10000);
    test::PgServer server;
    const auto dsn = storage::parse_dsn(server.url(server.make_database())).value();
    if (const auto installed = storage::install_schema(dsn); !installed) {
        fmt::print("{}\n", describe(installed.error()));
        return 1;
    }
    const auto store = storage::open_record_store({dsn}, {.connections = static_cast<std::size_t>(sessions)}).value();
    std::string text;
    while (text.size() < static_cast<std::size_t>(size))
        text += fmt::format("line {} of a message that is put into quarantine\r\n", text.size());
    const auto spool = test::make_spool(text, text.size());
    const auto keep_many = [&](std::shared_ptr<const mail::SealedSpool> copied) {
        asio::io_context loop(1);
        Load load{messages};
        for (int i = 0; i < at_once; ++i) asio::co_spawn(loop, one_client(*store, load, copied), asio::detached);
        loop.run();
    };
    fmt::print("{} messages, {} at once, at most {} sessions\n", messages, at_once, sessions);
    measure(fmt::format("quarantine {} B", size).c_str(), messages, server, [&] { keep_many(spool); });
    measure("records, awaited", messages, server, [&] { keep_many(nullptr); });
    measure("records, remembered", messages, server, [&] {
        for (int i = 0; i < messages; ++i) store->remember(busy_record(i));
        const auto left = test::run<std::size_t>([&] { return store->drain(Deadline::in(120s)); });
        if (left > 0) fmt::print("{} left\n", left);
    });
    return 0;
}
