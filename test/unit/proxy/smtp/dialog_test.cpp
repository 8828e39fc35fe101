#include "proxy/smtp/dialog.h"

#include <catch2/catch.hpp>
#include <random>

#include "base/text.h"
#include "lib/growth.h"
#include "proxy/smtp/command.h"

using namespace tamis;
using namespace tamis::proxy;
using State = Dialog::State;

namespace {

DialogOptions options() {
    DialogOptions out;
    out.socket_address = "127.0.0.1";
    out.peer_address = "127.0.0.1";
    return out;
}

std::string first(Dialog& dialog, std::string_view line) { return dialog.on_line(line).reply.wire(); }

Dialog with_sender(DialogOptions from = options()) {
    Dialog dialog(std::move(from));
    dialog.on_line("EHLO mx.example.net");
    dialog.on_line("MAIL FROM:<a@example.net>");
    return dialog;
}

}  // namespace

TEST_CASE("the greeting, EHLO, LHLO and HELO") {
    auto with_tls = options();
    with_tls.offers_tls = true;
    with_tls.size_limit = 1000000;
    Dialog dialog(with_tls);
    CHECK(dialog.greeting().wire() == "220 [127.0.0.1] ESMTP Tamis service ready\r\n");
    CHECK(first(dialog, "EHLO x") ==
          "250-[127.0.0.1]\r\n250-VRFY\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250-ENHANCEDSTATUSCODES\r\n"
          "250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250-STARTTLS\r\n"
          "250 XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE\r\n");
    CHECK_FALSE(dialog.is_lmtp());
    first(dialog, "LHLO x");
    CHECK(dialog.is_lmtp());
    CHECK(first(dialog, "HELO x") == "250 [127.0.0.1]\r\n");
    CHECK_FALSE(dialog.is_lmtp());
}

TEST_CASE("simple commands answer as amavisd does") {
    struct Row {
        std::string_view line, reply;
    };
    const auto row = GENERATE(
        Row{"NOOP", "250 2.0.0 Ok NOOP\r\n"}, Row{"noop with words", "250 2.0.0 Ok NOOP\r\n"},
        Row{"RSET", "250 2.0.0 Ok RSET\r\n"}, Row{"RSET x", "501 5.5.4 Error: RSET does not accept arguments\r\n"},
        Row{"QUIT x", "501 5.5.4 Error: QUIT does not accept arguments\r\n"},
        Row{"VRFY a@b", "252 2.0.0 Argument not checked\r\n"}, Row{"VRFY", "501 5.5.2 Syntax: VRFY address\r\n"},
        Row{"EXPN x", "502 5.5.1 Error: command EXPN not implemented\r\n"},
        Row{"TURN", "502 5.5.1 Error: command TURN not implemented\r\n"},
        Row{"BDAT 5 LAST", "500 5.5.2 Error: command BDAT not recognized\r\n"},
        Row{"XCLIENT ADDR=1.2.3.4", "500 5.5.2 Error: command XCLIENT not recognized\r\n"},
        Row{"AUTH PLAIN x", "500 5.5.2 Error: command AUTH not recognized\r\n"}, Row{"", "500 5.5.2 Error: bad syntax\r\n"},
        Row{"MAIL-FROM", "500 5.5.2 Error: bad syntax\r\n"}, Row{"\x01NOOP", "500 5.5.2 Error: bad syntax\r\n"},
        Row{"NO\rOP", "500 5.5.2 Error: bad syntax\r\n"}, Row{"STARTTLS", "502 5.5.1 Error: command not available\r\n"},
        Row{"DATA", "503 5.5.1 Need MAIL command before DATA\r\n"},
        Row{"RCPT TO:<a@b>", "503 5.5.1 Need MAIL command before RCPT\r\n"});
    Dialog dialog(options());
    dialog.on_line("EHLO x");
    CHECK(first(dialog, row.line) == row.reply);
}

TEST_CASE("MAIL parameters") {
    struct Row {
        std::string_view line, reply;
    };
    const auto row = GENERATE(
        Row{"MAIL FROM:<a@b.c>", "250 2.1.0 Sender <a@b.c> OK\r\n"}, Row{"mail from: <a@b.c>", "250 2.1.0 Sender <a@b.c> OK\r\n"},
        Row{"MAIL FROM:<>", "250 2.1.0 Sender <> OK\r\n"}, Row{"MAIL FROM:<@x,@y:a@b.c>", "250 2.1.0 Sender <a@b.c> OK\r\n"},
        Row{"MAIL FROM:<\"a b>\"@c>", "250 2.1.0 Sender <\"a b>\"@c> OK\r\n"},
        Row{"MAIL FROM:a@b.c", "501 5.5.2 Syntax: MAIL FROM:<address>\r\n"},
        Row{"MAIL FROM:<a@b.c", "501 5.5.2 Syntax: MAIL FROM:<address>\r\n"},
        Row{"MAIL FROM:<a b@c>", "501 5.5.2 Syntax: MAIL FROM:<address>\r\n"},
        Row{"MAIL FROM:<a@b.c>x", "501 5.5.4 Syntax error in MAIL FROM parameters\r\n"},
        Row{"MAIL FROM:<a@b.c> A=b=c", "501 5.5.4 Syntax error in MAIL FROM parameters\r\n"},
        Row{"MAIL FROM:<a@b.c> SIZE=1234 BODY=8BITMIME SMTPUTF8 RET=hdrs ENVID=x+2By", "250 2.1.0 Sender <a@b.c> OK\r\n"},
        Row{"MAIL FROM:<a@b.c> SIZE=x", "501 5.5.4 Syntax error in MAIL parameter: SIZE\r\n"},
        Row{"MAIL FROM:<a@b.c> SIZE=99999999999999999999999", "501 5.5.4 Syntax error in MAIL parameter: SIZE\r\n"},
        Row{"MAIL FROM:<a@b.c> BODY", "501 5.5.4 Syntax error in MAIL parameter, value is required: BODY\r\n"},
        Row{"MAIL FROM:<a@b.c> BODY=BINARYMIME", "501 5.5.4 Syntax error in MAIL parameter: BODY\r\n"},
        Row{"MAIL FROM:<a@b.c> SMTPUTF8=1", "501 5.5.4 Syntax error in MAIL parameter: SMTPUTF8\r\n"},
        Row{"MAIL FROM:<a@b.c> RET=X", "501 5.5.4 Syntax error in MAIL parameter RET: X\r\n"},
        Row{"MAIL FROM:<a@b.c> BY=100", "504 5.5.4 MAIL command parameter error: BY=100\r\n"},
        Row{"MAIL FROM:<a@b.c> SIZE=2000001", "552 5.3.4 Message size (2000001 B) exceeds size limit of 2000000 B\r\n"});
    auto from = options();
    from.size_limit = 2000000;
    Dialog dialog(from);
    dialog.on_line("EHLO x");
    CHECK(first(dialog, row.line) == row.reply);
    // a refused MAIL leaves no transaction behind
    const bool accepted = row.reply.starts_with("250");
    CHECK(dialog.state() == (accepted ? State::has_sender : State::greeted));
    CHECK(first(dialog, "MAIL FROM:<z@z>").starts_with(accepted ? "503 5.5.1 Error: nested MAIL" : "250"));
}

TEST_CASE("RCPT parameters") {
    struct Row {
        std::string_view line, reply;
    };
    const auto row =
        GENERATE(Row{"RCPT TO:<u@d.e>", "250 2.1.5 Recipient <u@d.e> OK\r\n"},
                 Row{"RCPT TO:<postmaster>", "250 2.1.5 Recipient <postmaster> OK\r\n"},
                 Row{"RCPT TO:<>", "501 5.5.2 Syntax: RCPT TO:<address>\r\n"},
                 Row{"RCPT TO:u@d.e", "501 5.5.2 Syntax: RCPT TO:<address>\r\n"},
                 Row{"RCPT TO:<u@d.e> NOTIFY=success,failure ORCPT=rfc822;u+40d.e", "250 2.1.5 Recipient <u@d.e> OK\r\n"},
                 Row{"RCPT TO:<u@d.e> NOTIFY=NEVER,DELAY",
                     "501 5.5.4 Error in RCPT parameter NOTIFY, illegal combination of values: NEVER,DELAY\r\n"},
                 Row{"RCPT TO:<u@d.e> NOTIFY=SOON", "501 5.5.4 Error in RCPT parameter NOTIFY, illegal value: SOON\r\n"},
                 Row{"RCPT TO:<u@d.e> ORCPT=nothing", "501 5.5.4 Syntax error in RCPT parameter: ORCPT\r\n"},
                 Row{"RCPT TO:<u@d.e> FOO=1", "555 5.5.4 RCPT command parameter unrecognized: FOO\r\n"});
    auto dialog = with_sender();
    CHECK(first(dialog, row.line) == row.reply);
}

TEST_CASE("DATA needs a recipient") {
    auto dialog = with_sender();
    CHECK(first(dialog, "DATA") == "503 5.5.1 Need RCPT command before DATA\r\n");
    first(dialog, "RCPT TO:<>");
    CHECK(first(dialog, "DATA") == "554 5.1.1 Error (DATA): no valid recipients\r\n");
    first(dialog, "RCPT TO:<u@d>");
    CHECK(first(dialog, "DATA x") == "501 5.5.4 Error: DATA does not accept arguments\r\n");
    const auto step = dialog.on_line("DATA");
    CHECK(step.reply.wire() == "354 End data with <CR><LF>.<CR><LF>\r\n");
    CHECK(step.next == Dialog::Next::data);
    const auto envelope = dialog.take_envelope();
    CHECK(envelope.recipients.size() == 1);
    CHECK(dialog.state() == State::greeted);
    CHECK(first(dialog, "DATA") == "503 5.5.1 Need MAIL command before DATA\r\n");
}

TEST_CASE("too many recipients get 452 and the others stay") {
    auto from = options();
    from.recipient_limit = 3;
    from.error_limit = 2;
    auto dialog = with_sender(from);
    for (int i = 0; i < 3; ++i) CHECK(first(dialog, "RCPT TO:<u@d>").starts_with("250"));
    for (int i = 0; i < 10; ++i) CHECK(first(dialog, "RCPT TO:<u@d>") == "452 4.5.3 Too many recipients\r\n");
    CHECK(dialog.envelope().recipients.size() == 3);
}

TEST_CASE("XFORWARD is decoded, used by one message and believed only from listed peers") {
    Dialog dialog(options());
    dialog.on_line("EHLO x");
    CHECK(first(dialog, "XFORWARD NAME=spike.example ADDR=168.100.189.2 PROTO=ESMTP") == "250 2.5.0 Ok XFORWARD\r\n");
    CHECK(first(dialog, "XFORWARD HELO=a+20b PORT=[unavailable] IDENT=ABC SOURCE=REMOTE LOGIN=x") == "250 2.5.0 Ok XFORWARD\r\n");
    dialog.on_line("MAIL FROM:<a@b>");
    CHECK(dialog.envelope().client.name == "spike.example");
    CHECK(dialog.envelope().client.address == "168.100.189.2");
    CHECK(dialog.envelope().client.helo == "a b");
    CHECK(dialog.envelope().client.ident == "ABC");
    CHECK_FALSE(dialog.envelope().client.port);
    CHECK(first(dialog, "XFORWARD NAME=x") == "503 5.5.1 Error: XFORWARD not allowed within transaction\r\n");
    dialog.on_line("RSET");
    dialog.on_line("MAIL FROM:<a@b>");
    CHECK(dialog.envelope().client.empty());
    dialog.on_line("RSET");
    CHECK(first(dialog, "XFORWARD ADDR=IPv6:2001:DB8::1") == "250 2.5.0 Ok XFORWARD\r\n");
    dialog.on_line("MAIL FROM:<a@b>");
    CHECK(dialog.envelope().client.address == "2001:db8::1");
    dialog.on_line("RSET");
    CHECK(first(dialog, "XFORWARD") == "501 5.5.4 Syntax error in XFORWARD parameters\r\n");
    CHECK(first(dialog, "XFORWARD NAME=+ZZ") == "501 5.5.4 Syntax error in XFORWARD parameters\r\n");
    CHECK(first(dialog, "XFORWARD NAME=a+0D+0Ab") == "501 5.5.4 Syntax error in XFORWARD parameters\r\n");
    CHECK(first(dialog, "XFORWARD NAME=" + std::string(256, 'a')) == "501 5.5.4 Syntax error in XFORWARD parameters\r\n");
    CHECK(first(dialog, "XFORWARD NAME=x FOO=1") == "501 5.5.4 XFORWARD command parameter error: FOO=1\r\n");
    dialog.on_line("MAIL FROM:<a@b>");
    CHECK(dialog.envelope().client.empty());  // a refused XFORWARD changed nothing

    auto stranger = options();
    stranger.may_xforward = false;
    Dialog other(stranger);
    CHECK(first(other, "EHLO x").find("XFORWARD") == std::string::npos);
    CHECK(first(other, "XFORWARD ADDR=1.2.3.4").starts_with("550 5.7.0"));
    other.on_line("MAIL FROM:<a@b>");
    CHECK(other.envelope().client.empty());
}

TEST_CASE("with TLS required nothing but the way there is open, and TLS forgets what was said before") {
    auto from = options();
    from.offers_tls = from.requires_tls = true;
    Dialog dialog(from);
    CHECK(first(dialog, "LHLO x").starts_with("250"));
    CHECK(first(dialog, "MAIL FROM:<a@b>") == "530 5.7.0 Must issue a STARTTLS command first\r\n");
    CHECK(first(dialog, "XFORWARD NAME=x") == "530 5.7.0 Must issue a STARTTLS command first\r\n");
    CHECK(dialog.on_line("STARTTLS").next == Dialog::Next::start_tls);
    dialog.tls_started("TLSv1.3 with cipher X");
    CHECK(dialog.state() == State::fresh);
    CHECK_FALSE(dialog.is_lmtp());
    CHECK(first(dialog, "STARTTLS") == "554 5.5.1 Error: TLS already active\r\n");
    CHECK(first(dialog, "EHLO x").find("STARTTLS") == std::string::npos);
    dialog.on_line("MAIL FROM:<a@b>");
    CHECK(dialog.envelope().protocol == "ESMTPS");
}

TEST_CASE("the protocol names of RFC 3848 and RFC 6531") {
    struct Row {
        std::string_view hello, mail, protocol;
    };
    const auto row = GENERATE(Row{"HELO x", "MAIL FROM:<a@b>", "SMTP"}, Row{"EHLO x", "MAIL FROM:<a@b>", "ESMTP"},
                              Row{"LHLO x", "MAIL FROM:<a@b>", "LMTP"}, Row{"EHLO x", "MAIL FROM:<a@b> SMTPUTF8", "UTF8SMTP"},
                              Row{"LHLO x", "MAIL FROM:<a@b> SMTPUTF8", "UTF8LMTP"});
    Dialog dialog(options());
    dialog.on_line(row.hello);
    dialog.on_line(row.mail);
    CHECK(dialog.envelope().protocol == row.protocol);
}

TEST_CASE("too many errors close the connection") {
    auto from = options();
    from.error_limit = 3;
    Dialog dialog(from);
    for (int i = 0; i < 3; ++i) CHECK(dialog.on_line("FOO").next == Dialog::Next::command);
    const auto step = dialog.on_line("FOO");
    CHECK(step.next == Dialog::Next::close);
    CHECK(step.reply.code == 421);
}

TEST_CASE("random commands never leave a transaction half open (S2)") {
    const std::vector<std::string> lines = {"EHLO x",
                                            "LHLO x",
                                            "HELO x",
                                            "MAIL FROM:<a@b>",
                                            "MAIL FROM:<a@b> SIZE=x",
                                            "RCPT TO:<c@d>",
                                            "RCPT TO:<c@d> FOO=1",
                                            "RCPT TO:<>",
                                            "DATA",
                                            "DATA x",
                                            "RSET",
                                            "NOOP",
                                            "VRFY x",
                                            "XFORWARD NAME=x",
                                            "XFORWARD FOO=x",
                                            "FOO",
                                            ""};
    std::mt19937 random(7);
    Dialog dialog([] {
        auto from = options();
        from.error_limit = 0;
        return from;
    }());
    bool sender = false;
    std::size_t recipients = 0;
    for (int step = 0; step < 300'000; ++step) {
        const auto& line = lines[random() % lines.size()];
        const auto result = dialog.on_line(line);
        const bool ok = result.reply.code / 100 == 2;
        // the reference model: what an accepted command does
        if (line.ends_with("LO x") || line == "RSET") {
            sender = false;
            recipients = 0;
        }
        if (line.starts_with("MAIL") && ok) {
            REQUIRE_FALSE(sender);
            sender = true;
            recipients = 0;
        }
        if (line.starts_with("RCPT") && ok) {
            REQUIRE(sender);
            ++recipients;
        }
        REQUIRE((result.next == Dialog::Next::data) == (line == "DATA" && sender && recipients != 0));
        REQUIRE(dialog.envelope().recipients.size() == recipients);
        const State want = !sender ? dialog.state() : recipients != 0 ? State::has_recipient : State::has_sender;
        REQUIRE(dialog.state() == want);
        if (!sender) REQUIRE((dialog.state() == State::fresh || dialog.state() == State::greeted));
        if (result.next == Dialog::Next::data) {
            REQUIRE(dialog.take_envelope().recipients.size() == recipients);
            sender = false;
            recipients = 0;
        }
    }
}

TEST_CASE("a reply cannot be broken out of and never passes 512 octets a line") {
    std::mt19937 random(3);
    for (int round = 0; round < 500; ++round) {
        std::string text;
        for (unsigned i = 0; i < random() % 2000; ++i) text += static_cast<char>(random());
        const std::string wire = reply(554, "5.7.0", text).wire();
        std::size_t at = 0;
        while (at < wire.size()) {
            const auto end = wire.find("\r\n", at);
            REQUIRE(end != std::string::npos);
            REQUIRE(end - at <= 510);
            const bool last = end + 2 == wire.size();
            REQUIRE(wire.substr(at, 10) == (last ? "554 5.7.0 " : "554-5.7.0 "));
            const auto line = wire.substr(at, end - at);
            REQUIRE(line.find_first_of(std::string("\r\n\0", 3)) == std::string::npos);
            at = end + 2;
        }
    }
}

TEST_CASE("paths with everything RFC 5321 allows and nothing it forbids") {
    struct Row {
        std::string_view in;
        bool good;
    };
    const auto row =
        GENERATE(Row{"FROM:<a@b>", true}, Row{"FROM:<\"a\\\"b\"@c>", true}, Row{"FROM:<\xc3\xa4@b>", true},
                 Row{"FROM:<a@[1.2.3.4]>", true}, Row{"FROM:<a@[IPv6:::1]>", true}, Row{"FROM: <a@b>", true},
                 Row{"FROM<a@b>", false}, Row{"FROM:<a@b>>", true}, Row{"FROM:<<a@b>>", false},
                 Row{"FROM:<\"a b@c >>=d\"@e>", true}, Row{"FROM:<\xe9\xff@b>", true}, Row{"FROM:<a\"b >\"@c>", false},
                 Row{"FROM:<\"a\\\x7f\"@b>", false}, Row{"FROM:<@r,@s:\"a b\"@c>", true}, Row{"FROM:<@r >:a@b>", false},
                 Row{"FROM:<\"a@b>", false}, Row{"FROM:<a\x01@b>", false}, Row{"FROM:<@x>", false}, Row{"TO:<a@b>", false});
    const auto path = parse_path(row.in, "FROM");
    CHECK(path.has_value() == row.good);
    CHECK_FALSE(parse_path("FROM:<" + std::string(2000, 'a') + ">", "FROM"));
}

TEST_CASE("the cost of a command line is linear in its length") {
    const std::string shapes[] = {
        "<", ">", "\"", "\\", "\\\"", " ", "=", " A=", "@", ":", "+", ",", "a", " a", std::string(1, '\0'), "\r", "\n", "."};
    for (const std::string& begin :
         {std::string("MAIL FROM:<"), std::string("MAIL FROM:<a@b> "), std::string("RCPT TO:<\""), std::string("EHLO "),
          std::string("XFORWARD "), std::string("XFORWARD NAME="), std::string("NOOP "), std::string(" ")})
        for (const auto& shape : shapes) {
            INFO(begin << " and then " << tamis::escaped(shape));
            CHECK(tamis::test::grows_linearly(256, [&](std::size_t size) {
                std::string line = begin;
                while (line.size() < size) line += shape;
                tamis::proxy::DialogOptions options;
                options.error_limit = 0;
                options.may_xforward = true;
                tamis::proxy::Dialog dialog(options);
                dialog.on_line("EHLO x");
                if (begin.starts_with("RCPT")) dialog.on_line("MAIL FROM:<a@b>");
                dialog.on_line(line);
            }));
        }
}
