#include "scanners/command/command_rules.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <set>

#include "base/text.h"
#include "lib/growth.h"

namespace tamis::scanners {
namespace {

Sign sign_of(const std::string& text) {
    Problems problems("f");
    const auto config = parse_config("x = " + text + "\n", problems);
    REQUIRE(problems.none());
    const auto sign = parse_sign(*config.find("x"));
    REQUIRE(sign);
    return *sign;
}
std::string told(const Result<mail::ScanOutcome>& outcome) {
    if (!outcome) return "failed " + describe(outcome.error());
    if (const auto* infected = std::get_if<mail::Infected>(&*outcome)) {
        std::string out = "infected";
        for (const auto& name : infected->names) out += " [" + name + "]";
        return out;
    }
    return "clean";
}
int exited(int code) { return code << 8; }

// Row - of amavisd's own examples: exit code and output
struct Row {
    std::string text, clean, infected, name;
    int status = 0;
    std::string output, want;
    bool is_truncated = false;
};

TEST_CASE("exit codes and output as amavisd reads them") {
    const std::string clamscan = R"(':.*\sFOUND$')", clamscan_name = R"(^.*?: (?!Infected Archive)(.*) FOUND$)";
    const std::string plain_name = R"(^.*?: (.*) FOUND$)";
    const auto row = GENERATE_COPY(values<Row>({
        {"clean by code", "[0]", "[1]", "", exited(0), "", "clean"},
        {"infected by code, no name", "[0]", "[1]", "", exited(1), "", "infected [unknown]"},
        {"neither", "[0]", "[1]", "", exited(2), "error\n", "failed exit code 2 and what it said mean neither"},
        {"neither, silent", "[0]", "[1]", "", exited(127), "", "failed exit code 127"},
        {"a single number is a list of one", "0", "1", "", exited(0), "", "clean"},
        {"clamscan clean", "[0]", clamscan, plain_name, exited(0), "/d/p001: OK\n", "clean"},
        {"clamscan infected", "[0]", clamscan, plain_name, exited(1), "/d/p001: OK\n/d/p002: Eicar FOUND\n/d/p003: B C FOUND\n",
         "infected [Eicar] [B C]"},
        {"one name twice is one", "[0]", clamscan, plain_name, exited(1), "a: E FOUND\nb: E FOUND\n", "infected [E]"},
        {"infected is tested first", "[0]", clamscan, plain_name, exited(0), "a: E FOUND\n", "infected [E]"},
        {"infected by code and clean by code", "[0, 1]", "[1]", "", exited(1), "", "infected [unknown]"},
        {"clean by pattern", R"('\bOK$')", R"('\bFOUND$')", "", exited(9), "x: OK\nmore\n", "clean"},
        {"neither pattern", R"('\bOK$')", R"('\bFOUND$')", "", exited(0), "x: UNKNOWN\n", "failed exit code 0"},
        {"several groups: the first that took part", "[0]", "[3]", R"((?:virus (\S+)|worm (\S+)))", exited(3),
         "virus A\nworm B\n", "infected [A] [B]"},
        {"a pattern without a group", "[0]", "[3]", R"(V-\d+)", exited(3), "found V-12, V-7\n", "infected [V-12] [V-7]"},
        {"an empty match does not stand still", "[0]", "[3]", "x*", exited(3), "abc", "infected [unknown]"},
        {"a name from a stranger", "[0]", "[1]", "N=(.*)", exited(1),
         "N=\x1b[2J\xff\xfe"
         "a\n",
         "infected [?[2J??a]"},
        {"killed", "[0]", "[1]", "", SIGKILL, "", "failed ended by signal 9 (KILL)"},
        {"crashed, whatever it said", "[0]", R"('FOUND')", "", SIGSEGV | 0x80, "a: E FOUND\n",
         "failed ended by signal 11 (SEGV)"},
        {"no clean: silence is no answer", "", "[1]", "", exited(0), "", "failed it found nothing, which is no answer"},
        {"no clean, infected", "", "[1]", "", exited(1), "", "infected [unknown]"},
        {"too much output, clean code", "[0]", "[1]", "", exited(0), "x", "failed it said more than 200 KiB", true},
        {"too much output, infected", "[0]", "[1]", "", exited(1), "x", "infected [unknown]", true},
        {"a limit of the engine", "[0]", "[1]", plain_name, exited(1), "a: Heuristics.Limits.Exceeded.MaxFiles FOUND\n",
         "failed it reached a limit of its own"},
    }));
    INFO(row.text);
    CommandRules rules;
    if (!row.clean.empty()) rules.clean = sign_of(row.clean);
    rules.infected = sign_of(row.infected);
    if (!row.name.empty()) {
        auto pattern = parse_pattern(row.name);
        REQUIRE(pattern);
        rules.name = *pattern;
    }
    CHECK(told(judge_run(rules, {row.status, row.is_truncated, row.output})).starts_with(row.want));
    CHECK_FALSE(parse_pattern(clamscan_name));  // RE2 looks neither ahead nor behind; docs/scanners/command.md says so
}

TEST_CASE("what a sign cannot be") {
    Problems problems("f");
    const auto config =
        parse_config("a = []\nb = [256]\nc = [-1]\nd = ['x']\ne = '('\nf = ''\ng = true\nh = [0, 'x']\n", problems);
    REQUIRE(problems.none());
    for (const auto& [name, value] : config.entries) {
        INFO(name);
        CHECK_FALSE(parse_sign(value));
    }
}

TEST_CASE("a pattern takes linear time, whatever the output") {
    CommandRules rules;
    rules.infected = sign_of("'(a*)*b'");
    rules.name = *parse_pattern("(a+)+$");
    CHECK(tamis::test::grows_linearly(program_output_limit / 64, [&](std::size_t size) {
        if (!told(judge_run(rules, {exited(0), false, std::string(size, 'a')})).starts_with("failed")) FAIL("it did match");
    }));
}

TEST_CASE("arguments") {
    using List = std::vector<std::vector<std::string>>;
    CHECK(make_runs({"-r", "{}"}, "/d/parts", 3) == List{{"-r", "/d/parts"}});
    CHECK(make_runs({"--dir={}", "--tmp={}/../tmp"}, "/d", 3) == List{{"--dir=/d", "--tmp=/d/../tmp"}});
    CHECK(make_runs({"-x", "{}/*", "-y"}, "/d", 2) == List{{"-x", "/d/p001", "/d/p002", "-y"}});
    CHECK(make_runs({"*"}, "/d", 2) == List{{"p001", "p002"}});
    CHECK(make_runs({"a*b", "*", "{}"}, "/{}", 1) == List{{"a*b", "p001", "/{}"}});
    CHECK(file_name(1) == "p001");
    CHECK(file_name(1234) == "p1234");
}

TEST_CASE("file names of more than 4000 bytes make several runs, and each file is in exactly one") {
    const std::string directory = "/var/lib/tamis/programs/clamscan-0123456789abcdef/parts";
    const auto runs = make_runs({"-x", "{}/*", "-y"}, directory, files_most);
    CHECK(runs.size() > 1);
    std::set<std::string> seen;
    std::size_t files = 0;
    for (const auto& run : runs) {
        REQUIRE(run.size() > 2);
        CHECK(run.front() == "-x");
        CHECK(run.back() == "-y");
        std::size_t bytes = 0;
        for (std::size_t i = 1; i + 1 < run.size(); ++i) {
            bytes += run[i].size() + 1;
            seen.insert(run[i]);
            ++files;
        }
        CHECK(bytes <= file_arguments_limit);
    }
    CHECK(files == files_most);
    CHECK(seen.size() == files_most);
}

TEST_CASE("arguments that cannot be") {
    CHECK(check_arguments({"-r", "{}"}));
    CHECK(check_arguments({"*"}));
    CHECK(check_arguments({"{}/*"}));
    CHECK_FALSE(check_arguments({}));
    CHECK_FALSE(check_arguments({"-r"}));
    CHECK_FALSE(check_arguments({"--files={}/*"}));
    CHECK_FALSE(check_arguments({"{}", std::string("a\0b", 3)}));
    CHECK_FALSE(check_arguments({"{}", std::string(5000, 'x')}));
    CHECK_FALSE(check_arguments(std::vector<std::string>(200, "{}")));
}

TEST_CASE("the first program that is there") {
    std::vector<std::string> asked;
    const auto is_there = [&](const std::string& path) {
        asked.push_back(path);
        return path == "/usr/bin/uvscan" || path == "/opt/x/scan";
    };
    CHECK(find_program({"/opt/av/scan", "uvscan", "/opt/x/scan"}, is_there) == "/usr/bin/uvscan");
    CHECK(asked.front() == "/opt/av/scan");
    CHECK(find_program({"/opt/x/scan"}, is_there) == "/opt/x/scan");
    CHECK_FALSE(find_program({"none", "/none"}, is_there));
}

}  // namespace
}  // namespace tamis::scanners

TEST_CASE("the cost of what a program said is linear, also for a pattern that looks far ahead") {
    tamis::scanners::CommandRules rules;
    rules.infected.codes = {1};
    for (const char* pattern : {"x(?s:.*END)?", "(.+) FOUND", "x+", "(a*)(a*)b"}) {
        auto parsed = tamis::scanners::parse_pattern(pattern);
        REQUIRE(parsed);
        rules.name = *parsed;
        for (const std::string& shape : {std::string("x"), std::string("x FOUND\n"), std::string("a")}) {
            INFO(pattern << " on " << shape);
            CHECK(tamis::test::grows_linearly(3000, [&](std::size_t size) {
                tamis::scanners::ProgramEnd end{1 << 8, false, {}};
                while (end.output.size() < size) end.output += shape;
                CHECK(tamis::scanners::judge_run(rules, end));
            }));
        }
    }
}
