#include "tools/quarantine_view.h"

#include <catch2/catch.hpp>

#include "tools/time_text.h"

using namespace tamis;
using namespace tamis::tools;
using namespace tamis::tools;

TEST_CASE("text of strangers is harmless on a terminal") {
    using namespace std::string_view_literals;
    struct Row {
        std::string_view in, out;
    };
    const auto row = GENERATE(Row{"plain gr\xc3\xbc\xc3\x9f", "plain gr\xc3\xbc\xc3\x9f"}, Row{"\x1b[2J\x07", "\\x1b[2J\\x07"},
                              Row{"a\nb\tc", "a\\x0ab\\x09c"},
                              Row{"\xc2\x9b"
                                  "31m",
                                  "\\u{009b}31m"},
                              Row{"evil\xe2\x80\xaegpj.exe", "evil\\u{202e}gpj.exe"}, Row{"bad \xff\xc3", "bad \\xff\\xc3"},
                              Row{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"}, Row{"a\0b"sv, "a\\x00b"});
    CHECK(safe_text(row.in, 100) == row.out);
    CHECK(safe_text("abcdef", 3) == "abc...");
    CHECK(safe_text("a\r\nb\rc\n", 100, Lines::many) == "a\nb\\x0dc\n");
}

TEST_CASE("a message is shown with decoded header words and its body as text, cut") {
    const std::string text =
        "X-Envelope-From: <a@b>\r\nX-Quarantine-ID: <abc>\r\nSubject: =?utf-8?q?gr=C3=BC=1B=5B2J?=\r\nfolded: a\r\n b\r\n\r\n0123456789\r\n";
    const auto copy = quarantine::parse_stored_copy(std::make_shared<mail::SealedSpool>(-1, text.size(), text), false);
    REQUIRE(copy);
    auto view = mail_view(*copy, 100);
    REQUIRE(view);
    REQUIRE(view->fields.size() == 2);
    CHECK(view->fields[0] == std::pair<std::string, std::string>("Subject", "gr\xc3\xbc\\x1b[2J"));
    CHECK(view->fields[1].second == "a b");
    CHECK(view->body == "0123456789\n");
    CHECK_FALSE(view->is_cut);
    view = mail_view(*copy, 4);
    CHECK(view->body == "0123");
    CHECK(view->is_cut);
}

TEST_CASE("a record is shown as text and as JSON, whatever is in it") {
    storage::QuarantineItem item;
    item.key = {7, "abcdefghijkl"};
    item.time = 1'673'000'100;
    item.subject = "bad \xff \x1b[0m \"quoted\"";
    item.content = 'S';
    item.type = "Q";
    item.recipients.push_back(
        {1, 2, "bob@example.com", "R", "250 ok [released 2026-11-22T20:05:13Z by root@f as 4Nk]", 'D', 'S', 9});
    const auto line = list_text(item);
    CHECK(line.find("2023-01-06T10:15:00Z  abcdefghijkl[7]  spam") == 0);
    CHECK(line.find("released\n") != std::string::npos);
    CHECK(line.find('\x1b') == std::string::npos);
    CHECK(show_text(item).find("released 2026-11-22T20:05:13Z by root@f, queue id 4Nk") != std::string::npos);
    const auto object = json_of(item);
    CHECK(object.find(R"("subject":"bad )"
                      "\xef\xbf\xbd"
                      R"( \u001b[0m \"quoted\"")") != std::string::npos);
    CHECK(object.find(R"("queue_id":"4Nk")") != std::string::npos);
}

TEST_CASE("an address that is no UTF-8 is shown so that a command takes it; who was left out is named") {
    storage::QuarantineItem item;
    item.sender = "a\xff@x";
    item.recipients.push_back({1, 2, "\xe9u@x", " ", "", 'D', 'S', 9});
    const auto object = json_of(item);
    CHECK(object.find(R"("sender":"a\\xFF@x")") != std::string::npos);
    CHECK(object.find(R"("address":"\\xE9u@x")") != std::string::npos);
    quarantine::ReleaseResult left;
    left.address = "\xe9u@x";
    left.end = quarantine::ReleaseResult::End::left_out;
    left.code = 553;
    left.enhanced = "5.1.3";
    left.text = "left out: because";
    CHECK(release_text("abc", {left}) == "abc to <\\xe9u@x>: NOT delivered: 553 5.1.3 left out: because\n");
    CHECK(json_of("abc", std::vector{left}).find(R"("result":"left out")") != std::string::npos);
}

TEST_CASE("words for categories and states, and letters of other front ends") {
    CHECK(category_letter("Virus") == 'V');
    CHECK(category_letter("H") == 'H');
    CHECK_FALSE(category_letter("sapm"));
    CHECK(state_letter("requested") == 'p');
    CHECK(state_letter("new") == ' ');
    CHECK(state_letter("W") == 'W');
    CHECK_FALSE(state_letter("nowhere"));
}

TEST_CASE("times as administrators write them") {
    constexpr std::int64_t now = 1'700'000'000;
    CHECK(parse_time("2023-01-06T10:15:00Z", now).value() == 1'673'000'100);
    CHECK(parse_time("2023-01-06T10:15", now).value() == 1'673'000'100);
    CHECK(parse_time("2023-01-06", now).value() == 1'672'963'200);
    CHECK(parse_time("3d", now).value() == now - 3 * 86400);
    CHECK(parse_time("90m", now).value() == now - 5400);
    CHECK(parse_time("1673000100", now).value() == 1'673'000'100);
    CHECK(time_text(1'673'000'100) == "2023-01-06T10:15:00Z");
    for (const auto* bad : {"", "yesterday", "2023-02-30", "2023-1-1", "3x", "d", "2023-01-06T25:00", "2023-01-06X10:15"}) {
        INFO(bad);
        CHECK_FALSE(parse_time(bad, now));
    }
}
