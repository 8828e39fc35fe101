#include "proxy/control/ampdp_dialog.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "lib/growth.h"

using namespace tamis;
using namespace tamis::proxy;

namespace {

AmpdpRequest parsed(std::initializer_list<std::string_view> lines) {
    AmpdpParser parser;
    for (const auto line : lines) {
        const auto done = parser.on_line(line);
        REQUIRE(done);
        REQUIRE_FALSE(*done);
    }
    CHECK(parser.is_inside());
    auto done = parser.on_line("");
    REQUIRE(done);
    REQUIRE(*done);
    CHECK_FALSE(parser.is_inside());
    return std::move(**done);
}

}  // namespace

TEST_CASE("an AM.PDP request is attributes, some of them lists, and an empty line") {
    const auto request = parsed({"request=AM.PDP", "sender=%3Ca%40b%3e", "recipient=<c@d>", "recipient: <e@f>", "policy%5fbank=X",
                                 "empty=", "odd=100%", "odd=%zz%4"});
    CHECK_FALSE(request.spoiled());
    CHECK(request.first("request") == "AM.PDP");
    CHECK(request.first("sender") == "<a@b>");
    CHECK(request.all("recipient") == std::vector<std::string>{"<c@d>", "<e@f>"});
    CHECK(request.first("policy_bank") == "X");
    CHECK(request.has("empty"));
    CHECK(request.first("empty").empty());
    CHECK(request.all("odd") == std::vector<std::string>{"100%", "%zz%4"});
    CHECK_FALSE(request.has("nothing"));
    CHECK(request.all("nothing").empty());
}

TEST_CASE("a line that is none spoils its request, and the next one is fine") {
    struct Row {
        std::string_view line, why;
    };
    using namespace std::string_view_literals;
    const auto row = GENERATE(Row{"no sign", "neither name=value nor empty: \"no sign\""}, Row{"=value", "neither"},
                              Row{"a=b\0c"sv, "NUL"}, Row{"a=b%00c", "NUL"});
    AmpdpParser parser;
    CHECK_FALSE(parser.on_line("request=release").value());
    CHECK_FALSE(parser.on_line(row.line).value());
    const auto request = parser.on_line("").value();
    REQUIRE(request);
    REQUIRE(request->spoiled());
    CHECK(request->spoiled()->detail.find(row.why) != std::string::npos);
    CHECK_FALSE(parser.on_line("request=report").value());
    const auto next = parser.on_line("").value();
    REQUIRE(next);
    CHECK_FALSE(next->spoiled());
    CHECK(next->all("request") == std::vector<std::string>{"report"});
}

TEST_CASE("a request over the limits is a fault, empty lines between requests are not") {
    AmpdpParser parser;
    CHECK_FALSE(parser.on_line("").value());
    SECTION("a line") { CHECK(parser.on_line("a=" + std::string(ampdp_line_limit, 'x')).error().is(Errc::over_limit)); }
    SECTION("many lines") {
        for (std::size_t i = 0; i < ampdp_attribute_limit; ++i) REQUIRE(parser.on_line("a=b"));
        CHECK(parser.on_line("a=b").error().is(Errc::over_limit));
    }
    SECTION("many octets") {
        const auto line = "a=" + std::string(ampdp_line_limit - 2, 'x');
        for (std::size_t i = 0; i < ampdp_size_limit / ampdp_line_limit; ++i) REQUIRE(parser.on_line(line));
        CHECK(parser.on_line(line).error().is(Errc::over_limit));
    }
}

TEST_CASE("an answer encodes what is not printable, and begins with setreply for a release") {
    AmpdpAnswer answer;
    answer.set_reply(250, "2.0.0", "from MTA(smtp:[127.0.0.1]:10025): 250 Ok 100%");
    answer.add("insheader", {"0", "X-Spam-Status", "Yes,\n\ttests=[A=1]"});
    answer.add("odd name", {});
    CHECK(answer.wire() ==
          "setreply=250 2.0.0 from%20MTA(smtp:[127.0.0.1]:10025):%20250%20Ok%20100%25\r\n"
          "insheader=0 X-Spam-Status Yes,%0a%09tests=[A=1]\r\nodd%20name=\r\n\r\n");
    CHECK(failure_answer("no\r\nway").wire() ==
          "setreply=450 4.5.0 Failure:%20no%0d%0away\r\nreturn_value=tempfail\r\nexit_code=75\r\n\r\n");
}

TEST_CASE("the cost of a request is linear in its octets, and that of its answer too") {
    const std::string shapes[] = {"%", "%41", "%4", "=", "a=", "recipient=<a@b>", " ", ":", std::string(1, '\0'), "\r"};
    for (const auto& shape : shapes) {
        INFO(tamis::escaped(shape));
        CHECK(tamis::test::grows_linearly(256, [&](std::size_t size) {  // one long line
            std::string line = "recipient=";
            while (line.size() < size) line += shape;
            tamis::proxy::AmpdpParser parser;
            auto done = parser.on_line(line);
            if (done) done = parser.on_line("");
            if (done && *done) {
                tamis::proxy::AmpdpAnswer answer;
                answer.add("recipient", {(*done)->first("recipient")});
                CHECK(!answer.wire().empty());
            }
        }));
        CHECK(tamis::test::grows_linearly(64, [&](std::size_t count) {  // many short ones
            tamis::proxy::AmpdpParser parser;
            for (std::size_t i = 0; i < count; ++i)
                if (!parser.on_line("recipient" + shape)) return;
            CHECK(parser.on_line(""));
        }));
    }
}
