// What a matcher says and is told: round trips, and everything that must be refused
#include "scanners/worker/match_wire.h"

#include <catch2/catch.hpp>

#include "scanners/worker/wire.h"

using namespace tamis;
using namespace tamis::worker;

namespace {

MatchAnswer some_answer() {
    return {9, true, {{MatchEnd::done, 0, {0, 4, 5}}, {MatchEnd::timeout, 26, {}}, {MatchEnd::done, 0, {}}}};
}

}  // namespace

TEST_CASE("match wire: setup, job and answer arrive as they were sent") {
    MatchSetup setup;
    setup.memory = 123'456'789;
    setup.descriptors = 7;
    setup.cpu_seconds = 8;
    setup.longest_job = 9;
    setup.rules_size = 1ULL << 33;
    setup.rules = 11;
    const auto got = parse_match_setup(encode_match_setup(setup));
    REQUIRE(got);
    CHECK(*got == setup);

    const MatchJob job{5, 60'000, {{3, true, "abc"}, {1ULL << 40, false, {}}, {0, true, ""}}};
    const auto bytes = encode_match_job(job);
    const auto read = parse_match_job(bytes);
    REQUIRE(read);
    CHECK(read->number == 5);
    CHECK(read->time_ms == 60'000);
    REQUIRE(read->items.size() == 3);
    CHECK(read->items[0].bytes == "abc");
    CHECK(read->items[1].size == 1ULL << 40);
    CHECK_FALSE(read->items[1].is_inline);
    CHECK(read->items[2].is_inline);

    const auto answer = parse_match_answer(encode_match_answer(some_answer()), 3, 6);
    REQUIRE(answer);
    CHECK(answer->job == 9);
    CHECK(answer->is_last);
    CHECK(answer->results == some_answer().results);
}

TEST_CASE("match wire: a setup of another build is told as such") {
    auto bytes = encode_match_setup({});
    bytes[6] = static_cast<char>(bytes[6] ^ 1);
    const auto got = parse_match_setup(bytes);
    REQUIRE_FALSE(got);
    CHECK(got.error().is(Errc::conflict));
}

TEST_CASE("match wire: cut short or with something behind, nothing is understood") {
    const std::vector<std::string> packets{encode_match_setup({}), encode_match_job({5, 1000, {{3, true, "abc"}}}),
                                           encode_match_answer(some_answer())};
    const auto understood = [](std::string_view bytes) {
        return parse_match_setup(bytes).has_value() || parse_match_job(bytes).has_value() ||
               parse_match_answer(bytes, 3, 6).has_value();
    };
    for (const auto& packet : packets) {
        CHECK(understood(packet));
        CHECK_FALSE(understood(packet + std::string(1, '\0')));
        for (std::size_t size = 0; size < packet.size(); ++size)
            CHECK_FALSE(understood(std::string_view(packet).substr(0, size)));
    }
}

TEST_CASE("match wire: an answer that lies is refused") {
    const auto refused = [](const MatchAnswer& answer, std::size_t items, std::uint32_t rules) {
        return !parse_match_answer(encode_match_answer(answer), items, rules).has_value();
    };
    const auto done = [](std::vector<std::uint32_t> rules) {
        return MatchAnswer{1, false, {{MatchEnd::done, 0, std::move(rules)}}};
    };
    CHECK_FALSE(refused(done({0, 1, 5}), 1, 6));
    CHECK(refused(done({0, 1, 6}), 1, 6));  // there is no such rule
    CHECK(refused(done({0xffffffff}), 1, 6));
    CHECK(refused(done({1, 1}), 1, 6));  // twice
    CHECK(refused(done({2, 1}), 1, 6));  // out of order
    CHECK(refused(done({}), 2, 6));      // of another number of things
    CHECK(refused(done({}), 0, 6));
    CHECK(refused(MatchAnswer{1, false, {}}, 1, 6));
    // by hand: one that failed and yet names a rule, one that is done with an error, an unknown end, a flag that is none
    auto bytes = encode_match_answer(done({3}));
    const auto altered = [&](std::size_t at, char value) {
        auto copy = bytes;
        copy[at] = value;
        return !parse_match_answer(copy, 1, 6).has_value();
    };
    CHECK(parse_match_answer(bytes, 1, 6));
    CHECK(altered(5, 2));
    CHECK(altered(10, 1));
    CHECK(altered(10, 4));
    CHECK(altered(11, 1));
}

TEST_CASE("match wire: what an answer cannot tell is a limit, and what a job cannot hold is refused") {
    std::vector<std::uint32_t> many;
    for (std::uint32_t i = 0; i < match_rules_most; ++i) many.push_back(i);
    const MatchAnswer answer{1, false, {{MatchEnd::done, 0, many}, {MatchEnd::done, 0, {1}}, {MatchEnd::done, 0, {}}}};
    const auto bytes = encode_match_answer(answer);
    CHECK(bytes.size() < 96 * 1024);
    const auto got = parse_match_answer(bytes, 3, 1'000'000);
    REQUIRE(got);
    CHECK(got->results[0].rules.size() == match_rules_most);
    CHECK(got->results[1].end == MatchEnd::limits);
    CHECK(got->results[2].end == MatchEnd::done);

    CHECK_FALSE(parse_match_job(encode_match_job({1, 1000, {}})));
    CHECK_FALSE(
        parse_match_job(encode_match_job({1, 1000, std::vector<MatchItem>(match_items_most + 1, MatchItem{1, false, {}})})));
    CHECK_FALSE(parse_match_job(encode_match_job({1, match_time_most + 1, {{1, false, {}}}})));
    CHECK_FALSE(parse_match_job(encode_match_job({1, 1000, {{4, true, "abc"}}})));
    const std::string half(match_inline / 2, 'x');
    CHECK(parse_match_job(encode_match_job({1, 1000, {{half.size(), true, half}, {half.size(), true, half}}})));
    CHECK_FALSE(
        parse_match_job(encode_match_job({1, 1000, {{half.size(), true, half}, {half.size(), true, half}, {1, true, "x"}}})));
}
