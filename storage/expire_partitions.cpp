// expire_partitions - the part of a run that makes and drops partitions (PostgreSQL)
#include <fmt/format.h>

#include <algorithm>

#include "storage/expire_run.h"

namespace tamis::storage {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds detach_limit{10'000};
constexpr int tries = 30;
constexpr int detach_concurrently = 140'000;  // server version

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
    if (!is_postgresql()) co_return Done{};
    auto rows = co_await read_one(partitions_query());
    if (!rows) co_return std::unexpected(std::move(rows.error()));
    auto tables = partitioned_tables(*rows);
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
                std::vector<SqlQuery> queries;
                for (const auto& statement : one.statements) queries.emplace_back().sql = statement;
                Result<std::vector<SqlRows>> made = std::vector<SqlRows>{};
                for (int i = 0; i < tries; ++i) {
                    Pace pace{2, 1, 2};
                    made = co_await write(queries, pace, false);
                    if (made || !made.error().is(Errc::timeout)) break;
                }
                if (!made && made.error().is(Errc::unavailable)) {
                    report_.remarks.push_back(
                        fmt::format("the partition {} could not be made, without it mail of its week cannot be recorded: {}",
                                    one.name, made.error().detail));
                    break;
                }
                if (!made) co_return std::unexpected(std::move(made.error()));
            }
            report_.created.push_back(one.name);
        }
    }
    co_return Done{};
}

// is_past - nothing in the partition, and nothing that may still come into it, is younger than the age
Task<Result<bool>> ExpireRun::is_past(Partition partition, Age age) {
    const auto before = cutoff(age, options_.now);
    if (!before || partition.is_default) co_return false;
    const auto end = partition.end();
    if (end && end->time_since_epoch().count() > *before) co_return false;
    SqlQuery query;
    query.sql = fmt::format("SELECT max(time_num) FROM {}", partition.name);
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
            records->name);
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

// drop - detached first: that locks nobody out (PostgreSQL 14 and later), or only for a moment that is tried again
Task<bool> ExpireRun::drop(Partition partition, bool has_default) {
    if (options_.dry_run) {
        report_.dropped.push_back(partition.name);
        co_return true;
    }
    Done detached;
    const auto begin = fmt::format("ALTER TABLE {} DETACH PARTITION {}", partition.table, partition.name);
    if (partition.is_detaching) {
        detached = co_await session_->run_alone(begin + " FINALIZE", detach_limit);
    } else if (!has_default && session_->catalogue().server_version >= detach_concurrently) {
        detached = co_await session_->run_alone(begin + " CONCURRENTLY", detach_limit);
    } else {
        for (int i = 0; i < tries; ++i) {
            std::vector<SqlQuery> queries(1);
            queries.front().sql = begin;
            Pace pace{2, 1, 2};
            auto answers = co_await write(std::move(queries), pace, false);
            detached = answers ? Done{} : Done(std::unexpected(answers.error()));
            if (detached || !detached.error().is(Errc::timeout) || is_over()) break;
        }
    }
    if (detached) {
        for (int i = 0; i < tries; ++i) {
            std::vector<SqlQuery> queries(1);
            queries.front().sql = fmt::format("DROP TABLE {}", partition.name);
            Pace pace{2, 1, 2};
            auto answers = co_await write(std::move(queries), pace, false);
            detached = answers ? Done{} : Done(std::unexpected(answers.error()));
            if (detached || !detached.error().is(Errc::timeout) || is_over()) break;
        }
    }
    if (!detached) {
        report_.remarks.push_back(
            fmt::format("the partition {} could not be dropped: {}", partition.name, detached.error().detail));
        co_return false;
    }
    report_.dropped.push_back(partition.name);
    co_return true;
}

}  // namespace tamis::storage
