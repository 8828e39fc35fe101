#include "scanners/icap/icap_dialog.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "base/text.h"
#include "lib/growth.h"

namespace tamis::scanners {
namespace {

std::string told(const Result<mail::ScanOutcome>& outcome) {
    if (!outcome) return "failed " + describe(outcome.error());
    if (const auto* infected = std::get_if<mail::Infected>(&*outcome)) {
        std::string out = "infected";
        for (const auto& name : infected->names) out += " [" + name + "]";
        return out;
    }
    return std::holds_alternative<mail::Clean>(*outcome) ? "clean" : "something else";
}

struct Read {
    std::string body;
    IcapReply reply{1000, [this](std::string_view bytes) { body += bytes; }};
};

// read_in - feeds the text in pieces of that size; what went wrong, "" when it is complete, "more" when it is not
std::string read_in(Read& read, std::string_view text, std::size_t piece) {
    bool is_complete = false;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        const auto done = read.reply.feed(text.substr(at, piece));
        if (!done) return describe(done.error());
        is_complete = *done;
    }
    return is_complete ? "" : "more";
}

const std::string blocked =
    "ICAP/1.0 200 OK\r\nServer: C-ICAP/0.5.10\r\nConnection: keep-alive\r\nISTag: \"CI0001\"\r\n"
    "X-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test-Signature;\r\n"
    "X-Violations-Found: 1\r\n\t-\r\n\tEicar-Test-Signature\r\n\t0\r\n\t0\r\n"
    "Encapsulated: res-hdr=0, res-body=45\r\n\r\n"
    "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\n\r\n"
    "5\r\nhello\r\n0\r\n\r\n";

TEST_CASE("a URL names host, port and service") {
    const auto url = parse_icap_url("icap://127.0.0.1/avscan?allow204=on");
    REQUIRE(url);
    CHECK(url->endpoint == Endpoint{"127.0.0.1", 1344, {}});
    CHECK(url->uri == "icap://127.0.0.1:1344/avscan?allow204=on");
    const auto six = parse_icap_url("icap://[::1]:1345/x/y");
    REQUIRE(six);
    CHECK(six->endpoint == Endpoint{"::1", 1345, {}});
    CHECK(six->host == "[::1]:1345");
    for (const auto* bad : {"", "icap:", "icap://h", "icap://h/", "icaps://h/x", "icap://u@h/x", "icap://h:0/x", "icap://h:/x",
                            "icap:///x", "icap://h/x#y", "icap://h/x y", "icap://h/\r\nX: y", "/run/icap.sock"})
        CHECK_FALSE(parse_icap_url(bad));
}

TEST_CASE("the request says what follows, and holds nothing of the message") {
    const auto url = *parse_icap_url("icap://h:1344/avscan");
    const auto text = icap_request(url, IcapMethod::respmod, 1234, 100);
    const auto begin = text.find("\r\n\r\n") + 4;
    const auto http = text.substr(begin);
    CHECK(text.starts_with("RESPMOD icap://h:1344/avscan ICAP/1.0\r\nHost: h:1344\r\n"));
    CHECK(text.find("\r\nAllow: 204\r\n") != std::string::npos);
    CHECK(text.find("\r\nPreview: 100\r\n") != std::string::npos);
    CHECK(text.find(fmt::format("\r\nEncapsulated: req-hdr=0, res-hdr={}, res-body={}\r\n\r\n", http.find("HTTP/1.1 200"),
                                http.size())) != std::string::npos);
    CHECK(http.find("Content-Length: 1234\r\n") != std::string::npos);
    const auto up = icap_request(url, IcapMethod::reqmod, 7, {});
    CHECK(up.starts_with("REQMOD "));
    CHECK(up.find("Preview") == std::string::npos);
    CHECK(up.find(fmt::format("Encapsulated: req-hdr=0, req-body={}\r\n\r\nPOST ", up.size() - up.find("POST"))) !=
          std::string::npos);
    CHECK(icap_chunk(65536) == "10000\r\n");
}

TEST_CASE("an answer is read whole, in pieces of any size") {
    const auto piece = GENERATE(1, 2, 3, 7, 64, 10'000);
    Read read;
    CHECK(read_in(read, blocked, piece) == "");
    CHECK(read.reply.status() == 200);
    CHECK(read.reply.http_status() == 403);
    CHECK(read.body == "hello");
    CHECK(read.reply.may_reuse());
    CHECK(read.reply.field("x-violations-found") == "1\n-\nEicar-Test-Signature\n0\n0");
    CHECK(told(judge_icap(read.reply, IcapMethod::respmod, {.is_all = true})) == "infected [Eicar-Test-Signature]");
}

TEST_CASE("every beginning of an answer is incomplete, and something behind it is wrong") {
    for (std::size_t size = 0; size < blocked.size(); ++size) {
        Read read;
        CHECK(read_in(read, blocked.substr(0, size), 4096) == "more");
        CHECK(read.reply.end().is(size == 0 ? Errc::closed : Errc::bad_reply));
        CHECK_FALSE(read.reply.may_reuse());
    }
    Read read;
    CHECK(read_in(read, blocked + "I", 4096).find("more than one answer") != std::string::npos);
}

TEST_CASE("what is no ICAP answer is refused") {
    struct Row {
        std::string text, want;
    };
    const std::string start = "ICAP/1.0 200 OK\r\n";
    const auto row = GENERATE_COPY(values<Row>({
        {"HTTP/1.1 200 OK\r\n\r\n", "not an answer of an ICAP server"},
        {"ICAP/1.0 2x4 OK\r\n\r\n", "not an answer of an ICAP server"},
        {"ICAP/1.0 2044 OK\r\n\r\n", "not an answer of an ICAP server"},
        {"ICAP/1.0 20\r\n\r\n", "not an answer of an ICAP server"},
        {"220 mail ESMTP\r\n\r\n", "not an answer of an ICAP server"},
        {start + "X: a\nY: b\r\n\r\n", "a bare line feed"},
        {start + " folded: x\r\n\r\n", "begins in the middle"},
        {start + "no colon here\r\n\r\n", "a bad header line"},
        {start + "bad name: x\r\n\r\n", "a bad header line"},
        {start + std::string("X: a\0b\r\n\r\n", 10), "a control character"},
        {start + "Encapsulated: null-body=0\r\nEncapsulated: null-body=0\r\n\r\n", "a header field twice"},
        {start + "Encapsulated: res-hdr=5, res-body=9\r\n\r\n", "a bad Encapsulated field"},
        {start + "Encapsulated: res-hdr=0, res-body=0\r\n\r\n", "a bad Encapsulated field"},
        {start + "Encapsulated: res-hdr=0\r\n\r\n", "without a body"},
        {start + "Encapsulated: res-hdr=0, res-hdr=8, res-body=12\r\n\r\n", "an unknown section"},
        {start + "Encapsulated: res-body=0, null-body=5\r\n\r\n", "a bad Encapsulated field"},
        {start + "Encapsulated: res-hdr=0, res-body=99999999999\r\n\r\n", "a bad Encapsulated field"},
        {start + "Encapsulated: res-hdr=0, res-body=-1\r\n\r\n", "a bad Encapsulated field"},
        {start + "Encapsulated: x-hdr=0, res-body=4\r\n\r\n", "an unknown section"},
        {start + "Encapsulated: res-hdr=0, null-body=6\r\n\r\nHTTP\r\n", "an encapsulated answer without a status"},
        {start + "Encapsulated: res-body=0\r\n\r\n5\r\nhello!\r\n", "a chunk longer than it said"},
        {start + "Encapsulated: res-body=0\r\n\r\nxyz\r\n", "a bad chunk"},
        {start + "Encapsulated: res-body=0\r\n\r\n-5\r\n", "a bad chunk"},
        {start + "Encapsulated: res-body=0\r\n\r\n\r\n", "a bad chunk"},
        {start + "Encapsulated: res-body=0\r\n\r\nffffffffffffffff\r\n", "a bad chunk"},
        {start + "Encapsulated: res-body=0\r\n\r\n3e9\r\n", "a body of more than 1000 bytes"},
        {start + "Encapsulated: res-body=0\r\n\r\n0\r\nX: y\r\n\r\n", "a trailer"},
        {start + "X: " + std::string(17'000, 'x'), "a header of more than 16384 bytes"},
        {start + "Encapsulated: res-body=0\r\n\r\n" + std::string(2000, '0'), "a header of more than 1024 bytes"},
    }));
    const auto piece = GENERATE(1, 100'000);
    Read read;
    const auto said = read_in(read, row.text, piece);
    INFO(row.text.substr(0, 200));
    CHECK(said.find(row.want) != std::string::npos);
}

TEST_CASE("chunks add up to the limit and no further") {
    Read read;
    std::string text = "ICAP/1.0 200 OK\r\nEncapsulated: null-body=0\r\n\r\n";
    CHECK(read_in(read, text, 1000) == "");
    Read full;
    text = "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n";
    for (int n = 0; n < 10; ++n) text += "64; name=value\r\n" + std::string(100, 'x') + "\r\n";
    CHECK(read_in(full, text + "0\r\n\r\n", 11) == "");
    CHECK(full.body.size() == 1000);
    Read over;
    CHECK(read_in(over, text + "1\r\nx\r\n0\r\n\r\n", 11).find("more than 1000") != std::string::npos);
}

TEST_CASE("100 Continue, and then another answer") {
    Read read;
    REQUIRE(read_in(read, "ICAP/1.0 100 Continue\r\n\r\n", 5) == "");
    CHECK(read.reply.status() == 100);
    read.reply.restart();
    REQUIRE(read_in(read, blocked, 5) == "");
    CHECK(read.body == "hello");
}

struct Verdict {
    std::string text{}, fields{}, want{};
    unsigned status = 200, http = 0;
    IcapSent sent{.is_all = true};
    IcapMethod method = IcapMethod::respmod;
};

TEST_CASE("what an answer means") {
    const auto row = GENERATE(values<Verdict>({
        {.text = "no changes", .want = "clean", .status = 204},
        {.text = "no changes, but not all was sent", .want = "failed 204 before the end", .status = 204, .sent = {}},
        {.text = "no changes, nothing was seen",
         .want = "failed 204 before it had seen",
         .status = 204,
         .sent = {.is_all = true, .is_nothing = true}},
        {.text = "no changes, but a virus", .fields = "X-Virus-ID: Eicar\r\n", .want = "infected [Eicar]", .status = 204},
        {.text = "early, and a virus", .fields = "X-Virus-ID: Eicar\r\n", .want = "infected [Eicar]", .sent = {}},
        {.text = "threat",
         .fields = "X-Infection-Found: Type=0; Resolution=2; Threat=A;\r\n",
         .want = "infected [A]",
         .http = 403},
        {.text = "threat without a name", .fields = "X-Infection-Found: Type=0\r\n", .want = "infected [unknown]", .http = 200},
        {.text = "violations",
         .fields = "X-Violations-Found: 2\r\n a.exe\r\n Virus A\r\n 1\r\n 2\r\n b.exe\r\n Virus B\r\n 1\r\n 2\r\n",
         .want = "infected [Virus A] [Virus B]"},
        {.text = "no violations, and not the same",
         .fields = "X-Violations-Found: 0\r\n",
         .want = "failed it changed the message"},
        {.text = "violations that cannot be read", .fields = "X-Violations-Found: 3\r\n", .want = "infected [unknown]"},
        {.text = "names", .fields = "X-Virus-ID: A, B\r\nX-Virus-Name: B\r\n", .want = "infected [A] [B]"},
        {.text = "no threats", .fields = "X-Virus-ID: no threats\r\n", .want = "clean", .status = 204},
        {.text = "names are made printable", .fields = "X-Virus-ID: A\x1b[31m\xff\r\n", .want = "infected [A?[31m?]"},
        {.text = "blocked", .fields = "X-Response-Info: Blocked\r\n", .want = "infected [ICAP: blocked]", .http = 200},
        {.text = "allowed is no proof",
         .fields = "X-Response-Info: Allowed\r\n",
         .want = "failed it changed the message",
         .http = 200},
        {.text = "a page in its place", .want = "infected [ICAP: blocked]", .http = 403},
        {.text = "a redirection to a page", .want = "infected [ICAP: blocked]", .http = 307},
        {.text = "an error page", .want = "failed it put an error page", .http = 502},
        {.text = "the same body", .want = "clean", .http = 200, .sent = {.is_all = true, .came_back_same = true}},
        {.text = "the same body before the end", .want = "failed it changed", .http = 200, .sent = {.came_back_same = true}},
        {.text = "another body", .want = "failed it changed the message and does not say why", .http = 200},
        {.text = "no body at all", .want = "failed it changed"},
        {.text = "upload answered with a page", .want = "infected [ICAP: blocked]", .http = 200, .method = IcapMethod::reqmod},
        {.text = "upload answered with an error page",
         .want = "failed it put an error page",
         .http = 500,
         .method = IcapMethod::reqmod},
        {.text = "upload unchanged",
         .want = "clean",
         .sent = {.is_all = true, .came_back_same = true},
         .method = IcapMethod::reqmod},
        {.text = "a limit of the engine",
         .fields = "X-Infection-Found: Type=0; Resolution=2; Threat=Heuristics.Limits.Exceeded.MaxFileSize;\r\n",
         .want = "failed the engine reached a limit"},
        {.text = "no service", .want = "failed no such service", .status = 404},
        {.text = "not this method", .want = "failed ICAP 405", .status = 405},
        {.text = "time-out", .want = "failed ICAP 408", .status = 408},
        {.text = "trouble", .want = "failed ICAP 500", .status = 500},
        {.text = "overloaded", .want = "failed ICAP 503", .status = 503},
        {.text = "partial", .want = "failed ICAP 206", .status = 206},
        {.text = "trouble that names a virus", .fields = "X-Virus-ID: A\r\n", .want = "failed ICAP 500", .status = 500},
        {.text = "continue for ever", .want = "failed ICAP 100", .status = 100},
    }));
    INFO(row.text);
    Read read;
    std::string http = row.http != 0 ? fmt::format("HTTP/1.1 {} Some\r\n\r\n", row.http) : "";
    std::string sections = row.http != 0 ? fmt::format("res-hdr=0, null-body={}", http.size()) : "null-body=0";
    REQUIRE(read_in(read,
                    fmt::format("ICAP/1.0 {} Text\r\n{}Encapsulated: {}\r\n\r\n", row.status, row.fields, sections) +
                        (row.status == 100 ? "" : http),
                    4096) == "");
    CHECK(told(judge_icap(read.reply, row.method, row.sent)).starts_with(row.want));
}

TEST_CASE("options") {
    const auto ask = [](const std::string& text, IcapMethod method = IcapMethod::respmod) {
        Read read;
        REQUIRE(read_in(read, text, 4096) == "");
        return parse_icap_options(read.reply, method);
    };
    const std::string good =
        "ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nPreview: 1024\r\nOptions-TTL: 60\r\nEncapsulated: null-body=0\r\n\r\n";
    auto options = ask(good);
    REQUIRE(options);
    CHECK(options->preview == 1024U);
    CHECK(options->valid_for == std::chrono::seconds(60));
    options = ask("ICAP/1.0 200 OK\r\nMethods: REQMOD\r\nPreview: lots\r\nOptions-TTL: 999999\r\n\r\n", IcapMethod::reqmod);
    REQUIRE(options);
    CHECK_FALSE(options->preview);
    CHECK(options->valid_for == std::chrono::seconds(3600));
    CHECK(ask("ICAP/1.0 404 Service not found\r\n\r\n").error().is(Errc::unavailable));
    CHECK(ask("ICAP/1.0 200 OK\r\nMethods: REQMOD\r\n\r\n").error().detail.find("does not do RESPMOD") != std::string::npos);
    CHECK(ask("ICAP/1.0 200 OK\r\n\r\n").error().is(Errc::bad_reply));
}

TEST_CASE("how much is shown first") {
    CHECK(parse_icap_preview("none")->kind == IcapPreview::Kind::none);
    CHECK(parse_icap_preview("auto")->kind == IcapPreview::Kind::automatic);
    CHECK(parse_icap_preview("0")->bytes == 0);
    CHECK(parse_icap_preview("4096")->bytes == 4096);
    for (const auto* bad : {"", "-1", "1k", "9999999999", "yes"}) CHECK_FALSE(parse_icap_preview(bad));
}

}  // namespace
}  // namespace tamis::scanners

TEST_CASE("icap: the cost of an answer is linear in its octets, however they come") {
    const std::string chunks = "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n";
    for (const std::string& begin : {std::string("ICAP/1.0 200 OK\r\n"), chunks})
        for (const std::string& shape : {std::string("a"), std::string("a: b\r\n"), std::string("1\r\na\r\n"), std::string("\r"),
                                         std::string("\r\n "), std::string(",")})
            for (const std::size_t step : {std::size_t{1}, std::size_t{1000}}) {
                INFO(tamis::escaped(begin + shape));
                CHECK(tamis::test::grows_linearly(120, [&](std::size_t size) {
                    std::string text = begin;
                    while (text.size() < size) text += shape;
                    tamis::scanners::IcapReply reply(1 << 20, {});
                    for (std::size_t at = 0; at < text.size(); at += step)
                        if (!reply.feed(std::string_view(text).substr(at, step))) break;
                }));
            }
}
