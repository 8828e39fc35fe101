#include "proxy/unclear_line.h"

#include <catch2/catch.hpp>

using namespace tamis::proxy;

namespace {
const Listeners listeners{{"127.0.0.1:10024"}, {"unix:/run/tamis/ampdp.sock", "127.0.0.1:9998"}};
}

TEST_CASE("a line on the wrong port is told with what it looks like and where that is spoken") {
    struct Row {
        std::string_view protocol, line;
        std::string want;  // the hint; "": none
    };
    const std::string ampdp =
        "this looks like AM.PDP; the AM.PDP listener is unix:/run/tamis/ampdp.sock, 127.0.0.1:9998 (control.listen)";
    const std::string smtp = "this looks like SMTP; the SMTP and LMTP listener is 127.0.0.1:10024 (server.listen)";
    const auto row =
        GENERATE_COPY(Row{"SMTP", "request=release", ampdp}, Row{"SMTP", "request=AM.PDP", ampdp},
                      Row{"SMTP", "mail_id=AbCdEfGhIjKl", ampdp}, Row{"SMTP", "request: release", ampdp},
                      Row{"SMTP", "request=smtpd_access_policy",
                          "this looks like Postfix's policy protocol: take this address out of check_policy_service"},
                      Row{"SMTP", "GET / HTTP/1.1", "this looks like HTTP, which is not spoken here"},
                      Row{"SMTP", "PING SPAMC/1.5", "this looks like spamc, which is for spamd"},
                      Row{"SMTP", "OPTIONS icap://h/s ICAP/1.0", "this looks like ICAP, which is not spoken here"},
                      Row{"SMTP", "FLY TO:<the-moon>", ""}, Row{"SMTP", "=x", ""}, Row{"SMTP", "EHLO x", ""},
                      Row{"AM.PDP", "EHLO mail.example.com", smtp}, Row{"AM.PDP", "helo x", smtp}, Row{"AM.PDP", "LHLO", smtp},
                      Row{"AM.PDP", "MAIL FROM:<a=b@example.com>", smtp}, Row{"AM.PDP", "request=nonsense", ""},
                      Row{"AM.PDP", "nonsense", ""}, Row{"AM.PDP", "help=me", ""});
    CHECK(hint_on({row.protocol, "10024", "192.0.2.1", row.line}, listeners) == row.want);
}

TEST_CASE("where a protocol is not spoken at all the hint says so") {
    CHECK(hint_on({"SMTP", "10024", "", "request=release"}, {{"127.0.0.1:10024"}, {}}) ==
          "this looks like AM.PDP; there is no AM.PDP listener (control.listen is empty)");
}

TEST_CASE("the log line names listener, peer and 80 characters of the line, escaped") {
    const std::string line = "request=\x1b[2J" + std::string(200, 'x');
    const auto text = text_of({"SMTP", "10024", "192.0.2.1", line}, listeners);
    CHECK(text.starts_with("SMTP listener 10024: 192.0.2.1 sent a line that is not understood: \"request=\\x1B[2Jxxx"));
    CHECK(text.find(std::string(81, 'x')) == std::string::npos);
    CHECK(text.find("...\"; this looks like AM.PDP") != std::string::npos);
    CHECK(text_of({"SMTP", "10024", "192.0.2.1", "AUTH PLAIN AHVzZXIAc2VjcmV0"}, listeners).find("AHVz") == std::string::npos);
    CHECK(text_of({"AM.PDP", "9998", "192.0.2.1", "secret_id=abcdef"}, listeners).find("abcdef") == std::string::npos);
    CHECK(text_of({"SMTP", "/run/x", "", "fly"}, listeners) ==
          "SMTP listener /run/x: somebody at the unix socket sent a line that is not understood: \"fly\"");
}

TEST_CASE("who waits for a greeting on AM.PDP is told of as well") {
    CHECK(text_of({"AM.PDP", "9998", "192.0.2.1", ""}, listeners) ==
          "AM.PDP listener 9998: 192.0.2.1 said nothing; a mail server waits for a greeting, which comes where SMTP is spoken: "
          "the SMTP and LMTP listener is 127.0.0.1:10024 (server.listen)");
}

TEST_CASE("nobody fills the log with them") {
    using namespace std::chrono_literals;
    UnclearBudget budget(2);
    const auto begin = tamis::Deadline::Clock::time_point(1000s);
    CHECK(budget.take(begin) == 0U);
    CHECK(budget.take(begin + 1s) == 0U);
    CHECK_FALSE(budget.take(begin + 2s));
    CHECK_FALSE(budget.take(begin + 59s));
    CHECK(budget.take(begin + 60s) == 2U);
    CHECK(budget.take(begin + 61s) == 0U);
    CHECK_FALSE(budget.take(begin + 62s));
}
