// expire_leftovers - the part of a run that removes rows without their message, and addresses that nobody refers to
#include <fmt/format.h>

#include <algorithm>

#include "storage/retention/expire_run.h"

namespace tamis::storage {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds horizon_limit{20'000};  // to ask for it once
constexpr milliseconds horizon_wait{30'000};
constexpr int tries = 60;  // of one transaction that is broken off again and again

}  // namespace

// remove_orphans - rows of msgrcpt or quarantine without their message, along the primary key
Task<Done> ExpireRun::remove_orphans(std::string table) {
    if (!sql_->can_walk(table)) {
        report_.remarks.push_back(fmt::format(
            "{} has no index that begins with mail_id or partition_tag: rows without a message were not looked for", table));
        co_return Done{};
    }
    std::uint64_t& count = table == "quarantine" ? report_.orphan_chunks : report_.orphan_recipients;
    std::optional<ExpirySql::Piece> after;
    Pace window{2000, 200, 20'000};
    while (!is_over()) {
        auto rows = co_await read_one(sql_->pieces(table, after, window.size()));
        if (!rows) co_return std::unexpected(std::move(rows.error()));
        if (rows->empty()) co_return Done{};
        window.learn(read_for_, true);
        std::vector<ExpirySql::Piece> orphans;
        for (const auto& row : *rows) {
            after = ExpirySql::piece_of(row);
            if (after->is_orphan) orphans.push_back(*after);
        }
        std::span<const ExpirySql::Piece> left(orphans);
        for (int attempt = 0; !left.empty() && !is_over();) {
            const auto size = std::min(left.size(), small_.size());
            if (options_.dry_run) {
                count += left.size();
                break;
            }
            std::vector<SqlQuery> queries;
            queries.push_back(sql_->delete_orphans(table, left.first(size)));
            auto answers = co_await write(std::move(queries), small_, size == small_.size(), size);
            if (!answers && answers.error().is(Errc::timeout) && ++attempt < tries) continue;
            if (!answers) co_return std::unexpected(std::move(answers.error()));
            count += answers->front().changed;
            left = left.subspan(size);
        }
    }
    report_.is_complete = false;
    co_return Done{};
}

// remove_addresses - that nobody refers to. New ones are left alone for an hour: amavisd writes an address long before the
// record that refers to it.
Task<Done> ExpireRun::remove_addresses() {
    if (!sql_->can_find_users()) {
        report_.remarks.emplace_back(
            "without indexes on msgs.sid and msgrcpt.rid, addresses that nobody refers to were not looked for");
        co_return Done{};
    }
    auto newest = co_await read_one(sql_->newest_address(options_.now - 3600));
    if (!newest) co_return std::unexpected(std::move(newest.error()));
    const auto last = time_of(*newest, 0);
    Pace window{1000, 100, 10'000};
    for (std::int64_t after = 0; after < last && !is_over();) {
        auto rows = co_await read_one(sql_->unused_addresses(after, last, window.size()));
        if (!rows) co_return std::unexpected(std::move(rows.error()));
        if (rows->empty()) co_return Done{};
        window.learn(read_for_, true);
        std::vector<std::int64_t> unused;
        for (const auto& row : *rows) {
            after = time_of({row}, after);
            const auto alone = row.at(1).value_or("");
            if (alone == "t" || alone == "1") unused.push_back(after);
        }
        if (auto done = co_await delete_addresses(std::move(unused)); !done) co_return done;
    }
    if (is_over()) report_.is_complete = false;
    co_return Done{};
}

Task<Done> ExpireRun::delete_addresses(std::vector<std::int64_t> ids) {
    if (options_.dry_run) {
        report_.addresses += ids.size();
        co_return Done{};
    }
    std::span<const std::int64_t> left(ids);
    for (int attempt = 0; !left.empty() && !is_over();) {
        const auto size = std::min(left.size(), small_.size());
        auto answers = co_await write(sql_->delete_addresses(left.first(size)), small_, size == small_.size(), size);
        if (!answers && answers.error().is(Errc::timeout) && ++attempt < tries) continue;
        if (!answers &&
            answers.error().is(Errc::refused)) {  // a foreign key saw a new message that our statement could not see yet
            small_.shrink();
            if (size == 1) left = left.subspan(1);
            continue;
        }
        if (!answers) co_return std::unexpected(std::move(answers.error()));
        left = left.subspan(size);
        report_.addresses += answers->front().changed;
        std::vector<ExpirySql::Address> deleted;
        for (const auto& row : answers->front().rows) deleted.push_back(ExpirySql::address_of(row));
        if (answers->size() < 2 || deleted.empty()) continue;  // nobody wrote meanwhile
        const auto transaction = static_cast<std::uint64_t>(time_of(answers->at(1).rows, 0));
        if (auto done = co_await restore_used(std::move(deleted), transaction); !done) co_return done;
    }
    co_return Done{};
}

// restore_used - a message may have been written at the same moment with the number of an address that was going. When all
// transactions of that time are over, addresses that are used after all come back.
Task<Done> ExpireRun::restore_used(std::vector<ExpirySql::Address> deleted, std::uint64_t transaction) {
    const auto patience = Deadline::in(horizon_wait);
    for (;;) {
        std::vector<SqlQuery> queries;
        queries.push_back(sql_->oldest_transaction());
        auto oldest = co_await session_->run(std::move(queries), horizon_limit, Access::read);
        if (!oldest) co_return std::unexpected(std::move(oldest.error()));
        if (static_cast<std::uint64_t>(time_of(oldest->front().rows, 0)) > transaction || patience.passed()) break;
        pause_.expires_after(milliseconds(10));
        co_await pause_.async_wait(as_result);
    }
    auto used = co_await read_one(sql_->used_addresses(deleted));
    if (!used) co_return std::unexpected(std::move(used.error()));
    for (const auto& row : *used) {
        const auto id = time_of({row}, 0);
        const auto address = std::ranges::find(deleted, id, &ExpirySql::Address::id);
        if (address == deleted.end()) continue;
        auto restored = co_await write_small([&] { return sql_->restore_address(*address); });
        if (!restored) co_return std::unexpected(std::move(restored.error()));
        ++report_.restored_addresses;
        --report_.addresses;
    }
    co_return Done{};
}

}  // namespace tamis::storage
