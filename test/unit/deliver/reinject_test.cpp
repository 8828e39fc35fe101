#include "deliver/reinject.h"

#include <sys/mman.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "deliver/connection_cache.h"
#include "fake_hop.h"

namespace tamis::deliver {
namespace {

using namespace std::chrono_literals;

struct Bench {
    asio::io_context context;
    asio::executor_work_guard<asio::io_context::executor_type> busy{context.get_executor()};
    mail::Envelope envelope;

    explicit Bench() {
        envelope.sender = "s@example.com";
        log::capture(true);
    }
    ~Bench() { log::capture(false); }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    Submission message(std::size_t recipients = 1, std::string text = "Subject: x\r\n\r\n.body\r\n") const {
        Submission what;
        what.envelope = &envelope;
        what.sender = envelope.sender;
        what.log_id = "id1";
        for (std::size_t i = 1; i <= recipients; ++i)
            what.recipients.push_back({"r" + std::to_string(i) + "@example.com", "", ""});
        what.text.pieces = {{std::move(text), 0, 0}};
        return what;
    }

    // wait - runs the loop until the submission has ended
    std::vector<SubmissionResult> wait(Reinjector& reinjector, NextHop to, Submission what,
                                       Deadline deadline = Deadline::in(20s)) {
        std::optional<std::vector<SubmissionResult>> results;
        start(reinjector, std::move(to), std::move(what), deadline, results);
        while (!results) REQUIRE(context.run_one() != 0);
        return *results;
    }
    void start(Reinjector& reinjector, NextHop to, Submission what, Deadline deadline,
               std::optional<std::vector<SubmissionResult>>& into) {
        asio::co_spawn(context, reinjector.submit(std::move(to), std::move(what), deadline),
                       [&into](std::exception_ptr error, std::vector<SubmissionResult> results) {
                           if (error) std::rethrow_exception(error);
                           into = std::move(results);
                       });
    }
    // settle - lets everything run that does not have to wait
    void settle() {
        while (context.poll() != 0) {
        }
    }
};

std::string codes(const std::vector<SubmissionResult>& results) {
    std::string out;
    for (const auto& result : results) out += (out.empty() ? "" : " ") + std::to_string(result.code);
    return out;
}
std::string shown(const SubmissionResult& result) {
    return std::to_string(result.code) + " " + result.enhanced + " " + result.text;
}
FakeHop::Answer when(std::string prefix, std::string say) {
    return [prefix = std::move(prefix), say = std::move(say)](int, const std::string& command) {
        return command.starts_with(prefix) ? std::optional(say) : std::nullopt;
    };
}

}  // namespace

TEST_CASE("a thousand messages go over one connection, each with one read of commands and one of text") {
    Bench bench;
    FakeHop fake(bench.context, {.offers = "PIPELINING|XFORWARD NAME ADDR"});
    Reinjector reinjector{{}};
    bench.envelope.client.name = "client.example";
    for (int i = 1; i <= 1000; ++i) {
        const auto results = bench.wait(reinjector, fake.hop(), bench.message(2));
        REQUIRE(codes(results) == "250 250");
        REQUIRE(results[0].text == "from MTA(" + fake.hop().shown + "): 250 2.0.0 Ok: queued as " + std::to_string(i));
    }
    CHECK(fake.connections == 1);
    CHECK(fake.texts.size() == 1000);
    CHECK(fake.texts.back() == "Subject: x\r\n\r\n..body\r\n.\r\n");
    CHECK(fake.reads.size() == 1 + 2 * 1000);  // EHLO, then XFORWARD+MAIL+RCPT+RCPT+DATA and the text with its dot
    CHECK(fake.commands[1] == "XFORWARD NAME=client.example ADDR=[UNAVAILABLE]");
    reinjector.close_all();
    bench.settle();
    CHECK(fake.commands.back() == "QUIT");
}

TEST_CASE("a next hop that nobody listens on gives 450 4.4.1") {
    Bench bench;
    NextHop gone;
    {
        FakeHop fake(bench.context, {});
        gone = fake.hop();
        fake.acceptor.close();
        bench.settle();
    }
    Reinjector reinjector{{}};
    const auto results = bench.wait(reinjector, gone, bench.message(2));
    CHECK(codes(results) == "450 450");
    CHECK(shown(results[0]) == "450 4.4.1 Can't connect to " + gone.endpoint.text() + ", MTA(" + gone.shown + "), id=id1");
    const auto socket = bench.wait(reinjector, parse_next_hop("lmtp:/nonexistent/socket").value(), bench.message());
    CHECK(shown(socket[0]) == "450 4.4.1 Can't connect to /nonexistent/socket, MTA(lmtp:/nonexistent/socket), id=id1");
}

TEST_CASE("a next hop that falls silent is left at the deadline, at whatever step") {
    struct Row {
        std::string step, section;
        bool unknown = false;
    };
    const auto row = GENERATE(Row{"greeting", "fwd-connect"}, Row{"EHLO", "fwd-connect"}, Row{"MAIL", "fwd-mail-pip"},
                              Row{"RCPT", "fwd-rcpt-pip"}, Row{"DATA", "fwd-data-chkpnt"}, Row{".", "fwd-data-end", true});
    Bench bench;
    FakeHop fake(bench.context, {}, when(row.step, "!hang"));
    Reinjector reinjector{{}};
    const auto begun = Deadline::Clock::now();
    const auto results = bench.wait(reinjector, fake.hop(), bench.message(), Deadline::in(60ms));
    CHECK(shown(results[0]) == "450 4.4.2 Timed out during " + row.section + ", MTA(" + fake.hop().shown + "), id=id1");
    CHECK(results[0].unknown_outcome == row.unknown);
    CHECK(Deadline::Clock::now() - begun < 50s);
}

TEST_CASE("a step has its own limit within the deadline") {
    Bench bench;
    FakeHop fake(bench.context, {}, when("MAIL", "!hang"));
    Reinjector reinjector{{.command_timeout = 1s}};
    const auto results = bench.wait(reinjector, fake.hop(), bench.message(), Deadline::in(60s));
    CHECK(results[0].code == 450);
}

TEST_CASE("a reader that stops in the middle of the text holds us no longer than the deadline") {
    Bench bench;
    FakeHop fake(bench.context, {.reads_text = false});
    Reinjector reinjector{{}};
    std::string text;
    while (text.size() < 32'000'000) text += std::string(998, 'x') + "\r\n";
    const auto results = bench.wait(reinjector, fake.hop(), bench.message(1, text), Deadline::in(100ms));
    CHECK(shown(results[0]) == "450 4.4.2 Timed out during fwd-data-contents, MTA(" + fake.hop().shown + "), id=id1");
    CHECK_FALSE(results[0].unknown_outcome);
}

TEST_CASE("what the next hop says to a step comes back in its words") {
    struct Row {
        std::string step, say, want;
        bool unknown = false;
    };
    const auto row = GENERATE(
        Row{"greeting", "421 4.3.2 busy!close",
            "451 4.5.0 From MTA(#) during fwd-connect (Negative greeting: 421 4.3.2 busy): id=id1"},
        Row{"greeting", "554 not here!close",
            "451 4.5.0 From MTA(#) during fwd-connect (Negative greeting: 554 not here): id=id1"},
        Row{"greeting", "HTTP/1.1 400 Bad\r\n",
            "451 4.5.0 From MTA(#) during fwd-connect (not an SMTP reply: \"HTTP/1.1 400 Bad\": protocol "
            "error): id=id1"},
        Row{"greeting", "!close", "451 4.5.0 From MTA(#) during fwd-connect (read: connection closed by the peer): id=id1"},
        Row{"greeting", "220 hi\r\n250 injected",
            "451 4.5.0 From MTA(#) during fwd-connect (the next hop said something that nobody asked for: "
            "\"250 injected\\x0D\\x0A\": protocol error): id=id1"},
        Row{"MAIL", "451 4.3.0 later", "451 4.3.0 from MTA(#): 451 4.3.0 later"},
        Row{"MAIL", "552 5.3.4 too big", "552 5.3.4 from MTA(#): 552 5.3.4 too big"},
        Row{"RCPT", "550-5.1.1 no such\r\n550 5.1.1 user", "550 5.1.1 from MTA(#): 550 5.1.1 no such, user"},
        Row{"DATA", "451 later", "451 4.5.0 from MTA(#): 451 later"}, Row{"DATA", "554 no", "554 5.5.0 from MTA(#): 554 no"},
        Row{"DATA", "!close", "450 4.5.0 No response to DATA, MTA(#), id=id1"},
        Row{".", "450 4.2.0 later", "450 4.2.0 from MTA(#): 450 4.2.0 later"},
        Row{".", "554 5.7.1 spam", "554 5.7.1 from MTA(#): 554 5.7.1 spam"},
        Row{".", "421 4.3.2 going down!close", "451 4.3.2 from MTA(#): 421 4.3.2 going down"},
        Row{".", "!close", "451 4.5.0 From MTA(#) during fwd-data-end (read: connection closed by the peer): id=id1", true},
        Row{".", "!reset", "451 4.5.0 From MTA(#) during fwd-data-end (read: connection closed by the peer): id=id1", true});
    Bench bench;
    FakeHop fake(bench.context, {}, when(row.step, row.say));
    Reinjector reinjector{{}};
    const auto results = bench.wait(reinjector, fake.hop(), bench.message());
    std::string want = row.want;
    if (const auto at = want.find('#'); at != std::string::npos) want.replace(at, 1, fake.hop().shown);
    CHECK(shown(results[0]) == want);
    CHECK(results[0].unknown_outcome == row.unknown);

    fake.answer = nullptr;  // whatever happened, the next message passes
    const auto next = bench.wait(reinjector, fake.hop(), bench.message());
    CHECK(codes(next) == "250");
}

TEST_CASE("a reply without end is cut off") {
    Bench bench;
    std::string flood;
    const bool one_line = GENERATE(true, false);
    if (one_line) flood = "250 " + std::string(200'000, 'x');
    while (flood.size() < 200'000) flood += "250-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
    FakeHop fake(bench.context, {}, when("MAIL", flood));
    Reinjector reinjector{{}};
    const auto results = bench.wait(reinjector, fake.hop(), bench.message());
    CHECK(results[0].code == 451);
    CHECK(results[0].text.find(one_line ? "longer than 8192 octets" : "reply longer than 65536 octets") != std::string::npos);
}

TEST_CASE("every combination of five recipients' outcomes, SMTP and LMTP") {
    Bench bench;
    const bool lmtp = GENERATE(false, true);
    const bool abort = GENERATE(false, true);
    int number = 0;
    FakeHop fake(bench.context, {.lmtp = lmtp}, [&number](int, const std::string& command) -> std::optional<std::string> {
        if (!command.starts_with("RCPT TO:<r")) return std::nullopt;
        int rest = number;
        for (int i = command[10] - '1'; i > 0; --i) rest /= 3;
        return std::array<std::string, 3>{"250 2.1.5 ok", "450 4.2.0 later", "550 5.1.1 no"}[static_cast<std::size_t>(rest % 3)];
    });
    Reinjector reinjector{{}};
    for (number = 0; number < 243; ++number) {
        auto what = bench.message(5);
        what.abort_on_partial_refusal = abort;
        const auto before = fake.texts.size();
        const auto results = bench.wait(reinjector, fake.hop(), std::move(what));
        int accepted = 0, put_off = 0;
        for (int i = 0, rest = number; i < 5; ++i, rest /= 3) {
            accepted += rest % 3 == 0;
            put_off += rest % 3 == 1;
        }
        const bool aborts = abort && put_off != 0;
        for (int i = 0, rest = number; i < 5; ++i, rest /= 3)
            REQUIRE(results[static_cast<std::size_t>(i)].code ==
                    std::array{aborts ? 451 : 250, 450, 550}[static_cast<std::size_t>(rest % 3)]);
        REQUIRE(fake.texts.size() - before == (accepted != 0 && !aborts ? 1 : 0));  // neither lost nor twice
    }
}

TEST_CASE("LMTP outcomes after the dot belong to their recipients") {
    Bench bench;
    int number = 0, asked = 0;
    FakeHop fake(bench.context, {.lmtp = true}, [&](int, const std::string& command) -> std::optional<std::string> {
        if (command != ".") return std::nullopt;
        int rest = number;
        for (int i = asked++; i > 0; --i) rest /= 3;
        return std::array<std::string, 3>{"250 2.0.0 saved", "450 4.2.0 later",
                                          "550 5.2.1 no"}[static_cast<std::size_t>(rest % 3)];
    });
    Reinjector reinjector{{}};
    for (number = 0; number < 243; ++number) {
        asked = 0;
        const auto results = bench.wait(reinjector, fake.hop(), bench.message(5));
        for (int i = 0, rest = number; i < 5; ++i, rest /= 3)
            REQUIRE(results[static_cast<std::size_t>(i)].code == std::array{250, 450, 550}[static_cast<std::size_t>(rest % 3)]);
    }
    CHECK(fake.connections == 1);
    number = 0;
    asked = 0;
    fake.answer = [&asked](int, const std::string& command) -> std::optional<std::string> {
        if (command == "." && ++asked == 3) return "!close";
        return std::nullopt;
    };
    const auto results = bench.wait(reinjector, fake.hop(), bench.message(4));  // dies after two of four
    CHECK(codes(results) == "250 250 451 451");
    CHECK_FALSE(results[1].unknown_outcome);
    CHECK(results[2].unknown_outcome);
    CHECK(results[3].unknown_outcome);
}

TEST_CASE("a next hop with a limit of recipients gets them in several transactions") {
    Bench bench;
    int taken = 0;
    FakeHop fake(bench.context, {}, [&taken](int, const std::string& command) -> std::optional<std::string> {
        if (command.starts_with("MAIL")) taken = 0;
        if (command.starts_with("RCPT") && ++taken > 50) return "452 4.5.3 Error: too many recipients";
        return std::nullopt;
    });
    Reinjector reinjector{{}};
    auto what = bench.message(230);
    what.abort_on_partial_refusal = true;
    const auto results = bench.wait(reinjector, fake.hop(), std::move(what));
    CHECK(std::ranges::all_of(results, [](const auto& result) { return result.code == 250; }));
    CHECK(fake.texts.size() == 5);
    CHECK(fake.connections == 1);
}

TEST_CASE("a kept connection that the peer has closed is replaced without a trace") {
    Bench bench;
    const auto* death = GENERATE("!close", "!reset", "421 4.4.2 timeout exceeded!close");
    FakeHop fake(bench.context, {});
    Reinjector reinjector{{}};
    REQUIRE(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "250");
    SECTION("at the first command") {
        fake.answer = [death](int connection, const std::string& command) -> std::optional<std::string> {
            if (connection != 1 || !command.starts_with("MAIL")) return std::nullopt;
            return death;
        };
        CHECK(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "250");
        CHECK(fake.connections == 2);
        CHECK(fake.texts.size() == 2);
    }
    SECTION("only once: a new connection that dies the same way is an answer") {
        fake.answer = when("MAIL", death);
        const auto results = bench.wait(reinjector, fake.hop(), bench.message());
        CHECK(results[0].code == 451);
        CHECK(fake.connections == 2);
        CHECK(fake.texts.size() == 1);
    }
}

TEST_CASE("kept connections are bounded in age, idle time and number") {
    Bench bench;
    FakeHop fake(bench.context, {});
    SECTION("idle") {
        Reinjector reinjector{{.idle_limit = 0s}};
        for (int i = 0; i < 3; ++i) REQUIRE(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "250");
        CHECK(fake.connections == 3);
    }
    SECTION("age") {
        Reinjector reinjector{{.age_limit = 0s}};
        for (int i = 0; i < 3; ++i) REQUIRE(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "250");
        CHECK(fake.connections == 3);
    }
    SECTION("none kept") {
        Reinjector reinjector{{.cached_connections = 0}};
        for (int i = 0; i < 3; ++i) REQUIRE(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "250");
        CHECK(fake.connections == 3);
        bench.settle();
        CHECK(std::ranges::count(fake.commands, "QUIT") == 3);
    }
    SECTION("number: of four at the same time, two stay") {
        Reinjector reinjector{{.cached_connections = 2}};
        std::array<std::optional<std::vector<SubmissionResult>>, 4> results;
        for (auto& one : results) bench.start(reinjector, fake.hop(), bench.message(), Deadline::in(20s), one);
        while (!std::ranges::all_of(results, [](const auto& one) { return one.has_value(); }))
            REQUIRE(bench.context.run_one() != 0);
        bench.settle();
        CHECK(fake.connections == 4);
        CHECK(std::ranges::count(fake.commands, "QUIT") == 2);
    }
    SECTION("probed when idle for long") {
        Reinjector reinjector{{.probe_after = -1s}};
        for (int i = 0; i < 2; ++i) REQUIRE(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "250");
        CHECK(std::ranges::count(fake.commands, "NOOP") == 1);
        fake.answer = [](int connection, const std::string& command) -> std::optional<std::string> {
            return connection == 1 && command == "NOOP" ? std::optional<std::string>("500 what?") : std::nullopt;
        };
        CHECK(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "250");
        CHECK(fake.connections == 2);
    }
    SECTION("one that the peer closed in the meantime is not handed out") {
        Reinjector reinjector{{}};
        fake.answer = when(".", "250 2.0.0 Ok!close");
        for (int i = 0; i < 3; ++i) {
            REQUIRE(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "250");
            bench.settle();
            reinjector.close_idle();
        }
        CHECK(fake.connections == 3);
        CHECK(fake.commands.size() == 3 * 4);
    }
    SECTION("the Reinjector may go while a submission is under way") {
        std::optional<std::vector<SubmissionResult>> results;
        {
            Reinjector reinjector{{}};
            bench.start(reinjector, fake.hop(), bench.message(), Deadline::in(20s), results);
        }
        while (!results) REQUIRE(bench.context.run_one() != 0);
        bench.settle();
        CHECK(codes(*results) == "250");
        CHECK(fake.commands.back() == "QUIT");
    }
}

TEST_CASE("after a refusal the connection is kept and begins with RSET") {
    Bench bench;
    FakeHop fake(bench.context, {}, when(".", "451 4.3.0 later"));
    Reinjector reinjector{{}};
    CHECK(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "451");
    fake.answer = nullptr;
    CHECK(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "250");
    CHECK(fake.connections == 1);
    CHECK(std::ranges::count(fake.commands, "RSET") == 1);
}

TEST_CASE("a refused XFORWARD is logged once and the mail goes on") {
    Bench bench;
    FakeHop fake(bench.context, {.offers = "PIPELINING|XFORWARD NAME ADDR"}, when("XFORWARD", "550 5.7.0 not you"));
    Reinjector reinjector{{.cached_connections = 0}};
    bench.envelope.client.address = "192.0.2.1";
    for (int i = 0; i < 3; ++i) CHECK(codes(bench.wait(reinjector, fake.hop(), bench.message())) == "250");
    const auto lines = log::captured();
    CHECK(std::ranges::count_if(lines, [](const auto& line) {
              return line.find("refused XFORWARD (550 5.7.0 not you)") != std::string::npos;
          }) == 1);
}

TEST_CASE("a large message from a spool arrives whole") {
    Bench bench;
    FakeHop fake(bench.context, {});
    Reinjector reinjector{{}};
    std::string text;
    for (int line = 0; text.size() < 8'000'000; ++line)
        text += (line % 50 == 0 ? "." : "") + std::to_string(line) + " of the text\r\n";
    const int descriptor = ::memfd_create("spool", MFD_CLOEXEC);
    REQUIRE(::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    auto what = bench.message();
    what.text.spool = std::make_shared<const mail::SealedSpool>(descriptor, text.size(), text.substr(0, 50'000));
    what.text.pieces = {{"Received: us\r\n", 0, 0}, {"", 0, text.size()}};
    CHECK(codes(bench.wait(reinjector, fake.hop(), std::move(what))) == "250");
    REQUIRE(fake.texts.size() == 1);
    std::string back;
    for (std::size_t at = 0; at < fake.texts[0].size() - 3;) {
        const auto end = fake.texts[0].find("\r\n", at) + 2;
        if (fake.texts[0][at] == '.') ++at;
        back.append(fake.texts[0], at, end - at);
        at = end;
    }
    CHECK(back == "Received: us\r\n" + text);
    CHECK(fake.commands[1].find(" SIZE=" + std::to_string(text.size() + 14)) != std::string::npos);
}

TEST_CASE("a spool that cannot be read never ends the text with a dot") {
    Bench bench;
    FakeHop fake(bench.context, {});
    Reinjector reinjector{{}};
    auto what = bench.message();
    what.text.pieces.push_back({"", 0, 100});
    const auto results = bench.wait(reinjector, fake.hop(), std::move(what));
    CHECK(results[0].code == 451);
    CHECK_FALSE(results[0].unknown_outcome);
    bench.settle();
    CHECK(fake.texts.empty());
}

TEST_CASE("dangerous addresses are refused and the others get the mail") {
    Bench bench;
    FakeHop fake(bench.context, {});
    Reinjector reinjector{{}};
    auto what = bench.message(3);
    what.recipients[1].address = "a@x>\r\nRCPT TO:<evil@x";
    CHECK(codes(bench.wait(reinjector, fake.hop(), std::move(what))) == "250 553 250");
    for (const auto& command : fake.commands) CHECK(command.find("evil") == std::string::npos);
    what = bench.message(2);
    what.sender = "s@x>\r\nQUIT";
    CHECK(codes(bench.wait(reinjector, fake.hop(), std::move(what))) == "553 553");
    CHECK(codes(bench.wait(reinjector, fake.hop(), bench.message(0))).empty());
    CHECK(fake.connections == 1);
}

TEST_CASE("STARTTLS with a throw-away certificate; what was said before TLS is dropped") {
    const auto directory = std::filesystem::temp_directory_path() / ("tamis-deliver-" + std::to_string(::getpid()));
    std::filesystem::create_directories(directory);
    const auto key = (directory / "key.pem").string(), certificate = (directory / "cert.pem").string();
    const auto made = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout " + key + " -out " +
                      certificate + " 2>/dev/null";
    REQUIRE(std::system(made.c_str()) == 0);
    const auto server = TlsContext::server(certificate, key);
    const auto client = TlsContext::client("", false);
    REQUIRE(server);
    REQUIRE(client);
    Bench bench;
    FakeHop fake(bench.context, {.offers = "PIPELINING|STARTTLS", .tls = *server});
    const bool injects = GENERATE(false, true);
    if (injects) fake.answer = when("STARTTLS", "220 go\r\n250 injected before TLS");
    Reinjector reinjector{{.tls = *client, .require_tls = true}};
    for (int i = 0; i < 3; ++i) CHECK(codes(bench.wait(reinjector, fake.hop(), bench.message(2))) == "250 250");
    CHECK(fake.connections == 1);
    CHECK(fake.texts.size() == 3);
    CHECK(fake.texts[2] == "Subject: x\r\n\r\n..body\r\n.\r\n");
    std::filesystem::remove_all(directory);
}

}  // namespace tamis::deliver
