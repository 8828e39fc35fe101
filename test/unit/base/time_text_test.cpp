#include "base/time_text.h"

#include <catch2/catch.hpp>

using namespace tamis;

TEST_CASE("times as administrators write them") {
    constexpr std::int64_t now = 1'700'000'000;
    CHECK(parse_time("2023-01-06T10:15:00Z", now).value() == 1'673'000'100);
    CHECK(parse_time("2023-01-06T10:15", now).value() == 1'673'000'100);
    CHECK(parse_time("2023-01-06", now).value() == 1'672'963'200);
    CHECK(parse_time("3d", now).value() == now - 3 * 86400);
    CHECK(parse_time("90m", now).value() == now - 5400);
    CHECK(parse_time("1673000100", now).value() == 1'673'000'100);
    CHECK(time_text(1'673'000'100) == "2023-01-06T10:15:00Z");
    for (const auto* bad : {"", "yesterday", "2023-02-30", "2023-1-1", "3x", "d", "2023-01-06T25:00", "2023-01-06X10:15"}) {
        INFO(bad);
        CHECK_FALSE(parse_time(bad, now));
    }
}
