#include "quarantine/shown.h"

#include <catch2/catch.hpp>

using namespace tamis;
using namespace tamis::quarantine;

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
