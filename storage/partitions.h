// partitions - PostgreSQL tables divided by partition_tag: which partitions are past, which weeks still need one; pure
//
// Partitions are ranges or lists of partition_tag. Only tags that are an ISO year and week (week_tag.h) say when they end;
// of others only what is stored in them does.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/sql_runner.h"

namespace tamis::storage {

struct Partition {
    std::string table;               // "msgs"
    std::string name;                // quoted, with its schema
    std::vector<std::int64_t> tags;  // of a list
    std::int64_t from = 0, to = 0;   // of a range: from <= tag < to
    bool is_list = false;
    bool is_default = false;
    bool is_detaching = false;  // DETACH CONCURRENTLY was broken off

    bool holds(std::int64_t tag) const;
    bool has_same_tags(const Partition& other) const {
        return is_list == other.is_list && tags == other.tags && from == other.from && to == other.to;
    }
    // end - the moment from which no message can get into it; nothing when its tags are no weeks
    std::optional<std::chrono::sys_seconds> end() const;
    // condition - SQL: the rows of the other tables that belong to it
    std::string condition(std::string_view column) const;
};

struct PartitionedTable {
    std::string name;
    bool is_list = false;
    bool is_owned = true;  // we may change it
    std::vector<Partition> partitions;
    bool has_default() const;
};

// partitions_query / partitioned_tables - those of amavisd's tables that are divided by partition_tag
SqlQuery partitions_query();
std::vector<PartitionedTable> partitioned_tables(const SqlRows& rows);

// parse_bound - PostgreSQL's text of a partition's bounds, "FOR VALUES FROM (202647) TO (202648)", into the partition
bool parse_bound(std::string_view text, Partition& into);

struct MissingPartition {
    std::string table, name;
    std::vector<std::string> statements;  // together in one transaction
};
// missing - for the week of `now` and `ahead` more, where tags are weeks (or nothing is there yet). Locks nobody out.
std::vector<MissingPartition> missing_partitions(const PartitionedTable& table, std::chrono::sys_seconds now, int ahead);

// partitioning_statements - divide the empty tables of schema step 1 by week, with the first partitions
std::vector<std::string> partitioning_statements(std::chrono::sys_seconds now, int ahead);

}  // namespace tamis::storage
