// content_checks_test - who gets a hit, who is spared, what is asked once
#include "proxy/content_checks.h"

#include <catch2/catch.hpp>

#include "base/log.h"

#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "unit/policy/fixture.h"

namespace tamis::proxy {
namespace {

std::shared_ptr<const config::Settings> configured(const std::string& toml, Problems& problems) {
    std::string path = (std::filesystem::temp_directory_path() / "tamis-content-checks-XXXXXX").string();
    ::close(mkstemp(path.data()));
    std::ofstream(path) << "[storage]\nlookup_dsn = []\nstorage_dsn = \"sqlite::memory:\"\n" << toml;
    auto out = config::load_settings_file(path, problems);
    std::filesystem::remove(path);
    return out;
}

mail::Contents with_program() {
    mail::Contents contents;
    mail::Part root, program;
    root.number = 1;
    root.types = {"multipart/mixed"};
    program.number = 2;
    program.parent = 1;
    program.names = {"setup.exe"};
    contents.parts = {root, program};
    contents.mime_error = "damaged";
    return contents;
}

TEST_CASE("each recipient's own lists, bypasses, and the header tests that are switched on") {
    Problems problems("t.toml");
    const auto settings =
        configured("[header_checks]\nmissing = false\n[[banned.rules.NICE]]\naction = \"allow\"\nname = 'setup'\n", problems);
    REQUIRE(problems.lines() == std::vector<std::string>{});
    policy::test::Story story(4, "Subject: \xff\r\n\r\nx\r\n");
    story.policies[1].banned_rule_names = {"NICE", "DEFAULT"};
    story.policies[2].bypass_banned_checks = true;
    story.policies[3].banned_rule_names = {"NONE", "DEFAULT"};
    log::capture(true);
    check_contents(*settings, story.envelope, story.message, with_program(), story.policies, story.found, story.findings);
    const auto lines = join(log::captured(), "\n");
    log::capture(false);
    REQUIRE(story.found[0].banned);
    CHECK(story.found[0].banned->reason == "setup.exe");
    CHECK_FALSE(story.found[1].banned);
    CHECK_FALSE(story.found[2].banned);
    CHECK(story.found[3].banned == story.found[0].banned);  // the same list, evaluated once
    CHECK_THAT(lines, Catch::Contains("there is no list \"NONE\""));
    REQUIRE(story.findings.header_problems.size() == 2);
    CHECK(story.findings.header_problems[0].first == 2);
    CHECK(story.findings.header_problems[1] == policy::HeaderProblem{1, "MIME error: damaged"});

    for (auto& each : story.policies) each.bypass_header_checks = true;
    story.findings = {};
    check_contents(*settings, story.envelope, story.message, {}, story.policies, story.found, story.findings);
    CHECK(story.findings.header_problems.empty());
    CHECK_FALSE(story.found[0].banned);
}

TEST_CASE("a list that does not exist is a problem of [policy]") {
    Problems problems("t.toml");
    (void)configured("[policy]\nbanned_rulenames = [\"DEFALT\"]\n", problems);
    REQUIRE(problems.lines().size() == 1);
    CHECK_THAT(problems.lines().front(),
               Catch::Contains("t.toml:5:20: policy.banned_rulenames: there is no list \"DEFALT\"; did you mean \"DEFAULT\"?"));
    Problems none("t.toml");
    const auto settings = configured("[policy]\nbanned_rulenames = [\"NO-MACROS\", \"DEFAULT\"]\n", none);
    CHECK(none.lines() == std::vector<std::string>{});
    CHECK(settings->site_policy.banned_rule_names == std::vector<std::string>{"NO-MACROS", "DEFAULT"});
}

}  // namespace
}  // namespace tamis::proxy
