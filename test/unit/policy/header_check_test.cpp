// header_check_test - the problems of docs/amavis/policy.md 7.1 with their texts, and how many there may be
#include "policy/header_check.h"

#include <catch2/catch.hpp>

#include <map>

#include "base/text.h"
#include "fixture.h"
#include "lib/growth.h"

namespace tamis::policy {
namespace {

using test::message_of;

constexpr std::string_view good = "Date: Tue, 3 Jan 2023 10:00:00 +0100\r\nFrom: ann@example.net\r\n";

std::vector<HeaderProblem> problems_of(const std::string& header, const HeaderChecks& checks = {}, bool smtputf8 = false,
                                       std::vector<mail::RemovedControl> controls = {}, std::string sender = "ann@example.net") {
    auto message = message_of(header + "\r\nbody\r\n");
    message.header_controls = std::move(controls);
    mail::Envelope envelope;
    envelope.sender = std::move(sender);
    envelope.smtputf8 = smtputf8;
    return check_header(message, envelope, checks);
}

HeaderChecks with(bool HeaderChecks::* which, bool on = true) {
    HeaderChecks out;
    out.*which = on;
    return out;
}

std::string text_of(const std::vector<HeaderProblem>& problems) {
    std::string out;
    for (const auto& [minor, text] : problems) out += std::to_string(minor) + " " + text + "\n";
    return out;
}

TEST_CASE("a good header has no problem") {
    CHECK(text_of(problems_of(std::string(test::plain_text.substr(0, test::plain_text.find("\r\n\r\n") + 2)))) == "");
    CHECK(text_of(problems_of(std::string(good) + "Subject: \xc3\xa9t\xc3\xa9\r\nX:\r\nX-A: a\r\n b\r\n\tc\r\nX-B : b\r\n")) ==
          "");
}

TEST_CASE("one field, one problem") {
    struct Row {
        std::string header, want;
    };
    const std::string x50(50, 'x');
    const auto row = GENERATE_COPY(
        Row{"what is this\r\n", "6 Invalid header field syntax: what is this\n"},
        Row{"--boundary: x\r\n", "6 Invalid header field syntax: --boundary: x\n"},
        Row{"Sub ject: x\r\n", "6 Invalid header field syntax: Sub ject: x\n"},
        Row{": x\r\n", "6 Invalid header field syntax: : x\n"},
        Row{"what \xff\\x{41}\r\n", "6 Invalid header field syntax: what \\x{FF}\\x{5C}x{41}\n"},
        Row{"S\xc3\xbcj: x\r\n", "6 Invalid header field name, contains non-ASCII char (char C3 hex): S\\x{C3}\\x{BC}j: x\n"},
        Row{"Subject: a\r\n  \t\r\n b\r\n",
            "4 Improper folded header field made up entirely of whitespace (char 20 20 09 hex): Subject: a\\x{0A}  \\x{09}\\x{0A} b\n"},
        Row{"Subject: a\r\n \r\n",
            "4 Improper folded header field made up entirely of whitespace (char 20 hex): Subject: a\\x{0A} \n"},
        Row{"Subject: " + std::string(989, 'a') + "\r\n", ""},  // 998
        Row{"Subject: " + std::string(990, 'a') + "\r\n",
            "5 Header line longer than 998 characters: Subject: " + std::string(41, 'a') + "[...]\n"},
        Row{"Subject: a\r\n " + std::string(998, 'b') + "\r\n",
            "5 Header line longer than 998 characters:  " + std::string(49, 'b') + "[...]\n"},
        Row{"Subject: caf\xe9!\r\n", "2 Non-encoded non-ASCII data (and not UTF-8) (char E9 hex): Subject: caf\\x{E9}!\n"},
        Row{"Subject: \xc3\xa9\x01\r\n", "2 UTF-8 string contains C0 Controls (char 01 hex): Subject: \\x{C3}\\x{A9}\\x{01}\n"},
        Row{"Subject: \xc2\x85x\r\n", "2 UTF-8 string contains C1 Controls (char C2 85 hex): Subject: \\x{C2}\\x{85}x\n"},
        Row{"Subject: \xc2\xa0x\r\n", ""},
        Row{"Subject: " + x50 + x50 + "\xff" + x50 + "\r\n",
            "2 Non-encoded non-ASCII data (and not UTF-8) (char FF hex): Subject: ..." + std::string(25, 'x') + "\\x{FF}" +
                std::string(15, 'x') + "[...]\n"},
        // a bad name and a bad value: the first kind only
        Row{"S\xff: \r\n \r\n", "6 Invalid header field name, contains non-ASCII char (char FF hex): S\\x{FF}: \\x{0A} \n"});
    CAPTURE(escaped(row.header, 200));
    CHECK(text_of(problems_of(std::string(good) + row.header)) == row.want);
}

TEST_CASE("what receipt took out is known") {
    const std::string header = std::string(good) + "Subject: ab\r\nX: y\r\n";
    const auto at = static_cast<std::uint32_t>(header.find("ab") + 1);
    CHECK(text_of(problems_of(header, {}, false, {{at, '\0'}})) ==
          "3 Improper use of control character (char 00 hex): Subject: a\\x{00}b\n");
    CHECK(
        text_of(problems_of(header, {}, false, {{at, '\r'}, {at, '\0'}, {at + 4, '\r'}})) ==
        "3 Improper use of control character (char 0D hex): Subject: a\\x{0D}b\n3 Improper use of control character (char 0D hex): X\\x{0D}: y\n");
    CHECK(text_of(problems_of(header, with(&HeaderChecks::control, false), false, {{at, '\0'}})) == "");
}

TEST_CASE("fields that must be there and fields that may be there once") {
    CHECK(text_of(problems_of("Subject: x\r\n")) ==
          "7 Missing required header field: \"Date\"\n7 Missing required header field: \"From\"\n");
    CHECK(text_of(problems_of(std::string(good) + "subject: a\r\nSubject: b\r\n")) == "8 Duplicate header field: \"Subject\"\n");
    CHECK(text_of(problems_of(std::string(good) + "To: a@b\r\nTo: a@b\r\nTo : a@b\r\n")) ==
          "8 Header field occurs more than once: \"To\" occurs 3 times\n");
    CHECK(text_of(problems_of(std::string(good) + "Received: a\r\nReceived: b\r\nX-A: 1\r\nX-A: 2\r\n")) == "");
    for (const auto* name : {"Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Message-ID", "References",
                             "In-Reply-To", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-ID",
                             "Content-Description", "Content-Disposition", "Auto-Submitted"}) {
        const std::string line = std::string(name) + ": ann@example.net\r\n";
        const auto found = problems_of("Date: x\r\nFrom: ann@example.net\r\n" + line + line);
        REQUIRE(found.size() == 1);
        CHECK(found.front().first == 8);
        CHECK_THAT(found.front().second, Catch::Contains("\"" + std::string(name) + "\""));
    }
}

TEST_CASE("S12: From names one author that everybody reads in the same way") {
    struct Row {
        std::string header, want;
    };
    const auto row =
        GENERATE(Row{"From: Ann <ann@x>\r\n", ""}, Row{"From: ann@x\r\nFrom: bob@x\r\n", "8 Duplicate header field: \"From\"\n"},
                 Row{"From:\r\n", "6 No address in header field: From: \n"},
                 Row{"From: Ann\r\n", "6 No address in header field: From: Ann\n"},
                 Row{"From: undisclosed:;\r\n", "6 No address in header field: From: undisclosed:;\n"},
                 Row{"From: a@x, b@x\r\n", "6 Several authors and no Sender: From: a@x, b@x\n"},
                 Row{"From: a@x, b@x\r\nSender: a@x\r\n", ""});
    CAPTURE(row.header);
    CHECK(text_of(problems_of("Date: x\r\n" + row.header)) == row.want);
    if (!row.want.starts_with("8")) CHECK(problems_of("Date: x\r\n" + row.header, with(&HeaderChecks::from, false)).empty());
    if (!row.want.starts_with("8")) CHECK(problems_of("Date: x\r\n" + row.header, {}, false, {}, "").empty());  // a bounce
}

TEST_CASE("each test can be switched off, UTF-8 be refused") {
    struct Row {
        bool HeaderChecks::* which;
        std::string header;
    };
    const auto row =
        GENERATE(Row{&HeaderChecks::syntax, "nothing\r\n"}, Row{&HeaderChecks::empty, "X: a\r\n \r\n b\r\n"},
                 Row{&HeaderChecks::long_lines, "X: " + std::string(1000, 'x') + "\r\n"},
                 Row{&HeaderChecks::eight_bit, "X: \xff\r\n"}, Row{&HeaderChecks::multiple, "To: a@x\r\nTo: b@x\r\n"});
    CHECK(problems_of(std::string(good) + row.header).size() == 1);
    CHECK(problems_of(std::string(good) + row.header, with(row.which, false)).empty());
    CHECK(problems_of("X: y\r\n", with(&HeaderChecks::missing, false)).empty());
    const auto strict = with(&HeaderChecks::utf8);
    const std::string utf8 = std::string(good) + "Subject: \xe2\x82\xac 5\r\n";
    CHECK(text_of(problems_of(utf8, strict)) ==
          "2 Non-encoded UTF-8 string in non-EAI mail (char E2 82 AC hex): Subject: \\x{E2}\\x{82}\\x{AC} 5\n");
    CHECK(problems_of(utf8, strict, true).empty());
    CHECK(problems_of(utf8).empty());
}

TEST_CASE("a hundred problems are enough, each is one short line of ASCII, and time grows with the header") {
    std::string header;
    for (int i = 0; i < 3000; ++i) header += "bad \xff line \x01 " + std::string(40, 'x') + "\r\n";
    const auto found = problems_of(header);
    REQUIRE(found.size() == 100);
    for (const auto& [minor, text] : found) {
        CHECK(text.size() < 500);
        CHECK(printable_or(text, '\0') == text);
    }
    CHECK(tamis::test::grows_linearly(4000, [](std::size_t size) {
        static std::map<std::size_t, mail::Message> messages;  // made once: only the check counts
        auto& message = messages[size];
        if (!message.spool) {
            std::string text = std::string(good) + "X: ";
            while (text.size() < size) text += std::string(60, 'x') + "\r\n \xc3\xa9";
            message = message_of(text + "\r\n\r\n");
        }
        (void)check_header(message, {}, {});
    }));
}

TEST_CASE("the MIME problem") {
    CHECK(mime_problem("error: \xff").first == 1);
    CHECK(mime_problem("error: \xff").second == "MIME error: error: \\x{FF}");
    CHECK(mime_problem(std::string(1000, 'x')).second.size() == 262);
}

}  // namespace
}  // namespace tamis::policy
