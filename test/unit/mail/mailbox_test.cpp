#include "mail/mailbox.h"

#include <catch2/catch.hpp>

using namespace tamis::mail;

TEST_CASE("one mailbox, in any form that SMTP has") {
    const auto good = GENERATE(as<std::string>(), "a@example.com", "first.last+x@sub.example.com", R"("q x"@example.com)",
                               R"("a@b"@example.com)", R"("a\"b"@example.com)", "user@[192.0.2.1]", "user@[IPv6:::1]",
                               "b\xc3\xbc"
                               "cher@b\xc3\xbc"
                               "cher.example",
                               "postmaster", "root", "a..b@example.com", "o'neil/x=y@example.com", "a_b@host_name.example");
    INFO(good);
    CHECK_FALSE(mailbox_complaint(good));
}

TEST_CASE("everything else is refused, with the way to write it") {
    struct Row {
        std::string text, says;
    };
    const auto row = GENERATE(
        Row{"", "empty"}, Row{"Admin <admin@example.com>", "\"admin@example.com\""}, Row{"<a@example.com>", "\"a@example.com\""},
        Row{"\"A B\" <a@b>", "\"a@b\""}, Row{"a@example.com, b@example.com", "one address only"},
        Row{"a@b;c@d", "one address only"}, Row{"a@b c@d", "one address only"}, Row{" a@example.com", "write \"a@example.com\""},
        Row{"a@example.com\t", "blanks around it"}, Row{"q x@example.com", "in quotes"}, Row{"@example.com", "user@example.com"},
        Row{"a@", "user@example.com"}, Row{"a@.example.com", "no address"}, Row{"a@exa mple.com", "no address"},
        Row{"a(b)@example.com", "no address"}, Row{"\"a@example.com", "no address"}, Row{"a@b\r\nRCPT TO:<c@d>", "no address"},
        Row{"\xff@example.com", "UTF-8"}, Row{std::string(400, 'a') + "@b", "longer"}, Row{"bad addr", "no address"},
        Row{"a@b@c", "no address"});
    INFO(row.text);
    const auto complaint = mailbox_complaint(row.text);
    REQUIRE(complaint);
    CHECK(complaint->find(row.says) != std::string::npos);
}
