#include "storage/pg/partitions.h"

#include <catch2/catch.hpp>

using namespace tamis;
using namespace tamis::storage;
using namespace tamis::storage::pg;

namespace {

std::chrono::sys_seconds at(int year, unsigned month, unsigned day) {
    return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day));
}

}  // namespace

TEST_CASE("bounds of partitions as PostgreSQL prints them") {
    Partition one;
    REQUIRE(parse_bound("FOR VALUES FROM (202647) TO (202648)", one));
    CHECK((one.from == 202647 && one.to == 202648 && !one.is_list));
    CHECK((one.holds(202647) && !one.holds(202648)));
    CHECK(one.end() == at(2026, 11, 23));
    CHECK(one.condition("t") == "t >= 202647 AND t < 202648");
    Partition list;
    REQUIRE(parse_bound("FOR VALUES IN (202648, 202647)", list));
    CHECK((list.is_list && list.holds(202648) && list.end() == at(2026, 11, 30)));
    CHECK(list.condition("t") == "t IN (202647, 202648)");
    Partition open;
    REQUIRE(parse_bound("FOR VALUES FROM (MINVALUE) TO (202640)", open));
    CHECK((open.holds(-5) && open.end() == at(2026, 9, 28)));
    Partition rest;
    REQUIRE(parse_bound("DEFAULT", rest));
    CHECK((rest.is_default && !rest.holds(1) && !rest.end()));
    for (const auto* text : {"", "FOR VALUES WITH (modulus 4, remainder 0)", "FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')",
                             "FOR VALUES IN (NULL)", "FOR VALUES FROM (1"}) {
        Partition none;
        CHECK_FALSE(parse_bound(text, none));
    }
}

TEST_CASE("a partition is attached when it is made, and detached before it is dropped") {
    CHECK(make_statements({"msgs", "msgs_202653", false, 202653, 202701}).back() ==
          "ALTER TABLE msgs ATTACH PARTITION msgs_202653 FOR VALUES FROM (202653) TO (202701)");
    CHECK(make_statements({"msgs", "msgs_202653", true, 202653, 202701}).back() ==
          "ALTER TABLE msgs ATTACH PARTITION msgs_202653 FOR VALUES IN (202653)");
    struct Row {
        int version;
        bool has_default, is_detaching;
        std::string how;
        bool is_alone;
    };
    const auto row = GENERATE(Row{150004, false, false, " CONCURRENTLY", true}, Row{150004, true, false, "", false},
                              Row{130011, false, false, "", false}, Row{150004, false, true, " FINALIZE", true});
    Partition partition;
    partition.table = "msgs";
    partition.name = "public.msgs_202601";
    partition.is_detaching = row.is_detaching;
    const auto steps = RetentionPartitions(row.version).drop(partition, row.has_default);
    REQUIRE(steps.size() == 2);
    CHECK(steps[0].sql == "ALTER TABLE msgs DETACH PARTITION public.msgs_202601" + row.how);
    CHECK(steps[0].is_alone == row.is_alone);
    CHECK(steps[1].sql == "DROP TABLE public.msgs_202601");
    CHECK_FALSE(steps[1].is_alone);
}
