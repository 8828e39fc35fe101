#include "test/contract/storage/memory/database.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <stdexcept>

#include "base/text.h"

namespace tamis::test::memory {

std::shared_ptr<Database> Database::of(const std::string& name) {
    static std::mutex guard;
    static std::map<std::string, std::weak_ptr<Database>> known;
    const std::lock_guard lock(guard);
    auto& held = known[name];
    auto found = held.lock();
    if (!found) held = found = std::make_shared<Database>();
    return found;
}

Table& Database::table(std::string_view name) {
    const std::pair<std::string_view, Table*> tables[] = {
        {"maddr", &maddr},   {"msgs", &msgs},   {"msgrcpt", &msgrcpt},   {"quarantine", &quarantine},
        {"policy", &policy}, {"users", &users}, {"mailaddr", &mailaddr}, {"wblist", &wblist},
    };
    for (const auto& [known, table] : tables)
        if (known == name) return *table;
    throw std::logic_error("no table " + std::string(name));
}

std::string text(const Row& row, std::string_view column) {
    const auto found = row.find(column);
    return found == row.end() ? std::string() : found->second.value_or("");
}

std::int64_t number(const Row& row, std::string_view column) {
    return static_cast<std::int64_t>(parse_number(text(row, column)).value_or(0));
}

char letter(const Row& row, std::string_view column) {
    const auto value = text(row, column);
    return value.empty() ? ' ' : value.front();
}

bool is_same_message(const Row& a, const Row& b) {
    return text(a, "mail_id") == text(b, "mail_id") && number(a, "partition_tag") == number(b, "partition_tag");
}

bool holds(const Row& row, const Fields& where) {
    return std::ranges::all_of(where, [&](const auto& field) {
        const auto found = row.find(field.first);
        return found != row.end() && found->second == field.second;
    });
}

Reader::Reader(std::vector<storage::Dsn> dsns, std::chrono::milliseconds patience)
    : dsn_(std::move(dsns.front())), database_(Database::of(dsn_.place)), health_(dsn_.named(), patience) {}

bool Reader::look() {
    if (database_->is_away) health_.down({make_error_code(Errc::unavailable), dsn_.named() + ": it is away"});
    else health_.up(dsn_.named());
    return !database_->is_away;
}

Done Reader::ready() {
    look();
    return health_.ready();
}

Task<Done> Reader::reach(Deadline deadline) {
    constexpr std::chrono::milliseconds often{5};
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (!look()) {
        if (auto hopeless = health_.hopeless()) co_return std::unexpected(std::move(*hopeless));
        if (deadline.passed()) co_return std::unexpected(health_.ready().error());
        pause.expires_after(often);
        co_await pause.async_wait(as_result);
    }
    co_return Done{};
}

}  // namespace tamis::test::memory
