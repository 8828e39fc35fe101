#include "quarantine/words.h"

#include <catch2/catch.hpp>

#include "quarantine/release_state.h"

using namespace tamis;
using namespace tamis::quarantine;

TEST_CASE("words for categories and states, and letters of other front ends") {
    CHECK(category_letter("Virus") == 'V');
    CHECK(category_letter("H") == 'H');
    CHECK_FALSE(category_letter("sapm"));
    CHECK(state_letter("requested") == 'p');
    CHECK(state_letter("new") == ' ');
    CHECK(state_letter("W") == 'W');
    CHECK_FALSE(state_letter("nowhere"));
}
