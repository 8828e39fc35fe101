// partitions - PostgreSQL's way to divide tables
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "storage/retention/partitions.h"

namespace tamis::storage::pg {

class RetentionPartitions final : public PartitionSql {
public:
    explicit RetentionPartitions(int server_version) : server_version_(server_version) {}
    SqlQuery query() const override;
    std::vector<PartitionedTable> tables(const SqlRows& rows) const override;
    std::vector<std::string> make(const MissingPartition& missing) const override;
    // drop - detached first: that locks nobody out (PostgreSQL 14 and later), or only for a moment
    std::vector<Step> drop(const Partition& partition, bool has_default) const override;

private:
    int server_version_;
};

// parse_bound - the server's text of a partition's bounds, "FOR VALUES FROM (202647) TO (202648)", into the partition
bool parse_bound(std::string_view text, Partition& into);

// make_statements - attached, not created in place: that would lock out everybody who reads or writes the table
std::vector<std::string> make_statements(const MissingPartition& missing);

// partitioning_statements - divide the empty tables of schema step 1 by week, with the first partitions
std::vector<std::string> partitioning_statements(std::chrono::sys_seconds now, int ahead);

}  // namespace tamis::storage::pg
