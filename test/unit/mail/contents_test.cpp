#include "mail/contents.h"

#include <catch2/catch.hpp>
#include <set>

using namespace tamis::mail;

TEST_CASE("every anomaly has a name of its own") {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(AnomalyKind::misplaced_parameter); ++i)
        names.insert(anomaly_name(static_cast<AnomalyKind>(i)));
    CHECK(names.size() == static_cast<std::size_t>(AnomalyKind::misplaced_parameter) + 1);
    CHECK(!names.contains("unknown"));
    CHECK(is_ambiguous(AnomalyKind::other_reading));
    CHECK_FALSE(is_ambiguous(AnomalyKind::unclosed_multipart));
}
