#include "base/result.h"

#include <catch2/catch.hpp>
#include <cerrno>

#include "base/counted.h"

using namespace tamis;

TEST_CASE("a fault is told once: our word for its kind only where the detail does not say it by itself") {
    struct Row {
        Fault fault;
        std::string want;
    };
    const auto of = [](Errc code, std::string detail) { return Fault{make_error_code(code), std::move(detail)}; };
    const auto system = [](int code, std::string detail) {
        return Fault{std::error_code(code, std::system_category()), std::move(detail)};
    };
    const auto row = GENERATE_COPY(
        Row{of(Errc::not_found, "there is no message with mail_id abc"), "there is no message with mail_id abc"},
        Row{of(Errc::not_found, "sqlite:/x: there is no table msgs yet"), "sqlite:/x: there is no table msgs yet"},
        Row{of(Errc::not_found, "Host Not Found"), "Host Not Found"},
        Row{of(Errc::timeout, "the program did not end in time"), "the program did not end in time"},
        Row{of(Errc::over_limit, "more than 5 recipients"), "more than 5 recipients"},
        Row{of(Errc::conflict, "somebody already listens there"), "somebody already listens there"},
        Row{of(Errc::bad_reply, "not an SMTP reply: \"x\""), "not an SMTP reply: \"x\": protocol error"},
        Row{of(Errc::timeout, "clamd av.firma.no:3310: read"), "clamd av.firma.no:3310: read: timed out"},
        Row{of(Errc::timeout, "read"), "read: timed out"},
        Row{of(Errc::timeout, "looking up mail.example.com"), "looking up mail.example.com: timed out"},
        Row{of(Errc::closed, "receiving a packet"), "receiving a packet: connection closed by the peer"},
        Row{of(Errc::unavailable, ""), "not available"}, Row{of(Errc::timeout, "clamd: clamd: read"), "clamd: read: timed out"},
        Row{of(Errc::unavailable, "a: b: a"), "a: b: a: not available"},
        Row{system(ENOENT, "cannot read /not/here"), "cannot read /not/here: No such file or directory"},
        Row{system(ENOENT, "/x: no such file or directory"), "/x: no such file or directory"},
        Row{Fault{{}, "only this: only this"}, "only this"});
    CHECK(describe(row.fault) == row.want);
}

TEST_CASE("numbers and their nouns") {
    CHECK(counted(0, "message") == "0 messages");
    CHECK(counted(1U, "message") == "1 message");
    CHECK(counted(std::uint64_t{2}, "message") == "2 messages");
    CHECK(counted(1, "copy", "copies") == "1 copy");
    CHECK(counted(3, "copy", "copies") == "3 copies");
}
