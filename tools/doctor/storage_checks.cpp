// storage_checks - asks every database of lookup_dsn and storage_dsn, without changing anything in it
#include <fmt/format.h>

#include <chrono>
#include <initializer_list>

#include "base/text.h"
#include "storage/backend.h"
#include "tools/doctor/checks.h"
#include "tools/doctor/database_facts.h"
#include "tools/doctor/together.h"

namespace tamis::doctor {
namespace {

using storage::Dsn;

// ask_all - the databases of both lists at the same time: several that are away keep us no longer than one
Task<void> ask_all(asio::io_context& loop, std::initializer_list<std::vector<DatabaseFacts>*> lists,
                   std::chrono::milliseconds patience) {
    Report unused("storage");
    Together all(unused, "storage");
    for (auto* list : lists)
        for (auto& facts : *list) all.add(facts.dsn.backend->doctor.probe(loop, facts, patience));
    co_await all.ask_all();
}

std::vector<DatabaseFacts> facts_of(std::vector<Dsn> dsns, const std::string& setting, bool wants_keys) {
    storage::name_entries(dsns, setting);
    std::vector<DatabaseFacts> out;
    for (const auto& dsn : dsns) {
        if (dsn.is_private) continue;
        out.emplace_back().dsn = dsn;
        out.back().wants_keys = wants_keys;
    }
    return out;
}

}  // namespace

Task<void> check_storage(asio::io_context& loop, const Viewpoint& from, Report& report) {
    const auto& settings = *from.settings;
    const auto same = std::ranges::equal(settings.storage_dsns, settings.lookup_dsns, {}, &Dsn::shown, &Dsn::shown);
    constexpr std::int64_t for_quarantine = 2;
    const auto records = settings.storage.connections + (settings.control.listen.empty() ? 0 : for_quarantine) +
                         (settings.asks_records() ? settings.storage.lookup_connections : 0);
    const auto lookups = settings.storage.lookup_connections;
    DatabaseUse use{"storage_dsn", true, false, records, settings.file, from.user};
    if (same) {
        use.settings = "storage_dsn and lookup_dsn";
        use.is_lookups = true;
        use.connections += lookups;
    }
    const bool asks_own = settings.storage.select_policy.empty();  // with another statement other columns may be the keys
    use.no_at_means_domain = settings.storage.lookup_no_at_means_domain;
    auto storage = facts_of(settings.storage_dsns, use.settings, same && asks_own);
    auto lookup = same ? std::vector<DatabaseFacts>() : facts_of(settings.lookup_dsns, "lookup_dsn", asks_own);
    // a little less than the patience, so that the answer is there when it ends
    co_await ask_all(loop, {&storage, &lookup}, std::chrono::milliseconds(from.patience) * 4 / 5);
    if (settings.storage_dsns.empty()) report.ok("storage_dsn is an empty list: nothing is recorded");
    judge_databases(storage, use, report);
    judge_databases(lookup, {"lookup_dsn", false, true, lookups, settings.file, from.user, use.no_at_means_domain}, report);
}

}  // namespace tamis::doctor
