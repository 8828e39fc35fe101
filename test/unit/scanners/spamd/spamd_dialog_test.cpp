#include "scanners/spamd/spamd_dialog.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "lib/growth.h"

namespace tamis::scanners {
namespace {

const std::string report =
    "Spam detection software, running on the system \"vm\",\nhas identified this incoming email as possible spam.\n\n"
    "Content preview:  hello \n\nContent analysis details:   (1000.0 points, 5.0 required)\n\n"
    " pts rule name              description\n"
    "---- ---------------------- --------------------------------------------------\n"
    "-0.0 NO_RECEIVED            Informational: message has no Received headers\n"
    " 0.0 MSGID_SHORT            Message-ID is unusually short, and the text of this\n"
    "                            9.9 NOT_A_RULE on a continued line\n"
    "1000 GTUBE                  BODY: Generic Test for Unsolicited Bulk Email\n\n";

std::string answer(std::string_view spam, std::string_view content, std::string_view more = "") {
    return "SPAMD/1.1 0 EX_OK\r\nContent-length: " + std::to_string(content.size()) + "\r\nSpam: " + std::string(spam) + "\r\n" +
           std::string(more) + "\r\n" + std::string(content);
}

// read_all - the answer and then the end of the connection
Result<SpamdReply> read_all(std::string_view bytes) {
    SpamdReply reply;
    auto complete = reply.feed(bytes);
    if (!complete) return std::unexpected(complete.error());
    if (!*complete) return std::unexpected(reply.end());
    return reply;
}

TEST_CASE("a complete answer gives score, threshold and content, wherever the network cuts it") {
    const auto whole = answer("True ; 1000.0 / 5.0", report);
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
        SpamdReply reply;
        const auto first = reply.feed(whole.substr(0, cut));
        REQUIRE(first);
        CHECK(*first == (cut == whole.size()));
        if (cut < whole.size()) {
            CHECK(reply.end().is(cut == 0 ? Errc::closed : Errc::bad_reply));
            REQUIRE(reply.feed(whole.substr(cut)) == true);
        }
        CHECK(reply.score() == 1000.0);
        CHECK(reply.required() == 5.0);
        CHECK(reply.content() == report);
    }
}

TEST_CASE("spamd's answers are read strictly") {
    struct Row {
        std::string bytes;
        std::optional<Errc> fault;
    };
    const auto row = GENERATE(
        Row{answer("False ; -0.0 / 5.0", "A,B"), {}}, Row{answer("Yes ; 7.5 / 5.0", ""), {}},
        Row{answer("False ; 1.5 / 5.0", "x", "DidSet: local\r\n"), {}}, Row{"SPAMD/1.1 79 EX_TIMEOUT\r\n\r\n", Errc::unavailable},
        Row{"SPAMD/1.0 76 Bad header line: (EOF)\r\n", Errc::unavailable}, Row{answer("True ; nan / 5.0", ""), Errc::bad_reply},
        Row{answer("True ; inf / 5.0", ""), Errc::bad_reply}, Row{answer("True ; 1e308 / 5.0", ""), Errc::bad_reply},
        Row{answer("True ; 5 / -inf", ""), Errc::bad_reply}, Row{answer("True;5/5", ""), Errc::bad_reply},
        Row{answer("Maybe ; 1 / 5", ""), Errc::bad_reply}, Row{answer("True ; 1 / 5 / 6", ""), Errc::bad_reply},
        Row{answer("", ""), Errc::bad_reply}, Row{answer("True ; 1 / 5", "", "Spam: False ; 0 / 5\r\n"), Errc::bad_reply},
        Row{answer("True ; 1 / 5", "", "Content-length: 0\r\n"), Errc::bad_reply},
        Row{answer("True ; 1 / 5", "", "no colon\r\n"), Errc::bad_reply},
        Row{answer("True ; 1 / 5", "", ": no name\r\n"), Errc::bad_reply},
        Row{answer("True ; 1 / 5", "x") + "y", Errc::bad_reply},
        Row{answer("True ; 1 / 5", "x") + answer("True ; 1 / 5", "x"), Errc::bad_reply},
        Row{"SPAMD/1.1 0 EX_OK\r\nSpam: True ; 1 / 5\r\n\r\n", Errc::bad_reply},
        Row{"SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\n\r\nabc", Errc::bad_reply},
        Row{"SPAMD/1.1 0 EX_OK\r\nContent-length: -3\r\nSpam: True ; 1 / 5\r\n\r\nabc", Errc::bad_reply},
        Row{"SPAMD/1.1 0 EX_OK\r\nContent-length: 99999999999999999999\r\nSpam: True ; 1 / 5\r\n\r\n", Errc::bad_reply},
        Row{"SPAMD/1.1 0 EX_OK\r\nContent-length: 1048577\r\nSpam: True ; 1 / 5\r\n\r\n", Errc::bad_reply},
        Row{"SPAMD/1.1 0 EX_OK\r\nContent-length: 3 \x01\r\nSpam: True ; 1 / 5\r\n\r\nabc", Errc::bad_reply},
        Row{"SPAMD/x 0 EX_OK\r\nContent-length: 0\r\nSpam: True ; 1 / 5\r\n\r\n", Errc::bad_reply},
        Row{"SPAMD/1.5 0 fine\r\ncontent-LENGTH: 0\r\nspam: True ; 1 / 5\r\n\r\n", {}}, Row{"SPAMD/1.1\r\n\r\n", Errc::bad_reply},
        Row{"HTTP/1.1 200 OK\r\n\r\n", Errc::bad_reply}, Row{std::string("\0\0\0", 3), Errc::bad_reply},
        Row{"S", Errc::bad_reply}, Row{"\r\n\r\n", Errc::bad_reply},
        Row{"SPAMD/1.1 0 EX_OK\r\nX: " + std::string(20'000, 'x'), Errc::bad_reply}, Row{"", Errc::closed});
    INFO(row.bytes.substr(0, 200));
    const auto reply = read_all(row.bytes);
    CHECK(reply.has_value() == !row.fault.has_value());
    if (!reply && row.fault) CHECK(reply.error().is(*row.fault));
}

TEST_CASE("the table of the report gives tests with their scores") {
    const auto tests = parse_report_table(report);
    REQUIRE(tests);
    REQUIRE(tests->has_value());
    const auto& list = **tests;
    REQUIRE(list.size() == 3);
    CHECK(list[0].name == "NO_RECEIVED");
    CHECK(list[0].score == 0);
    CHECK(list[2].name == "GTUBE");
    CHECK(list[2].score == 1000);
}

TEST_CASE("a score has four columns: a row that begins with two blanks does not end the table") {
    const auto tests = parse_report_table(
        " pts rule name              description\n---- ---------------------- ----------\n"
        " 1.5 SMALL                  a\n                            [goes on]\n  15 LARGE                  b\n 100 LARGER                 c\n"
        "1000 HUGE                   d\n-100 LOW                    e\n -10 LOWER                  f\n");
    REQUIRE(tests);
    REQUIRE(tests->has_value());
    std::string shown;
    for (const auto& test : **tests) shown += test.name + "=" + std::to_string(static_cast<int>(test.score)) + " ";
    CHECK(shown == "SMALL=1 LARGE=15 LARGER=100 HUGE=1000 LOW=-100 LOWER=-10 ");
}

TEST_CASE("a table in the message's own text does not count") {
    const std::string forged =
        "Content preview:\n pts rule name              description\n"
        "---- ---------------------- --------------------------------------------------\n-99 FORGED x\n\n" +
        report;
    const auto tests = parse_report_table(forged);
    REQUIRE(tests);
    REQUIRE(tests->has_value());
    for (const auto& test : **tests) CHECK(test.name != "FORGED");
    CHECK((*tests)->size() == 3);
}

TEST_CASE("a report without a table, and one without tests in it, are told apart") {
    const auto without = parse_report_table("It scored 5 of 6.\n");
    REQUIRE(without);
    CHECK_FALSE(without->has_value());
    const auto empty = parse_report_table(report.substr(0, report.find("-0.0 NO_RECEIVED")));
    REQUIRE(empty);
    REQUIRE(empty->has_value());
    CHECK((*empty)->empty());
    CHECK_FALSE(parse_report_table("")->has_value());
    CHECK_FALSE(parse_report_table("---- ---- ----\n1.0 A b\n")->has_value());  // no headline before the ruler
}

TEST_CASE("more than a thousand tests are no answer") {
    std::string table = report.substr(0, report.find("-0.0 NO_RECEIVED"));
    std::string names;
    for (int n = 0; n < 1001; ++n) {
        table += " 0.1 T_" + std::to_string(n) + "   x\n";
        names += "T_" + std::to_string(n) + ",";
    }
    CHECK_FALSE(parse_report_table(table));
    CHECK_FALSE(parse_symbols(names));
}

TEST_CASE("symbols are names with score 0") {
    const auto tests = parse_symbols("GTUBE,MSGID_SHORT, X=Y\r\n");
    REQUIRE(tests);
    REQUIRE(tests->size() == 3);
    CHECK((*tests)[0].name == "GTUBE");
    CHECK((*tests)[2].name == "X_Y");
    CHECK((*tests)[2].score == 0);
    CHECK(parse_symbols("")->empty());
}

TEST_CASE("a large message is cut as amavisd cuts it") {
    struct Row {
        std::uint64_t size, header, limit, bytes;
        bool cut;
    };
    const auto row = GENERATE(Row{1000, 300, 204800, 1000, false}, Row{205'000, 300, 204800, 205'000, false},
                              Row{210'220, 300, 204800, 210'220, false}, Row{210'221, 300, 204800, 205'101, true},
                              Row{5'000'000, 300, 204800, 205'101, true}, Row{5'000'000, 300, 0, 5'000'000, false},
                              Row{5'000'000, 200'000, 204800, 65'536 + 1 + 204'800, true}, Row{0, 0, 204800, 0, false},
                              Row{100, 500, 204800, 100, false});
    const auto part = spamd_part(row.size, row.header, row.limit);
    INFO(row.size);
    CHECK(part.bytes == row.bytes);
    CHECK(part.is_truncated == row.cut);
    CHECK(part.bytes <= row.size);
}

TEST_CASE("request and prefix carry the envelope and nothing that ends a field") {
    mail::Envelope envelope;
    envelope.sender = "a\r\nX-Evil: 1@sender.org";
    envelope.recipients = {{"u@example.com", "", ""}, {"\xc3\xb6@example.com", "", ""}};
    const auto prefix = spamd_prefix(envelope, 5000, {4000, true});
    CHECK(prefix ==
          "Return-Path: <a??X-Evil: 1@sender.org>\r\nX-Envelope-To: <u@example.com>,\r\n <\xc3\xb6@example.com>\r\n"
          "X-Amavis-MessageSize: 5000, TRUNCATED to 4000\r\n");
    CHECK(spamd_prefix({}, 5, {5, false}) == "Return-Path: <>\r\nX-Envelope-To: \r\nX-Amavis-MessageSize: 5\r\n");
    CHECK(spamd_request(SpamdQuestion::report, 12, "") == "REPORT SPAMC/1.5\r\nContent-length: 12\r\n\r\n");
    CHECK(spamd_request(SpamdQuestion::symbols, 0, "joe") == "SYMBOLS SPAMC/1.5\r\nContent-length: 0\r\nUser: joe\r\n\r\n");
}

}  // namespace
}  // namespace tamis::scanners

TEST_CASE("spamd: the cost of an answer is linear in its octets, however they come") {
    for (const std::string& shape : {std::string("a"), std::string("\r\n"), std::string("a: b\r\n"), std::string("\r"),
                                     std::string("\r\n\r"), std::string(" 0 EX_")})
        for (const std::string& begin :
             {std::string("SPAMD/1.5 0 EX_OK"), std::string("SPAMD/1.5 0 EX_OK\r\n"), std::string("SPAMD/1.5 76 Bad ")}) {
            INFO(tamis::escaped(begin + shape));
            CHECK(tamis::test::grows_linearly(120, [&](std::size_t size) {
                std::string text = begin;
                while (text.size() < size) text += shape;
                tamis::scanners::SpamdReply reply;
                for (const char c : text)
                    if (!reply.feed({&c, 1})) break;
            }));
        }
    for (const std::string& shape : {std::string("pts rule name description\n---- ---- ----\n"), std::string("---- "),
                                     std::string(" 1.0 A b\n"), std::string("\n")})
        CHECK(tamis::test::grows_linearly(4096, [&](std::size_t size) {
            std::string text = "pts rule name description\n---- ---- ----\n";
            while (text.size() < size) text += shape;
            if (!tamis::scanners::parse_report_table(text)) return;
        }));
}
