#include "scanners/yara/yara.h"

#include <fstream>

#include "base/log.h"
#include "base/text.h"
#include "scanners/yara/builtin_rules.h"
#include "test/unit/scanners/support.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

std::shared_ptr<Scanner> open_with(const std::string& settings, std::vector<std::string>* wrong = nullptr) {
    Problems problems("f");
    const auto table = parse_config(settings, problems);
    auto scanner = open_yara(table, problems);
    if (wrong != nullptr) *wrong = problems.lines();
    if (wrong == nullptr && !scanner) FAIL(problems.lines().at(0));
    return scanner;
}
std::shared_ptr<Scanner> open_rules(const TempDir& dir, const std::string& rules, const std::string& more = "",
                                    std::vector<std::string>* wrong = nullptr) {
    std::ofstream(dir.file("r.yar")) << rules;
    return open_with("rules = ['" + dir.file("r.yar") + "']\n" + more, wrong);
}

// in_base64 - as an attachment: base64 in lines of 76 characters
std::string in_base64(const std::string& content) {
    const auto code = base64_encode(content);
    std::string out = "Content-Transfer-Encoding: base64\r\n\r\n";
    for (std::size_t at = 0; at < code.size(); at += 76) out += code.substr(at, 76) + "\r\n";
    return out;
}

TEST_CASE("the rules that come along are those of etc") {
    std::ifstream file(std::string(TAMIS_SOURCE_DIR) + "/etc/yara/tamis.yar");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    REQUIRE_FALSE(text.empty());
    CHECK(builtin_yara_rules() == text);
}

TEST_CASE("without settings EICAR is a virus, GTUBE is spam, and other mail is clean") {
    const auto yara = open_with("");
    const auto head = GENERATE(Head::all, Head::none);
    CHECK(is_clean(scan_text(*yara, clean_text, head)));
    CHECK(told(scan_text(*yara, clean_text + eicar + "\r\n", head)) == "infected Eicar-Test-Signature");
    const auto spam = scan_text(*yara, clean_text + gtube + "\r\n", head);
    REQUIRE(std::holds_alternative<mail::Scored>(spam));
    const auto& scored = std::get<mail::Scored>(spam);
    CHECK(scored.score == 1000);
    REQUIRE(scored.tests.size() == 1);
    CHECK(scored.tests[0].name == "GTUBE");
    CHECK(scored.tests[0].score == 1000);
    CHECK(told(scan_text(*yara, eicar + gtube, head)) == "infected Eicar-Test-Signature");
    CHECK(yara->health() == "ok");
}

TEST_CASE("the test strings are found in base64 at every offset of an attachment") {
    const auto yara = open_with("");
    for (std::size_t offset = 0; offset < 60; ++offset) {
        INFO(offset);
        CHECK(told(scan_text(*yara, in_base64(std::string(offset, 'x') + eicar))) == "infected Eicar-Test-Signature");
        CHECK(told(scan_text(*yara, in_base64(std::string(offset, ' ') + gtube))).starts_with("scored 1000"));
    }
    CHECK(is_clean(scan_text(*yara, in_base64("a talk about the EICAR-STANDARD-ANTIVIRUS-TEST-FILE"))));
}

TEST_CASE("large messages are scanned off the loop with the same result") {
    const auto yara = open_with("");
    const auto head = GENERATE(Head::all, Head::none);
    std::string large(6'000'000, 'x');
    CHECK(is_clean(scan_text(*yara, large, head)));
    CHECK(told(scan_text(*yara, large + eicar, head)) == "infected Eicar-Test-Signature");
    CHECK(is_clean(scan_text(*yara, "", head)));
}

TEST_CASE("metadata says what a match means") {
    TempDir dir;
    const std::string rules =
        "rule V { meta: virus = \"Own Name\\xff\" condition: filesize == 1 }\n"
        "rule S { meta: score = 3 condition: filesize == 2 }\n"
        "rule D { meta: score = \"-1.5\" test = \"OWN,TEST\" condition: filesize == 2 }\n"
        "rule Plain { condition: filesize == 3 }\n"
        "rule Other { meta: author = \"x\" condition: filesize == 3 }\n"
        "private rule Hidden { condition: filesize == 4 }\n";
    const auto yara = open_rules(dir, rules);
    CHECK(told(scan_text(*yara, "1")) == "infected Own Name?");
    const auto spam = scan_text(*yara, "12");
    REQUIRE(std::holds_alternative<mail::Scored>(spam));
    CHECK(std::get<mail::Scored>(spam).score == 1.5);
    REQUIRE(std::get<mail::Scored>(spam).tests.size() == 2);
    CHECK(std::get<mail::Scored>(spam).tests[1].name == "OWN_TEST");
    const auto plain = scan_text(*yara, "123");
    REQUIRE(std::holds_alternative<mail::Infected>(plain));
    CHECK(std::get<mail::Infected>(plain).names == std::vector<std::string>{"Plain", "Other"});
    CHECK(is_clean(scan_text(*yara, "1234")));
    const auto lenient = open_rules(dir, rules, "unmarked = 'ignore'\n");
    CHECK(is_clean(scan_text(*lenient, "123")));
    CHECK(told(scan_text(*lenient, "1")) == "infected Own Name?");
}

TEST_CASE("rules that do not compile are told with file and line") {
    TempDir dir;
    struct Row { std::string rules, want; };
    const auto row = GENERATE(
        Row{"rule A { condition: true }\nrule B { condition: $x }\n", "r.yar:2: undefined string"},
        Row{"rule A {", "r.yar:0: syntax error"},
        Row{"rule A { meta: score = \"much\" condition: true }", "rule A in "},
        Row{"rule A { meta: score = 2000000 condition: true }", "must be a number from"},
        Row{"rule A { meta: score = true condition: true }", "must be a number from"},
        Row{"rule A { meta: virus = 5 condition: true }", "must be a name in quotes"},
        Row{"rule A { meta: virus = \"\" condition: true }", "must be a name in quotes"});
    std::vector<std::string> wrong;
    CHECK_FALSE(open_rules(dir, row.rules, "", &wrong));
    REQUIRE(wrong.size() == 1);
    INFO(wrong[0]);
    CHECK(wrong[0].starts_with("f:1:9: scanners.yara.rules: "));
    CHECK(wrong[0].find(row.want) != std::string::npos);
}

TEST_CASE("a scan that takes too long fails; the message is not clean, and the scanner goes on") {
    log::capture(true);
    TempDir dir;
    const auto yara = open_rules(dir, "rule Slow { condition: filesize > 100000 and for any i in (1..1000000000) : (i == 0) }\n",
                                 "timeout = 0.2\nmax_scans = 1\n");
    const auto begun = Deadline::Clock::now();
    CHECK(is_failed(scan_text(*yara, std::string(200'000, 'x')), Errc::timeout));
    CHECK(Deadline::Clock::now() - begun < 900ms);
    CHECK(is_clean(scan_text(*yara, clean_text)));
    log::capture(false);
}

TEST_CASE("max_size and the deadline hold") {
    log::capture(true);
    const auto yara = open_with("max_size = 100\n");
    CHECK(is_failed(scan_text(*yara, std::string(101, 'x')), Errc::over_limit));
    CHECK(is_clean(scan_text(*yara, std::string(100, 'x'))));
    CHECK(is_failed(scan_text(*yara, "x", Head::all, Deadline::in(-1s)), Errc::timeout));
    log::capture(false);
}

TEST_CASE("many threads scan at the same time") {
    const auto yara = open_with("");
    std::atomic<int> right = 0;
    {
        std::vector<std::jthread> threads;
        for (int n = 0; n < 4; ++n)
            threads.emplace_back([&, n] {
                const bool is_large = n % 2 == 0;
                const std::string text = std::string(is_large ? 300'000 : 3000, 'x');
                for (int k = 0; k < 25; ++k) {
                    right += is_clean(scan_text(*yara, text, Head::all));
                    right += told(scan_text(*yara, text + eicar, Head::none)).starts_with("infected");
                }
            });
    }
    CHECK(right == 200);
}

}  // namespace
}  // namespace tamis::scanners
