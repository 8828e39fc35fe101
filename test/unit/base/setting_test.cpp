#include "base/setting.h"

#include <catch2/catch.hpp>

using namespace tamis;

namespace {

struct Sample {
    bool on = false;
    std::int64_t count = 3;
    std::optional<double> level = 2.0;
    std::string mode = "a";
    std::vector<std::string> list;
    Bytes size{1024};
    Duration time{1000};
    Secret password;
};

const std::vector<Setting<Sample>>& rows() {
    using S = Sample;
    static const std::vector<Setting<S>> all = {
        {"on", &S::on, "t"},
        {"count", &S::count, "t", 1, 10},
        {"level", &S::level, "t", -10, 10},
        {"mode", &S::mode, "t", 0, 0, true, {"a", "bee"}},
        {"list", &S::list, "t"},
        {"size", &S::size, "t", 0, 1e9},
        {"time", &S::time, "t", 0, 100},
        {"password", &S::password, "t"},
    };
    return all;
}

std::vector<std::string> problems_of(const std::string& text, Sample* into = nullptr) {
    Problems problems("f.toml");
    const auto table = parse_config(text, problems);
    Sample sample;
    if (problems.none()) load_settings(table, "s", rows(), into != nullptr ? *into : sample, problems);
    return problems.lines();
}

}  // namespace

TEST_CASE("settings are read in every spelling") {
    Sample sample;
    CHECK(
        problems_of(
            "on = true\ncount = 7\nlevel = \"none\"\nmode = \"bee\"\nlist = \"x\"\nsize = \"2 MB\"\ntime = \"1m30s\"\npassword = \"geheim\"",
            &sample)
            .empty());
    CHECK(sample.on);
    CHECK(sample.count == 7);
    CHECK_FALSE(sample.level);
    CHECK(sample.mode == "bee");
    CHECK(sample.list == std::vector<std::string>{"x"});
    CHECK(sample.size.count == 2 * 1024 * 1024);
    CHECK(sample.time == std::chrono::seconds(90));
    CHECK(sample.password.reveal() == "geheim");
    for (const auto& line : describe_settings("s", rows(), sample, nullptr))
        CHECK(line.value.find("geheim") == std::string::npos);
}

TEST_CASE("every mistake is reported with file, line and column and what would be right") {
    struct Row {
        std::string text, problem;
    };
    const auto row = GENERATE(
        Row{"cuont = 3", "f.toml:1:1: unknown setting \"cuont\" in [s]; did you mean \"count\"?"},
        Row{"zzzzzzzzz = 3", "f.toml:1:1: unknown setting \"zzzzzzzzz\" in [s]"},
        Row{"\n count = 11", "f.toml:2:10: s.count is 11; it must be from 1 to 10"},
        Row{"count = \"x\"", "f.toml:1:9: s.count must be a whole number, not a text"},
        Row{"on = 1", "f.toml:1:6: s.on must be true or false, not a number"},
        Row{"mode = \"be\"", "f.toml:1:8: s.mode is \"be\"; it must be one of a, bee (did you mean \"bee\"?)"},
        Row{"size = \"2 QB\"", "f.toml:1:8: s.size must be a size such as 65536 or \"50 MB\", not \"2 QB\""},
        Row{"time = \"2 fortnights\"", "f.toml:1:8: s.time must be a time such as 30, \"250ms\" or \"8m\", not \"2 fortnights\""},
        Row{"time = 101", "f.toml:1:8: s.time is 101 s; it must be from 0 to 100 s"},
        Row{"list = [1]", "f.toml:1:8: s.list must be a list of texts, not a list"},
        Row{"level = nan", "f.toml:1:9: s.level must be a number or \"none\", not a number"});
    const auto lines = problems_of(row.text);
    REQUIRE(lines.size() == 1);
    CHECK(lines.front() == row.problem);
}

TEST_CASE("a syntax error names its place") {
    const auto lines = problems_of("on = true\ncount = = 3\n");
    REQUIRE(lines.size() == 1);
    CHECK(lines.front().starts_with("f.toml:2:"));
}
