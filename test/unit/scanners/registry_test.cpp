#include "test/unit/scanners/support.h"

namespace tamis::scanners {
namespace {

using namespace test;

std::vector<std::string> problems_of(const std::string& text, ScannerList* list = nullptr) {
    Problems problems("f");
    const auto config = parse_config(text, problems);
    auto opened = open_scanners(config, problems);
    if (list != nullptr) *list = std::move(opened);
    return problems.lines();
}

TEST_CASE("no table, no scanner; one scanner per table, in the registry's order") {
    ScannerList list;
    CHECK(problems_of("[server]\n", &list).empty());
    CHECK(list.empty());
    CHECK(problems_of("[scanners.yara]\n[scanners.rspamd]\n[scanners.spamd]\n[scanners.clamd]\n", &list).empty());
    REQUIRE(list.size() == 4);
    CHECK(list[0]->name() == "clamd");
    CHECK(list[0]->is_required());
    CHECK(list[0]->finds_viruses());
    CHECK(list[1]->name() == "spamd");
    CHECK_FALSE(list[1]->is_required());
    CHECK_FALSE(list[1]->finds_viruses());
    CHECK(list[2]->name() == "rspamd");
    CHECK_FALSE(list[2]->is_required());
    CHECK(list[3]->name() == "yara");
    CHECK(list[3]->is_required());
    for (const auto& scanner : list) CHECK(scanner->health() == "ok");
}

TEST_CASE("a single text is a list of one, and every setting is taken") {
    ScannerList list;
    CHECK(problems_of("[scanners.clamd]\nsocket = '/run/x'\nmethod = 'fildes'\nrequired = false\ntimeout = '5s'\n"
                      "max_scans = 3\nmax_size = '1 MiB'\nretry_for = 0\n"
                      "[scanners.rspamd]\nurl = ['http://[::1]:11333', 'http://b/checkv2', '/run/rspamd.sock']\n"
                      "password = 'x'\nscore_factor = 0.45\n"
                      "[scanners.spamd]\nsocket = ['127.0.0.1:783', '[::1]:783']\nuser = 'amavis'\nbody_limit = '1 MB'\n"
                      "[scanners.yara]\nrules = 'builtin'\nunmarked = 'ignore'\n",
                      &list)
              .empty());
    REQUIRE(list.size() == 4);
    CHECK_FALSE(list[0]->is_required());
}

TEST_CASE("what is wrong is told with its place") {
    struct Row {
        std::string text, want;
    };
    const auto row = GENERATE(
        Row{"scanners = 3\n", "f:1:12: scanners must be a table"},
        Row{"[scanners]\nclamd = '/run/x'\n", "f:2:9: scanners.clamd must be a table"},
        Row{"[scanners.clamav]\n", "did you mean \"clamd\"?"},
        Row{"[scanners.clamd]\nsokcet = '/x'\n",
            "f:2:1: unknown setting \"sokcet\" in [scanners.clamd]; did you mean \"socket\"?"},
        Row{"[scanners.clamd]\nsocket = ['/x', 'nowhere']\n", "f:2:17: scanners.clamd.socket: \"nowhere\": no port"},
        Row{"[scanners.clamd]\nsocket = []\n", "f:2:10: scanners.clamd.socket must name at least one address"},
        Row{"[scanners.clamd]\nsocket = 'h:1'\nmethod = 'fildes'\n", "f:3:10: scanners.clamd.method: \"fildes\" passes"},
        Row{"[scanners.clamd]\nmethod = 'scan'\n", "must be one of auto, fildes, instream"},
        Row{"[scanners.clamd]\nmax_scans = 0\n", "f:2:13: scanners.clamd.max_scans is 0"},
        Row{"[scanners.rspamd]\nurl = 'https://x'\n", "f:2:7: scanners.rspamd.url: \"https://x\": only http is spoken"},
        Row{"[scanners.rspamd]\nurl = 'http://u:p@x'\n", "no user and password here"},
        Row{"[scanners.rspamd]\nurl = 'http://x:0'\n", "a bad port"},
        Row{"[scanners.rspamd]\nurl = 'http://x:70000'\n", "scanners.rspamd.url"},
        Row{"[scanners.rspamd]\nurl = 'http:///x'\n", "no host"}, Row{"[scanners.rspamd]\nurl = 'http://x/?a'\n", "no query"},
        Row{"[scanners.rspamd]\nurl = 'x y'\n", "not a URL"},
        Row{"[scanners.rspamd]\nscore_factor = 0\n", "scanners.rspamd.score_factor is 0"},
        Row{"[scanners.icap]\nurl = 'http://x/y'\n", "f:2:7: scanners.icap.url: \"http://x/y\": only icap is spoken"},
        Row{"[scanners.icap]\nurl = 'icap://x'\n", "no service"}, Row{"[scanners.icap]\nurl = 'icap://x:0/y'\n", "a bad port"},
        Row{"[scanners.icap]\nmode = 'both'\n", "must be one of respmod, reqmod"},
        Row{"[scanners.icap]\npreview = 'much'\n", "f:2:11: scanners.icap.preview: \"much\" is neither none, auto nor a number"},
        Row{"[scanners.spamd]\nuser = \"a\\nb\"\n", "f:2:8: scanners.spamd.user must be printable"},
        Row{"[scanners.yara]\nrules = ['x.yar']\n", "f:2:9: scanners.yara.rules: \"x.yar\" is neither"},
        Row{"[scanners.yara]\nrules = ['/nonexistent.yar']\n", "rules file /nonexistent.yar: No such file"},
        Row{"[scanners.yara]\nrules = []\n", "must name at least one file"});
    const auto lines = problems_of(row.text);
    INFO(row.text);
    REQUIRE(lines.size() == 1);
    INFO(lines[0]);
    CHECK(lines[0].find(row.want) != std::string::npos);
}

TEST_CASE("more addresses than are looked after are refused") {
    std::string text = "[scanners.clamd]\nsocket = [";
    for (int n = 0; n < 17; ++n) text += "'/run/" + std::to_string(n) + "', ";
    const auto lines = problems_of(text + "]\n");
    REQUIRE(lines.size() == 1);
    CHECK(lines[0].find("more than 16 entries") != std::string::npos);
}

TEST_CASE("every setting of every adapter is described, and a secret is not shown") {
    const auto lines = scanner_setting_lines(nullptr);
    CHECK(lines.size() == 5 * 4 + 4 + 4 + 4 + 3 + 6 + 12);
    for (const auto& line : lines) {
        INFO(line.section << '.' << line.name);
        CHECK_FALSE(line.text.empty());
        CHECK(line.value == line.fallback);
        CHECK_FALSE(line.from_file);
    }
    Problems problems("f");
    const auto config = parse_config("[scanners.rspamd]\npassword = 'hush'\n", problems);
    int seen = 0;
    for (const auto& line : scanner_setting_lines(&config)) {
        CHECK(line.value.find("hush") == std::string::npos);
        if (line.section == "scanners.rspamd" && line.name == "password") {
            ++seen;
            CHECK(line.from_file);
            CHECK(line.line == 2);
        }
    }
    CHECK(seen == 1);
}

}  // namespace
}  // namespace tamis::scanners
