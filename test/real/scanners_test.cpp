// The scanners against the real engines. Run by test/lib/with_engines, which starts them and says where they are.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <random>
#include <type_traits>

#include "base/log.h"
#include "base/text.h"
#include "scanners/clamd/clamd.h"
#include "scanners/icap/icap.h"
#include "scanners/rspamd/rspamd.h"
#include "scanners/spamd/spamd.h"
#include "test/unit/scanners/support.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

std::string where(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) FAIL(name << " is not set; run this by test/lib/with_engines");
    return value;
}

template <class Open>
std::shared_ptr<Scanner> open_by(Open open, const std::string& text) {
    Problems problems("test");
    std::shared_ptr<Scanner> scanner;
    if constexpr (std::is_invocable_v<Open, const ConfigTable&, Problems&>)
        scanner = open(parse_config(text, problems), problems);
    else scanner = open(parse_config(text, problems), problems, Surroundings{});
    if (!scanner) FAIL(problems.lines().at(0));
    return scanner;
}
std::shared_ptr<Scanner> clamd_at(const std::string& address, const std::string& more = "") {
    return open_by(open_clamd, "socket = '" + address + "'\n" + more);
}

const std::string header =
    "Received: from mx.sender.org (mx.sender.org [192.0.2.1]) by mta.example.com with ESMTP id 4XyZ12\r\n"
    "\tfor <u@example.com>; Sun, 22 Nov 2026 15:00:00 +0000 (UTC)\r\nFrom: A <a@sender.org>\r\nTo: u@example.com, v@example.com\r\n"
    "Subject: hello\r\nDate: Sun, 22 Nov 2026 15:00:00 +0000\r\nMessage-ID: <1@sender.org>\r\nMIME-Version: 1.0\r\n";
const std::string plain = header + "Content-Type: text/plain; charset=utf-8\r\n\r\nNothing to see here, really.\r\n";
// a file that begins with the test string, as its definition wants it
const std::string infected = header + "Content-Type: text/plain\r\n\r\n" + eicar + "\r\n";
const std::string eight_bit =
    header +
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xc3\xbc\xc3\x9f"
    "e, \xe4\xbd\xa0\xe5\xa5\xbd, \xff\xfe\r\n";

// large - a text and an attachment in base64, of about that size
std::string large(std::size_t size) {
    std::string text = header +
                       "Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\nContent-Type: text/plain\r\n\r\n"
                       "The figures are attached.\r\n--bb\r\nContent-Type: application/octet-stream; name=figures.bin\r\n"
                       "Content-Transfer-Encoding: base64\r\n\r\n";
    std::minstd_rand random(1);
    while (text.size() < size) {
        std::string line;
        for (int n = 0; n < 57; ++n) line += static_cast<char>(random());
        text += base64_encode(line) + "\r\n";
    }
    return text + "--bb--\r\n";
}

TEST_CASE("clamd: clean, EICAR, 8-bit and 5 MB, by descriptor and by stream") {
    const auto address = GENERATE(as<std::string>(), "TAMIS_CLAMD_SOCKET", "TAMIS_CLAMD_TCP");
    const auto method = GENERATE(as<std::string>(), "", "method = 'instream'\n");
    const auto head = GENERATE(Head::all, Head::none);
    const auto clamd = clamd_at(where(address.c_str()), method);
    CHECK(told(scan_text(*clamd, plain, head)) == "clean");
    CHECK(told(scan_text(*clamd, infected, head)) == "infected Eicar-Test-Signature.UNOFFICIAL");
    CHECK(told(scan_text(*clamd, eight_bit, head)) == "clean");
    CHECK(told(scan_text(*clamd, large(5'000'000), head)) == "clean");
    CHECK(clamd->health() == "ok");
}

TEST_CASE("clamd: a message above StreamMaxLength is over a limit, not clean, and blames nobody") {
    const auto address = GENERATE(as<std::string>(), "TAMIS_CLAMD_SOCKET", "TAMIS_CLAMD_TCP");
    const auto limit = std::stoul(where("TAMIS_CLAMD_STREAM_MAX"));
    const auto clamd = clamd_at(where(address.c_str()), "method = 'instream'\n");
    const auto outcome = scan_text(*clamd, large(limit * 3), Head::none);
    INFO(told(outcome));
    CHECK(is_failed(outcome, Errc::over_limit));
    CHECK(clamd->health() == "ok");
}

TEST_CASE("clamd: forty scans at once through ten turns") {
    const auto clamd = clamd_at(where("TAMIS_CLAMD_SOCKET"));
    const auto message = make_message(infected);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    int found = 0;
    asio::io_context context(1);
    for (int n = 0; n < 40; ++n)
        asio::co_spawn(
            context, clamd->scan(request, Deadline::in(30s)),
            [&](std::exception_ptr, const mail::ScanOutcome& outcome) { found += told(outcome).starts_with("infected"); });
    context.run();
    CHECK(found == 40);
}

TEST_CASE("clamd: the first address that works is used") {
    log::capture(true);
    const auto clamd = open_by(open_clamd, "socket = ['" + free_endpoint().text() + "', '" + where("TAMIS_CLAMD_TCP") + "']\n");
    CHECK(told(scan_text(*clamd, plain)) == "clean");
    CHECK(clamd->health().find("connect: refused") != std::string::npos);
    log::capture(false);
}

TEST_CASE("spamd: score, threshold, tests with scores and report") {
    const auto spamd = open_by(open_spamd, "socket = '" + where("TAMIS_SPAMD") + "'\ntimeout = '120s'\n");
    const auto head = GENERATE(Head::all, Head::none);
    for (const auto& [text, is_spam] : {std::pair(plain, false), std::pair(plain + gtube + "\r\n", true),
                                        std::pair(eight_bit, false), std::pair(large(5'000'000), false)}) {
        const auto outcome = scan_text(*spamd, text, head, Deadline::in(120s));
        INFO(told(outcome));
        REQUIRE(std::holds_alternative<mail::Scored>(outcome));
        const auto& scored = std::get<mail::Scored>(outcome);
        CHECK((scored.score > 900) == is_spam);
        CHECK(scored.required == 5.0);
        CHECK(scored.report.find("Content analysis details") != std::string::npos);
        REQUIRE_FALSE(scored.tests.empty());
        double sum = 0;
        bool has_gtube = false;
        for (const auto& test : scored.tests) {
            sum += test.score;
            has_gtube = has_gtube || (test.name == "GTUBE" && test.score == 1000);
        }
        CHECK(has_gtube == is_spam);
        CHECK(std::abs(sum - scored.score) < 0.6);  // the report rounds each score
    }
    CHECK(spamd->health() == "ok");
}

TEST_CASE("spamd: with another report template the names come by SYMBOLS") {
    log::capture(true);
    const auto spamd = open_by(open_spamd, "socket = '" + where("TAMIS_SPAMD_PLAIN") + "'\ntimeout = '120s'\n");
    for (int n = 0; n < 2; ++n) {
        const auto outcome = scan_text(*spamd, plain + gtube + "\r\n", Head::all, Deadline::in(120s));
        INFO(told(outcome));
        REQUIRE(std::holds_alternative<mail::Scored>(outcome));
        const auto& scored = std::get<mail::Scored>(outcome);
        CHECK(scored.score > 900);
        CHECK(std::ranges::any_of(scored.tests, [](const auto& test) { return test.name == "GTUBE" && test.score == 0; }));
    }
    CHECK(log::captured().size() == 1);
    log::capture(false);
}

TEST_CASE("rspamd: score, threshold, action and symbols") {
    const auto rspamd = open_by(open_rspamd, "url = '" + where("TAMIS_RSPAMD") + "'\n");
    const auto head = GENERATE(Head::all, Head::none);
    for (const auto& [text, is_spam] : {std::pair(plain, false), std::pair(plain + gtube + "\r\n", true),
                                        std::pair(eight_bit, false), std::pair(large(5'000'000), false)}) {
        const auto outcome = scan_text(*rspamd, text, head);
        INFO(told(outcome));
        REQUIRE(std::holds_alternative<mail::Scored>(outcome));
        const auto& scored = std::get<mail::Scored>(outcome);
        CHECK(scored.required == 15.0);
        CHECK((scored.action == "reject") == is_spam);
        CHECK_FALSE(scored.tests.empty());
        const auto has = [&](std::string_view name) {
            return std::ranges::any_of(scored.tests, [&](const auto& test) { return test.name == name; });
        };
        CHECK(has("GTUBE") == is_spam);
        CHECK(has("TO_MATCH_ENVRCPT_ALL") != is_spam);  // both recipients arrived; amavisd sends only the last
    }
    CHECK(rspamd->health() == "ok");
}

TEST_CASE("rspamd: score_factor fits the scores to the site's levels") {
    const auto rspamd = open_by(open_rspamd, "url = '" + where("TAMIS_RSPAMD") + "'\nscore_factor = 0.5\n");
    const auto outcome = scan_text(*rspamd, plain + gtube + "\r\n");
    INFO(told(outcome));
    REQUIRE(std::holds_alternative<mail::Scored>(outcome));
    CHECK(std::get<mail::Scored>(outcome).score == 7.5);
    CHECK(std::get<mail::Scored>(outcome).required == 7.5);
}

TEST_CASE("icap: clean, EICAR, 8-bit and 5 MB through c-icap, with and without a preview, as answer and as upload") {
    const auto mode = GENERATE(as<std::string>(), "respmod", "reqmod");
    const auto preview = GENERATE(as<std::string>(), "none", "auto", "100");
    const auto head = GENERATE(Head::all, Head::none);
    const auto icap =
        open_by(open_icap, "url = '" + where("TAMIS_ICAP") + "'\nmode = '" + mode + "'\npreview = '" + preview + "'\n");
    CHECK(told(scan_text(*icap, plain, head)) == "clean");
    CHECK(told(scan_text(*icap, infected, head)) == "infected Eicar-Test-Signature.UNOFFICIAL");
    CHECK(told(scan_text(*icap, eight_bit, head)) == "clean");
    CHECK(told(scan_text(*icap, large(5'000'000), head)) == "clean");
    CHECK(icap->health() == "ok");
}

TEST_CASE("icap: the echo service sends the message back while it still comes, and that is clean only byte by byte") {
    const auto preview = GENERATE(as<std::string>(), "none", "auto");
    const auto icap = open_by(open_icap, "url = '" + where("TAMIS_ICAP_ECHO") + "'\npreview = '" + preview + "'\n");
    for (int n = 0; n < 4; ++n) {  // with a preview it decides at random whether to say 204 or to echo
        CHECK(told(scan_text(*icap, plain)) == "clean");
        CHECK(told(scan_text(*icap, large(5'000'000), Head::none)) == "clean");
    }
}

TEST_CASE("icap: no such service is told, and the next address is asked") {
    log::capture(true);
    const auto url = where("TAMIS_ICAP");
    const auto missing = url.substr(0, url.rfind('/')) + "/nothing";
    const auto outcome = told(scan_text(*open_by(open_icap, "url = '" + missing + "'\n"), plain));
    INFO(outcome);
    CHECK(outcome.find("no such service (ICAP 404)") != std::string::npos);
    CHECK(told(scan_text(*open_by(open_icap, "url = ['" + missing + "', '" + url + "']\n"), infected)).starts_with("infected"));
    log::capture(false);
}

TEST_CASE("icap: forty scans at once through ten turns, on kept connections") {
    const auto icap = open_by(open_icap, "url = '" + where("TAMIS_ICAP") + "'\n");
    const auto message = make_message(infected);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "", ""};
    int found = 0, left = 40;
    asio::io_context context(1);
    for (int n = 0; n < 40; ++n)
        asio::co_spawn(context, icap->scan(request, Deadline::in(60s)),
                       [&](std::exception_ptr, const mail::ScanOutcome& outcome) {
                           found += told(outcome).starts_with("infected");
                           if (--left == 0) context.stop();
                       });
    context.run();
    CHECK(found == 40);
}

TEST_CASE("all engines at once, under one deadline") {
    const ScannerList list{clamd_at(where("TAMIS_CLAMD_SOCKET")),
                           open_by(open_spamd, "socket = '" + where("TAMIS_SPAMD") + "'\n"),
                           open_by(open_rspamd, "url = '" + where("TAMIS_RSPAMD") + "'\n")};
    const auto message = make_message(infected);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "filter.example.com", "192.0.2.1"};
    const auto reports = run(scan_all(list, request, Deadline::in(60s)));
    REQUIRE(reports.size() == 3);
    CHECK(told(reports[0].outcome).starts_with("infected"));
    CHECK(told(reports[1].outcome).starts_with("scored"));
    CHECK(told(reports[2].outcome).starts_with("scored"));
}

}  // namespace
}  // namespace tamis::scanners
