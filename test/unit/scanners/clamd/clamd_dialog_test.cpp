#include "scanners/clamd/clamd_dialog.h"

#include <catch2/catch.hpp>

#include "lib/growth.h"

namespace tamis::scanners {
namespace {

using namespace std::string_view_literals;

std::string told(const Result<ClamdAnswer>& answer) {
    if (!answer) {
        return answer.error().is(Errc::over_limit) ? "over limit" : answer.error().is(Errc::bad_reply) ? "bad" : "?";
    }
    if (const auto* infected = std::get_if<mail::Infected>(&*answer)) return "infected " + infected->names.at(0);
    if (std::holds_alternative<ClamdError>(*answer)) return "error";
    return "clean";
}

TEST_CASE("only clamd's exact words are an answer") {
    struct Row {
        std::string_view line;
        ClamdMethod method;
        std::string want;
    };
    constexpr auto stream = ClamdMethod::stream, descriptor = ClamdMethod::descriptor;
    const auto row = GENERATE_COPY(
        Row{"stream: OK", stream, "clean"}, Row{"fd[12]: OK", descriptor, "clean"}, Row{"stream: OK", descriptor, "bad"},
        Row{"fd[12]: OK", stream, "bad"}, Row{"stream: Eicar-Test-Signature FOUND", stream, "infected Eicar-Test-Signature"},
        Row{"fd[7]: Win.Test.EICAR_HDB-1(44d88612fea8a8f36de82e1278abb02f:68) FOUND", descriptor,
            "infected Win.Test.EICAR_HDB-1(44d88612fea8a8f36de82e1278abb02f:68)"},
        Row{"stream: Name With FOUND inside FOUND", stream, "infected Name With FOUND inside"},
        Row{"stream: N\xff\x01 FOUND", stream, "infected N??"}, Row{"INSTREAM size limit exceeded. ERROR", stream, "over limit"},
        Row{"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", stream, "over limit"},
        Row{"fd[9]: Heuristics.Limits.Exceeded FOUND", descriptor, "over limit"},
        Row{"stream: Time limit reached. ERROR", stream, "error"},
        Row{"fd[10]: Can't allocate memory ERROR", descriptor, "error"},
        Row{"No file descriptor received. ERROR", descriptor, "error"}, Row{"UNKNOWN COMMAND", stream, "error"},
        Row{"COMMAND READ TIMED OUT", stream, "error"}, Row{"", stream, "bad"}, Row{"OK", stream, "bad"},
        Row{"stream: ", stream, "bad"}, Row{"stream: ok", stream, "bad"}, Row{"stream: OK ", stream, "bad"},
        Row{" stream: OK", stream, "bad"}, Row{"stream: OK\n", stream, "bad"}, Row{"stream: FOUND", stream, "bad"},
        Row{"stream:  FOUND", stream, "bad"}, Row{"stream:   FOUND", stream, "bad"}, Row{"stream: Eicar found", stream, "bad"},
        Row{"1: stream: OK", stream, "bad"}, Row{"PONG", stream, "bad"}, Row{"fd[]: OK", descriptor, "bad"},
        Row{"fd[-1]: OK", descriptor, "bad"}, Row{"fd[1: OK", descriptor, "bad"},
        Row{"fd[99999999999999999999]: OK", descriptor, "bad"}, Row{"220 mail ESMTP", descriptor, "bad"});
    INFO(row.line);
    CHECK(told(parse_clamd_reply(row.line, row.method)) == row.want);
}

TEST_CASE("a fault shows at most eighty characters, escaped") {
    const auto answer = parse_clamd_reply(std::string(3000, '\x1b'), ClamdMethod::stream);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().detail.size() < 160);
    CHECK(answer.error().detail.find('\x1b') == std::string::npos);
}

TEST_CASE("a reply is complete at its NUL, wherever the network cuts it") {
    constexpr auto whole = "stream: Eicar-Test-Signature FOUND\0"sv;
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
        ClamdReply reply;
        const auto first = reply.feed(whole.substr(0, cut));
        REQUIRE(first);
        CHECK(*first == (cut == whole.size()));
        const auto second = reply.feed(whole.substr(cut));
        REQUIRE(second);
        CHECK(*second);
        CHECK(reply.text() == whole.substr(0, whole.size() - 1));
    }
}

TEST_CASE("a connection that ends anywhere before the NUL has not answered") {
    constexpr auto whole = "fd[3]: OK\0"sv;
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        ClamdReply reply;
        REQUIRE(reply.feed(whole.substr(0, cut)));
        CHECK(reply.end().is(cut == 0 ? Errc::closed : Errc::bad_reply));
    }
}

TEST_CASE("two replies, and endless ones, are errors") {
    ClamdReply two;
    CHECK_FALSE(two.feed("stream: OK\0stream: OK\0"sv));
    ClamdReply later;
    REQUIRE(later.feed("stream: OK\0"sv));
    CHECK_FALSE(later.feed("x"));
    ClamdReply endless;
    REQUIRE(endless.feed(std::string(ClamdReply::limit, 'x')));
    CHECK_FALSE(endless.feed("x"));
}

TEST_CASE("chunk lengths are in network order") {
    CHECK(chunk_length(0) == std::array<char, 4>{0, 0, 0, 0});
    CHECK(chunk_length(0x01020304) == std::array<char, 4>{1, 2, 3, 4});
    CHECK(chunk_length(65536) == std::array<char, 4>{0, 1, 0, 0});
}

}  // namespace
}  // namespace tamis::scanners

TEST_CASE("the cost of a reply is linear in its octets, however they come") {
    for (const std::string& shape :
         {std::string("stream: "), std::string("a"), std::string(" FOUND"), std::string("]: "), std::string("fd[")})
        CHECK(tamis::test::grows_linearly(31, [&](std::size_t size) {
            std::string text = shape;
            while (text.size() < size) text += shape;
            tamis::scanners::ClamdReply reply;
            for (const char c : text)
                if (!reply.feed({&c, 1})) break;
            for (const auto method : {tamis::scanners::ClamdMethod::stream, tamis::scanners::ClamdMethod::descriptor})
                CHECK_FALSE(tamis::scanners::parse_clamd_reply(reply.text(), method));
        }));
}
