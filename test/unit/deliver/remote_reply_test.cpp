#include "deliver/remote_reply.h"

#include <catch2/catch.hpp>
#include <vector>

#include "base/text.h"
#include "lib/growth.h"

namespace tamis::deliver {
namespace {

// read - feeds lines until the reply is complete; a Fault's detail begins with "!"
std::string read(const std::vector<std::string>& lines) {
    ReplyParser parser;
    for (const auto& line : lines) {
        const auto last = parser.on_line(line);
        if (!last) return "!" + last.error().detail;
        if (*last) return parser.take().one_line();
    }
    return "more";
}

}  // namespace

TEST_CASE("replies are read strictly") {
    struct Row {
        std::vector<std::string> lines;
        std::string want;
    };
    const auto row =
        GENERATE(Row{{"250 2.0.0 Ok: queued as X"}, "250 2.0.0 Ok: queued as X"}, Row{{"250"}, "250"}, Row{{"250 "}, "250"},
                 Row{{"250-first", "250 second"}, "250 first, second"}, Row{{"250-", "250 second"}, "250, second"},
                 Row{{"550-5.1.1 no", "550 5.1.1 such user"}, "550 5.1.1 no, such user"},
                 Row{{"550-5.1.1 no", "550-5.1.1", "550 5.1.12 x"}, "550 5.1.1 no, 5.1.12 x"}, Row{{"354 go"}, "354 go"},
                 Row{{"571 really"}, "571 really"}, Row{{"250-more to come"}, "more"},
                 Row{{"250 esc \x1b[2J \xc3\xa4\tq"}, "250 esc ?[2J ???q"},
                 Row{{"250-a", "251 b"}, "!reply changes its code: \"251 b\""}, Row{{""}, "!not an SMTP reply: \"\""},
                 Row{{"25"}, "!not an SMTP reply: \"25\""}, Row{{"250x"}, "!not an SMTP reply: \"250x\""},
                 Row{{"250\tx"}, "!not an SMTP reply: \"250\\x09x\""}, Row{{"150 x"}, "!not an SMTP reply: \"150 x\""},
                 Row{{"650 x"}, "!not an SMTP reply: \"650 x\""}, Row{{"000 x"}, "!not an SMTP reply: \"000 x\""},
                 Row{{" 250 x"}, "!not an SMTP reply: \" 250 x\""}, Row{{"-250 x"}, "!not an SMTP reply: \"-250 x\""},
                 Row{{"HTTP/1.1 400 Bad Request"}, "!not an SMTP reply: \"HTTP/1.1 400 Bad Request\""},
                 Row{{"2\xb2\xb2 x"}, "!not an SMTP reply: \"2\\xB2\\xB2 x\""});
    CHECK(read(row.lines) == row.want);
}

TEST_CASE("an enhanced code is one only in the right form and class") {
    struct Row {
        std::string text, want;
    };
    const auto row = GENERATE(Row{"2.1.5 ok", "2.1.5"}, Row{"2.1.5", "2.1.5"}, Row{"2.123.456 ok", "2.123.456"},
                              Row{"2.1.5\n2.1.5 more", "2.1.5"}, Row{"4.1.5 ok", ""}, Row{"2.1.5x", ""}, Row{"2.1234.5 ok", ""},
                              Row{"2.1.1234 ok", ""}, Row{"2..5 ok", ""}, Row{"2.1. ok", ""}, Row{"2.1 ok", ""}, Row{"", ""},
                              Row{"2.", ""}, Row{"ok", ""});
    CHECK(RemoteReply{250, row.text}.enhanced() == row.want);
}

TEST_CASE("a reply is bounded, and what is shown of it is cut") {
    ReplyParser parser;
    const std::string line = "250-" + std::string(508, 'x');
    std::size_t taken = 0;
    for (;; ++taken) {
        const auto last = parser.on_line(line);
        if (!last) break;
        REQUIRE_FALSE(*last);
        REQUIRE(taken < 1000);
    }
    CHECK(taken == ReplyParser::max_octets / (line.size() + 2));
    const auto shown = RemoteReply{250, std::string(5000, 'y')}.one_line(100);
    CHECK(shown.size() == 100);
    CHECK(shown.ends_with("yyy..."));
}

}  // namespace tamis::deliver

TEST_CASE("the cost of a reply is linear in its octets") {
    for (const std::string& line : {std::string("250-"), std::string("250-2.1.5 x"), std::string("250-2.1."),
                                    std::string("250-\0", 5), "250-" + std::string(8000, '-'), "250-" + std::string(8000, ' ')}) {
        INFO(tamis::escaped(line, 20));
        CHECK(tamis::test::grows_linearly(line.size() > 1000 ? 1 : 64, [&](std::size_t count) {
            tamis::deliver::ReplyParser parser;
            for (std::size_t i = 0; i < count; ++i)
                if (!parser.on_line(line)) parser = {};
            auto done = parser.on_line("250 x");
            if (done) parser.take().one_line();
        }));
    }
}
