// open_lookups - from a list of DSNs to the backend that answers lookups: one line per kind of database
#include "storage/custom_statement.h"
#include "storage/lookup_cache.h"
#include "storage/lookup_store.h"
#include "storage/pg/lookups.h"
#include "storage/sqlite/lookups.h"

namespace tamis::storage {

Done same_kind(const std::vector<Dsn>& dsns, std::string_view setting) {
    if (dsns.empty()) return fail(Errc::bad_input, std::string(setting) + ": no DSN is given");
    const auto kind = dsns.front().kind;
    if (std::ranges::all_of(dsns, [&](const Dsn& dsn) { return dsn.kind == kind; })) return {};
    return fail(Errc::bad_input, std::string(setting) + ": all DSNs of a list must be of the same kind of database");
}

namespace {

Result<CustomLookups> custom_lookups(const LookupOptions& options) {
    CustomLookups custom;
    if (!options.select_policy.empty()) {
        auto statement = CustomStatement::parse(options.select_policy, "storage.select_policy");
        if (!statement) return std::unexpected(std::move(statement.error()));
        custom.policy = std::move(*statement);
    }
    if (!options.select_wblist) return custom;
    custom.asks_wblist = !options.select_wblist->empty();
    if (!custom.asks_wblist) return custom;
    auto statement = CustomStatement::parse(*options.select_wblist, "storage.select_wblist");
    if (!statement) return std::unexpected(std::move(statement.error()));
    custom.wblist = std::move(*statement);
    return custom;
}

}  // namespace

Result<std::shared_ptr<LookupStore>> open_lookup_store(std::vector<Dsn> dsns, LookupOptions options) {
    if (auto fine = same_kind(dsns, "storage.lookup_dsn"); !fine) return std::unexpected(std::move(fine.error()));
    auto custom = custom_lookups(options);
    if (!custom) return std::unexpected(std::move(custom.error()));
    const auto cache = options.cache.count() > 0 ? std::make_shared<LookupCache>(options.cache) : nullptr;
    std::shared_ptr<LookupStore> store;
    if (dsns.front().kind == Dsn::Kind::postgresql)
        store = pg::open_lookups(std::move(dsns), options, std::move(*custom),
                                 cache ? std::function<void()>([cache] { cache->clear(); }) : nullptr);
    else store = sqlite::open_lookups(std::move(dsns), options, std::move(*custom));
    return cache ? cached(std::move(store), cache) : store;
}

Result<std::shared_ptr<PenPalStore>> open_pen_pals(std::vector<Dsn> dsns, LookupOptions options) {
    if (auto fine = same_kind(dsns, "storage.storage_dsn"); !fine) return std::unexpected(std::move(fine.error()));
    if (dsns.front().kind == Dsn::Kind::postgresql) return pg::open_pen_pals(std::move(dsns), options);
    return sqlite::open_pen_pals(std::move(dsns), options);
}

}  // namespace tamis::storage
