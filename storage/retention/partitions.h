// partitions - tables divided by partition_tag: which partitions are past, which weeks still need one; pure
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

#include "storage/sql/sql_text.h"

namespace tamis::storage {

struct Partition {
    static constexpr std::int64_t lowest = INT64_MIN, highest = INT64_MAX;  // of a range without that bound
    std::string table;                                                      // "msgs"
    std::string name;                                                       // as it is named in statements
    std::string rows;                                                       // what stands behind FROM for its rows only
    std::vector<std::int64_t> tags;                                         // of a list
    std::int64_t from = 0, to = 0;                                          // of a range: from <= tag < to
    bool is_list = false;
    bool is_default = false;
    bool is_detaching = false;  // dropping it was broken off

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

// MissingPartition - of a list the tag, of a range from <= tag < to
struct MissingPartition {
    std::string table, name;
    bool is_list = false;
    std::int64_t tag = 0, to = 0;
};
// missing - for the week of `now` and `ahead` more, where tags are weeks (or nothing is there yet)
std::vector<MissingPartition> missing_partitions(const PartitionedTable& table, std::chrono::sys_seconds now, int ahead);

// PartitionSql - how a backend that can divide tables does it
class PartitionSql {
public:
    virtual ~PartitionSql() = default;
    // query / tables - those of amavisd's tables that are divided by partition_tag
    virtual SqlQuery query() const = 0;
    virtual std::vector<PartitionedTable> tables(const SqlRows& rows) const = 0;
    // make - together in one transaction; locks nobody out for longer than a moment
    virtual std::vector<std::string> make(const MissingPartition& missing) const = 0;
    // drop - one after the other; `is_alone`: not in a transaction
    struct Step {
        std::string sql;
        bool is_alone = false;
    };
    virtual std::vector<Step> drop(const Partition& partition, bool has_default) const = 0;
};

}  // namespace tamis::storage
