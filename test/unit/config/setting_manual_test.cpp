// setting_manual_test - the manual's [policy]: rows of its own and fields of recipients, each once and where it belongs
#include <catch2/catch.hpp>

#include <algorithm>

#include "config/setting_rows.h"
#include "config/settings.h"
#include "policy/fields.h"

namespace tamis::config {
namespace {

TEST_CASE("every field of the site is a setting of [policy] by its row alone, and every place names one") {
    std::vector<std::string> shown;
    for (const auto& line : setting_lines(nullptr))
        if (line.section == "policy") {
            CHECK(line.value == line.fallback);
            shown.push_back(line.name);
        }
    const auto names = policy::site_field_names();
    CHECK(shown.size() == names.size() + policy_rows().size());
    for (const auto& name : names) CHECK(std::ranges::count(shown, name) == 1);
    for (const auto& row : policy_rows()) CHECK(std::ranges::count(shown, row.name) == 1);
    for (const auto& place : field_places()) {
        INFO(place.before);
        const auto own = std::ranges::find(shown, place.before);
        REQUIRE(own != shown.end());
        REQUIRE(own - shown.begin() >= static_cast<std::ptrdiff_t>(place.fields.size()));
        CHECK(
            std::ranges::equal(place.fields, std::ranges::subrange(own - static_cast<std::ptrdiff_t>(place.fields.size()), own)));
    }
}

}  // namespace
}  // namespace tamis::config
