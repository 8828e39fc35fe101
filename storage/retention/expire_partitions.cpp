// expire_partitions - the part of a run that makes and drops partitions
#include <fmt/format.h>

#include <algorithm>

#include "storage/retention/expire_run.h"

namespace tamis::storage {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds alone_limit{10'000};
constexpr int tries = 30;

const PartitionedTable* table_of(const std::vector<PartitionedTable>& tables, std::string_view name) {
    const auto found = std::ranges::find(tables, name, &PartitionedTable::name);
    return found == tables.end() ? nullptr : &*found;
}

const Partition* same_in(const std::vector<PartitionedTable>& tables, std::string_view name, const Partition& as) {
    const auto* table = table_of(tables, name);
    if (table == nullptr) return nullptr;
    const auto found =
        std::ranges::find_if(table->partitions, [&](const Partition& one) { return !one.is_default && one.has_same_tags(as); });
    return found == table->partitions.end() ? nullptr : &*found;
}

}  // namespace

Task<Done> ExpireRun::keep_partitions() {
    if (session_->partitions() == nullptr) co_return Done{};
    auto rows = co_await read_one(session_->partitions()->query());
    if (!rows) co_return std::unexpected(std::move(rows.error()));
    auto tables = session_->partitions()->tables(*rows);
    if (tables.empty()) co_return Done{};
    if (auto made = co_await make_partitions(tables); !made) co_return made;
    if (!options_.removes || !options_.drops_partitions) co_return Done{};
    if (auto dropped = co_await drop_records(tables); !dropped) co_return dropped;
    co_return co_await find_past_copies(tables);
}

Task<Done> ExpireRun::make_partitions(const std::vector<PartitionedTable>& tables) {
    const std::chrono::sys_seconds now{std::chrono::seconds(options_.now)};
    for (const auto& table : tables) {
        const auto missing = missing_partitions(table, now, options_.weeks_ahead);
        if (!missing.empty() && !table.is_owned) {
            report_.remarks.push_back(fmt::format(
                "{} needs partitions for the coming weeks, from {} on, and belongs to another role: run `tamis expire` as "
                "the owner, or ALTER TABLE {} OWNER TO ...",
                table.name, missing.front().name, table.name));
            continue;
        }
        for (const auto& one : missing) {
            if (!options_.dry_run) {
                auto made = co_await patiently(session_->partitions()->make(one), false);
                if (!made && made.error().is(Errc::unavailable)) {
                    report_.remarks.push_back(
                        fmt::format("the partition {} could not be made, without it mail of its week cannot be recorded: {}",
                                    one.name, made.error().detail));
                    break;
                }
                if (!made) co_return made;
            }
            report_.created.push_back(one.name);
        }
    }
    co_return Done{};
}

// patiently - all of them in one transaction, tried again while somebody's lock is in the way; `may_stop`: not when
// the run is over
Task<Done> ExpireRun::patiently(std::vector<std::string> statements, bool may_stop) {
    std::vector<SqlQuery> queries;
    for (auto& statement : statements) queries.push_back({std::move(statement)});
    Done done;
    for (int i = 0; i < tries; ++i) {
        Pace pace{2, 1, 2};
        auto answers = co_await write(queries, pace, false);
        done = answers ? Done{} : Done(std::unexpected(answers.error()));
        if (done || !done.error().is(Errc::timeout) || (may_stop && is_over())) break;
    }
    co_return done;
}

// is_past - nothing in the partition, and nothing that may still come into it, is younger than the age
Task<Result<bool>> ExpireRun::is_past(Partition partition, Age age) {
    const auto before = cutoff(age, options_.now);
    if (!before || partition.is_default) co_return false;
    const auto end = partition.end();
    if (end && end->time_since_epoch().count() > *before) co_return false;
    SqlQuery query;
    query.sql = fmt::format("SELECT max(time_num) FROM {}", partition.rows);
    auto newest = co_await read_one(std::move(query));
    if (!newest) co_return std::unexpected(std::move(newest.error()));
    const auto time = newest->empty() || !newest->front().front() ? std::nullopt : newest->front().front();
    if (!time) co_return end.has_value();
    co_return std::strtoll(time->c_str(), nullptr, 10) < *before;
}

// drop_records - whole weeks of which every record is past its age, where the tables are divided alike
Task<Done> ExpireRun::drop_records(std::vector<PartitionedTable>& tables) {
    const auto* records = table_of(tables, "msgs");
    if (records == nullptr) co_return Done{};
    const auto partitions = records->partitions;
    for (const auto& partition : partitions) {
        const auto* recipients = same_in(tables, "msgrcpt", partition);
        const auto* chunks = same_in(tables, "quarantine", partition);
        if (recipients == nullptr || chunks == nullptr) continue;
        auto past = co_await is_past(partition, options_.rules.longest_record());
        if (!past) co_return std::unexpected(std::move(past.error()));
        if (!*past) continue;
        std::vector<Partition> all{*chunks, *recipients, partition};
        if (const auto* addresses = same_in(tables, "maddr", partition)) all.push_back(*addresses);
        for (const auto& one : all) {
            if (is_over()) co_return Done{};
            if (!co_await drop(one, table_of(tables, one.table)->has_default())) break;  // the message's rows last
            for (auto& table : tables)
                std::erase_if(table.partitions, [&](const Partition& gone) { return gone.name == one.name; });
        }
    }
    co_return Done{};
}

// find_past_copies - partitions of the quarantine that can go whole while their records stay: nobody waits for any of it
Task<Done> ExpireRun::find_past_copies(const std::vector<PartitionedTable>& tables) {
    past_copies_.clear();
    const auto* quarantine = table_of(tables, "quarantine");
    if (quarantine == nullptr) co_return Done{};
    past_has_default_ = quarantine->has_default();
    for (const auto& partition : quarantine->partitions) {
        const auto* records = same_in(tables, "msgs", partition);
        if (records == nullptr) continue;
        auto past = co_await is_past(*records, options_.rules.longest_copy());
        if (!past) co_return std::unexpected(std::move(past.error()));
        if (!*past) continue;
        SqlQuery query;
        query.sql = fmt::format(
            "SELECT 1 FROM {} m JOIN msgrcpt w ON w.mail_id = m.mail_id AND w.partition_tag = m.partition_tag "
            "WHERE m.quar_type <> ' ' AND w.rs IN ('p', 't') LIMIT 1",
            records->rows);
        auto wanted = co_await read_one(std::move(query));
        if (!wanted) co_return std::unexpected(std::move(wanted.error()));
        if (wanted->empty()) past_copies_.push_back(partition);
    }
    co_return Done{};
}

Task<Done> ExpireRun::drop_copies() {
    for (const auto& partition : past_copies_) {
        if (is_over()) co_return Done{};
        SqlQuery query;
        query.sql =
            fmt::format("SELECT 1 FROM msgs m WHERE m.quar_type = 'Q' AND {} LIMIT 1", partition.condition("m.partition_tag"));
        auto left = co_await read_one(std::move(query));
        if (!left) co_return std::unexpected(std::move(left.error()));
        if (left->empty() || options_.dry_run) co_await drop(partition, past_has_default_);
    }
    past_copies_.clear();
    co_return Done{};
}

Task<bool> ExpireRun::drop(Partition partition, bool has_default) {
    if (options_.dry_run) {
        report_.dropped.push_back(partition.name);
        co_return true;
    }
    Done done;
    for (auto& step : session_->partitions()->drop(partition, has_default)) {
        done = step.is_alone ? co_await session_->run_alone(std::move(step.sql), alone_limit)
                             : co_await patiently({std::move(step.sql)}, true);
        if (!done) break;
    }
    if (!done) {
        report_.remarks.push_back(fmt::format("the partition {} could not be dropped: {}", partition.name, done.error().detail));
        co_return false;
    }
    report_.dropped.push_back(partition.name);
    co_return true;
}

}  // namespace tamis::storage
