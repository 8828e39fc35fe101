// open_lookups - from a list of DSNs to what their backend answers lookups with
#include <fmt/format.h>

#include "storage/backend.h"
#include "storage/lookups/custom_statement.h"
#include "storage/lookups/lookup_cache.h"
#include "storage/lookups/lookup_store.h"

namespace tamis::storage {

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
    const Backend& backend = *dsns.front().backend;
    if (backend.open.lookups == nullptr)
        return fail(Errc::bad_input, fmt::format("storage.lookup_dsn: {} cannot keep policies", backend.name));
    const auto cache = options.cache.count() > 0 ? std::make_shared<LookupCache>(options.cache) : nullptr;
    auto store = backend.open.lookups(std::move(dsns), options, std::move(*custom),
                                      cache ? std::function<void()>([cache] { cache->clear(); }) : nullptr);
    return cache ? cached(std::move(store), cache) : store;
}

Result<std::shared_ptr<PenPalStore>> open_pen_pals(std::vector<Dsn> dsns, LookupOptions options) {
    if (auto fine = same_kind(dsns, "storage.storage_dsn"); !fine) return std::unexpected(std::move(fine.error()));
    const Backend& backend = *dsns.front().backend;
    if (backend.open.pen_pals == nullptr)
        return fail(Errc::bad_input, fmt::format("storage.storage_dsn: {} cannot tell who wrote to whom", backend.name));
    return backend.open.pen_pals(std::move(dsns), options);
}

}  // namespace tamis::storage
