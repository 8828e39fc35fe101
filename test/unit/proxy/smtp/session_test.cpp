// a client on one end of a socket pair, a session on the other, and behind it a pipeline on fakes
#include "proxy/smtp/session.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/local/stream_protocol.hpp>

#include "test/unit/proxy/fixture.h"

using namespace tamis;
using namespace tamis::proxy;
using namespace tamis::test;
using Lines = std::vector<std::string>;

namespace {

const std::string mail_text = "From: s@example.org\r\nDate: Tue, 3 Jan 2023 10:00:00 +0100\r\nSubject: x\r\n\r\nbody\r\n.\r\n";
const std::string begin =
    "XFORWARD IDENT=Q1\r\nMAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\n";
const std::string ok = "250 2.0.0 from MTA(hop): 250 2.0.0 Ok: queued as X1";
const std::string goodbye = "421 4.3.2 Service shutting down, closing channel";

// Conversation - one session; the client never blocks, and while it waits the session runs
struct Conversation {
    explicit Conversation(Rig& on, Peer peer = {"", "", "/run/tamis.sock"}) : rig(on) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        client = ends[0];
        Stream::Socket socket(rig.context);
        socket.assign(asio::local::stream_protocol(), ends[1]);
        session =
            std::make_unique<Session>(std::make_unique<Stream>(std::move(socket)), std::move(peer), rig.services, rig.pipeline);
        asio::co_spawn(rig.context, session->run(), [this](const std::exception_ptr& broken) {
            CHECK_FALSE(broken);
            has_ended = true;
        });
    }
    ~Conversation() {
        hang_up();
        if (!has_ended) wait([this] { return has_ended; });
    }

    template <class Condition>
    void wait(Condition condition) {
        while (!condition()) {
            if (rig.context.stopped()) rig.context.restart();
            if (rig.context.run_one_for(std::chrono::seconds(60)) == 0) break;  // bounds what hangs
        }
        CHECK(condition());
    }
    void say(const std::string& text) { REQUIRE(::send(client, text.data(), text.size(), MSG_NOSIGNAL) == ssize_t(text.size())); }
    void listen() {
        std::array<char, 4096> buffer{};
        for (;;) {
            const auto got = ::recv(client, buffer.data(), buffer.size(), 0);
            if (got == 0) is_over = true;
            if (got <= 0) return;
            heard.append(buffer.data(), static_cast<std::size_t>(got));
        }
    }
    // hear - the next replies, each without its line end; continuation lines are lines
    Lines hear(std::size_t count) {
        wait([&] {
            listen();
            return static_cast<std::size_t>(std::ranges::count(heard, '\n')) >= count || is_over;
        });
        Lines out;
        for (std::size_t i = 0; i < count && heard.find("\r\n") != std::string::npos; ++i) {
            out.push_back(heard.substr(0, heard.find("\r\n")));
            heard.erase(0, heard.find("\r\n") + 2);
        }
        return out;
    }
    // rest - what comes until the session ends its side
    Lines rest() {
        wait([&] {
            listen();
            return is_over;
        });
        return hear(static_cast<std::size_t>(std::ranges::count(heard, '\n')));
    }
    // settle - runs what can run without anything new
    void settle() {
        if (rig.context.stopped()) rig.context.restart();
        while (rig.context.poll() != 0) {
        }
    }
    void hang_up() {
        if (client >= 0) ::close(std::exchange(client, -1));
    }

    Rig& rig;
    int client = -1;
    std::unique_ptr<Session> session;
    bool has_ended = false, is_over = false;
    std::string heard;
};

}  // namespace

TEST_CASE("a whole SMTP session with pipelining") {
    Rig rig;
    Conversation talk(rig);
    CHECK(talk.hear(1) == Lines{"220 [localhost] ESMTP Tamis service ready"});
    talk.say("HELO mta\r\n" + begin + "DATA\r\n");
    CHECK(talk.hear(6) == Lines{"250 [localhost]", "250 2.5.0 Ok XFORWARD", "250 2.1.0 Sender <s@example.org> OK",
                                "250 2.1.5 Recipient <a@example.com> OK", "250 2.1.5 Recipient <b@example.com> OK",
                                "354 End data with <CR><LF>.<CR><LF>"});
    talk.say(mail_text + begin + "RSET\r\nQUIT\r\n");
    CHECK(talk.rest() == Lines{ok, "250 2.5.0 Ok XFORWARD", "250 2.1.0 Sender <s@example.org> OK",
                               "250 2.1.5 Recipient <a@example.com> OK", "250 2.1.5 Recipient <b@example.com> OK",
                               "250 2.0.0 Ok RSET", "221 2.0.0 [localhost] Tamis closing transmission channel"});
    CHECK(rig.next_hop.submitted.size() == 1);
    CHECK(rig.services.delivered.empty());
}

TEST_CASE("LMTP answers once for each recipient, and each is remembered by its own answer") {
    Rig rig;
    rig.next_hop.answers["b@example.com"] = FakeSubmitter::refused(450, "4.2.0");
    Conversation talk(rig);
    talk.hear(1);
    talk.say("LHLO mta\r\n" + begin + "DATA\r\n");
    talk.wait([&] {
        talk.listen();
        return talk.heard.find("354 ") != std::string::npos;
    });
    talk.heard.clear();
    talk.say(mail_text);
    CHECK(talk.hear(2) == Lines{ok, "450 4.2.0 id=" + rig.records->told.at(0).log_id.get() +
                                        " - Temporary MTA failure on relaying, from MTA(hop): 450 4.2.0 no"});
    talk.settle();
    CHECK(rig.services.delivered.empty());
}

TEST_CASE("the client is gone, wherever it was: nothing is handed over") {
    const std::string start = "EHLO mta\r\n" + begin;
    const auto said = GENERATE_COPY(std::string(), std::string("EHLO"), std::string("EHLO mta\r\n"), start, start + "DATA\r\n");
    CAPTURE(said);
    Rig rig;
    {
        Conversation talk(rig);
        talk.hear(1);
        if (!said.empty()) talk.say(said);
        talk.settle();
        const bool has_whole_lines = said.ends_with('\n');
        if (has_whole_lines) talk.hear(1);
    }  // hangs up, and the session ends
    CHECK(rig.steps.empty());
}

TEST_CASE("the client is gone in the middle of the data, or behind its end") {
    struct Row {
        const char* what;
        std::string data;
        Steps steps;
    };
    const auto row =
        GENERATE(Row{"in the header", "From: s@", {}}, Row{"in the body", mail_text.substr(0, mail_text.size() - 5), {}},
                 Row{"before the last line end", mail_text.substr(0, mail_text.size() - 2), {}},
                 Row{"behind the end", mail_text, {"look up", "open", "scan av", "scan spam"}});
    CAPTURE(row.what);
    Rig rig;
    {
        Conversation talk(rig);
        talk.say("HELO mta\r\n" + begin + "DATA\r\n");
        talk.hear(7);
        talk.say(row.data);
        talk.hang_up();
    }
    CHECK(rig.next_hop.submitted.empty());
    CHECK(rig.services.delivered.empty());
    CHECK(rig.records->told.empty());
    CHECK(rig.steps == row.steps);
}

TEST_CASE("the client is gone while the message is handed over: the journal keeps who has it") {
    Rig rig;
    {
        Conversation talk(rig);
        rig.next_hop.meanwhile = [&] { talk.hang_up(); };
        talk.say("HELO mta\r\n" + begin + "DATA\r\n");
        talk.hear(7);
        talk.say(mail_text);
        talk.wait([&] { return talk.has_ended; });
    }
    CHECK(rig.next_hop.submitted.size() == 1);
    CHECK(rig.services.delivered.size() == 2);
    rig.next_hop.meanwhile = {};
    Conversation again(rig);
    again.say("HELO mta\r\n" + begin + "DATA\r\n");
    again.hear(7);
    again.say(mail_text);
    CHECK(again.hear(1) == Lines{ok});
    again.settle();
    CHECK(rig.next_hop.submitted.size() == 1);
    CHECK(rig.services.delivered.empty());
}

TEST_CASE("stop, in each state") {
    Rig rig;
    Conversation talk(rig);
    const auto stop = [&] {
        rig.services.stopping = true;
        talk.session->stop();
        talk.settle();
    };
    SECTION("greeted a moment ago: it may begin and finish a transaction, and is dismissed behind it") {
        talk.hear(1);
        stop();
        talk.say("HELO mta\r\n" + begin + "DATA\r\n");
        CHECK(talk.hear(6).back().starts_with("354 "));
        stop();
        talk.say(mail_text);
        CHECK(talk.rest() == Lines{ok, goodbye});
        CHECK(rig.next_hop.submitted.size() == 1);
    }
    SECTION("within a transaction: it may finish it") {
        talk.say("HELO mta\r\n" + begin);
        talk.hear(6);
        stop();
        talk.say("DATA\r\n");
        CHECK(talk.hear(1).back().starts_with("354 "));
        talk.say(mail_text);
        CHECK(talk.rest() == Lines{ok, goodbye});
    }
    SECTION("it rests behind a message: dismissed at once") {
        talk.say("HELO mta\r\n" + begin + "DATA\r\n");
        talk.hear(7);
        talk.say(mail_text);
        CHECK(talk.hear(1) == Lines{ok});
        talk.settle();
        stop();
        CHECK(talk.rest() == Lines{goodbye});
    }
    SECTION("it rests, but has said something since: it may go on") {
        talk.say("HELO mta\r\n" + begin + "DATA\r\n");
        talk.hear(7);
        talk.say(mail_text);
        CHECK(talk.hear(1) == Lines{ok});
        talk.say("RSET\r\n");
        CHECK(talk.hear(1) == Lines{"250 2.0.0 Ok RSET"});
        stop();
        talk.say("NOOP\r\nQUIT\r\n");
        CHECK(talk.rest() == Lines{"250 2.0.0 Ok NOOP", "221 2.0.0 [localhost] Tamis closing transmission channel"});
    }
}

TEST_CASE("what ends a session") {
    struct Row {
        const char* what;
        std::string said;
        Lines heard;
    };
    const auto row = GENERATE_COPY(
        Row{"data before 354",
            "HELO mta\r\n" + begin + "DATA\r\nFrom: x\r\n",
            {"220 [localhost] ESMTP Tamis service ready",
             "554 5.5.0 Error: SMTP protocol synchronization: data sent before 354"}},
        Row{"QUIT with an argument does not",
            "QUIT now\r\nQUIT\r\n",
            {"220 [localhost] ESMTP Tamis service ready", "501 5.5.4 Error: QUIT does not accept arguments",
             "221 2.0.0 [localhost] Tamis closing transmission channel"}},
        Row{"a bare line feed makes no two commands",
            "NOOP\nQUIT\r\nQUIT\r\n",
            {"220 [localhost] ESMTP Tamis service ready",
             "500 5.5.2 Error: bad syntax: a line must end in CRLF and have no other CR or LF",
             "221 2.0.0 [localhost] Tamis closing transmission channel"}},
        Row{"a line that is too long",
            "NOOP " + std::string(5000, 'x') + "\r\nQUIT\r\n",
            {"220 [localhost] ESMTP Tamis service ready", "500 5.5.2 Error: bad syntax: line too long",
             "221 2.0.0 [localhost] Tamis closing transmission channel"}},
        Row{"too many errors",
            "A\r\nB\r\nC\r\n",
            {"220 [localhost] ESMTP Tamis service ready", "500 5.5.2 Error: command A not recognized",
             "500 5.5.2 Error: command B not recognized", "421 4.7.0 Error: too many errors (3), closing channel"}});
    CAPTURE(row.what);
    Rig rig("[limits]\nerrors = 2\n");
    Conversation talk(rig);
    talk.say(row.said);
    CHECK(talk.rest() == row.heard);
    CHECK(rig.steps.empty());
}

TEST_CASE("the limits of time, of a session and between two commands") {
    const bool is_session = GENERATE(true, false);
    Rig rig;
    auto own = std::make_shared<config::Snapshot>(*rig.services.snapshot());
    auto settings = std::make_shared<config::Settings>(*own->settings);
    (is_session ? settings->limits.session : settings->limits.idle) = std::chrono::milliseconds(1);
    own->settings = settings;
    rig.services.swap(own);
    Conversation talk(rig);
    CHECK(talk.rest() ==
          Lines{"220 [localhost] ESMTP Tamis service ready", "421 4.4.2 Error: timeout exceeded, closing channel"});
}

TEST_CASE("who may not connect is told so and nothing else") {
    Rig rig;
    Conversation talk(rig, {"192.0.2.1", "127.0.0.1", "10024"});
    talk.say("EHLO mta\r\n");
    CHECK(talk.rest() == Lines{"554 [127.0.0.1] access denied for 192.0.2.1"});
}
