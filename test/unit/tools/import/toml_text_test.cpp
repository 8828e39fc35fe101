#include "tools/import/toml_text.h"

#include <catch2/catch.hpp>

#include "base/setting.h"

using namespace tamis;
using namespace tamis::tools;

TEST_CASE("every text comes back from TOML as it was") {
    const auto text = GENERATE(as<std::string>{}, "", "plain", "a'b", "a\"b", "a\\b", "a'b\\c\"d", "tab\tnl\n\x01\x7f",
                               "gr\xc3\xbc\xc3\x9f", "'", "\\'");
    Problems problems("t");
    const auto table = parse_config("k = " + toml_string(text) + "\n[t." + toml_key(text) + "]\nx = 1", problems);
    CHECK(problems.lines().empty());
    REQUIRE(table.find("k") != nullptr);
    CHECK(*table.find("k")->text() == text);
    CHECK(table.find("t")->table()->find(text) != nullptr);
}

TEST_CASE("bytes that are no UTF-8 are ISO 8859-1") { CHECK(toml_string("gr\xfc\xdf") == "\"gr\xc3\xbc\xc3\x9f\""); }

TEST_CASE("tables are in order, lines have their places, commented tables are comments") {
    TomlText toml;
    toml.add("[[bank_rules]]").put("listener", "\"1\"", {{0, 7}});
    toml.table("[server]").put("user", "\"a\"", {{0, 3}});
    toml.table("[server]").put("user", "\"b\"", {{0, 4}, {1, 2}}, "why");
    toml.table("[server]").put("group", "\"g\"", {{0, 0}});
    auto& extra = toml.table("[scanners.command.x]");
    extra.is_comment = true;
    extra.put("program", "\"p\"", {{0, 9}});
    const auto text = toml.text([](Place place) { return std::to_string(place.file) + ":" + std::to_string(place.line); });
    CHECK(text ==
          "[server]\nuser = \"b\"   # 0:4, 1:2: why\ngroup = \"g\"   # amavisd's default\n\n"
          "[[bank_rules]]\nlistener = \"1\"   # 0:7\n\n# [scanners.command.x]\n# program = \"p\"   # 0:9\n");
}
