// every_variable_test - no variable and no bank key of amavisd's configuration gets lost without a word, whatever it is set to
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "base/text.h"
#include "tools/import/translation.h"

using namespace tamis;
using namespace tamis::tools;

namespace {

struct Variable {
    std::string name;
    bool is_bank_key = false;
};

std::vector<Variable> variables() {
    std::ifstream stream(std::string(TAMIS_SOURCE_DIR) + "/test/corpus/amavisd-conf/variables");
    std::vector<Variable> out;
    for (std::string line; std::getline(stream, line);)
        if (!line.starts_with('#') && !line.empty()) out.push_back({line.substr(0, line.find(' ')), line.ends_with(" bank")});
    return out;
}

Imported import(const std::string& text) {
    Surroundings around;
    around.read_file = [](const std::string& name) -> Result<std::string> {
        return fail(Errc::not_found, name + " cannot be read");
    };
    around.host_name = [] { return std::string("host.example.com"); };
    around.is_program = [](const std::string&) { return false; };
    auto imported = import_amavisd({{"f", text}}, around);
    if (!imported) FAIL(imported.error().detail);
    return std::move(*imported);
}

// is_told - line 1 stands in the result as the place a setting comes from, or in the report with a reason
bool is_told(const Imported& imported, unsigned line) {
    for (const auto& each : imported.report)
        if (each.place.line == line && !each.text.empty()) return true;
    const std::string place = fmt::format("f:{}", line);
    for (std::size_t at = imported.toml.find(place); at != std::string::npos; at = imported.toml.find(place, at + 1))
        if (const auto end = at + place.size(); end == imported.toml.size() || !is_digit(imported.toml[end])) return true;
    return false;
}

const std::vector<std::string> scalars = {"1",      "0",           "7",  "undef",   "'x@example.com'", "'/some/path'",
                                          "'sql:'", "'some text'", "-3", "99999999"};
const std::vector<std::string> lists = {
    "()", "('a.example.com')", "(1)", "(['Name', 'x', 'y'])", "({ 'u@example.com' => 3 })", "(\\%other)", "('10.0.0.0/8')"};
const std::vector<std::string> tables = {"()", "('a.example.com' => 1)", "(6 => 'x')", "(6 => [1])", "(6 => sub { 1 })"};

}  // namespace

TEST_CASE("every variable of amavisd is translated or reported") {
    const auto all = variables();
    REQUIRE(all.size() > 300);
    std::string lost;
    for (const auto& variable : all) {
        const auto& values = variable.name.starts_with('$') ? scalars : variable.name.starts_with('@') ? lists : tables;
        for (const auto& value : values) {
            const auto text = fmt::format("{} = {};", variable.name, value);
            if (!is_told(import(text), 1)) lost += text + "\n";
        }
    }
    CHECK(lost == "");
}

TEST_CASE("every key of a policy bank is translated or reported") {
    std::string lost;
    std::size_t keys = 0;
    for (const auto& variable : variables()) {
        if (!variable.is_bank_key) continue;
        ++keys;
        for (const std::string value : {"1", "undef", "'x@example.com'", "['10.0.0.1']", "[{ 'u@example.com' => 3 }]"})
            for (const std::string before : {"", "$inet_socket_port = 10026; $interface_policy{'10026'} = 'A';\n"}) {
                const auto text =
                    fmt::format("{}$policy_bank{{'A'}} = {{\n {} => {} }};", before, variable.name.substr(1), value);
                if (!is_told(import(text), before.empty() ? 2 : 3)) lost += text + "\n";
            }
    }
    CHECK(keys > 200);
    CHECK(lost == "");
}

TEST_CASE("parts of tables and lists are told as well") {
    for (const auto* text :
         {"$sql_clause{'sel_adr'} = 'x';", "$final_destiny_maps_by_ccat{+CC_SPAM} = D_REJECT;",
          "$forward_method_maps_by_ccat{6} = ['smtp:[127.0.0.1]:26'];", "push(@lookup_sql_dsn, ['DBI:Pg:dbname=a', 'u', 'p']);",
          "$policy_bank{'X'}{'spam_lovers_maps'} = [1];", "unshift(@spam_lovers_maps, [qw(.a.example)]);",
          "@forward_method_maps = ({ '.a.example' => 'smtp:[127.0.0.1]:26' });", "read_hash(\\%spam_lovers, '/none');",
          "read_array(\\@local_domains_acl, '/none');", "read_cidr('/none', \\@mynetworks);",
          "@mynetworks_maps = (read_array('/none'));", "no_such_function(1);", "$$x = 1;"}) {
        INFO(text);
        CHECK(is_told(import(text), 1));
    }
}
