#include "tools/doctor/master_cf.h"

#include <catch2/catch.hpp>

#include "tools/doctor/postfix_setup.h"
#include "tools/doctor/run_program.h"

using namespace tamis;
using namespace tamis::doctor;

TEST_CASE("master.cf is read as Postfix reads it") {
    const auto master = parse_master_cf(
        "# comment\n"
        "smtp      inet  n       -       y       -       -       smtpd\n"
        "\t-o content_filter=tamis:[127.0.0.1]:10024\n"
        "# a comment between continued lines does not end them\n"
        "    -o { smtpd_client_restrictions = permit_mynetworks, reject }  -omynetworks=127.0.0.0/8\n"
        "\n"
        "127.0.0.1:10025 inet n - n - 20 smtpd -o content_filter= -v -o smtpd_sender_restrictions=\n"
        "old unix - n n - - pipe flags=R user=vmail argv=/usr/bin/x -o y ${sender}\n"
        "short inet n -\n");
    REQUIRE(master.services.size() == 3);
    const auto& front = master.services[0];
    CHECK(front.entry() == "smtp/inet");
    CHECK(front.chroot == "y");
    CHECK(front.maximum == "-");
    CHECK(front.command == "smtpd");
    CHECK(front.overrides == Parameters{{"content_filter", "tamis:[127.0.0.1]:10024"},
                                        {"smtpd_client_restrictions", "permit_mynetworks, reject"},
                                        {"mynetworks", "127.0.0.0/8"}});
    const auto* back = master.find("127.0.0.1:10025", "inet");
    REQUIRE(back != nullptr);
    CHECK(back->maximum == "20");
    CHECK(back->overrides == Parameters{{"content_filter", ""}, {"smtpd_sender_restrictions", ""}});
    CHECK(master.find("127.0.0.1:10025", "unix") == nullptr);
    CHECK(master.bad_lines == std::vector<std::string>{"short inet n -"});
}

TEST_CASE("odd master.cf texts end") {
    const auto text = GENERATE("", "\n\n", " -o x=y\n", "{", "a b c d e f g {", "a b c d e f g h -o", "a b c d e f g h -o {",
                               "a b c d e f g h -o { x = {y }", "-o -o -o -o -o -o -o -o -o");
    const auto master = parse_master_cf(text);
    CHECK(master.services.size() + master.bad_lines.size() <= 1);
}

TEST_CASE("parameters come from postconf and from main.cf") {
    CHECK(parse_parameters("a = b c\nempty =\n# x = y\nlong = one,\n  two\nlast=3") ==
          Parameters{{"a", "b c"}, {"empty", ""}, {"long", "one, two"}, {"last", "3"}});
}

TEST_CASE("what holds for a service: its own value, and main.cf's with the names it has set itself") {
    PostfixSetup setup;
    setup.raw = {{"mynetworks", "10.0.0.0/8"},
                 {"except", "$mynetworks"},
                 {"both", "a ${mynetworks} $(mynetworks) $$x"},
                 {"odd", "${stress?{1}:{20}}"},
                 {"loop", "$loop"}};
    setup.expanded = {{"odd", "20"}};
    const auto master =
        parse_master_cf("25 inet n - n - - smtpd -o mynetworks=127.0.0.0/8 -o own=$mynetworks\n26 inet n - n - - smtpd");
    const auto *first = &master.services[0], *second = &master.services[1];
    CHECK(setup.value(nullptr, "except") == "10.0.0.0/8");
    CHECK(setup.value(second, "except") == "10.0.0.0/8");
    CHECK(setup.value(first, "except") == "127.0.0.0/8");
    CHECK(setup.value(first, "own") == "127.0.0.0/8");
    CHECK(setup.value(first, "both") == "a 127.0.0.0/8 127.0.0.0/8 $x");
    CHECK(setup.value(first, "odd") == "20");
    CHECK(setup.value(first, "loop").empty());
    CHECK(setup.value(first, "nothing").empty());
}

TEST_CASE("Postfix times and lists") {
    using std::chrono::seconds;
    struct Row {
        const char* text;
        std::optional<seconds> time;
    };
    const auto row =
        GENERATE(Row{"600s", seconds(600)}, Row{"10m", seconds(600)}, Row{"2h", seconds(7200)}, Row{"1d", seconds(86400)},
                 Row{"1w", seconds(604800)}, Row{"30", seconds(30)}, Row{"", {}}, Row{"x", {}}, Row{"10y", {}}, Row{"-1s", {}});
    CHECK(time_of(row.text) == row.time);
    CHECK(list_of("a, b\n c,,") == std::vector<std::string>{"a", "b", "c"});
    CHECK(is_yes("Yes"));
    CHECK_FALSE(is_yes("y"));
}

TEST_CASE("a program's output, its failure, its absence, and the end of patience") {
    const auto soon = Deadline::in(std::chrono::seconds(30));
    CHECK(run_program("echo", {"a", "b c"}, soon) == "a b c\n");
    const auto failed = run_program("sh", {"-c", "echo wrong >&2; exit 3"}, soon);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().detail.find("wrong") != std::string::npos);
    const auto missing = run_program("tamis-no-such-program", {}, soon);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().is(Errc::not_found));
    for (const auto* script : {"exec sleep 600", "exec >&- 2>&-; exec sleep 600"}) {
        const auto late = run_program("sh", {"-c", script}, Deadline::in(std::chrono::milliseconds(200)));
        REQUIRE_FALSE(late);
        CHECK(late.error().is(Errc::timeout));
    }
}
