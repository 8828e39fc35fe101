// one message through the pipeline: every step failing in turn, and what is told, kept, handed over and noted then
#include "proxy/pipeline.h"

#include "test/unit/proxy/fixture.h"

using namespace tamis;
using namespace tamis::proxy;
using namespace tamis::test;
using Lines = std::vector<std::string>;

namespace {

const Lines two = {"a@example.com", "b@example.com"};
const std::string ok = "250 2.0.0 from MTA(hop): 250 2.0.0 Ok: queued as X1";
const mail::Scored much_spam{1000, {{"GTUBE", 1000}}, {}, {}, {}};

// same - the line for SMTP's only recipient-less reply, or once for each of two recipients
Lines same(Protocol protocol, const std::string& line) { return protocol == Protocol::lmtp ? Lines{line, line} : Lines{line}; }

bool is_submitted(const Rig& rig) {
    return std::ranges::any_of(rig.steps, [](const auto& step) { return step.starts_with("submit"); });
}

}  // namespace

TEST_CASE("a clean message passes all steps, in their order") {
    const auto protocol = GENERATE(Protocol::smtp, Protocol::lmtp);
    Rig rig;
    CHECK(rig.replies(protocol, two) == same(protocol, ok));
    CHECK(rig.steps == Steps{"look up", "open", "scan av", "scan spam", "is the client gone",
                             "submit a@example.com,b@example.com", "remember"});
    REQUIRE(rig.next_hop.submitted.size() == 1);
    CHECK(rig.next_hop.submitted[0].sender == "s@example.org");
    CHECK(rig.next_hop.submitted[0].to == "smtp:[127.0.0.1]:10025");
    CHECK(rig.next_hop.submitted[0].aborts_on_partial_refusal == (protocol == Protocol::smtp));
    CHECK_THAT(rig.next_hop.submitted[0].text, Catch::EndsWith("\r\n\r\nbody\r\n"));
    REQUIRE(rig.records->told.size() == 1);
    const auto& record = rig.records->told[0];
    CHECK(record.mail_id.get() == "mailid000001");
    CHECK(record.subject == "hello");
    CHECK(record.quarantine_type == ' ');
    REQUIRE(record.recipients.size() == 2);
    CHECK(record.recipients[1].disposition == 'P');
    CHECK(record.recipients[1].response == ok);
}

TEST_CASE("trouble before anything is handed over: 451 for all, and nothing leaves") {
    struct Row {
        const char* what;
        std::string toml;
        std::function<void(Rig&)> breaks;
        std::string section;
    };
    static const auto away = [](const char* detail) { return Manner::failing(Errc::unavailable, detail); };
    static const mail::Failed refused{{make_error_code(Errc::refused), "av: nobody there"}};
    const auto row = GENERATE_COPY(
        Row{"lookups away", "", [&](Rig& rig) { rig.lookups->manner = away("pg is not there"); }, "lookup FAILED: not available"},
        Row{"records away", "[storage]\nwait = 0\n", [&](Rig& rig) { rig.records->readiness = away("pg is not there"); },
            "lookup FAILED: not available"},
        Row{"antivirus away, and mail waits for it", "[policy]\nscanner_failure = \"tempfail\"\n",
            [&](Rig& rig) { rig.av->outcome = refused; }, "scan FAILED: not available"},
        Row{"spam scanner away, and mail waits for it", "[policy]\nscanner_failure = \"tempfail\"\n",
            [&](Rig& rig) { rig.spam->outcome = refused; }, "scan FAILED: not available"},
        Row{"pen pals away", "[policy]\npen_pals_bonus = 5\npen_pals_threshold_low = -10\n",
            [&](Rig& rig) {
                rig.services.pen_pals = rig.pen_pals;
                rig.pen_pals->manner = away("pg is not there");
                rig.spam->outcome = mail::Scored{3, {{"X", 3}}, {}, {}, {}};
            },
            "pen pals FAILED: not available"},
        Row{"the record cannot be kept", "",
            [&](Rig& rig) {
                rig.spam->outcome = much_spam;
                rig.records->keeping = away("pg is not there");
            },
            "storage FAILED: not available"},
        Row{"a copy cannot be written",
            "[policy]\nspam_quarantine = \"local:spam-%m\"\nquarantine_dir = \"/nonexistent/tamis/quarantine\"\n",
            [&](Rig& rig) { rig.spam->outcome = much_spam; }, "storage FAILED: temporarily unable to quarantine"},
        Row{"a mailed copy is not taken",
            "[policy]\nspam_quarantine = \"smtp:[127.0.0.1]:25\"\nspam_quarantine_to = \"q@example.com\"\n",
            [&](Rig& rig) {
                rig.spam->outcome = much_spam;
                rig.next_hop.answers["q@example.com"] = FakeSubmitter::refused(550, "5.1.1");
            },
            "storage FAILED: temporarily unable to quarantine"},
        Row{"the client is gone", "", [](Rig& rig) { rig.client_is_gone = true; },
            "delivery FAILED: connection closed by the peer"});
    const auto protocol = GENERATE(Protocol::smtp, Protocol::lmtp);
    CAPTURE(row.what);
    Rig rig(row.toml);
    row.breaks(rig);
    CHECK(rig.replies(protocol, two) == same(protocol, "451 4.5.0 Error in processing, id=1-01, " + row.section));
    for (const auto& submitted : rig.next_hop.submitted) CHECK(submitted.recipients[0].address == "q@example.com");
    CHECK(rig.services.delivered.empty());
    CHECK(rig.records->kept.empty());
    CHECK(rig.records->finished.empty());
    CHECK(rig.records->told.empty());
}

TEST_CASE("a scanner that fails, when mail does not wait for it") {
    struct Row {
        const char* what;
        bool antivirus, required;
        char content;  // of the record
    };
    const auto row = GENERATE(Row{"antivirus, required", true, true, 'U'}, Row{"antivirus, wanted", true, false, 'C'},
                              Row{"spam, required", false, true, 'U'}, Row{"spam, wanted", false, false, 'C'});
    const bool is_late = GENERATE(false, true);
    CAPTURE(row.what, is_late);
    Rig rig("[limits]\nscan = 0.1\n");
    const auto scanner = row.antivirus ? rig.av : rig.spam;
    scanner->outcome = mail::Failed{{make_error_code(Errc::refused), "nobody there"}};
    scanner->required = row.required;
    scanner->is_late = is_late;
    CHECK(rig.replies(Protocol::smtp, two) == Lines{ok});
    REQUIRE(rig.records->told.size() == 1);
    CHECK(std::string(1, rig.records->told[0].content) == std::string(1, row.content));
}

TEST_CASE("a message that could not be opened passes unchecked, unless the site will not have it") {
    Rig rig;
    rig.opener.contents = {};
    rig.opener.contents.failure = "no worker";
    CHECK(rig.replies(Protocol::smtp, two) == Lines{ok});
    REQUIRE(rig.records->told.size() == 1);
    CHECK(rig.records->told[0].content == 'U');
    Rig strict("[policy]\nscanner_failure = \"tempfail\"\n");
    strict.opener.contents = rig.opener.contents;
    CHECK(strict.replies(Protocol::smtp, two) == Lines{"451 4.5.0 Error in processing, id=1-01, scan FAILED: not available"});
    CHECK_FALSE(is_submitted(strict));
}

TEST_CASE("nothing is handed over before what must be kept is kept") {
    Rig rig("[policy]\nvirus_quarantine = \"sql:\"\n[recipients.\"b@example.com\"]\nvirus_lover = true\n");
    rig.av->outcome = mail::Infected{{"Eicar"}};
    CHECK(rig.replies(Protocol::lmtp, two) == Lines{"250 2.7.0 Ok, discarded, id=1-01 - INFECTED: Eicar", ok});
    CHECK(rig.steps == Steps{"look up", "open", "scan av", "scan spam", "keep with copy", "is the client gone",
                             "submit b@example.com", "finish"});
    REQUIRE(rig.records->prefixes.size() == 1);
    CHECK_THAT(rig.records->prefixes[0], Catch::Contains("X-Quarantine-ID: <mailid000001>"));
    REQUIRE(rig.records->kept.size() == 1);
    CHECK(rig.records->kept[0].recipients[0].disposition == 'D');
    CHECK(rig.records->kept[0].recipients[1].response.empty());
    REQUIRE(rig.records->finished.size() == 1);
    CHECK(rig.records->finished[0].recipients[0].disposition == 'D');
    CHECK(rig.records->finished[0].recipients[1].disposition == 'P');
    CHECK(rig.records->finished[0].recipients[1].response == ok);
}

TEST_CASE("a final record that cannot be written does not take an answer back") {
    Rig rig("[recipients.\"b@example.com\"]\nspam_lover = true\n");
    rig.spam->outcome = much_spam;
    rig.records->finishing =
        GENERATE(Manner::failing(Errc::unavailable, "pg is not there"), Manner::failing(Errc::timeout, "late"));
    CHECK(rig.replies(Protocol::lmtp, two) == Lines{"250 2.7.0 Ok, discarded, id=1-01 - spam", ok});
    CHECK(rig.records->kept.size() == 1);
    CHECK(rig.records->finished.empty());
}

TEST_CASE("a file is taken back when the record cannot be kept") {
    const Folder folder;
    auto rig = std::make_unique<Rig>(
        fmt::format("[policy]\nspam_quarantine = \"local:spam-%m\"\nquarantine_dir = \"{}\"\n", folder.path));
    rig->spam->outcome = much_spam;
    const bool is_kept = GENERATE(true, false);
    if (!is_kept) rig->records->keeping = Manner::failing(Errc::unavailable, "pg is not there");
    CHECK(rig->replies(Protocol::smtp, two) ==
          Lines{is_kept ? "250 2.7.0 Ok, discarded, id=1-01 - spam"
                        : "451 4.5.0 Error in processing, id=1-01, storage FAILED: not available"});
    CHECK_FALSE(is_submitted(*rig));
    REQUIRE(rig->records->kept.size() == (is_kept ? 1 : 0));
    if (is_kept) {
        CHECK(rig->records->kept[0].quarantine_location == "spam-mailid000001");
        CHECK(rig->records->kept[0].quarantine_type == 'F');
    }
    rig.reset();  // ends what the threads for files have in hand
    CHECK(std::filesystem::exists(folder.path + "/spam-mailid000001") == is_kept);
}

TEST_CASE("the next hop refuses one of two in one transaction") {
    struct Row {
        const char* what;
        deliver::SubmissionResult answer;  // about b
        std::string smtp;
        std::string lmtp;  // the reply for b
        char disposition;
    };
    const auto row =
        GENERATE(Row{"4xx", FakeSubmitter::refused(450, "4.2.0"),
                     "450 4.2.0 id=1-01 - Temporary MTA failure on relaying, from MTA(hop): 450 4.2.0 no",
                     "450 4.2.0 id=1-01 - Temporary MTA failure on relaying, from MTA(hop): 450 4.2.0 no", 'T'},
                 Row{"5xx", FakeSubmitter::refused(550, "5.1.1"), ok + ", but 1 REJECT",
                     "550 5.1.1 id=1-01 - Rejected by next-hop MTA on relaying, from MTA(hop): 550 5.1.1 no", 'R'},
                 Row{"unknown", FakeSubmitter::unknown(),
                     "451 4.4.2 id=1-01 - Temporary MTA failure on relaying, connection lost after the final dot",
                     "451 4.4.2 id=1-01 - Temporary MTA failure on relaying, connection lost after the final dot", 'T'});
    CAPTURE(row.what);
    const auto protocol = GENERATE(Protocol::smtp, Protocol::lmtp);
    Rig rig;
    rig.next_hop.answers["b@example.com"] = row.answer;
    auto job = rig.received(protocol, two);
    const auto answer = rig.process(job);
    CHECK(Rig::lines_of(answer) == (protocol == Protocol::smtp ? Lines{row.smtp} : Lines{ok, row.lmtp}));
    CHECK(rig.services.delivered.size() == 1);  // a has it, and the MTA does not know yet
    CHECK(rig.services.delivered.find(job.envelope, job.message, "a@example.com"));
    REQUIRE(rig.records->told.size() == 1);
    CHECK(rig.records->told[0].recipients[0].disposition == 'P');
    CHECK(rig.records->told[0].recipients[1].disposition == row.disposition);
    rig.pipeline.reply_arrived(job, answer);
    // SMTP: after a 4xx for all the MTA brings it again for both; else everybody was answered
    CHECK(rig.services.delivered.size() == (protocol == Protocol::smtp && row.disposition == 'T' ? 1 : 0));
}

TEST_CASE("a second try is not delivered again to who has it") {
    const auto protocol = GENERATE(Protocol::smtp, Protocol::lmtp);
    Rig rig;
    rig.next_hop.answers["b@example.com"] = FakeSubmitter::refused(450, "4.2.0");
    auto first = rig.received(protocol, two);
    rig.process(first);  // and the answer never arrives
    CHECK(rig.services.delivered.size() == 1);
    rig.steps.clear();
    rig.next_hop.answers.clear();
    auto second = rig.received(protocol, two);
    const auto answer = rig.process(second);
    CHECK(Rig::lines_of(answer) == same(protocol, ok));
    CHECK(rig.steps ==
          Steps{"look up", "open", "scan av", "scan spam", "is the client gone", "submit b@example.com", "remember"});
    CHECK(rig.services.delivered.size() == 2);
    rig.pipeline.reply_arrived(second, answer);
    CHECK(rig.services.delivered.empty());
}

TEST_CASE("without a queue id nothing is noted, and a second try is another message") {
    Rig rig;
    for (int i = 0; i < 2; ++i) {
        auto job = rig.received(Protocol::smtp, {"a@example.com"});
        job.envelope.client.ident.reset();
        rig.process(job);
    }
    CHECK(rig.services.delivered.empty());
    CHECK(rig.next_hop.submitted.size() == 2);
}

TEST_CASE("two delivery groups, whatever they answer in which order") {
    struct Word {
        const char* name;
        deliver::SubmissionResult answer;
        std::string lmtp;
    };
    const std::vector<Word> words = {
        {"taken", FakeSubmitter::taken(), ok},
        {"4xx", FakeSubmitter::refused(450, "4.2.0"),
         "450 4.2.0 id=1-01 - Temporary MTA failure on relaying, from MTA(hop): 450 4.2.0 no"},
        {"5xx", FakeSubmitter::refused(550, "5.1.1"),
         "550 5.1.1 id=1-01 - Rejected by next-hop MTA on relaying, from MTA(hop): 550 5.1.1 no"},
        {"unknown", FakeSubmitter::unknown(),
         "451 4.4.2 id=1-01 - Temporary MTA failure on relaying, connection lost after the final dot"}};
    const auto& a = GENERATE_COPY(from_range(words));
    const auto& b = GENERATE_COPY(from_range(words));
    const auto protocol = GENERATE(Protocol::smtp, Protocol::lmtp);
    CAPTURE(a.name, b.name);
    Rig rig("[recipients.\"b@example.com\"]\nforward_method = \"smtp:[127.0.0.1]:10026\"\n");
    rig.next_hop.answers["a@example.com"] = a.answer;
    rig.next_hop.answers["b@example.com"] = b.answer;
    const auto replies = rig.replies(protocol, two);
    const bool gives_up = protocol == Protocol::smtp && a.answer.code / 100 == 4;  // the MTA brings all of it again
    const auto is = [](const Word& word, int hundreds) { return word.answer.code / 100 == hundreds; };
    // SMTP has one reply only: it is 250 for the one, and the sender learns of the other by a notice
    const bool needs_notice = protocol == Protocol::smtp && ((is(a, 2) && is(b, 5)) || (is(a, 5) && is(b, 2)));
    REQUIRE(rig.next_hop.submitted.size() == (gives_up ? 1 : 2) + (needs_notice ? 1 : 0));
    if (needs_notice) CHECK(rig.steps[rig.steps.size() - 2] == "submit s@example.org");
    CHECK(rig.next_hop.submitted[0].to == "smtp:[127.0.0.1]:10025");
    if (!gives_up) CHECK(rig.next_hop.submitted[1].to == "smtp:[127.0.0.1]:10026");
    CHECK(rig.services.delivered.size() == (is(a, 2) ? 1U : 0U) + (is(b, 2) && !gives_up ? 1U : 0U));
    if (protocol == Protocol::lmtp) CHECK(replies == Lines{a.lmtp, b.lmtp});
    else if (is(a, 4)) CHECK(replies == Lines{a.lmtp});
    else if (is(b, 4)) CHECK(replies == Lines{b.lmtp});
    else if (is(a, 5) && is(b, 5)) CHECK(replies == Lines{a.lmtp});
    else if (is(a, 5) || is(b, 5)) CHECK(replies == Lines{ok + ", but 1 REJECT"});
    else CHECK(replies == Lines{ok});
}

TEST_CASE("a forward_method that cannot be used is a 451 for that recipient") {
    const auto protocol = GENERATE(Protocol::smtp, Protocol::lmtp);
    Rig rig;
    const auto shape = std::make_shared<const policy::RowShape>(std::vector<std::string>{"id", "email", "forward_method"});
    policy::UserRow::Values values = {"1", "b@example.com", "pipe:argv=/bin/true"};
    rig.lookups->answer.rows = {{}, {{shape, std::make_shared<const policy::UserRow::Values>(std::move(values)), {}}}};
    const std::string no = "451 4.3.5 forward_method of the recipient cannot be used, id=1-01";
    CHECK(rig.replies(protocol, two) == (protocol == Protocol::smtp ? Lines{no} : Lines{ok, no}));
    REQUIRE(rig.next_hop.submitted.size() == 1);
    CHECK(rig.next_hop.submitted[0].recipients.size() == 1);
}
