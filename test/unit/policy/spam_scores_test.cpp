#include "policy/spam_scores.h"

#include <catch2/catch.hpp>

using namespace tamis;
using namespace tamis::policy;

namespace {

mail::ScanReport scored(std::string engine, double score, bool finds_viruses = false) {
    mail::ScanReport out;
    out.scanner = std::move(engine);
    out.outcome = mail::Scored{score, {{"TEST", score}}, {}, {}, {}};
    out.finds_viruses = finds_viruses;
    return out;
}

MessageFindings combined(std::vector<mail::ScanReport> reports, std::string_view how) {
    mail::Evidence evidence;
    evidence.scans = std::move(reports);
    auto findings = findings_from(evidence);
    combine_scores(evidence, spam_scores_named(how), findings);
    return findings;
}

}  // namespace

TEST_CASE("several spam engines: the sum, the largest, or the one that is named") {
    struct Row {
        std::string how;
        double want;
    };
    const auto row = GENERATE(Row{"sum", 11}, Row{"maximum", 8}, Row{"rspamd", 8}, Row{"spamd", 3});
    INFO(row.how);
    CHECK(combined({scored("rspamd", 8), scored("spamd", 3)}, row.how).score == row.want);
    CHECK(combined({scored("rspamd", 8), scored("spamd", 3), scored("yara", 2, true)}, row.how).score == row.want + 2);
    CHECK(combined({scored("spamd", -3)}, row.how).score == -3.0);
}

TEST_CASE("without the engine that is named the others count") {
    CHECK(combined({scored("spamd", 3), scored("yara", 2, true)}, "rspamd").score == 5.0);
}

TEST_CASE("tests are told with their engine when there is more than one") {
    const auto both = combined({scored("rspamd", 8), scored("spamd", 3)}, "sum");
    REQUIRE(both.tests.size() == 2);
    CHECK(both.tests[0].name == "rspamd.TEST");
    CHECK(both.tests[1].name == "spamd.TEST");
    CHECK(combined({scored("rspamd", 8)}, "sum").tests.front().name == "TEST");
    CHECK_FALSE(combined({}, "sum").score);
}
