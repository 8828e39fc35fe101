#include "policy/pen_pals.h"

#include <catch2/catch.hpp>

using namespace tamis::policy;
using namespace std::chrono_literals;

TEST_CASE("the bonus halves with every half-life") {
    const PenPalOptions options{.bonus = 8, .half_life = 7 * 24h};
    CHECK(pen_pal_bonus(0s, options) == Approx(-8));
    CHECK(pen_pal_bonus(7 * 24h, options) == Approx(-4));
    CHECK(pen_pal_bonus(14 * 24h, options) == Approx(-2));
    CHECK(pen_pal_bonus(-5s, options) == Approx(-8));
    CHECK(pen_pal_bonus(std::chrono::hours(24 * 3650), options) == Approx(0).margin(1e-9));
    CHECK(pen_pal_bonus(10s, {.bonus = 8, .half_life = 0ms}) > -8);
}

TEST_CASE("when the records are asked") {
    const PenPalOptions options{.bonus = 8, .threshold_low = 1, .threshold_high = 50};
    const PenPalFacts fine{.is_local = true, .score = 5};
    CHECK(wants_pen_pals(fine, options));
    CHECK_FALSE(wants_pen_pals(fine, {}));
    auto facts = fine;
    SECTION("not local") { facts.is_local = false; }
    SECTION("to oneself") { facts.is_own_address = true; }
    SECTION("null sender") { facts.null_sender = true; }
    SECTION("infected") { facts.infected = true; }
    SECTION("a local sender from outside") { facts.is_sender_local = true; }
    SECTION("too clean") { facts.score = 0.9; }
    SECTION("no score") { facts.score.reset(); }
    SECTION("hopeless") { facts.score = 58.1; }
    CHECK_FALSE(wants_pen_pals(facts, options));
}

TEST_CASE("a local sender of an originating message is no forgery") {
    const PenPalOptions options{.bonus = 8};
    CHECK(wants_pen_pals({.is_local = true, .originating = true, .is_sender_local = true, .score = 5}, options));
}

TEST_CASE("bounces of mail we never sent are scored, all others are rescued") {
    const BounceFacts bounce{.is_bounce = true, .original_message_id_domain = "else.org"};
    CHECK(bounce_score(bounce, 100, false) == 100.0);
    CHECK_FALSE(bounce_score(bounce, 0, false));
    CHECK_FALSE(bounce_score(bounce, 100, true));
    auto facts = bounce;
    SECTION("no bounce") { facts.is_bounce = false; }
    SECTION("originating") { facts.originating = true; }
    SECTION("we know the original") { facts.is_original_known = true; }
    SECTION("nobody keeps records") { facts.records_are_kept = false; }
    CHECK_FALSE(bounce_score(facts, 100, false));
}

TEST_CASE("a bounce without a Message-ID is not rescued by a local domain") {
    CHECK(bounce_score({.is_bounce = true}, 100, true) == 100.0);
}
