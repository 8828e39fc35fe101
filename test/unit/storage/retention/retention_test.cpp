#include "storage/retention/retention.h"

#include <catch2/catch.hpp>

#include "storage/retention/partitions.h"
#include "storage/retention/week_tag.h"

using namespace tamis::storage;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t now = 1'800'000'000;
constexpr std::int64_t day = 86'400;

Candidate message(char content, std::int64_t age, char type = ' ', std::string location = "", std::string states = " ") {
    Candidate out;
    out.key = {0, "mailid000001"};
    out.time = now - age;
    out.content = content;
    out.type = type;
    out.location = std::move(location);
    out.states = std::move(states);
    return out;
}

std::chrono::sys_seconds at(int year, unsigned month, unsigned day_of_month, std::chrono::seconds time = 0s) {
    return std::chrono::sys_days(std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day_of_month)) + time;
}

Partition range(std::int64_t from, std::int64_t to) {
    Partition out;
    out.from = from;
    out.to = to;
    return out;
}

}  // namespace

TEST_CASE("what is due, to the second") {
    RetentionRules rules;
    rules.general = {90 * 24h, 30 * 24h};
    rules.of_category['V'] = {90 * 24h, 7 * 24h};
    rules.of_category['C'] = {14 * 24h, 14 * 24h};
    rules.of_category['O'] = {};  // for ever
    struct Row {
        Candidate message;
        Due want;
    };
    const auto row = GENERATE(
        Row{message('S', 90 * day, 'Q', "mailid000001", "p"), Due::nothing},
        Row{message('S', 90 * day + 1, 'Q', "mailid000001", "p"), Due::record}, Row{message('S', 30 * day, 'Q'), Due::nothing},
        Row{message('S', 30 * day + 1, 'Q'), Due::copy}, Row{message('S', 31 * day, 'Q', "", " p"), Due::nothing},
        Row{message('S', 31 * day, 'Q', "", "Rt"), Due::nothing}, Row{message('S', 31 * day, 'Q', "", "R"), Due::copy},
        Row{message('S', 31 * day), Due::nothing}, Row{message('S', 31 * day, 'F', "spam-x.gz"), Due::nothing},
        Row{message('S', 31 * day, 'F', "spam-x,mailid000001[202601]"), Due::copy},
        Row{message('S', 31 * day, 'F', "mailid000001x"), Due::nothing}, Row{message('V', 7 * day, 'Q'), Due::nothing},
        Row{message('V', 7 * day + 1, 'Q'), Due::copy}, Row{message('C', 14 * day), Due::nothing},
        Row{message('C', 14 * day + 1), Due::record}, Row{message('O', 4000 * day, 'Q'), Due::nothing},
        Row{message('S', day, 'Q', "", "D"), Due::nothing}, Row{message('S', day + 1, 'Q', "", "D"), Due::copy},
        Row{message('S', day + 1, 'Q', "", "D "), Due::nothing}, Row{message('\0', day), Due::nothing},
        Row{message('\0', day + 1), Due::incomplete}, Row{message('\0', day + 1, 'Q'), Due::nothing},
        Row{message('\0', 31 * day, 'Q'), Due::copy}, Row{message('\0', 91 * day, 'Q'), Due::record});
    INFO(row.message.content << " " << now - row.message.time << " " << row.message.location << " " << row.message.states);
    CHECK(due(row.message, rules, now) == row.want);
}

TEST_CASE("one walk for each age, and none for what is kept for ever") {
    RetentionRules rules;
    rules.general = {90 * 24h, {}};
    rules.of_category = {{'C', {14 * 24h, {}}}, {'V', {90 * 24h, 7 * 24h}}, {'B', {{}, 7 * 24h}}};
    rules.deleted = {};
    const std::vector<Walk> want{{Walk::Kind::records, "", "BC", now - 90 * day},
                                 {Walk::Kind::records, "C", "", now - 14 * day},
                                 {Walk::Kind::copies, "BV", "", now - 7 * day},
                                 {Walk::Kind::incomplete, "", "", now - day}};
    CHECK(walks(rules, now) == want);
    CHECK_FALSE(rules.longest_record());
    CHECK_FALSE(rules.longest_copy());
    rules.of_category.erase('B');
    CHECK(rules.longest_record() == Age(90 * 24h));
}

TEST_CASE("a message whose stored copy is gone names what is left of it") {
    struct Row {
        char type;
        std::string location, left;
        char left_type;
    };
    const auto row = GENERATE(
        Row{'Q', "mailid000001", "expired", ' '}, Row{'Q', "", "expired", ' '}, Row{'Q', "mailid000001[202601]", "expired", ' '},
        Row{'F', "spam-x,mailid000001", "spam-x", 'F'}, Row{'Q', "mailid000001,archive-x.gz", "archive-x.gz", 'Z'},
        Row{'Q', "mailid000001,a@b.example,arch", "a@b.example,arch", 'M'}, Row{'Q', "mailid000001,arch", "arch", 'F'});
    const auto left = without_stored_copy(message('S', 0, row.type, row.location));
    CHECK(left.location == row.left);
    CHECK(left.type == row.left_type);
}

TEST_CASE("ISO weeks: as PostgreSQL and amavisd count them") {
    struct Row {
        std::chrono::sys_seconds when;
        std::int64_t tag;
    };
    const auto row = GENERATE(Row{at(2026, 11, 22), 202647}, Row{at(2026, 11, 23), 202648}, Row{at(2020, 12, 31), 202053},
                              Row{at(2021, 1, 3, 24h - 1s), 202053}, Row{at(2021, 1, 4), 202101}, Row{at(2018, 12, 31), 201901},
                              Row{at(2016, 1, 1), 201553}, Row{at(2024, 12, 30), 202501});
    CHECK(week_tag(row.when) == row.tag);
    const auto begin = week_begin(row.tag);
    REQUIRE(begin);
    CHECK((*begin <= row.when && row.when < *begin + std::chrono::days(7)));
    CHECK(week_tag(*begin) == row.tag);
}

TEST_CASE("what is no week") {
    for (const std::int64_t tag : {0L, 47L, 202100L, 202153L, 202654L, -1L, 20261122L}) CHECK_FALSE(week_begin(tag));
    CHECK(partition_tag_at(7, at(2026, 11, 22)) == 7);
    CHECK(partition_tag_at(tag_by_week, at(2026, 11, 22)) == 202647);
}

TEST_CASE("a range that ends behind the last week of a year ends with that week") {
    CHECK(range(202052, 202054).end() == at(2021, 1, 4));  // past week 53, which 2020 has
    CHECK(range(202152, 202154).end() == at(2022, 1, 3));  // which 2021 lacks
    CHECK_FALSE(range(0, 53).end());
}

TEST_CASE("partitions to come: none twice, none over another, none where tags are no weeks") {
    PartitionedTable table;
    table.name = "msgs";
    auto missing = missing_partitions(table, at(2026, 12, 28), 2);
    REQUIRE(missing.size() == 3);
    CHECK((missing[0].tag == 202653 && missing[0].to == 202701));
    CHECK(missing[1].name == "msgs_202701");
    table.partitions = {range(202601, 202701), range(202702, 202703)};
    missing = missing_partitions(table, at(2026, 12, 28), 2);
    REQUIRE(missing.size() == 1);
    CHECK((missing[0].tag == 202701 && missing[0].to == 202702));
    table.partitions = {range(0, 53)};
    CHECK(missing_partitions(table, at(2026, 12, 28), 2).empty());
}
