#include "scanners/yara/yara.h"

#include <csignal>
#include <fstream>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "scanners/yara/builtin_rules.h"
#include "test/unit/scanners/support.h"
#include "test/unit/scanners/worker/rig.h"

namespace tamis::scanners {
namespace {

using namespace std::chrono_literals;
using namespace test;

// Opened - the scanner with the process that starts its workers, which must outlive it
struct Opened {
    std::unique_ptr<worker::Spawner> spawner;
    std::shared_ptr<Scanner> scanner;
    Scanner& operator*() const { return *scanner; }
    Scanner* operator->() const { return scanner.get(); }
    explicit operator bool() const { return scanner != nullptr; }
};

Opened open_with(const std::string& settings, std::vector<std::string>* wrong = nullptr, std::uint64_t memory = 0) {
    Problems problems("f");
    const auto table = parse_config(settings, problems);
    Opened out;
    auto spawner = worker::Spawner::start({.worker = TAMIS_WORKER});
    REQUIRE(spawner);
    out.spawner = std::move(*spawner);
    out.scanner = open_yara(table, problems, {out.spawner.get(), "", memory});
    if (wrong != nullptr) *wrong = problems.lines();
    if (wrong == nullptr && !out) FAIL(problems.lines().at(0));
    return out;
}
Opened open_rules(const TempDir& dir, const std::string& rules, const std::string& more = "",
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

TEST_CASE("large messages are scanned with the same result") {
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
    struct Row {
        std::string rules, want;
    };
    const auto row =
        GENERATE(Row{"rule A { condition: true }\nrule B { condition: $x }\n", "r.yar:2: undefined string"},
                 Row{"rule A {", "r.yar:0: syntax error"}, Row{"rule A { meta: score = \"much\" condition: true }", "rule A in "},
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

constexpr auto slow_rule = "rule Slow { condition: filesize > 100000 and for any i in (1..1000000000000) : (i == 0) }\n";

TEST_CASE("a scan that takes too long fails; the message is not clean, and the scanner goes on") {
    log::capture(true);
    TempDir dir;
    const auto yara = open_rules(dir, slow_rule, "max_scans = 1\n");
    CHECK(is_clean(scan_text(*yara, clean_text)));
    CHECK(is_failed(scan_text(*yara, std::string(200'000, 'x'), GENERATE(Head::all, Head::none), Deadline::in(200ms)),
                    Errc::timeout));
    CHECK(is_clean(scan_text(*yara, clean_text)));
    CHECK(worker::test::children_of(yara.spawner->pid()).size() <= 2);
    log::capture(false);
}

TEST_CASE("a worker that is killed in the middle of a scan is replaced; killed again, the message is not clean") {
    log::capture(true);
    TempDir dir;
    const auto yara = open_rules(dir, slow_rule, "max_scans = 1\ntimeout = 240\n");
    CHECK(is_clean(scan_text(*yara, clean_text)));
    std::atomic<int> killed = 0;
    const auto outcome = [&] {
        // the killer: whoever works on the slow message and has used half a second of CPU for it
        const std::jthread killer([&](const std::stop_token& stop) {
            std::set<int> dead;  // one that nobody has waited for yet can still be "killed", and must not count again
            while (!stop.stop_requested() && killed < 2)
                for (const auto pid : worker::test::children_of(yara.spawner->pid()))
                    if (!dead.contains(pid) && worker::test::cpu_ticks(pid) > 50 && ::kill(pid, SIGKILL) == 0) {
                        dead.insert(pid);
                        ++killed;
                        while (worker::test::is_running(pid)) std::this_thread::yield();
                    }
        });
        return scan_text(*yara, std::string(200'000, 'x'), Head::none, Deadline::in(250s));
    }();
    CHECK(killed == 2);
    INFO(told(outcome));
    CHECK(is_failed(outcome, Errc::bad_input));
    CHECK(told(outcome).find("crashed twice (SIGKILL") != std::string::npos);
    CHECK(is_clean(scan_text(*yara, clean_text)));
    log::capture(false);
}

TEST_CASE("the modules of libyara work behind the sandbox") {
    TempDir dir;
    std::string rules;
    for (const auto* module : {"pe", "elf", "dotnet", "macho", "dex", "math", "time", "hash", "magic", "string", "console"}) {
        // a libyara without one of them refuses the rule: then there is nothing to try
        std::ofstream(dir.file("try.yar")) << "import \"" << module << "\" rule T { condition: true }";
        if (YaraRules::compile({dir.file("try.yar")}, Unmarked::virus)) rules += std::string("import \"") + module + "\"\n";
    }
    const auto has = [&](const std::string& module) { return rules.find('"' + module + '"') != std::string::npos; };
    REQUIRE(has("pe"));
    rules += "rule Elf { condition: elf.machine == elf.EM_X86_64 }\n";
    rules += "rule Pe { condition: pe.is_pe }\n";
    rules +=
        "rule Hash { condition: filesize == 5 and hash.sha256(0, filesize) == \"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\" }\n";
    if (has("magic")) rules += "rule Magic { condition: magic.mime_type() == \"text/x-shellscript\" }\n";
    rules += "rule Time { condition: filesize == 6 and time.now() > 1000000000 }\n";
    rules += "rule Entropy { condition: filesize == 7 and math.entropy(0, filesize) < 0.1 }\n";
    const auto yara = open_rules(dir, rules);
    std::ifstream file(TAMIS_WORKER, std::ios::binary);
    const std::string program((std::istreambuf_iterator<char>(file)), {});
    CHECK(told(scan_text(*yara, program, Head::none)) == "infected Elf");
    CHECK(told(scan_text(*yara, "hello")) == "infected Hash");
    CHECK(told(scan_text(*yara, "sixsix")) == "infected Time");
    CHECK(told(scan_text(*yara, "7777777")) == "infected Entropy");
    if (has("magic")) CHECK(told(scan_text(*yara, "#!/bin/sh\necho\n")) == "infected Magic");
    for (std::size_t size : {0UL, 1UL, 64UL, 1000UL})
        CHECK(is_clean(scan_text(*yara, std::string("MZ\0\0", 4) + std::string(size, '\xff'))));
}

TEST_CASE("a string that matches more often than libyara keeps is a limit, not a clean message") {
    log::capture(true);
    TempDir dir;
    const auto yara = open_rules(dir, "rule Many { strings: $a = \"ab\" condition: #a == 2000000 }\n");
    std::string text;
    for (int i = 0; i < 1'000'100; ++i) text += "ab";
    CHECK(is_failed(scan_text(*yara, text, Head::none), Errc::over_limit));
    CHECK(is_clean(scan_text(*yara, "abab")));
    log::capture(false);
}

TEST_CASE("many rules need more memory than one worker has otherwise, and get it") {
    TempDir dir;
    std::string rules;
    for (int i = 0; i < 20'000; ++i)
        rules += "rule R" + std::to_string(i) + " { strings: $a = \"text number " + std::to_string(i * 7919) +
                 " of many\" condition: $a }\n";
    std::ofstream(dir.file("r.yar")) << rules;
    const auto yara = open_with("rules = ['" + dir.file("r.yar") + "']\n", nullptr, 64ULL << 20);
    CHECK(is_clean(scan_text(*yara, clean_text)));
    CHECK(told(scan_text(*yara, "text number 7919 of many")) == "infected R1");
}

TEST_CASE("new rules take over while scans with the old ones go on") {
    TempDir dir;
    const auto spawner = worker::Spawner::start({.worker = TAMIS_WORKER});
    REQUIRE(spawner);
    const auto opened = [&](const std::string& rule) {
        std::ofstream(dir.file("r.yar")) << rule;
        Problems problems("f");
        return open_yara(parse_config("rules = ['" + dir.file("r.yar") + "']\n", problems), problems, {spawner->get(), "", 0});
    };
    auto old_rules = opened("rule Old { condition: true }");
    asio::io_context context(1);
    std::vector<std::string> seen;
    const auto message = make_message(clean_text);
    const auto envelope = make_envelope();
    const ScanRequest request{&message, &envelope, "h", ""};
    const auto scan = [](std::shared_ptr<Scanner> with, ScanRequest what) -> Task<mail::ScanOutcome> {
        co_return co_await with->scan(what, Deadline::in(60s));
    };
    for (int i = 0; i < 20; ++i)
        asio::co_spawn(context, scan(old_rules, request),
                       [&](const std::exception_ptr&, const mail::ScanOutcome& outcome) { seen.push_back(told(outcome)); });
    context.poll();
    old_rules.reset();  // as after a reload: only the scans hold it
    const auto new_rules = opened("rule New { condition: true }");
    context.restart();
    context.run();
    CHECK(seen == std::vector<std::string>(20, "infected Old"));
    CHECK(told(scan_text(*new_rules, clean_text)) == "infected New");
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
