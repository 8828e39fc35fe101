#include "deliver/next_hop.h"

#include <catch2/catch.hpp>

namespace tamis::deliver {

TEST_CASE("delivery methods are understood in amavisd's forms") {
    struct Row {
        std::string text, shown, endpoint;
        bool lmtp;
    };
    const auto row = GENERATE(Row{"smtp:[127.0.0.1]:10025", "smtp:[127.0.0.1]:10025", "127.0.0.1:10025", false},
                              Row{"smtp:127.0.0.1:10025", "smtp:[127.0.0.1]:10025", "127.0.0.1:10025", false},
                              Row{"SMTP:[::1]:10025", "smtp:[::1]:10025", "[::1]:10025", false},
                              Row{"smtp:inet:mx.example.com:25", "smtp:[mx.example.com]:25", "mx.example.com:25", false},
                              Row{"lmtp:[127.0.0.1]:24:flags=x:more", "lmtp:[127.0.0.1]:24", "127.0.0.1:24", true},
                              Row{"smtp:host:25:options", "smtp:[host]:25", "host:25", false},
                              Row{" lmtp:/run/dovecot/lmtp ", "lmtp:/run/dovecot/lmtp", "/run/dovecot/lmtp", true},
                              Row{"smtp:unix:/run/x.sock", "smtp:/run/x.sock", "/run/x.sock", false});
    const auto hop = parse_next_hop(row.text);
    REQUIRE(hop);
    CHECK(hop->shown == row.shown);
    CHECK(hop->endpoint.text() == row.endpoint);
    CHECK((hop->protocol == NextHop::Protocol::lmtp) == row.lmtp);
    const auto again = parse_next_hop(hop->shown);
    REQUIRE(again);
    CHECK(*again == *hop);
}

TEST_CASE("what is no delivery method is refused with the form that is expected") {
    const auto text = GENERATE("", "smtp", "smtp:", "smtp:host", "smtp:host:", "smtp:host:0", "smtp:host:65536", "smtp:[::1]",
                               "smtp:[::1", "http:host:25", "127.0.0.1:25", "smtp:*:*", "smtp:*:25", "smtp:ho st:25",
                               "smtp:h\r\nost:25", "lmtp:relative/path", "smtp::25");
    const auto hop = parse_next_hop(text);
    REQUIRE_FALSE(hop);
    CHECK(hop.error().detail.find("expected smtp:[HOST]:PORT") != std::string::npos);
}

}  // namespace tamis::deliver
