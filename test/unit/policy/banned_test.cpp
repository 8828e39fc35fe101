// banned_test - rules on parts against docs/amavis/policy.md 7.2: what a rule sees, which rule decides, what is said
#include "policy/banned.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "lib/growth.h"

namespace tamis::policy {
namespace {

using mail::Contents;
using mail::Part;
using mail::PartFlag;

struct Node {
    std::uint32_t parent = 0;
    std::vector<std::string> types = {}, kinds = {}, names = {};
    std::string container = "mime";
    std::uint64_t size = 1000;
    std::uint8_t flags = 0;
    mail::Macros macros = {};
};

Contents contents_of(const std::vector<Node>& nodes) {
    Contents out;
    out.was_opened = true;
    std::vector<int> children(nodes.size() + 1, 0);
    for (const auto& node : nodes) {
        Part part;
        part.number = static_cast<std::uint32_t>(out.parts.size() + 1);
        part.parent = node.parent;
        const auto place = std::to_string(++children[node.parent]);
        part.path = node.parent == 0 ? place : out.parts[node.parent - 1].path + "/" + place;
        part.container = node.parent == 0 ? "" : node.container;
        part.names = node.names;
        part.types = node.types;
        part.kinds = node.kinds;
        part.size = node.size;
        part.flags = node.flags;
        part.macros = node.macros;
        out.parts.push_back(std::move(part));
    }
    return out;
}

// one - a message that is this attachment alone
Contents one(Node node) {
    node.parent = 1;
    return contents_of(
        {{.types = {"multipart/mixed"}}, {.parent = 1, .types = {"text/plain"}, .kinds = {"asc"}}, std::move(node)});
}

BannedRules rules_of(std::string_view toml) {
    Problems problems("t.toml");
    auto out = BannedRules::load(parse_config(toml, problems), problems);
    CHECK(problems.lines() == std::vector<std::string>{});
    return out;
}

// rule_for - "NAME rule N" of the first banned part, "" when nothing is banned
std::string rule_for(const BannedRules& rules, const Contents& contents, const std::vector<std::string>& names = {"DEFAULT"}) {
    BannedCheck check(rules, contents);
    const auto hit = check.hit(names);
    return hit ? hit->rule : "";
}

constexpr auto letter = [](PartFlag flag) { return static_cast<std::uint8_t>(flag); };

TEST_CASE("Debian's list, rule by rule") {
    struct Row {
        Node node;
        std::size_t rule;  // 0: not banned
    };
    const auto rows = std::vector<Row>{
        {{.names = {"report.pdf.exe"}}, 1},
        {{.names = {"report.pdf.EXE."}}, 1},
        {{.names = {"report.txt.dll"}}, 1},
        {{.names = {"report.dll"}}, 0},
        {{.names = {"a/report.exe"}}, 6},
        {{.names = {"report.a/b.exe"}}, 6},
        {{.names = {"setup.exe"}}, 6},
        {{.names = {"Setup.VBS"}}, 6},
        {{.names = {".exe"}}, 0},
        {{.names = {"setup.exe.txt"}}, 0},
        {{.names = {"setup.pif"}}, 6},
        {{.names = {"www.example.com"}}, 1},
        {{.names = {"setup.js"}}, 0},
        {{.names = {"x.{3050F4D8-98B5-11CF-BB82-00AA00BDCE0B}"}}, 2},
        {{.names = {"x.{3050f4d8-98b5-11cf-bb82-00aa00bdce0b"}}, 2},
        {{.names = {"x.{3050f4d8-98b5-11cf-bb82-00aa00bdce}"}}, 0},
        {{.types = {"application/x-msdownload"}}, 3},
        {{.types = {"application/X-MSDownload"}}, 3},
        {{.types = {"application/x-msdownloads"}}, 0},
        {{.types = {"application/x-msdos-program"}}, 4},
        {{.types = {"application/hta"}}, 5},
        {{.kinds = {"exe", "exe-ms"}}, 7},
        {{.kinds = {"exe", "exe-unix"}}, 0},
        {{.kinds = {"zip"}, .names = {"a.zip"}}, 0},
        // stricter than amavisd: what Windows and C programs make of a name
        {{.names = {"setup.exe "}}, 6},
        {{.names = {"setup.exe . ."}}, 6},
        {{.names = {std::string("setup.exe\0.txt", 14)}}, 6},
        {{.names = {"setup.exe\n"}}, 6},
        {{.names = {"setup.exe\xe2\x80\x8b"}}, 6},           // zero width space
        {{.names = {"setup.exe\xc2\xa0.\xe3\x80\x80"}}, 6},  // no-break space, dot, ideographic space
        {{.names = {"setup.exe\xa0"}}, 6},                   // the same no-break space, not in UTF-8
        {{.names = {"setup.exe\x01\x1f\x7f"}}, 6},
        {{.names = {"setup.e\xc2\xadx\xe2\x81\xa0"
                    "e"}},
         6},                                                     // soft hyphen, word joiner
        {{.names = {"setup.exe\xef\xbb\xbf.\xe2\x80\xae"}}, 6},  // byte order mark, right-to-left override
        {{.names = {std::string("setup.exe\xe2\x80\x8b\0.txt", 18)}}, 6},
        {{.names = {"setup.exe\xc2\xa0(1).txt"}}, 0},
        {{.names = {"r\xc3\xa9sum\xc3\xa9.pdf\xc2\xa0"}}, 0},
        // decoded and raw spelling are both names
        {{.names = {"=?utf-8?q?setup=2Eexe?=", "setup.exe"}}, 6},
        {{}, 0},
    };
    const auto rules = rules_of("");
    for (const auto& row : rows) {
        CAPTURE(escaped(join(row.node.names, "|")), row.node.types, row.node.kinds);
        CHECK(rule_for(rules, one(row.node)) == (row.rule == 0 ? "" : "DEFAULT rule " + std::to_string(row.rule)));
    }
}

TEST_CASE("the first rule that holds decides for a leaf, over the whole way down to it") {
    const auto rules = rules_of(R"(
[[banned.rules.RPM]]
action = "allow"
any = '^\.(rpm|cpio)$'
[[banned.rules.RPM]]
any = '\.exe$'
[[banned.rules.LATE]]
any = '\.exe$'
[[banned.rules.LATE]]
action = "allow"
any = '^\.rpm$'
[[banned.rules.INNER]]
action = "allow"
leaf = true
kind = '^rpm$'
[[banned.rules.INNER]]
any = '\.exe$'
)");
    const auto within = contents_of({{.types = {"application/x-rpm"}, .kinds = {"rpm"}, .names = {"p.rpm"}},
                                     {.parent = 1, .kinds = {"cpio"}, .container = "rpm"},
                                     {.parent = 2, .kinds = {"exe"}, .names = {"bin/a.exe"}, .container = "cpio"}});
    CHECK(rule_for(rules, within, {"RPM"}).empty());              // an archive that is allowed hides what is in it
    CHECK(rule_for(rules, within, {"LATE"}) == "LATE rule 1");    // an allow rule that comes too late
    CHECK(rule_for(rules, within, {"INNER"}) == "INNER rule 2");  // leaf = true: the archive alone, not what is in it
    CHECK(rule_for(rules, within, {"LATE", "RPM"}) == "LATE rule 1");
    CHECK(rule_for(rules, within, {"RPM", "LATE"}).empty());
    CHECK(rule_for(rules, within, {"NO-SUCH", "LATE"}) == "LATE rule 1");
    CHECK(rule_for(rules, within, {}).empty());
    CHECK(rule_for(rules, within, {"ALLOW_ALL", "LATE", "DEFAULT"}).empty());
    // a container is no leaf: its name bans what is in it, by way of the path, and says so
    CHECK(rule_for(rules, contents_of({{.kinds = {"zip"}, .names = {"evil.exe"}}}), {"LATE"}) == "LATE rule 1");
    const auto zip = contents_of(
        {{.kinds = {"zip"}, .names = {"evil.exe"}}, {.parent = 1, .kinds = {"asc"}, .names = {"a.txt"}, .container = "zip"}});
    BannedCheck inside(rules, zip);
    const auto hit = inside.hit({"LATE"});
    REQUIRE(hit);
    CHECK(hit->reason == ".zip,evil.exe");
    CHECK(hit->parts == std::vector<std::string>{".zip,evil.exe"});
}

TEST_CASE("allowing one part leaves the others banned, and the first banned one gives the reason") {
    const auto rules = rules_of(R"(
[[banned.rules.X]]
action = "allow"
name = '^good\.exe$'
[[banned.rules.X]]
comment = "program"
name = '\.exe$'
[[banned.rules.X]]
action = "discard"
name = '(?# a   worm )\.(scr|pif)$'
)");
    const auto message =
        contents_of({{.types = {"multipart/mixed"}},
                     {.parent = 1, .types = {"application/octet-stream"}, .kinds = {"exe", "exe-ms"}, .names = {"good.exe"}},
                     {.parent = 1, .types = {"application/octet-stream"}, .kinds = {"exe", "exe-ms"}, .names = {"bad.exe"}},
                     {.parent = 1, .types = {"text/plain"}, .names = {"a.scr"}}});
    BannedCheck check(rules, message);
    const auto hit = check.hit({"X"});
    REQUIRE(hit);
    CHECK(hit->reason == "program:application/octet-stream,.exe,.exe-ms,bad.exe");
    CHECK(hit->rule == "X rule 2");
    CHECK(hit->suppresses_dsn);
    CHECK(hit->parts == std::vector<std::string>{"multipart/mixed | application/octet-stream,.exe,.exe-ms,bad.exe",
                                                 "multipart/mixed | text/plain,a.scr"});
    const auto decisions = check.decisions({"X"});
    REQUIRE(decisions.size() == 3);
    CHECK(decisions[0].part == 2);
    CHECK(decisions[0].action == BannedAction::allow);
    CHECK(decisions[1].rule == "X rule 2");
    CHECK(decisions[2].comment == "a   worm");
    CHECK(decisions[2].action == BannedAction::discard);
    CHECK(check.hit({"X"}) == hit);  // evaluated once
    CHECK(check.hit({"NOPE", "X", "NOPE"}) == hit);
    CHECK(check.unknown_names() == std::vector<std::string>{"NOPE"});
}

TEST_CASE("the first banned part is the one that lies least deep") {
    const auto message = contents_of({{.types = {"multipart/mixed"}},
                                      {.parent = 1, .kinds = {"zip"}, .names = {"a.zip"}},
                                      {.parent = 2, .kinds = {"zip"}, .names = {"inner.zip"}},
                                      {.parent = 3, .names = {"deep.exe"}},
                                      {.parent = 2, .names = {"flat.exe"}},
                                      {.parent = 2, .names = {"later.exe"}}});
    const auto rules = rules_of("");
    BannedCheck check(rules, message);
    const auto hit = check.hit({"DEFAULT"});
    REQUIRE(hit);
    CHECK(hit->reason == "flat.exe");
    CHECK(hit->parts == std::vector<std::string>{"multipart/mixed | .zip,a.zip | flat.exe",
                                                 "multipart/mixed | .zip,a.zip | later.exe",
                                                 "multipart/mixed | .zip,a.zip | .zip,inner.zip | deep.exe"});
}

TEST_CASE("the reason names the part that the rule found, never a leaf of it that is innocent") {
    const auto message =
        contents_of({{.types = {"multipart/mixed"}},
                     {.parent = 1, .types = {"text/plain"}, .kinds = {"asc"}},
                     {.parent = 1, .types = {"message/rfc822"}, .kinds = {"mail"}, .names = {"Your order at example.com"}},
                     {.parent = 3, .types = {"multipart/mixed"}},
                     {.parent = 4, .types = {"text/plain"}, .kinds = {"asc"}},
                     {.parent = 4, .types = {"application/zip"}, .kinds = {"zip"}, .names = {"a.zip"}, .flags = 2},
                     {.parent = 6, .kinds = {"asc"}, .names = {"readme.txt"}, .container = "zip"}});
    struct Row {
        std::string rule, reason;
        std::uint32_t part;
        std::vector<std::string> parts;
    };
    const std::string order = "message/rfc822,.mail,Your order at example.com";
    const auto row =
        GENERATE_COPY(Row{R"(any = '\.com$')", order, 3, {"multipart/mixed | " + order}},
                      Row{R"(name = '\.com$')", order, 3, {"multipart/mixed | " + order}},
                      Row{R"(path = '\tN=[^\n]*\.com(\n|$)')", order, 3, {"multipart/mixed | " + order}},
                      Row{R"(type = '^message/')", order, 3, {"multipart/mixed | " + order}},
                      Row{R"(encrypted = true)",
                          "application/zip,.zip,a.zip",
                          6,
                          {"multipart/mixed | " + order + " | multipart/mixed | application/zip,.zip,a.zip"}},
                      Row{"any = '\\.com$'\nencrypted = true",
                          "application/zip,.zip,a.zip",
                          6,
                          {"multipart/mixed | " + order + " | multipart/mixed | application/zip,.zip,a.zip"}},
                      Row{R"(container = '^zip$')",
                          ".asc,readme.txt",
                          7,
                          {"multipart/mixed | " + order + " | multipart/mixed | application/zip,.zip,a.zip | .asc,readme.txt"}},
                      Row{R"(path = 'N=readme')",
                          ".asc,readme.txt",
                          7,
                          {"multipart/mixed | " + order + " | multipart/mixed | application/zip,.zip,a.zip | .asc,readme.txt"}});
    INFO(row.rule);
    const auto rules = rules_of("[[banned.rules.X]]\n" + row.rule + "\n");
    BannedCheck check(rules, message);
    const auto hit = check.hit({"X"});
    REQUIRE(hit);
    CHECK(hit->reason == row.reason);
    CHECK(hit->parts == row.parts);
    REQUIRE(check.decisions({"X"}).size() == 1);
    CHECK(check.decisions({"X"})[0].part == row.part);
}

TEST_CASE("each selector") {
    struct Row {
        std::string rule;
        bool hit;
    };
    const auto row = GENERATE(
        Row{"name = 'budget'", true}, Row{"name = '^budget$'", false}, Row{"name = '(?-i)budget'", false},
        Row{"type = 'octet'", true}, Row{"type = 'budget'", false}, Row{"kind = '^docm$'", true},
        Row{"kind = '^\\.docm$'", false}, Row{"any = '^\\.docm$'", true}, Row{"container = '^zip$'", true},
        Row{"container = '^tar$'", false}, Row{"size_min = 5001", false}, Row{"size_min = 5000", true},
        Row{"size_min = 5000\nsize_max = 5000", true}, Row{"name = 'budget'\nsize_max = \"4k\"", false},
        Row{"encrypted = true", true}, Row{"encrypted = false\nname = 'budget'", false}, Row{"macro = \"present\"", true},
        Row{"macro = \"auto-exec\"", true}, Row{"macro = \"suspicious\"", false}, Row{"depth = 3", true}, Row{"depth = 4", false},
        Row{"leaf = true\nname = 'budget'", true}, Row{"leaf = false\nname = 'budget'", false},
        Row{"leaf = false\nname = 'all.zip'", true}, Row{"name = 'budget'\nkind = 'zip'", false},  // of one part
        Row{"any = 'budget'\nkind = '^zip$'", true},                                               // any: somewhere on the way
        Row{"any = '^UNDECIPHERABLE$'", true}, Row{"path = 'N=all\\.zip\\nP=p003\\t.*N=Budget'", true},
        Row{"path = '^N='", false}, Row{"path = '(?m)^(.*\\t)?N=Budget.DOCM(\\t.*)?$'", true},
        Row{"path = 'A=C'\nname = 'budget'", true}, Row{"path = 'A=C'\nname = 'zip$'", true}, Row{"path = 'A=B'", false});
    const auto rules = rules_of("[[banned.rules.X]]\n" + row.rule + "\n");
    const auto message =
        contents_of({{.types = {"multipart/mixed"}},
                     {.parent = 1, .types = {"application/zip"}, .kinds = {"zip"}, .names = {"all.zip"}},
                     {.parent = 2,
                      .types = {"application/octet-stream"},
                      .kinds = {"docm"},
                      .names = {"Budget.docm"},
                      .container = "zip",
                      .size = 5000,
                      .flags = static_cast<std::uint8_t>(letter(PartFlag::encrypted) | letter(PartFlag::undecipherable)),
                      .macros = {true, true, false, "VBA/ThisDocument"}}});
    CAPTURE(row.rule);
    CHECK(rule_for(rules, message, {"X"}) == (row.hit ? "X rule 1" : ""));
}

TEST_CASE("amavisd's namepath string") {
    const auto message =
        contents_of({{.types = {"multipart/mixed"}},
                     {.parent = 1, .types = {"application/zip"}, .kinds = {"zip"}, .names = {"a\tb\nc.zip", "raw"}},
                     {.parent = 2,
                      .kinds = {"exe", "exe-ms"},
                      .names = {"x.exe"},
                      .container = "zip",
                      .flags = letter(PartFlag::undecipherable)}});
    CHECK(name_path(message, 3) ==
          "P=p001\tL=1\tM=multipart/mixed\nP=p002\tL=1/1\tM=application/zip\tT=zip\tN=a b c.zip\tN=raw\n"
          "P=p003\tT=exe\tT=exe-ms\tN=x.exe\tA=U");
    CHECK(name_path(message, 9).empty());
}

TEST_CASE("the lists that come with Tamis") {
    struct Row {
        const char* list;
        Node node;
        bool banned;
    };
    const mail::Macros macro{true, false, false, "x"}, automatic{true, true, false, "x"}, suspicious{true, false, true, "x"};
    const auto rows = std::vector<Row>{
        {"NO-EXECUTABLES", {.kinds = {"exe", "exe-unix"}, .names = {"report.pdf"}}, true},
        {"NO-EXECUTABLES", {.kinds = {"asc"}, .names = {"invoice.js"}}, true},
        {"NO-EXECUTABLES", {.kinds = {"zip", "jar"}, .names = {"a.jar"}}, true},
        {"NO-EXECUTABLES", {.kinds = {"dat"}, .names = {"xl/printerSettings/printerSettings1.bin"}}, false},
        {"NO-EXECUTABLES", {.kinds = {"pdf"}, .names = {"report.pdf"}}, false},
        {"NO-MACROS", {.kinds = {"docx"}, .macros = macro}, true},
        {"NO-MACROS", {.kinds = {"docx"}}, false},
        {"NO-AUTO-MACROS", {.kinds = {"docx"}, .macros = macro}, false},
        {"NO-AUTO-MACROS", {.kinds = {"docx"}, .macros = automatic}, true},
        {"NO-SUSPICIOUS-MACROS", {.macros = automatic}, false},
        {"NO-SUSPICIOUS-MACROS", {.macros = suspicious}, true},
        {"NO-ENCRYPTED", {.kinds = {"zip"}, .flags = letter(PartFlag::encrypted)}, true},
        {"NO-ENCRYPTED", {.kinds = {"zip"}}, false},
        {"OFFICE-ONLY", {.types = {"application/pdf"}, .kinds = {"pdf"}, .names = {"a.pdf"}}, false},
        {"OFFICE-ONLY", {.types = {"application/pdf"}, .kinds = {"dat"}, .names = {"a.pdf"}}, true},  // decided by content
        {"OFFICE-ONLY", {.kinds = {"docx"}, .names = {"a.docx"}}, false},
        {"OFFICE-ONLY", {.kinds = {"docx"}, .names = {"a.docx"}, .macros = macro}, true},
        {"OFFICE-ONLY", {.kinds = {"exe", "exe-ms"}, .names = {"a.docx"}}, true},
        {"OFFICE-ONLY", {.kinds = {"image", "png"}, .names = {"logo.png"}}, false},
        {"OFFICE-ONLY", {.kinds = {"zip"}, .names = {"a.zip"}}, true},
        {"OFFICE-ONLY", {.types = {"text/plain"}, .kinds = {"zip"}}, true},
        {"OFFICE-ONLY", {.types = {"application/pkcs7-signature"}, .kinds = {"dat"}, .names = {"smime.p7s"}}, false},
        {"OFFICE-ONLY", {.types = {"application/pkcs7-signature"}, .kinds = {"dat"}, .size = 1'000'000}, true},
    };
    const auto rules = rules_of("");
    for (const auto& row : rows) {
        CAPTURE(row.list, row.node.kinds, row.node.names);
        CHECK(rule_for(rules, one(row.node), {row.list}).empty() == !row.banned);
    }
    // what stands inside an office document comes with it, but not a program, and not a text that holds something else
    const auto document = [&](Node member, std::vector<std::string> names = {"a.docx"}) {
        member.parent = 2;
        member.container = "zip";
        return contents_of(
            {{.types = {"multipart/mixed"}}, {.parent = 1, .kinds = {"docx"}, .names = std::move(names)}, std::move(member)});
    };
    CHECK(rule_for(rules, document({.kinds = {"dat"}, .names = {"word/printerSettings1.bin"}}), {"OFFICE-ONLY", "NO-EXECUTABLES"})
              .empty());
    CHECK(rule_for(rules, document({.kinds = {"exe", "exe-ms"}, .names = {"word/x.bin"}}), {"OFFICE-ONLY"}) ==
          "OFFICE-ONLY rule 1");
    CHECK_FALSE(rule_for(rules,
                         contents_of({{.types = {"text/plain"}, .kinds = {"asc"}},
                                      {.parent = 1, .kinds = {"zip"}, .container = "uuencode"}}),
                         {"OFFICE-ONLY"})
                    .empty());
    CHECK(rules.names().size() == 8);
}

TEST_CASE("a list of the configuration replaces the one of the same name") {
    const auto rules = rules_of("[[banned.rules.DEFAULT]]\nname = '\\.doc$'\n");
    CHECK(rule_for(rules, one({.names = {"a.exe"}})).empty());
    CHECK(rule_for(rules, one({.names = {"a.doc"}})) == "DEFAULT rule 1");
}

TEST_CASE("rules that are wrong are told with their place") {
    struct Row {
        std::string toml, want;
    };
    const auto row =
        GENERATE(Row{"banned = 1", "t.toml:1:10: banned must be a table"},
                 Row{"[banned]\nrule = 1", "t.toml:2:1: unknown setting \"rule\" in [banned]"},
                 Row{"[banned.rules.X]\nname = 'a'", "banned.rules.X must be a list of tables: [[banned.rules.X]]"},
                 Row{"[banned.rules]\nX = [1]", "banned.rules.X must be a list of tables"},
                 Row{"[banned]\nrules = 1", "banned.rules must be"},
                 Row{"[[banned.rules.X]]\ncomment = 'a'", "t.toml:1:1: [[banned.rules.X]] has no selector"},
                 Row{"[[banned.rules.X]]\nnam = 'a'", "t.toml:2:1: unknown setting"},
                 Row{"[[banned.rules.X]]\nname = '('", "t.toml:2:8: banned.rules.X.name: \"(\" is not a regular expression"},
                 Row{"[[banned.rules.X]]\nname = '(?=a)'", "is not a regular expression"},
                 Row{"[[banned.rules.X]]\nname = 'a'\naction = 'deny'", "action"},
                 Row{"[[banned.rules.X]]\nmacro = 'yes'", "macro"}, Row{"[[banned.rules.X]]\ndepth = 0", "depth"},
                 Row{"[[banned.rules.X]]\nany = '" + std::string(20'000, 'a') + "'", "a pattern of more than"},
                 Row{"[[banned.rules.\"A,B\"]]\nname = 'a'", "a name without blanks and commas"});
    Problems problems("t.toml");
    (void)BannedRules::load(parse_config(row.toml, problems), problems);
    CHECK_THAT(join(problems.lines(), "\n"), Catch::Contains(row.want));
}

TEST_CASE("comments as Perl writes them are taken out of patterns") {
    const auto rules = rules_of(R"(
[[banned.rules.X]]
name = '[(?#]a(?# not wanted )b\(?#c'
)");
    const auto message = one({.names = {"(ab#c"}});
    BannedCheck plain(rules, message);
    REQUIRE(plain.hit({"X"}));
    CHECK(plain.hit({"X"})->reason == "not wanted:(ab#c");
}

TEST_CASE("texts of strangers are cut") {
    const auto rules = rules_of("[[banned.rules.X]]\ndepth = 1\n");
    std::vector<Node> nodes = {{.types = {"multipart/mixed"}}};
    for (int i = 0; i < 300; ++i)
        nodes.push_back({.parent = 1, .names = {std::string(700, 'n') + "\xc3\xa9      \t \xc3\xa9", std::string(700, 'm')}});
    const auto message = contents_of(nodes);
    BannedCheck check(rules, message);
    const auto hit = check.hit({"X"});
    REQUIRE(hit);
    CHECK(hit->parts.size() == 100);
    CHECK(hit->reason.size() <= 1024);
    CHECK(is_utf8(hit->reason));
    CHECK_THAT(hit->reason, Catch::Contains("\xc3\xa9 ... \xc3\xa9,mmm") && Catch::EndsWith("..."));
    CHECK(hit->suppresses_dsn == false);
}

TEST_CASE("time grows with the parts and no faster") {
    const auto rules = rules_of("");
    CHECK(tamis::test::grows_linearly(64, [&](std::size_t parts) {
        static std::map<std::size_t, Contents> chains;  // made once: only the check counts
        auto& chain = chains[parts];
        if (chain.parts.empty()) {  // a container in a container in ...: the way down is long
            std::vector<Node> nodes;
            for (std::uint32_t i = 0; i < parts; ++i)
                nodes.push_back({.parent = i, .kinds = {"zip"}, .names = {"a.zip"}, .container = "zip"});
            chain = contents_of(nodes);
        }
        BannedCheck check(rules, chain);
        if (check.hit({"DEFAULT"})) FAIL("banned");
    }));
}

}  // namespace
}  // namespace tamis::policy
