#include "tools/import/perl_text.h"

#include <catch2/catch.hpp>

using namespace tamis::tools;

TEST_CASE("comments, POD and the end of the program are passed over") {
    const std::string text = " # one\n=pod\nsub {{{ '\n=cut\n  word # more\n__END__\n'";
    PerlText perl(text);
    perl.skip();
    CHECK(perl.line() == 5);
    CHECK(perl.word() == "word");
    perl.skip();
    CHECK(perl.at_end());
}

TEST_CASE("what stands between quotes") {
    struct Row {
        std::string text, body, rest;
    };
    const auto row = GENERATE(Row{"'a\\'b' x", "a\\'b", " x"}, Row{"(a(b)c)d", "a(b)c", "d"}, Row{"{a\\}b}", "a\\}b", ""},
                              Row{"#a'b#", "a'b", ""}, Row{"\"\"", "", ""}, Row{"<a<b>>c", "a<b>", "c"});
    PerlText perl(row.text);
    const auto quoted = perl.quoted();
    REQUIRE(quoted);
    CHECK(quoted->body == row.body);
    CHECK(row.text.substr(perl.position()) == row.rest);
}

TEST_CASE("a text without an end is a fault with its line") {
    for (const std::string text : {"\n\n'abc", "\n\n(a(b)", "\n\n\"abc\\\"", "\n\n'abc\\"}) {
        PerlText perl(text);
        perl.skip();
        const auto quoted = perl.quoted();
        REQUIRE(!quoted);
        CHECK(quoted.error().detail.starts_with("line 3: "));
    }
}

TEST_CASE("here-documents stand behind the line, one after the other") {
    const std::string text = "<<A . <<'B';\na1\na2\nA\nb1\nB\nrest";
    PerlText perl(text);
    const auto first = perl.here_document();
    REQUIRE((first && *first));
    CHECK((*first)->body == "a1\na2\n");
    REQUIRE(perl.take("."));
    perl.skip();
    const auto second = perl.here_document();
    REQUIRE((second && *second));
    CHECK((*second)->body == "b1\n");
    CHECK((*second)->delimiter == '\'');
    REQUIRE(perl.take(";"));
    perl.skip();
    CHECK(perl.word() == "rest");
    PerlText open("<<A;\nno end");
    const auto none = open.here_document();
    CHECK(!none);
}

TEST_CASE("a statement is passed over whatever stands in it") {
    struct Row {
        std::string text;
    };
    const auto row =
        GENERATE(Row{"foo('a;b', \"}\", q{;}, qr/[;\\/]/, m{;}) or die; "}, Row{"sub x { my $y = '}'; return $y / 2; } "},
                 Row{"if ($x =~ /;}/) { a; } elsif (1) { b } else { c; } "}, Row{"while (<F>) { s/a;/}/; tr{a;}{b}; } "},
                 Row{"$x = <<E; \n;}'\nE\n"}, Row{"$q{s} = $#{$y} + $$ ; "}, Row{"print $' ; "}, Row{"{ a; { b } c } "},
                 Row{"$x = { y => 1, q => 2, 's' => 3 } ; "});
    const std::string text = row.text + "next";
    PerlText perl(text);
    REQUIRE(perl.skip_statement());
    perl.skip();
    CHECK(perl.word() == "next");
}
