#include "tools/quarantine_text.h"

#include <catch2/catch.hpp>

#include "quarantine/shown.h"

using namespace tamis;
using namespace tamis::quarantine;
using namespace tamis::tools;

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
