#include "deliver/client_command.h"

#include <catch2/catch.hpp>
#include <random>

#include "base/text.h"

namespace tamis::deliver {
namespace {

Extensions all() {
    Extensions offered;
    offered.pipelining = offered.eight_bit = offered.smtputf8 = offered.dsn = offered.size = offered.auth = true;
    offered.xforward.set();
    return offered;
}

Submission submission(const mail::Envelope& envelope, std::string sender = "s@example.com") {
    Submission what;
    what.envelope = &envelope;
    what.sender = std::move(sender);
    what.recipients = {{"r@example.com", "", ""}};
    what.text.pieces = {{"x\r\n", 0, 0}};
    return what;
}

std::string code_of(const std::optional<SubmissionResult>& refusal) {
    return refusal ? std::to_string(refusal->code) + " " + refusal->enhanced : "fine";
}

}  // namespace

TEST_CASE("what a server offers is read from its reply to EHLO") {
    const auto offered = parse_extensions({250,
                                           "mx DSN SMTPUTF8\nPIPELINING\nsize 1000\n8bitmime\nAUTH PLAIN "
                                           "LOGIN\nXFORWARD NAME addr SOURCE\nX-DSN\nENHANCEDSTATUSCODES"});
    CHECK(offered.pipelining);
    CHECK(offered.size);
    CHECK(offered.eight_bit);
    CHECK(offered.auth);
    CHECK_FALSE(offered.dsn);  // the first line is a greeting, X-DSN is not DSN
    CHECK_FALSE(offered.smtputf8);
    CHECK_FALSE(offered.starttls);
    CHECK(offered.xforward.to_ulong() == 0b1000011);
}

TEST_CASE("MAIL carries what the server can take and the client gave") {
    mail::Envelope envelope;
    envelope.body = mail::BodyType::seven_bit;
    envelope.ret = "hdrs";
    envelope.envelope_id = "QQ+2B<1>";
    envelope.auth = "<>";
    auto what = submission(envelope);
    CHECK(mail_command(what, all()) == "MAIL FROM:<s@example.com> SIZE=3 BODY=7BIT RET=HDRS ENVID=QQ+2B+3C1+3E AUTH=<>\r\n");
    CHECK(mail_command(what, {}) == "MAIL FROM:<s@example.com>\r\n");
    what.has_8bit = true;
    what.needs_smtputf8 = true;
    CHECK(mail_command(what, all()).find(" BODY=8BITMIME SMTPUTF8 ") != std::string::npos);
    what.sender.clear();
    CHECK(mail_command(what, {}) == "MAIL FROM:<>\r\n");
}

TEST_CASE("RCPT carries NOTIFY and ORCPT when DSN is offered") {
    const mail::Recipient recipient{"r@example.com", "success,FAILURE", "rfc822;o+3Dx@example.com"};
    CHECK(rcpt_command(recipient, all()) == "RCPT TO:<r@example.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;o+3Dx@example.com\r\n");
    CHECK(rcpt_command(recipient, {}) == "RCPT TO:<r@example.com>\r\n");
    CHECK(rcpt_command({"r@example.com", "", "utf-8;\xce\xb4@x"}, all()) == "RCPT TO:<r@example.com> ORCPT=utf-8;\\x{3B4}@x\r\n");
}

TEST_CASE("what the next hop lacks is refused in the words of the reference") {
    mail::Envelope envelope;
    Extensions offered;
    auto what = submission(envelope);
    SECTION("8-bit data") {
        what.has_8bit = true;
        CHECK(code_of(transaction_refusal(what, offered)) == "fine");  // undeclared: sent as it is
        envelope.body = mail::BodyType::eight_bit;
        REQUIRE(transaction_refusal(what, offered));
        CHECK(transaction_refusal(what, offered)->text == "Conversion to 7BIT required but not supported");
        CHECK(code_of(transaction_refusal(what, offered)) == "550 5.6.3");
        CHECK(code_of(transaction_refusal(what, all())) == "fine");
        what.has_8bit = false;  // declared but not used
        CHECK(code_of(transaction_refusal(what, offered)) == "fine");
    }
    SECTION("UTF-8 addresses") {
        what.sender = "d\xc3\xb6rte@example.com";
        what.needs_smtputf8 = true;
        CHECK(code_of(transaction_refusal(what, offered)) == "550 5.6.7");
        CHECK(code_of(transaction_refusal(what, all())) == "fine");
        CHECK(mail_command(what, all()).starts_with("MAIL FROM:<d\xc3\xb6rte@example.com> "));
        CHECK(mail_command(what, all()).find(" SMTPUTF8") != std::string::npos);
        const auto refusal = recipient_refusal({"d\xc3\xb6rte@example.com", "", ""}, offered);
        CHECK(code_of(refusal) == "553 5.6.7");
        CHECK(refusal->text == "Non-ASCII addresses not permitted for recipient");
    }
    SECTION("octets that came without SMTPUTF8 leave without it, as they came") {
        const std::string address =
            GENERATE(as<std::string>(), "d\xc3\xb6rte@example.com", "\xff@example.com", "\"\xe9 >\"@example.com");
        what.sender = address;
        what.recipients = {{address, "", ""}};
        CHECK(smtputf8_wish(what) == Smtputf8::not_asked);
        CHECK(code_of(transaction_refusal(what, offered)) == "fine");
        CHECK(code_of(recipient_refusal(what.recipients[0], offered, Smtputf8::not_asked)) == "fine");
        CHECK(mail_command(what, offered) == "MAIL FROM:<" + address + ">\r\n");
        CHECK(rcpt_command(what.recipients[0], offered) == "RCPT TO:<" + address + ">\r\n");
        // SMTPUTF8 is promised only for what is UTF-8
        CHECK((mail_command(what, all()).find(" SMTPUTF8") != std::string::npos) == is_utf8(address));
        what.recipients.push_back({"\xff@example.com", "", ""});
        CHECK(mail_command(what, all()).find(" SMTPUTF8") == std::string::npos);
        envelope.smtputf8 = true;
        CHECK(smtputf8_wish(what) == Smtputf8::asked);
    }
    SECTION("internationalised domains become A-labels") {
        what.sender =
            "s@b\xc3\xbc"
            "cher.example";
        CHECK(code_of(transaction_refusal(what, offered)) == "fine");
        CHECK(mail_command(what, offered) == "MAIL FROM:<s@xn--bcher-kva.example>\r\n");
        CHECK(rcpt_command({"r@B\xc3\x9c"
                            "CHER.example",
                            "", ""},
                           offered) == "RCPT TO:<r@xn--bcher-kva.example>\r\n");
        CHECK(code_of(recipient_refusal({"r@\xe2\x98\x83\xe2\x80\xae.example", "", ""}, offered)) == "553 5.6.7");
    }
    SECTION("a UTF-8 header sent with SMTPUTF8") {
        what.has_8bit_header = what.has_8bit = true;
        CHECK(code_of(transaction_refusal(what, offered)) == "fine");
        envelope.smtputf8 = true;
        CHECK(code_of(transaction_refusal(what, offered)) == "554 5.6.9");
        CHECK(code_of(transaction_refusal(what, all())) == "fine");
    }
}

TEST_CASE("nothing that would break a command line reaches it") {
    const std::string bad = GENERATE(as<std::string>(), "a\r\nRCPT TO:<b@x>", "a\nb@x", "a\rb@x", std::string("a\0b@x", 5),
                                     "a b@x", "a>b@x", "<a@x", "a@x> SIZE=1", "a\tb@x", "a\x7f@x", std::string(2000, 'a'));
    mail::Envelope envelope;
    auto what = submission(envelope);
    CHECK(code_of(recipient_refusal({bad, "", ""}, all())) == "553 5.1.3");
    what.sender = bad;
    CHECK(code_of(transaction_refusal(what, all())) == "553 5.1.7");
    what.sender = "s@x";
    if (bad.find_first_of("<>") == std::string::npos || bad.find_first_of(" \r\n") != std::string::npos) {
        CHECK(code_of(recipient_refusal({"r@x", "", "rfc822;" + bad}, all())) == "501 5.5.4");
        envelope.envelope_id = bad;
        CHECK(code_of(transaction_refusal(what, all())) == "501 5.5.4");
        envelope.envelope_id.clear();
        envelope.auth = bad;
        CHECK(code_of(transaction_refusal(what, all())) == "501 5.5.4");
        envelope.auth.clear();
    }
    CHECK(code_of(recipient_refusal({"r@x", bad, ""}, all())) == "501 5.5.4");
    envelope.ret = bad;
    CHECK(code_of(transaction_refusal(what, all())) == "501 5.5.4");
}

TEST_CASE("quoted local parts pass when they are well formed") {
    const std::string good = GENERATE(as<std::string>(), "\"a b\"@x", "\"a<b>\"@x", "\"a\\\"b\"@x", "\"\"@x");
    CHECK(code_of(recipient_refusal({good, "", ""}, all())) == "fine");
    for (const auto* odd : {"a.\"b c\".d@x", "a\"b\"c@x", "\"a@b\""})
        CHECK(code_of(recipient_refusal({odd, "", ""}, all())) == "fine");
    for (const auto* bad : {"\"a b@x", "a\">\"@x", "a\" b\"@x", "\"a\"> b@x", "\"a\\\"@x"})
        CHECK(code_of(recipient_refusal({bad, "", ""}, all())) == "553 5.1.3");
}

TEST_CASE("an empty recipient, an ORCPT without type and NOTIFY=NEVER with company are refused or taken as they should") {
    CHECK(code_of(recipient_refusal({"", "", ""}, all())) == "553 5.1.3");
    CHECK(code_of(recipient_refusal({"r@x", "", "r@x"}, all())) == "501 5.5.4");
    CHECK(code_of(recipient_refusal({"r@x", "NEVER", ""}, all())) == "fine");
    CHECK(code_of(recipient_refusal({"r@x", "NEVER,DELAY", ""}, all())) == "501 5.5.4");
    CHECK(code_of(recipient_refusal({"r@x", "SUCCESS,", ""}, all())) == "501 5.5.4");
    CHECK(code_of(recipient_refusal({"postmaster", "", ""}, all())) == "fine");
}

TEST_CASE("XFORWARD lines have only announced attributes, clean values and at most 512 octets") {
    mail::Client client;
    client.name = "host.example";
    client.address = "::ffff:192.0.2.1";
    client.port = "2525";
    client.protocol = "ESMTP";
    client.helo = "odd helo=<x>\r\nQUIT";
    client.source = "remote";
    client.ident = "4AB+C";
    auto offered = all();
    CHECK(xforward_commands(client, offered) ==
          std::vector<std::string>{"XFORWARD NAME=host.example ADDR=192.0.2.1 PORT=2525 PROTO=ESMTP "
                                   "HELO=odd+20helo+3D+3Cx+3E??QUIT IDENT=4AB+2BC SOURCE=REMOTE\r\n"});
    offered.xforward = 0b0000010;
    CHECK(xforward_commands(client, offered) == std::vector<std::string>{"XFORWARD ADDR=192.0.2.1\r\n"});
    offered.xforward.reset();
    CHECK(xforward_commands(client, offered).empty());

    client.name = "bad name";
    client.address = "not an address";
    client.port = "99999";
    client.source = "nowhere";
    client.protocol = std::string(600, 'p');
    client.helo = std::string(600, ' ');
    const auto lines = xforward_commands(client, all());
    CHECK(lines.size() == 2);
    CHECK(lines[0].starts_with("XFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PORT=[UNAVAILABLE] PROTO=pppp"));
    for (const auto& line : lines) {
        CHECK(line.size() <= 512);
        for (const auto word : words(line)) CHECK(word.size() <= 255 + 6);
    }
}

TEST_CASE("random client attributes never make a second line or parameter") {
    std::mt19937 random(7);
    std::uniform_int_distribution<int> byte(0, 255);
    std::uniform_int_distribution<int> size(0, 300);
    const auto any = [&] {
        std::string text(static_cast<std::size_t>(size(random)), 'x');
        for (auto& c : text) c = static_cast<char>(byte(random));
        return text;
    };
    for (int round = 0; round < 2000; ++round) {
        mail::Client client{any(), any(), any(), any(), any(), any(), any()};
        std::size_t parameters = 0;
        for (const auto& line : xforward_commands(client, all())) {
            REQUIRE(line.ends_with("\r\n"));
            REQUIRE(printable_or(line.substr(0, line.size() - 2), '\n') == line.substr(0, line.size() - 2));
            REQUIRE(line.find_first_of("<>") == std::string::npos);
            parameters += words(line, " ").size() - 1;
        }
        REQUIRE(parameters == 7);
    }
}

}  // namespace tamis::deliver
