// notices and deadlines in the pipeline: what is refused when, and what the time that runs out leaves behind
#include "proxy/pipeline.h"
#include "test/unit/proxy/fixture.h"

using namespace tamis;
using namespace tamis::proxy;
using namespace tamis::test;
using Lines = std::vector<std::string>;

namespace {

const Lines two = {"a@example.com", "b@example.com"};
const std::string ok = "250 2.0.0 from MTA(hop): 250 2.0.0 Ok: queued as X1";
const std::string rejected = "550 5.1.1 id=1-01 - Rejected by next-hop MTA on relaying, from MTA(hop): 550 5.1.1 no";

}  // namespace

TEST_CASE("the sender is told by a notice, and what the next hop says to that") {
    struct Row {
        const char* what;
        deliver::SubmissionResult notice;
        Lines smtp, lmtp;
        char dsn_sent;  // of the record; '-': there is none
    };
    const std::string failed = "451 4.5.0 Error in processing, id=1-01, notification FAILED: not available";
    const auto row = GENERATE_COPY(Row{"taken",
                                       FakeSubmitter::taken(),
                                       {ok + ", but 1 BOUNCE"},
                                       {ok, "250 2.5.0 Ok <b@example.com>, DSN was sent (" + rejected + ")"},
                                       'Y'},
                                   Row{"refused for good",
                                       FakeSubmitter::refused(550, "5.7.1"),
                                       {ok + ", but 1 DISCARD(bounce.suppressed)"},
                                       {ok, "250 2.5.0 Ok <b@example.com>, DSN suppressed (" + rejected + ")"},
                                       'q'},
                                   Row{"refused for now", FakeSubmitter::refused(450, "4.7.1"), {failed}, {failed, failed}, '-'});
    const auto protocol = GENERATE(Protocol::smtp, Protocol::lmtp);
    CAPTURE(row.what);
    // a bounce of a refusal by the next hop: the one notice that goes to the sender of clean mail
    Rig rig;
    auto job = rig.received(protocol, two);
    auto own = std::make_shared<config::Snapshot>(*job.snapshot);
    auto settings = std::make_shared<config::Settings>(*own->settings);
    settings->site_policy.destinies.mta_rejected = policy::Destiny::bounce;
    settings->tables.site = settings->site_policy;
    own->settings = settings;
    job.snapshot = own;
    rig.next_hop.answers["b@example.com"] = FakeSubmitter::refused(550, "5.1.1");
    rig.next_hop.answers["s@example.org"] = row.notice;
    const auto answer = rig.process(job);
    CHECK(Rig::lines_of(answer) == (protocol == Protocol::smtp ? row.smtp : row.lmtp));
    REQUIRE(rig.next_hop.submitted.size() == 2);
    CHECK(rig.next_hop.submitted[1].sender.empty());
    CHECK_THAT(rig.next_hop.submitted[1].text, Catch::Contains("multipart/report"));
    // until the client has its answer, a has the message and the journal knows it
    CHECK(rig.services.delivered.size() == 1);
    REQUIRE(rig.records->told.size() == (row.dsn_sent == '-' ? 0 : 1));
    if (row.dsn_sent != '-') CHECK(rig.records->told[0].dsn_sent == row.dsn_sent);
    rig.pipeline.reply_arrived(job, answer);
    CHECK(rig.services.delivered.size() == (row.dsn_sent == '-' ? 1 : 0));
}

TEST_CASE("an administrator is told, and what the next hop says to that") {
    struct Row {
        const char* what;
        deliver::SubmissionResult notice;
        std::string reply;
    };
    const auto row = GENERATE(
        Row{"taken", FakeSubmitter::taken(), "250 2.7.0 Ok, discarded, id=1-01 - INFECTED: Eicar"},
        Row{"refused for good", FakeSubmitter::refused(550, "5.7.1"), "250 2.7.0 Ok, discarded, id=1-01 - INFECTED: Eicar"},
        Row{"refused for now", FakeSubmitter::refused(450, "4.7.1"),
            "451 4.5.0 Error in processing, id=1-01, notification FAILED: not available"});
    CAPTURE(row.what);
    Rig rig("[policy]\nvirus_admin = \"admin@example.com\"\n");
    rig.av->outcome = mail::Infected{{"Eicar"}};
    rig.next_hop.answers["admin@example.com"] = row.notice;
    CHECK(rig.replies(Protocol::smtp, two) == Lines{row.reply});
    REQUIRE(rig.next_hop.submitted.size() == 1);
    CHECK(rig.next_hop.submitted[0].recipients[0].notify == "NEVER");
    CHECK(rig.records->kept.size() == 1);  // the copy was made before
    CHECK(rig.services.delivered.empty());
    // a virus counts as known when its notice was taken, so that the next try tells of it again
    CHECK(rig.services.seen_viruses.any_new({"Eicar"}) == (row.notice.code / 100 == 4));
}

TEST_CASE("the time is over at each step") {
    struct Row {
        const char* what;
        std::function<void(Rig&)> breaks;
        std::string reply;
        bool is_handed_over;
    };
    const std::string error = "451 4.5.0 Error in processing, id=1-01, ";
    const mail::Scored spam{1000, {{"GTUBE", 1000}}, {}, {}, {}};
    const auto row = GENERATE_COPY(
        Row{"lookup", [](Rig& rig) { rig.lookups->manner = Manner::late(); }, error + "lookup FAILED: timed out", false},
        Row{"records away", [](Rig& rig) { rig.records->readiness = Manner::failing(Errc::unavailable, "pg is not there"); },
            error + "lookup FAILED: not available", false},
        Row{"opening", [](Rig& rig) { rig.opener.is_late = true; }, error + "scan FAILED: not available", false},
        Row{"antivirus", [](Rig& rig) { rig.av->is_late = true; }, error + "scan FAILED: not available", false},
        Row{"spam scanner", [](Rig& rig) { rig.spam->is_late = true; }, error + "scan FAILED: not available", false},
        Row{"keeping",
            [spam](Rig& rig) {
                rig.spam->outcome = spam;
                rig.records->keeping = Manner::late();
            },
            error + "storage FAILED: timed out", false},
        Row{"hand-over", [](Rig& rig) { rig.next_hop.is_late = true; },
            "451 4.4.2 id=1-01 - Temporary MTA failure on relaying, timed out", true});
    const bool has_passed = GENERATE(true, false);  // before the first step, or while it waits
    CAPTURE(row.what, has_passed);
    Rig rig("[policy]\nscanner_failure = \"tempfail\"\n");
    row.breaks(rig);
    const auto deadline =
        has_passed ? Deadline{Deadline::Clock::now() - std::chrono::seconds(1)} : Deadline::in(std::chrono::milliseconds(20));
    CHECK(rig.replies(Protocol::smtp, two, deadline) == Lines{row.reply});
    CHECK(rig.next_hop.submitted.size() == (row.is_handed_over ? 1 : 0));
    CHECK(rig.services.delivered.empty());
    CHECK(rig.records->kept.empty());
    CHECK(rig.records->finished.empty());
}

TEST_CASE("a message that goes round in circles is refused before anything is asked") {
    const auto protocol = GENERATE(Protocol::smtp, Protocol::lmtp);
    const int hops = GENERATE(100, 101);
    Rig rig;
    rig.text = "Subject: x\r\nFrom: s@example.org\r\nDate: Tue, 3 Jan 2023 10:00:00 +0100\r\n";
    for (int i = 0; i < hops; ++i) rig.text += "Received: by x\r\n";
    rig.text += "\r\n";
    const auto replies = rig.replies(protocol, two);
    REQUIRE(replies.size() == (protocol == Protocol::lmtp ? 2 : 1));
    if (hops <= 100) {
        CHECK(replies.back() == ok);
        return;
    }
    CHECK(replies.back() == "554 5.4.6 Reject: Too many hops: 101 'Received:' header fields, id=1-01");
    CHECK(rig.steps.empty());
}

TEST_CASE("a bounce of mail that was never sent: the records are asked, and their answer decides") {
    struct Row {
        const char* what;
        std::optional<bool> known;
        Manner manner;
        std::string reply;
    };
    const auto row = GENERATE(Row{"ours", true, {}, ok}, Row{"not ours", false, {}, "250 2.7.0 Ok, discarded, id=1-01 - spam"},
                              Row{"the tables cannot tell", {}, {}, ok},
                              Row{"away",
                                  {},
                                  Manner::failing(Errc::unavailable, "pg is not there"),
                                  "451 4.5.0 Error in processing, id=1-01, bounce killer FAILED: not available"});
    CAPTURE(row.what);
    Rig rig("[policy]\nbounce_killer_score = 100\n");
    rig.services.pen_pals = rig.pen_pals;
    rig.pen_pals->is_original_known = row.known;
    rig.pen_pals->manner = row.manner;
    rig.text =
        "From: MAILER-DAEMON@example.org\r\nTo: a@example.com\r\nDate: Tue, 3 Jan 2023 10:00:00 +0100\r\n"
        "Subject: failed\r\nMessage-ID: <2@example.org>\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b--\r\n";
    mail::AttachedHeader original;
    original.part = 1;
    original.fields = 5;
    original.message_id = "<1@example.net>";
    original.from = "a@example.com";
    mail::Part root, status, header;
    root.number = 1;
    root.path = "1";
    root.types = {"multipart/report"};
    status.number = 2;
    status.parent = 1;
    status.path = "1/1";
    status.types = {"message/delivery-status"};
    header.number = 3;
    header.parent = 1;
    header.path = "1/2";
    header.types = {"text/rfc822-headers"};
    original.part = 3;
    rig.opener.contents.parts = {root, status, header};
    rig.opener.contents.attached_headers = {original};
    auto job = rig.received(Protocol::smtp, {"a@example.com"});
    job.envelope.sender.clear();
    CHECK(Rig::lines_of(rig.process(job)) == Lines{row.reply});
    CHECK(std::ranges::find(rig.steps, "original") != rig.steps.end());
}

TEST_CASE("somebody else hands over: the pipeline only says what is to pass") {
    Rig rig("[recipients.\"b@example.com\"]\nvirus_lover = true\n");
    rig.av->outcome = mail::Infected{{"Eicar"}};
    auto job = rig.received(Protocol::lmtp, two);
    std::vector<std::size_t> asked;
    job.hand_over = [&](const deliver::DeliveryGroup& group, const std::vector<policy::RecipientVerdict>& verdicts) {
        asked = group.members;
        CHECK(verdicts.size() == 2);
        return std::vector<deliver::SubmissionResult>(group.members.size(), FakeSubmitter::taken());
    };
    CHECK(Rig::lines_of(rig.process(job)) == Lines{"250 2.7.0 Ok, discarded, id=1-01 - INFECTED: Eicar", ok});
    CHECK(asked == std::vector<std::size_t>{1});
    CHECK(rig.next_hop.submitted.empty());
}
