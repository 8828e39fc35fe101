#include "scanners/rspamd/rspamd_dialog.h"

#include <catch2/catch.hpp>

#include "base/text.h"
#include "lib/growth.h"

namespace tamis::scanners {
namespace {

const std::string body = R"({"is_skipped":false,"score":7.9,"required_score":15.0,"action":"add header","symbols":{)"
                         R"("MIME_GOOD":{"name":"MIME_GOOD","score":-0.1,"options":["text/plain"]},)"
                         R"("A B=C":{"name":"x","score":8}},"message-id":"1@x"})";

std::string http(std::string_view content, std::string_view more = "", std::string_view status = "200 OK") {
    return "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(more) + "Content-Length: " + std::to_string(content.size()) +
           "\r\n\r\n" + std::string(content);
}
std::string chunked(std::string_view content) {
    std::string out = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (; !content.empty(); content.remove_prefix(std::min<std::size_t>(9, content.size())))
        out += std::to_string(std::min<std::size_t>(9, content.size())) + "\r\n" + std::string(content.substr(0, 9)) + "\r\n";
    return out + "0\r\n\r\n";
}

TEST_CASE("an answer is complete wherever the network cuts it, by length or in chunks") {
    const auto whole = GENERATE(http(body), chunked(body), http(""), http(body, "Connection: close\r\n"));
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
        RspamdReply reply;
        const auto first = reply.feed(whole.substr(0, cut));
        REQUIRE(first);
        REQUIRE(*first == (cut == whole.size()));
        if (cut == whole.size()) continue;
        RspamdReply ended;
        REQUIRE(ended.feed(whole.substr(0, cut)) == false);
        const auto end = ended.end();
        REQUIRE_FALSE(end);
        CHECK(end.error().is(cut == 0 ? Errc::closed : Errc::bad_reply));
        REQUIRE(reply.feed(whole.substr(cut)) == true);
        CHECK(reply.body() == (whole == http("") ? "" : body));
    }
}

TEST_CASE("byte by byte as well") {
    const auto whole = GENERATE(http(body), chunked(body));
    RspamdReply reply;
    for (std::size_t at = 0; at < whole.size(); ++at) REQUIRE(reply.feed(whole.substr(at, 1)) == (at + 1 == whole.size()));
    CHECK(reply.body() == body);
    CHECK(reply.may_reuse());
}

TEST_CASE("an answer without a length ends with the connection, which is not used again") {
    RspamdReply reply;
    REQUIRE(reply.feed("HTTP/1.0 200 OK\r\n\r\n" + body) == false);
    REQUIRE(reply.end() == true);
    CHECK(reply.body() == body);
    CHECK_FALSE(reply.may_reuse());
}

TEST_CASE("what is not one HTTP answer is none") {
    const auto bytes =
        GENERATE(std::string("220 mail ESMTP\r\n\r\n"), std::string("\0\xff\0\0garbage\r\n\r\n", 15),
                 std::string("HTTP/1.1 999999 OK\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"),
                 std::string("HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n"),
                 std::string("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
                 std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
                 std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
                 std::string("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n"), http(body) + http(body),
                 http(body) + "x", "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n",
                 std::string("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"));
    INFO(bytes.substr(0, 100));
    RspamdReply reply;
    const auto complete = reply.feed(bytes);
    CHECK_FALSE(complete);
}

TEST_CASE("a body without an end is cut off at 4 MiB") {
    RspamdReply reply;
    REQUIRE(reply.feed("HTTP/1.0 200 OK\r\n\r\n") == false);
    const std::string part(65536, 'x');
    Result<bool> last = false;
    for (int n = 0; n < 100 && last; ++n) last = reply.feed(part);
    CHECK_FALSE(last);
    CHECK(reply.body().size() <= RspamdReply::body_limit);
}

TEST_CASE("only a plain 200 is an answer about the message") {
    struct Row {
        std::string bytes;
        std::optional<Errc> fault;
    };
    const auto row = GENERATE(
        Row{http(body), {}}, Row{http(body, "Content-Encoding: identity\r\n"), {}},
        Row{http(body, "Content-Encoding: gzip\r\n"), Errc::bad_reply},
        Row{http("", "", "500 Internal Server Error"), Errc::unavailable}, Row{http("", "", "503 Busy"), Errc::unavailable},
        Row{http("", "", "403 Forbidden"), Errc::unavailable}, Row{http("", "", "413 Too Large"), Errc::over_limit},
        Row{http(body, "", "206 Partial"), Errc::unavailable}, Row{http(body, "", "302 Found"), Errc::unavailable});
    RspamdReply reply;
    REQUIRE(reply.feed(row.bytes) == true);
    const auto good = reply.check();
    CHECK(good.has_value() == !row.fault.has_value());
    if (!good && row.fault) CHECK(good.error().is(*row.fault));
}

TEST_CASE("score, threshold, action and symbols are taken as they are, times the factor") {
    const auto plain = parse_rspamd_json(body, 1.0);
    REQUIRE(plain);
    CHECK(plain->scored.score == 7.9);
    CHECK(plain->scored.required == 15.0);
    CHECK(plain->scored.action == "add header");
    REQUIRE(plain->scored.tests.size() == 2);
    CHECK(plain->scored.tests[0].name == "MIME_GOOD");
    CHECK(plain->scored.tests[0].score == -0.1);
    CHECK(plain->scored.tests[1].name == "A_B_C");
    CHECK(plain->scored.tests[1].score == 8);
    CHECK(plain->message_id == "1@x");
    const auto half = parse_rspamd_json(body, 0.5);
    REQUIRE(half);
    CHECK(half->scored.score == 7.9 * 0.5);
    CHECK(half->scored.required == 7.5);
    CHECK(half->scored.tests[1].score == 4);
}

TEST_CASE("skipped messages and unknown actions are answers") {
    const auto gtube = parse_rspamd_json(
        R"({"is_skipped":true,"score":15.0,"required_score":15.0,"action":"reject","symbols":{"GTUBE":{"score":0.0}}})", 1);
    REQUIRE(gtube);
    CHECK(gtube->scored.score == 15);
    const auto odd = parse_rspamd_json("{\"score\":0,\"required_score\":-1,\"action\":\"d\\u0001\xc3\xb6\",\"symbols\":{}}", 1);
    REQUIRE(odd);
    CHECK(odd->scored.action == "d???");
}

TEST_CASE("JSON that is not rspamd's is refused") {
    struct Row {
        std::string text;
        Errc want;
    };
    const auto row =
        GENERATE(Row{"", Errc::bad_reply}, Row{"null", Errc::bad_reply}, Row{"[]", Errc::bad_reply}, Row{"{", Errc::bad_reply},
                 Row{"{}", Errc::bad_reply}, Row{R"({"error":"no rules"})", Errc::unavailable},
                 Row{R"({"score":"1","required_score":1,"action":"a","symbols":{}})", Errc::bad_reply},
                 Row{R"({"score":1e308,"required_score":1,"action":"a","symbols":{}})", Errc::bad_reply},
                 Row{R"({"score":1e999,"required_score":1,"action":"a","symbols":{}})", Errc::bad_reply},
                 Row{R"({"score":NaN,"required_score":1,"action":"a","symbols":{}})", Errc::bad_reply},
                 Row{R"({"score":Infinity,"required_score":1,"action":"a","symbols":{}})", Errc::bad_reply},
                 Row{R"({"score":1,"action":"a","symbols":{}})", Errc::bad_reply},
                 Row{R"({"score":1,"required_score":null,"action":"a","symbols":{}})", Errc::bad_reply},
                 Row{R"({"score":1,"required_score":1,"symbols":{}})", Errc::bad_reply},
                 Row{R"({"score":1,"required_score":1,"action":5,"symbols":{}})", Errc::bad_reply},
                 Row{R"({"score":1,"required_score":1,"action":"a"})", Errc::bad_reply},
                 Row{R"({"score":1,"required_score":1,"action":"a","symbols":[]})", Errc::bad_reply},
                 Row{R"({"score":1,"required_score":1,"action":"a","symbols":{"A":5}})", Errc::bad_reply},
                 Row{R"({"score":1,"required_score":1,"action":"a","symbols":{"A":{"score":1e9}}})", Errc::bad_reply},
                 Row{R"({"score":1,"required_score":1,"action":"a","symbols":{"":{"score":1}}})", Errc::bad_reply},
                 Row{body + body, Errc::bad_reply}, Row{body + std::string(1, '\0'), Errc::bad_reply},
                 Row{"\xff" + body, Errc::bad_reply}, Row{std::string(100, '[') + std::string(100, ']'), Errc::bad_reply});
    INFO(row.text.substr(0, 100));
    const auto scored = parse_rspamd_json(row.text, 1);
    REQUIRE_FALSE(scored);
    CHECK(scored.error().is(row.want));
}

TEST_CASE("a million symbols, and four megabytes of nothing, are refused with bounded memory") {
    std::string many = R"({"score":1,"required_score":1,"action":"a","symbols":{)";
    for (int n = 0; n < 1001; ++n) many += "\"S" + std::to_string(n) + "\":{\"score\":1},";
    many.back() = '}';
    CHECK_FALSE(parse_rspamd_json(many + "}", 1));
    std::string zeros = "{\"x\":[0";
    for (int n = 0; n < 2'000'000; ++n) zeros += ",0";
    const auto scored = parse_rspamd_json(zeros + "]}", 1);
    REQUIRE_FALSE(scored);
    CHECK(scored.error().detail.find("32 MiB") != std::string::npos);
}

TEST_CASE("an answer is known by its Message-ID") {
    struct Row {
        std::string_view told, field;
        bool same;
    };
    const auto row = GENERATE(Row{"1@x", "<1@x>", true}, Row{"1@x", " <1@x> ", true}, Row{"1@x", "1@x", true},
                              Row{"undef", "", true}, Row{"1@x", "", false}, Row{"", "", false}, Row{"", "<1@x>", false},
                              Row{"2@x", "<1@x>", false}, Row{"undef", "<1@x>", false});
    CHECK(is_about({{}, std::string(row.told)}, row.field) == row.same);
}

TEST_CASE("URLs in their forms") {
    struct Row {
        std::string_view text;
        std::string endpoint, host, path;
    };
    const auto row = GENERATE(Row{"http://127.0.0.1:11333", "127.0.0.1:11333", "127.0.0.1", "/checkv2"},
                              Row{"http://rspamd", "rspamd:11333", "rspamd", "/checkv2"},
                              Row{"http://[::1]:80/", "[::1]:80", "[::1]", "/checkv2"},
                              Row{"http://proxy:8080/mail/checkv2", "proxy:8080", "proxy", "/mail/checkv2"},
                              Row{"/run/rspamd.sock", "/run/rspamd.sock", "localhost", "/checkv2"});
    const auto url = parse_rspamd_url(row.text);
    REQUIRE(url);
    CHECK(url->endpoint.text() == row.endpoint);
    CHECK(url->host == row.host);
    CHECK(url->path == row.path);
}

TEST_CASE("the request names everybody, and nothing of the envelope ends a line") {
    mail::Envelope envelope;
    envelope.sender = "a@sender.org";
    envelope.recipients = {{"u@example.com", "", ""}, {"v\r\nEvil: 1@example.com", "", ""}, {"w\xc3\xb6@example.com", "", ""}};
    envelope.auth = "joe+40example.com";
    envelope.client.helo = "helo.sender.org";
    envelope.client.name = "mx.sender.org";
    const auto url = parse_rspamd_url("http://h:1").value();
    const auto text = rspamd_request(url, {.envelope = &envelope,
                                           .hostname = "filter.example.com",
                                           .client_address = "192.0.2.1",
                                           .queue_id = "4XyZ",
                                           .password = "hush",
                                           .size = 77});
    CHECK(text ==
          "POST /checkv2 HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n"
          "Content-Type: application/octet-stream\r\nContent-Length: 77\r\nHelo: helo.sender.org\r\n"
          "Hostname: mx.sender.org\r\nIP: 192.0.2.1\r\nMTA-Name: filter.example.com\r\nFrom: a@sender.org\r\n"
          "User: joe@example.com\r\nQueue-Id: 4XyZ\r\nPassword: hush\r\nRcpt: u@example.com\r\n"
          "Rcpt: v??Evil: 1@example.com\r\nRcpt: w\xc3\xb6@example.com\r\n\r\n");
    mail::Envelope bare;
    bare.auth = "<>";
    bare.peer_helo = "mta";
    CHECK(rspamd_request(url,
                         {.envelope = &bare, .hostname = "", .client_address = "", .queue_id = "", .password = "", .size = 0}) ==
          "POST /checkv2 HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nContent-Type: application/octet-stream\r\n"
          "Content-Length: 0\r\nHelo: mta\r\nFrom: <>\r\n\r\n");
}

}  // namespace
}  // namespace tamis::scanners

TEST_CASE("rspamd: the cost of an answer is linear in its octets, however they come") {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    for (const std::string& begin :
         {ok, ok + "Content-Length: 900000\r\n\r\n", ok + "Transfer-Encoding: chunked\r\n\r\n", ok + "X: "})
        for (const std::string& shape : {std::string("a"), std::string("a: b\r\n"), std::string("1\r\na\r\n"), std::string(" "),
                                         std::string("\r"), std::string("0")}) {
            INFO(tamis::escaped(begin + shape));
            for (const std::size_t step : {std::size_t{1}, std::size_t{1000}})
                CHECK(tamis::test::grows_linearly(120, [&](std::size_t size) {
                    std::string text = begin;
                    while (text.size() < size) text += shape;
                    tamis::scanners::RspamdReply reply;
                    for (std::size_t at = 0; at < text.size(); at += step)
                        if (!reply.feed(std::string_view(text).substr(at, step))) break;
                }));
        }
    for (const std::string& shape :
         {std::string("["), std::string("{\"a\":"), std::string("\"a\":{\"score\":1},"), std::string("\\u0041")})
        CHECK(tamis::test::grows_linearly(512, [&](std::size_t size) {
            std::string text = "{\"symbols\":{";
            while (text.size() < size) text += shape;
            CHECK_FALSE(tamis::scanners::parse_rspamd_json(text, 1));
        }));
}
