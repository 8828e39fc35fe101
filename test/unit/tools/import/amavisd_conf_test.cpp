#include "tools/import/amavisd_conf.h"

#include <catch2/catch.hpp>

using namespace tamis;
using namespace tamis::tools;

namespace {

using Kind = PerlValue::Kind;

// shown - a value in Perl's words
std::string shown(const PerlValue& value) {
    switch (value.kind) {
        case Kind::undef: return "undef";
        case Kind::text: return value.text;
        case Kind::pattern: return "/" + value.text + "/" + value.flags;
        case Kind::variable: return "\\" + value.text;
        case Kind::code: return "?";
        default: break;
    }
    std::string out;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
        if (i > 0) out += value.is(Kind::patterns) && i % 2 == 1 ? "=>" : ",";
        if (value.is(Kind::table)) out += value.keys[i] + "=>";
        out += shown(value.items[i]);
    }
    return value.is(Kind::list) ? "[" + out + "]" : value.is(Kind::table) ? "{" + out + "}" : "re(" + out + ")";
}

AmavisdConf read(const std::string& text, const Surroundings& around = {}) {
    auto conf = read_amavisd_conf({{"a.conf", text}}, around);
    if (!conf) FAIL(conf.error().detail);
    return std::move(*conf);
}

}  // namespace

TEST_CASE("values of statements") {
    struct Row {
        std::string text, name, want;
    };
    const auto row = GENERATE(
        Row{"$x = 'a\\'b\\\\c\\n';", "$x", "a'b\\c\\n"}, Row{"$x = \"a\\tb\\@c\\x41\\x{263a}\\101\";", "$x", "a\tb@cA\u263aA"},
        Row{"$d = 'e.x'; $x = \"p\\@$d ${d}! @none u@h\";", "$x", "p@e.x e.x! @none u@h"},
        Row{"$x = q(a(b)c) . qq{-$MYHOME-};", "$x", "a(b)c-/var/lib/amavis-"},
        Row{"$x = 100*1024 + 2_000 - 2**3 / 4;", "$x", "104398"}, Row{"$x = 0660;", "$x", "432"}, Row{"$x = 0x1F;", "$x", "31"},
        Row{"$x = 6.90;", "$x", "6.9"}, Row{"$x = -1.5e2;", "$x", "-150"}, Row{"$x = 'a' x 3 . \"b\";", "$x", "aaab"},
        Row{"$x = undef;", "$x", "undef"}, Row{"$x = $y = $z = 'sql:';", "$y", "sql:"}, Row{"$x //= 3; $x //= 4;", "$x", "3"},
        Row{"$x = 1; $x .= 'b'; $x .= 2 . 3;", "$x", "1b23"}, Row{"$x = 1 ? 'y' : 'n';", "$x", "y"},
        Row{"$x = defined $nothing ? 1 : 2;", "$x", "2"}, Row{"$x = 'a' eq 'b' || 5;", "$x", "5"},
        Row{"@x = (1, 'b', qw(c d\ne), [ 2, { k => 3, 'l', 4, } ],);", "@x", "[1,b,c,d,e,[2,{k=>3,l=>4}]]"},
        Row{"@x = 1..4;", "@x", "[1,2,3,4]"},
        Row{"@y = (1,2); @x = (@y, 3); push(@x, 4, @y); push @x, 5;", "@x", "[1,2,3,4,1,2,5]"},
        Row{"unshift(@x, 1); unshift @x, 0;", "@x", "[0,1]"},
        Row{"%x = (a => 1, -b => 2); $x{'c d'} = 3; $x{a} = 4; $x{lc('E')}{f} = [1];", "%x", "{a=>4,-b=>2,c d=>3,e=>{f=>[1]}}"},
        Row{"$x->{a}->{b} = 1; $x->{a}{c} = 2;", "$x", "{a=>{b=>1,c=>2}}"},
        Row{"@x = (7,8); $y = $x[1] . $x[-2]; %h = (k => 'v'); $z = \"$y$h{k}\";", "$y", "87"},
        Row{"%h = (k => [1, { m => 'deep' }]); $x = $h{k}->[1]{m};", "$x", "deep"},
        Row{"@x = (\\@y, \\%h, \\$s, \\&f);", "@x", "[\\@y,\\%h,\\$s,\\&f]"},
        Row{"$x = new_RE( qr'^a$'i, [qr/b\\/$/x => 0], [ qr{c}m, 'DISCARD' ] );", "$x",
            "re(/^a$/i=>1,/b\\/$/x=>0,/c/m=>DISCARD)"},
        Row{"$x = <<\"E\" . 'z';\na $MYHOME\nE\n$y = 1;", "$x", "a /var/lib/amavis\nz"},
        Row{"$x = <<'E';\n$not\nE\n", "$x", "$not\n"}, Row{"$x = D_REJECT; ", "$x", "-3"},
        Row{"%x = (+CC_VIRUS => D_PASS, CC_SPAM, D_BOUNCE, CC_UNCHECKED.',1', 0);", "%x", "{CC_VIRUS=>1,6=>-2,7,1=>0}"},
        Row{"$x{+CC_BADH} = D_PASS;", "%x", "{4=>1}"}, Row{"chomp($x = \"a\\n\");", "$x", "a"},
        Row{"@x = map { $_ => 1 } qw(a b);", "@x", "[a,1,b,1]"}, Row{"@x = map(lc, 'A', 'B');", "@x", "[a,b]"},
        Row{"map { $x{lc($_)}=1 } (qw(A B));", "%x", "{a=>1,b=>1}"}, Row{"for (qw(a B)) { $x{lc $_} = 2 }", "%x", "{a=>2,b=>2}"},
        Row{"foreach my $k (1..2) { push @x, \"n$k\"; }", "@x", "[n1,n2]"}, Row{"$x{$_} = 1 for qw(a b);", "%x", "{a=>1,b=>1}"},
        Row{"$x = 1; $x = 2 if 0; $x = 3 unless $x == 1;", "$x", "1"},
        Row{"unless (defined $x) { $x = 5; } else { $x = 6 }", "$x", "5"},
        Row{"if (0) { $x = 1 } elsif ('a' ne 'b' and not 0) { $x = 2 } else { $x = 3 }", "$x", "2"},
        Row{"{ my $y = 2; $x = $y; }", "$x", "2"},
        Row{"my @x = (1); our %y = ();\nuse strict; no warnings; package X; 1;", "@x", "[1]"},
        Row{"$x = sub { return '}' }; $y = 2;", "$x", "?"}, Row{"$x = join(',', 'a', uc 'b', length('ccc'));", "$x", "a,B,3"},
        Row{"$x = \\ 'text';", "$x", "text"}, Row{"@x = (- 1, !0, !1);", "@x", "[-1,1,]"},
        Row{"=pod\n\n$x = 1;\n\n=cut\n$x = 2;", "$x", "2"}, Row{"$x = 1;\n__END__\n$x = 2; '", "$x", "1"},
        Row{"$x = 'last'", "$x", "last"}, Row{"$x = [\\(1,2)]; $y = 1;", "$x", "[?]"}, Row{"$x = ('a', 'b');", "$x", "b"},
        Row{"$x = qr'a'; @y = @$x; @z = @{[1,2]};", "@z", "[1,2]"});
    const auto conf = read(row.text);
    CHECK(conf.not_understood.empty());
    CHECK(shown(conf.value(row.name)) == row.want);
}

TEST_CASE("a statement that is not understood is listed with its line, and the next one is read") {
    const auto text =
        GENERATE(as<std::string>{}, "open(F, '<', '/etc/x');", "sub f { my($x) = @_; return \"}\"; }", "if (-e '/x') { $y = 1; }",
                 "while (1) { last }", "$x =~ s/a/b;/;", "@x{qw(a b)} = (1, 2);", "foo bar baz;", "$y = ;", "$y = (1, 2;",
                 "push(@{$x{y}}, 1);", "$y = 1 +;", "Foo->new(1);", "unless (system('true')) { $y = 1 } else { $y = 2 }",
                 "local $/ = undef, $x = <F>;", "BEGIN { unshift @INC, '/x'; }", "print STDERR 'x';", "($a, $b) = (1, 2);",
                 "$y = grep { $_ } 1;", "die 'x' unless $<;", "*x = \\&y;", "$y = $x->method(1);",
                 "for (my $i = 0; $i < 3; $i++) { $y = 1 }");
    const auto conf = read("$before = 1;\n" + text + "\n$after = 2;\n");
    REQUIRE(conf.not_understood.size() == 1);
    CHECK(conf.not_understood[0].place.line == 2);
    CHECK(!conf.not_understood[0].why.empty());
    CHECK(shown(conf.value("$after")) == "2");
    CHECK(shown(conf.value("$y")) == "undef");
}

TEST_CASE("what only Perl can know is unknown, and so is what is made of it") {
    const auto text = GENERATE(as<std::string>{}, "$x = `uname -n`;", "$x = getpwnam('a');", "$x = \"a\" . `b`;",
                               "$x = sub { 1 };", "$x = -e '/etc' ? 1 : 2;", "$x = lc(foo());", "$x = \"p\\@$mydomain\";",
                               "$x = $0;", "$x = do { 1 };", "$x = eval { 1 };", "$x = read_text('/x');", "$x = SOMETHING;");
    const auto conf = read(text);
    CHECK(conf.not_understood.empty());
    CHECK(shown(conf.value("$x")) == "?");
}

TEST_CASE("the machine is asked for files and the host's name only") {
    Surroundings around;
    around.read_file = [](const std::string& name) -> Result<std::string> {
        if (name == "/etc/mailname") return "example.com\nmore\n";
        if (name == "/t") return "# comment\nUser@a.com  5.5 # five\n.b.com\r\n\"x#y\"@c\tno\n\n";
        return fail(Errc::not_found, name + " cannot be read");
    };
    around.host_name = [] { return std::string("host.example.com"); };
    const auto conf = read(
        "chomp($mydomain = `head -n 1 /etc/mailname`); chomp($myhostname = `hostname --fqdn`); $x = \"a\\@$mydomain\";\n"
        "$t = read_hash('/t'); read_hash(\\%u, '/t'); @a = @{read_array('/t')}; $z = read_hash('/none');",
        around);
    CHECK(shown(conf.value("$x")) == "a@example.com");
    CHECK(shown(conf.value("$myhostname")) == "host.example.com");
    CHECK(shown(conf.value("$t")) == "{user@a.com=>5.5,.b.com=>1,\"x#y\"@c=>no}");
    CHECK(shown(conf.value("%u")) == shown(conf.value("$t")));
    CHECK(shown(conf.value("$z")) == "?");
    around.mydomain = "other.example";
    CHECK(shown(read("chomp($mydomain = `cat /nothing`); $x = \"$mydomain\";", around).value("$x")) == "other.example");
}

TEST_CASE("every value knows its line") {
    const auto conf = read("$a = 1;\n@x = (\n 'one',\n qw(two\n three),\n);\n$h{k}\n  = 2;\n");
    const auto& list = conf.value("@x");
    CHECK(list.place.line == 2);
    CHECK(list.items[0].place.line == 3);
    CHECK(list.items[2].place.line == 5);
    REQUIRE(conf.assignments.size() == 3);
    CHECK(conf.assignments[2].name == "%h");
    CHECK(conf.assignments[2].key == "k");
    CHECK(conf.shown(conf.assignments[2].place) == "a.conf:7");
}

TEST_CASE("included files are read in their place when they were given, and named otherwise") {
    const auto conf =
        read_amavisd_conf({{"/a", "$x = 1; include_config_files('/b', '/c'); $y = $x;"}, {"/b", "$x = 2; do '/a';"}}, {});
    REQUIRE(conf);
    CHECK(shown(conf->value("$y")) == "2");
    REQUIRE(conf->calls.size() == 1);
    CHECK(conf->calls[0].name == "include_config_files");
    CHECK(conf->calls[0].arguments.size() == 2);
}

TEST_CASE("a file that Perl could not read is a fault with file and line") {
    const auto text = GENERATE(as<std::string>{}, "\n$x = 'abc;\n", "\n$x = \"abc;\n", "\n$x = <<E;\nabc\n", "\n@x = qw(a b;\n",
                               "\n$x = qr/a;\n", "\nfoo('a;\n");
    const auto conf = read_amavisd_conf({{"/etc/a.conf", text}}, {});
    REQUIRE(!conf);
    CHECK(conf.error().detail.starts_with("/etc/a.conf:2: "));
}

TEST_CASE("hostile files end, and within bounds") {
    const auto repeat = [](std::string_view text, std::size_t count) {
        std::string out;
        for (std::size_t i = 0; i < count; ++i) out += text;
        return out;
    };
    struct Row {
        const char* what;
        std::string text;
    };
    const auto row = GENERATE_COPY(
        Row{"brackets", "$x = " + repeat("[", 100'000)},
        Row{"closed", "$x = " + repeat("[", 5000) + repeat("]", 5000) + "; $ok = 1;"},
        Row{"not", "$x = " + repeat("!", 100'000) + "1;"}, Row{"references", "$x = " + repeat("\\", 50'000) + "1;"},
        Row{"ternary", "$x = " + repeat("1 ? ", 50'000)}, Row{"blocks", repeat("{", 100'000)},
        Row{"if", repeat("if (1) {", 20'000)}, Row{"minus", "$x = " + repeat("- ", 50'000) + "1;"},
        Row{"doubling", "$x = 'abcdefgh';" + repeat("$x = \"$x$x\";", 200)},
        Row{"arrays", "@x = (1,2,3,4);" + repeat("@x = (@x, @x);", 200)},
        Row{"loops", "for (1..1000) { for (1..1000) { for (1..1000) { $x = 1; } } }"},
        Row{"repetition", "$x = 'a' x 1e9; $y = 'b' x 99999999999;"}, Row{"range", "@x = 1..1e12;"},
        Row{"index", "$x[1e9] = 1; $x[-1] = 2;"}, Row{"itself", "$x = \\$x; @y = @$x;"},
        Row{"keys", repeat("$x{a}", 1) + repeat("{b}", 10'000) + " = 1;"},
        Row{"concatenation", "$x = " + repeat("'a' . ", 50'000) + "'b';"}, Row{"dollars", "@x = " + repeat("$", 50'000) + "x;"},
        Row{"nul", std::string("\0$x\0=\0'\0';\0", 11)}, Row{"maps", "@x = map { map { map { $_ } 1..1000 } 1..1000 } 1..1000;"},
        Row{"braces", "$x = " + repeat("${", 50'000)}, Row{"names", "$x = " + repeat("a::", 50'000) + "b;"});
    CAPTURE(row.what);
    const auto conf = read_amavisd_conf({{"a", row.text}}, {});
    if (conf) CHECK(conf->not_understood.size() + conf->assignments.size() <= 600'000);
    else CHECK(!conf.error().detail.empty());
}
