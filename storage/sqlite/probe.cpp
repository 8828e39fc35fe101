#include "storage/sqlite/probe.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "storage/sqlite/catalogue.h"
#include "storage/sqlite/database.h"

namespace tamis::storage::sqlite {
namespace {

void ask(DatabaseFacts& facts) {
    if (::access(facts.dsn.place.c_str(), F_OK) != 0 && errno == ENOENT) {
        facts.is_absent = true;
        return;
    }
    auto database = Database::open_to_read(facts.dsn.place, facts.dsn.named());
    auto catalogue = database ? catalogue_of(**database) : std::unexpected(std::move(database.error()));
    if (catalogue) facts.catalogue = std::move(*catalogue);
    else facts.trouble = describe(catalogue.error());
    if (!catalogue || !facts.wants_keys) return;
    for (const std::string table : {"users", "mailaddr"}) {
        if (facts.catalogue.table(table) == nullptr) continue;
        auto keys = (*database)->prepare(fmt::format("SELECT email FROM {} WHERE email IS NOT NULL LIMIT {}", table, keys_most));
        if (!keys) continue;
        for (auto row = keys->step(); row && *row; row = keys->step()) facts.keys.emplace_back(table, keys->column(0));
    }
}

}  // namespace

Task<void> probe(asio::io_context&, DatabaseFacts& facts, std::chrono::milliseconds) {
    ask(facts);
    co_return;
}

std::vector<std::string> reach(const DatabaseFacts&, const Advised&) {
    return {"ls -l the file; it must belong to tamisd's user and be an SQLite database"};
}

}  // namespace tamis::storage::sqlite
