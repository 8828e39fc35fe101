#include "tools/import/lookup_list.h"

#include <catch2/catch.hpp>

using namespace tamis::tools;

namespace {

// shown - the list that @m makes: "key=result", "/pattern/=result", "*=result"
std::string shown(const std::string& text, bool as_keys = false) {
    const auto conf = read_amavisd_conf({{"a.conf", text}}, {});
    REQUIRE(conf);
    REQUIRE(conf->not_understood.empty());
    const auto list = lookup_list(*conf, conf->value("@m"), as_keys);
    std::string out;
    for (const auto& entry : list.entries) {
        if (!out.empty()) out += ' ';
        out += entry.kind == LookupEntry::Kind::everything ? "*"
               : entry.kind == LookupEntry::Kind::pattern  ? "/" + entry.text + "/"
                                                           : entry.text;
        out += "=" + entry.result.text;
    }
    for (const auto& trouble : list.troubles) out += " !" + trouble.what;
    return out;
}

}  // namespace

TEST_CASE("a list of tables says the same with keys first and patterns after them") {
    struct Row {
        std::string text, want;
    };
    const auto row = GENERATE(
        Row{"@m = (['.A.com', 'b.com', '!c.com']);", ".a.com=1 b.com=1 c.com=0"},
        Row{"@m = (['!x.a.com', '.a.com', 'u@y.a.com']);", "x.a.com=0 .a.com=1"},  // the last one is never reached
        Row{"@m = ({ '.com' => 2, 'u@a.com' => 1, 'a.com' => 3, 'u@' => 4, '.' => 9 });", "u@a.com=1 u@=4 a.com=3 .com=2 *=9"},
        Row{"@m = (\\%h, \\@l, \\$r, \\$none); %h = ('a.com' => 0); @l = ('.a.com'); $r = new_RE(qr'^x'i);",
            "a.com=0 .a.com=1 /(?i)^x/=1"},
        Row{"@m = (new_RE([qr'^x' => 5]), { 'u@a.com' => 6 }, 7);", "/^x/=5 /(?i)^u\\@a\\.com$/=6 *=7"},
        Row{"@m = (1, ['a.com']);", "*=1"}, Row{"@m = (undef, \\$u, 3);", "*=3"}, Row{"@m = ();", ""},
        Row{"@m = (['a.com', '.', 'b.com']);", "a.com=1 *=1"},
        Row{"@m = ({ 'a.com' => undef, 'b.com' => 1 }, new_RE(qr/(?!x)/), sub { 1 });", "b.com=1 !\"a.com\" !qr/(?!x)/ !table"});
    CHECK(shown(row.text) == row.want);
}

TEST_CASE("keys stay keys where patterns are a list of their own") {
    CHECK(shown("@m = (new_RE(qr'^x'), ['a.com']);", true) == "/^x/=1 a.com=1");
}

TEST_CASE("which key covers which") {
    struct Row {
        std::string_view wide, narrow;
        bool want;
    };
    const auto row = GENERATE(Row{".", "a", true}, Row{".a.com", "a.com", true}, Row{".a.com", "u@x.a.com", true},
                              Row{".a.com", ".x.a.com", true}, Row{"a.com", ".a.com", false}, Row{"a.com", "u@a.com", true},
                              Row{"a.com", "u@x.a.com", false}, Row{".a.com", "ba.com", false}, Row{"u@", "u@a.com", true},
                              Row{".com", "u@", false}, Row{"u@a.com", "a.com", false}, Row{"x", "x", true});
    CHECK(covers(row.wide, row.narrow) == row.want);
}
