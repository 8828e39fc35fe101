#include "deliver/client_dialog.h"

#include <catch2/catch.hpp>
#include <functional>
#include <set>

#include "base/text.h"

namespace tamis::deliver {
namespace {

using Want = ClientDialog::Want;

NextHop hop(const std::string& text = "smtp:[127.0.0.1]:10025") { return parse_next_hop(text).value(); }

struct Sample {
    mail::Envelope envelope;
    Submission what;
    explicit Sample(std::size_t recipients = 2) {
        what.sender = "s@example.com";
        what.log_id = "id1";
        for (std::size_t i = 1; i <= recipients; ++i)
            what.recipients.push_back({"r" + std::to_string(i) + "@example.com", "", ""});
        what.text.pieces = {{"Subject: x\r\n\r\nbody\r\n", 0, 0}};
        what.envelope = &envelope;
    }
    Sample(const Sample&) = delete;
    Sample& operator=(const Sample&) = delete;
};

RemoteReply reply(const std::string& text) {
    ReplyParser parser;
    for (const auto line : split(text, '\n')) REQUIRE(parser.on_line(line));
    return parser.take();
}

// Server - answers the k-th question from a script: reply text, or "!close", "!late", "!garbage"
struct Played {
    std::string said;         // all commands, "<text>" for the message, "<tls>" for the handshake
    std::size_t answers = 0;  // replies that were read
    bool text_sent = false;
    std::vector<SubmissionResult> results;
};

void feed(ClientDialog& dialog, const std::string& answer) {
    if (answer == "!close") return dialog.on_fault({make_error_code(Errc::closed), "read"});
    if (answer == "!late") return dialog.on_fault({make_error_code(Errc::timeout), "read"});
    if (answer == "!garbage") return dialog.on_fault({make_error_code(Errc::bad_reply), "not an SMTP reply: \"x\""});
    dialog.on_reply(reply(answer));
}

Played play(ClientDialog& dialog, const std::vector<std::string>& script) {
    Played played;
    for (int steps = 0; dialog.want() != Want::nothing; ++steps) {
        REQUIRE(steps < 2000);
        switch (dialog.want()) {
            case Want::write: played.said += dialog.take_output(); break;
            case Want::text:
                played.said += "<text>\r\n";
                played.text_sent = true;
                dialog.on_text_written();
                break;
            case Want::tls:
                played.said += "<tls>\r\n";
                dialog.on_tls_started();
                break;
            case Want::reply:
                if (played.answers == script.size()) FAIL("no answer left; the client said:\n" << played.said);
                feed(dialog, script[played.answers++]);
                break;
            case Want::nothing: break;
        }
    }
    played.results = dialog.take_results();
    return played;
}

std::string shown(const SubmissionResult& result) {
    return std::to_string(result.code) + " " + result.enhanced + " " + result.text;
}
std::string codes(const std::vector<SubmissionResult>& results) {
    std::string out;
    for (const auto& result : results) out += (out.empty() ? "" : " ") + std::to_string(result.code);
    return out;
}

const std::string everything =
    "250-mx\n250-PIPELINING\n250-SIZE 1000000\n250-8BITMIME\n250-SMTPUTF8\n250-DSN\n250-ENHANCEDSTATUSCODES\n"
    "250 XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT";
const std::string piped = "250-mx\n250 PIPELINING";

}  // namespace

TEST_CASE("a message costs one write of commands and one of text when the server pipelines") {
    Sample sample;
    sample.envelope.client.name = "client.example.net";
    sample.envelope.client.address = "2001:db8::1";
    ClientDialog dialog(hop(), {});
    dialog.begin(sample.what, ClientDialog::Probe::no);
    const auto first = play(dialog, {"220 hi", everything, "250 xf", "250 2.1.0 ok", "250 2.1.5 ok", "250 2.1.5 ok", "354 go",
                                     "250 2.0.0 Ok: queued as X"});
    CHECK(first.said ==
          "EHLO localhost\r\n"
          "XFORWARD NAME=client.example.net ADDR=IPV6:2001:db8::1 PORT=[UNAVAILABLE] PROTO=[UNAVAILABLE] "
          "HELO=[UNAVAILABLE] IDENT=[UNAVAILABLE] SOURCE=[UNAVAILABLE]\r\n"
          "MAIL FROM:<s@example.com> SIZE=20\r\nRCPT TO:<r1@example.com>\r\nRCPT "
          "TO:<r2@example.com>\r\nDATA\r\n<text>\r\n");
    for (const auto& result : first.results) {
        CHECK(shown(result) == "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as X");
        CHECK(result.remote_reply == "250 2.0.0 Ok: queued as X");
        CHECK(result.from_next_hop);
        CHECK_FALSE(result.unknown_outcome);
    }
    REQUIRE(dialog.is_reusable());
    Sample next(1);  // without a client: the attributes of the one before must not stick
    dialog.begin(next.what, ClientDialog::Probe::yes);
    const auto second = play(dialog, {"250 ok", "250 xf", "250 ok", "250 ok", "354 go", "250 ok"});
    CHECK(second.said.starts_with("NOOP\r\nXFORWARD NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] "));
    CHECK(codes(second.results) == "250");
    CHECK(second.results[0].enhanced == "2.6.0");
}

TEST_CASE("without extensions it goes step by step, after HELO when EHLO is not known") {
    Sample sample;
    ClientDialog dialog(hop(), {.ehlo_name = "filter.example.com"});
    dialog.begin(sample.what, ClientDialog::Probe::no);
    const auto played = play(dialog, {"220 hi", "502 what?", "250 hi", "250 ok", "550 no", "250 ok", "354 go", "250 ok"});
    CHECK(played.said ==
          "EHLO filter.example.com\r\nHELO filter.example.com\r\nMAIL FROM:<s@example.com>\r\n"
          "RCPT TO:<r1@example.com>\r\nRCPT TO:<r2@example.com>\r\nDATA\r\n<text>\r\n");
    CHECK(shown(played.results[0]) == "550 5.1.0 from MTA(smtp:[127.0.0.1]:10025): 550 no");
    CHECK(codes(played.results) == "550 250");
}

TEST_CASE("LMTP answers for each accepted recipient") {
    Sample sample(4);
    ClientDialog dialog(hop("lmtp:/run/lmtp"), {});
    dialog.begin(sample.what, ClientDialog::Probe::no);
    const auto played = play(dialog, {"220 hi", piped, "250 ok", "250 ok", "550 5.1.1 no", "250 ok", "250 ok", "354 go",
                                      "250 2.1.5 saved", "452 4.2.2 full", "554 5.6.0 no"});
    CHECK(played.said.starts_with("LHLO localhost\r\n"));
    CHECK(codes(played.results) == "250 550 452 554");
    CHECK(shown(played.results[2]) == "452 4.2.2 from MTA(lmtp:/run/lmtp): 452 4.2.2 full");
    CHECK(dialog.is_reusable());
}

TEST_CASE("STARTTLS is used when offered, demanded when required, and forgets what was said before") {
    const std::string offer = "250-mx\n250-PIPELINING\n250 STARTTLS";
    Sample sample(1);
    SECTION("offered") {
        ClientDialog dialog(hop(), {.may_tls = true});
        dialog.begin(sample.what, ClientDialog::Probe::no);
        const auto played = play(dialog, {"220 hi", offer, "220 go", "250 mx", "250 ok", "250 ok", "354 go", "250 ok"});
        CHECK(played.said.starts_with("EHLO localhost\r\nSTARTTLS\r\n<tls>\r\nEHLO localhost\r\nMAIL"));
        CHECK_FALSE(dialog.offered().pipelining);
        CHECK(codes(played.results) == "250");
    }
    SECTION("not configured") {
        ClientDialog dialog(hop(), {});
        dialog.begin(sample.what, ClientDialog::Probe::no);
        CHECK(play(dialog, {"220 hi", offer, "250 ok", "250 ok", "354 go", "250 ok"}).said.find("STARTTLS") == std::string::npos);
    }
    SECTION("refused, but not required") {
        ClientDialog dialog(hop(), {.may_tls = true});
        dialog.begin(sample.what, ClientDialog::Probe::no);
        CHECK(codes(play(dialog, {"220 hi", offer, "454 no", "250 ok", "250 ok", "354 go", "250 ok"}).results) == "250");
    }
    SECTION("required") {
        const auto script =
            GENERATE_COPY(std::vector<std::string>{"220 hi", offer, "454 no"}, std::vector<std::string>{"220 hi", piped});
        ClientDialog dialog(hop(), {.may_tls = true, .require_tls = true});
        dialog.begin(sample.what, ClientDialog::Probe::no);
        const auto played = play(dialog, script);
        CHECK(codes(played.results) == "451");
        CHECK_FALSE(dialog.is_reusable());
    }
}

TEST_CASE("a refused XFORWARD is passed over") {
    Sample sample(1);
    sample.envelope.client.name = "c.example";
    ClientDialog dialog(hop(), {});
    dialog.begin(sample.what, ClientDialog::Probe::no);
    const auto refusal = GENERATE("550 5.7.0 not you", "501 bad value", "421 go away");
    const bool ends = std::string_view(refusal).starts_with("421");
    const auto played = play(dialog, {"220 hi", everything, refusal, "250 ok", "250 ok", "354 go", "250 ok"});
    CHECK(codes(played.results) == (ends ? "451" : "250"));
    if (ends) return;
    CHECK(dialog.xforward_refusal() == refusal);
    dialog.begin(sample.what, ClientDialog::Probe::no);
    const bool again = std::string_view(refusal).starts_with("501");
    const auto next = again ? play(dialog, {"250 x", "250 ok", "250 ok", "354 go", "250 ok"})
                            : play(dialog, {"250 ok", "250 ok", "354 go", "250 ok"});
    CHECK((next.said.find("XFORWARD") != std::string::npos) == again);
    CHECK(dialog.xforward_refusal().empty());
}

TEST_CASE("too many recipients: the rest goes into further transactions") {
    struct Row {
        std::vector<std::string> rcpt, more;
        std::string want;
        bool abort;
    };
    const auto row =
        GENERATE(Row{{"250 a", "250 b", "452 4.5.3 many", "452 4.5.3 many"},
                     {"250 mail", "250 c", "250 d", "354 go", "250 ok"},
                     "250 250 250 250",
                     true},
                 Row{{"250 a", "250 b", "452 many", "452 many"},
                     {"250 mail", "250 c", "452 many", "354 go", "250 ok", "250 mail", "250 d", "354 go", "250 ok"},
                     "250 250 250 250",
                     true},
                 Row{{"250 a", "452 4.2.2 full", "250 c", "250 d"}, {}, "250 452 250 250", false},
                 Row{{"250 a", "452 full", "250 c", "250 d"}, {}, "250 452 250 250", false},
                 Row{{"452 4.5.3 many", "452 4.5.3 many", "452 4.5.3 many", "452 4.5.3 many"}, {}, "452 452 452 452", false},
                 Row{{"250 a", "452 full", "250 c", "452 4.5.3 many"},
                     {"250 mail", "250 d", "354 go", "250 ok"},
                     "250 452 250 250",
                     false},
                 Row{{"250 a", "452 4.5.3 many", "452 4.5.3 many", "452 4.5.3 many"},
                     {"250 mail", "550 b", "450 c", "250 d", "354 go"},
                     "250 550 450 451",
                     true});
    Sample sample(4);
    sample.what.abort_on_partial_refusal = row.abort;
    ClientDialog dialog(hop(), {});
    dialog.begin(sample.what, ClientDialog::Probe::no);
    std::vector<std::string> script{"220 hi", piped, "250 mail"};
    script.insert(script.end(), row.rcpt.begin(), row.rcpt.end());
    const bool none = row.rcpt[0].starts_with("452");
    script.push_back(none ? "554 no valid recipients" : "354 go");
    if (!none) script.push_back("250 ok");
    script.insert(script.end(), row.more.begin(), row.more.end());
    const auto played = play(dialog, script);
    CHECK(codes(played.results) == row.want);
    CHECK(played.answers == script.size());
}

TEST_CASE("after a 4xx to the first part the rest is not tried when the input is SMTP") {
    Sample sample(3);
    sample.what.abort_on_partial_refusal = GENERATE(true, false);
    ClientDialog dialog(hop(), {});
    dialog.begin(sample.what, ClientDialog::Probe::no);
    std::vector<std::string> script{"220 hi",         piped,    "250 m",          "250 a", "452 4.5.3 many",
                                    "452 4.5.3 many", "354 go", "451 4.3.0 later"};
    if (!sample.what.abort_on_partial_refusal)
        for (const auto* more : {"250 reset", "250 m", "250 b", "250 c", "354 go", "250 ok"}) script.emplace_back(more);
    const auto played = play(dialog, script);
    CHECK(played.answers == script.size());
    CHECK(codes(played.results) == (sample.what.abort_on_partial_refusal ? "451 452 452" : "451 250 250"));
}

TEST_CASE("no recipient accepted but 354: a lone dot, and RSET before the next message") {
    Sample sample(2);
    ClientDialog dialog(hop(), {});
    dialog.begin(sample.what, ClientDialog::Probe::no);
    const auto played = play(dialog, {"220 hi", piped, "250 m", "550 a", "450 b", "354 go", "554 nothing there"});
    CHECK(played.said.ends_with("DATA\r\n.\r\n"));
    CHECK_FALSE(played.text_sent);
    CHECK(codes(played.results) == "550 450");
    REQUIRE(dialog.is_reusable());
    dialog.begin(sample.what, ClientDialog::Probe::no);
    CHECK(play(dialog, {"250 reset", "250 m", "250 a", "250 b", "354 go", "250 ok"}).said.starts_with("RSET\r\nMAIL"));
    SECTION("over LMTP the connection is closed: nobody knows how many replies come") {
        ClientDialog lmtp(hop("lmtp:[127.0.0.1]:24"), {});
        lmtp.begin(sample.what, ClientDialog::Probe::no);
        CHECK(play(lmtp, {"220 hi", piped, "250 m", "550 a", "450 b", "354 go"}).said.ends_with("DATA\r\n.\r\n"));
        CHECK_FALSE(lmtp.is_reusable());
    }
}

TEST_CASE("all combinations of five recipients' outcomes") {
    const bool lmtp = GENERATE(false, true);
    const bool pipelined = GENERATE(false, true);
    const bool abort = GENERATE(false, true);
    const std::string outcome[] = {"250 2.1.5 ok", "450 4.2.0 later", "550 5.1.1 no"};
    int combinations = 0;
    for (int number = 0; number < 243; ++number, ++combinations) {
        Sample sample(5);
        sample.what.abort_on_partial_refusal = abort;
        std::vector<std::string> script{"220 hi", pipelined ? piped : "250 mx", "250 m"};
        std::size_t accepted = 0, put_off = 0;
        std::string want;
        for (int i = 0, rest = number; i < 5; ++i, rest /= 3) {
            script.push_back(outcome[rest % 3]);
            accepted += rest % 3 == 0;
            put_off += rest % 3 == 1;
        }
        const bool aborts = abort && put_off != 0;
        for (int i = 0; i < 5; ++i) {
            const auto code = script[static_cast<std::size_t>(3 + i)].substr(0, 3);
            want += (i == 0 ? "" : " ") + (code == "250" && aborts ? "451" : code);
        }
        if (!pipelined && aborts) {  // it stops asking at the first 4xx: the rest is told 451
            bool seen = false;
            want.clear();
            std::vector<std::string> kept(script.begin(), script.begin() + 3);
            for (std::size_t i = 3; i < 8; ++i) {
                const auto code = script[i].substr(0, 3);
                want += (i == 3 ? "" : " ") + (seen || code == "250" ? "451" : code);
                if (!seen) kept.push_back(script[i]);
                seen = seen || code == "450";
            }
            script = kept;
        } else if (pipelined) {
            script.push_back(accepted != 0 ? "354 go" : "554 5.5.1 no valid recipients");
        } else if (accepted != 0) {
            script.push_back("354 go");
        }
        if (accepted != 0 && !aborts) script.insert(script.end(), lmtp ? accepted : 1, "250 2.0.0 taken");
        ClientDialog dialog(hop(lmtp ? "lmtp:[127.0.0.1]:24" : "smtp:[127.0.0.1]:25"), {});
        dialog.begin(sample.what, ClientDialog::Probe::no);
        const auto played = play(dialog, script);
        INFO(number << " lmtp " << lmtp << " pipelined " << pipelined << " abort " << abort);
        REQUIRE(codes(played.results) == want);
        REQUIRE(played.answers == script.size());
        REQUIRE(played.text_sent == (accepted != 0 && !aborts));
        REQUIRE(dialog.is_reusable() == !(pipelined && aborts && accepted != 0));
    }
    CHECK(combinations == 243);
}

TEST_CASE("each dialogue survives each of its answers going wrong") {
    struct Row {
        const char* next_hop;
        std::vector<std::string> script;
        bool abort = false, tls = false, client = false;
    };
    const auto row = GENERATE(
        Row{"smtp:[127.0.0.1]:25",
            {"220 hi", everything, "250 xf", "250 m", "250 a", "250 b", "354 go", "250 ok"},
            false,
            false,
            true},
        Row{"smtp:[127.0.0.1]:25", {"220 hi", "250 mx", "250 m", "250 a", "250 b", "354 go", "250 ok"}},
        Row{"smtp:[127.0.0.1]:25", {"220 hi", piped, "250 m", "250 a", "250 b", "354 go", "250 ok"}, true},
        Row{"smtp:[127.0.0.1]:25",
            {"220 hi", piped, "250 m", "250 a", "452 4.5.3 b", "354 go", "250 ok", "250 m", "250 b", "354 go", "250 ok"}},
        Row{"smtp:[127.0.0.1]:25", {"220 hi", "250 STARTTLS", "250 m", "250 a", "250 b", "354 go", "250 ok"}, false, true},
        Row{"lmtp:[127.0.0.1]:24", {"220 hi", piped, "250 m", "250 a", "250 b", "354 go", "250 ok", "250 ok"}});
    const std::string wrong =
        GENERATE("450 4.7.1 later", "550 5.7.1 no", "421 4.3.2 down", "!garbage", "!close", "!late", "334 what", "211 odd");
    for (std::size_t broken = 0; broken < row.script.size(); ++broken) {
        Sample sample(2);
        sample.what.abort_on_partial_refusal = row.abort;
        if (row.client) sample.envelope.client.name = "c.example";
        auto script = row.script;
        script[broken] = wrong;
        // whatever the client goes on to ask is refused, so that only the broken answer and refusals are seen
        script.resize(row.script.size() + 20, "554 5.5.1 refused");
        ClientDialog dialog(hop(row.next_hop), {.may_tls = row.tls});
        dialog.begin(sample.what, ClientDialog::Probe::no);
        const auto played = play(dialog, script);
        INFO(row.next_hop << " answer " << broken << " is " << wrong << "; client said:\n" << played.said);
        REQUIRE(played.results.size() == 2);
        const bool fatal = wrong.starts_with('!') || wrong.starts_with("421");
        const bool verdict = row.script[broken] == "250 ok";
        for (const auto& result : played.results) {
            CHECK((result.code == 250 || (result.code >= 400 && result.code < 600 && result.code != 421)));
            CHECK(result.enhanced.starts_with(std::to_string(result.code / 100) + "."));
            CHECK_FALSE(result.text.empty());
            if (result.unknown_outcome) {
                CHECK(verdict);
                CHECK(result.code / 100 == 4);
            }
            if (result.code / 100 == 2) CHECK(played.text_sent);
        }
        if (fatal) CHECK_FALSE(dialog.is_reusable());
        if (broken == 0 && wrong.starts_with("550")) CHECK(codes(played.results) == "451 451");  // a greeting bounces nothing
        if (!dialog.is_reusable()) continue;
        Sample next(1);  // S2: the following transaction starts clean
        dialog.begin(next.what, ClientDialog::Probe::no);
        const bool resets = dialog.want() == Want::write;
        REQUIRE(resets);
        const auto opening = dialog.take_output();
        const auto last_mail = played.said.rfind("MAIL FROM"), last_text = played.said.rfind("<text>");
        const bool ended = last_text != std::string::npos && last_text > last_mail;
        const bool clean = ended && (!verdict || wrong == "211 odd");
        CHECK(opening.starts_with("RSET\r\n") == !clean);
    }
}

TEST_CASE("each trouble has amavisd's words") {
    struct Row {
        std::vector<std::string> script;
        std::string want;
        bool unknown = false;
    };
    const std::string mta = "MTA(smtp:[127.0.0.1]:10025)";
    const auto row = GENERATE_COPY(
        Row{{"421 busy"}, "451 4.5.0 From " + mta + " during fwd-connect (Negative greeting: 421 busy): id=id1"},
        Row{{"!late"}, "450 4.4.2 Timed out during fwd-connect, " + mta + ", id=id1"},
        Row{{"!close"}, "451 4.5.0 From " + mta + " during fwd-connect (read: connection closed by the peer): id=id1"},
        Row{{"220 hi", piped, "!late"}, "450 4.4.2 Timed out during fwd-mail-pip, " + mta + ", id=id1"},
        Row{{"220 hi", "250 mx", "!late"}, "450 4.4.2 Timed out during fwd-mail-from, " + mta + ", id=id1"},
        Row{{"220 hi", "250 mx", "250 m", "!late"}, "450 4.4.2 Timed out during fwd-rcpt-to, " + mta + ", id=id1"},
        Row{{"220 hi", piped, "450 m", "503 a", "503 d"}, "450 4.1.0 from " + mta + ": 450 m"},
        Row{{"220 hi", piped, "250 m", "452 a", "554 d"}, "452 4.5.3 from " + mta + ": 452 a"},
        Row{{"220 hi", piped, "250 m", "250 a", "451 d"}, "451 4.5.0 from " + mta + ": 451 d"},
        Row{{"220 hi", piped, "250 m", "250 a", "!close"}, "450 4.5.0 No response to DATA, " + mta + ", id=id1"},
        Row{{"220 hi", piped, "250 m", "250 a", "!late"}, "450 4.4.2 Timed out during fwd-data-chkpnt, " + mta + ", id=id1"},
        Row{{"220 hi", piped, "250 m", "421 a"}, "451 4.1.0 from " + mta + ": 421 a"},
        Row{{"220 hi", piped, "250 m", "250 a", "354 go", "554 no"}, "554 5.6.0 from " + mta + ": 554 no"},
        Row{{"220 hi", piped, "250 m", "250 a", "354 go", "421 4.3.0 down"}, "451 4.3.0 from " + mta + ": 421 4.3.0 down"},
        Row{{"220 hi", piped, "250 m", "250 a", "354 go", "!close"},
            "451 4.5.0 From " + mta + " during fwd-data-end (read: connection closed by the peer): id=id1",
            true},
        Row{{"220 hi", piped, "250 m", "250 a", "354 go", "!late"},
            "450 4.4.2 Timed out during fwd-data-end, " + mta + ", id=id1",
            true},
        Row{{"220 hi", piped, "250 m", "250 a", "354 go", "!garbage"},
            "451 4.5.0 From " + mta + " during fwd-data-end (not an SMTP reply: \"x\": protocol error): id=id1",
            true});
    Sample sample(1);
    ClientDialog dialog(hop(), {});
    dialog.begin(sample.what, ClientDialog::Probe::no);
    const auto played = play(dialog, row.script);
    CHECK(shown(played.results[0]) == row.want);
    CHECK(played.results[0].unknown_outcome == row.unknown);
    CHECK(played.answers == row.script.size());
}

TEST_CASE("a kept connection found dead before anything was accepted asks for a new one") {
    const auto probe = GENERATE(ClientDialog::Probe::no, ClientDialog::Probe::yes);
    const std::string death = GENERATE("!close", "421 4.4.2 timeout exceeded");
    Sample sample(1);
    ClientDialog dialog(hop(), {});
    dialog.begin(sample.what, ClientDialog::Probe::no);
    const std::vector<std::string> good{"250 m", "250 a", "354 go", "250 ok"};
    play(dialog, {"220 hi", piped, "250 m", "250 a", "354 go", "250 ok"});
    CHECK_FALSE(dialog.should_retry());
    dialog.begin(sample.what, probe);
    SECTION("at the first command") {
        play(dialog, {death});
        CHECK(dialog.should_retry());
    }
    SECTION("not later, when MAIL was answered") {
        auto script = good;
        if (probe == ClientDialog::Probe::yes) script.insert(script.begin(), "250 noop");
        script.end()[-1] = death;
        const auto played = play(dialog, script);
        CHECK_FALSE(dialog.should_retry());
        CHECK(played.results[0].code == 451);
    }
}

TEST_CASE("a thousand recipients are asked in portions that fit into socket buffers") {
    Sample sample(1000);
    ClientDialog dialog(hop(), {});
    dialog.begin(sample.what, ClientDialog::Probe::no);
    std::vector<std::string> script{"220 hi", piped, "250 m"};
    script.insert(script.end(), 1000, "250 a");
    script.insert(script.end(), {"354 go", "250 ok"});
    std::size_t open = 0, most = 0, at = 0;
    while (dialog.want() != Want::nothing) {
        if (dialog.want() == Want::write) {
            const auto out = dialog.take_output();
            open = static_cast<std::size_t>(std::count(out.begin(), out.end(), '\n'));
            most = std::max(most, open);
        } else if (dialog.want() == Want::text) {
            dialog.on_text_written();
        } else {
            REQUIRE(at < script.size());
            feed(dialog, script[at++]);
        }
    }
    CHECK(most == 100);
    const auto results = dialog.take_results();
    CHECK(std::ranges::all_of(results, [](const auto& result) { return result.code == 250; }));
}

}  // namespace tamis::deliver
