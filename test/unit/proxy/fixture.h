// fixture - a pipeline on fakes: each answers what the test tells it, and all write down what they were asked, in one list
//
// Only the files of the quarantine are real, in a folder of the test's own. Nothing here waits, unless a fake is told to be late.
#pragma once

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <catch2/catch.hpp>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "proxy/pipeline.h"
#include "proxy/received.h"
#include "test/unit/config/fixture.h"
#include "test/unit/quarantine/fixture.h"

namespace tamis::test {

using Steps = std::vector<std::string>;  // "look up", "open", "scan av", "submit a@example.com,b@example.com", "keep", ...

// Manner - how a fake answers: well, with a Fault, or not before the deadline and then with a timeout
struct Manner {
    std::optional<Fault> fault = {};
    bool is_late = false;

    static Manner failing(Errc code, std::string detail) { return {Fault{make_error_code(code), std::move(detail)}, false}; }
    static Manner late() { return {{}, true}; }
};

inline Task<Done> answered(Manner manner, Deadline deadline) {
    if (manner.is_late) {
        asio::steady_timer timer(co_await asio::this_coro::executor, deadline.at);
        auto [ignored] = co_await timer.async_wait(as_result);
        (void)ignored;
        co_return fail(Errc::timeout, "waited for an answer");
    }
    if (manner.fault) co_return std::unexpected(*manner.fault);
    co_return Done{};
}

class FakeSubmitter final : public deliver::Submitter {
public:
    explicit FakeSubmitter(Steps& steps) : steps_(steps) {}

    // answers - by recipient; who is not named is taken
    std::map<std::string, deliver::SubmissionResult> answers;
    struct Taken {
        std::string to, sender;
        std::vector<mail::Recipient> recipients;
        std::string text;
        bool aborts_on_partial_refusal = false;
    };
    std::vector<Taken> submitted;
    bool is_late = false;             // nobody gets an answer before the deadline
    std::function<void()> meanwhile;  // what happens while it has the message

    // said - what the next hop itself says about a recipient
    static deliver::SubmissionResult said(int code, std::string enhanced, std::string_view words) {
        deliver::SubmissionResult out;
        out.code = code;
        out.remote_reply = fmt::format("{} {} {}", code, enhanced, words);
        out.enhanced = std::move(enhanced);
        out.text = "from MTA(hop): " + out.remote_reply;
        out.from_next_hop = true;
        return out;
    }
    static deliver::SubmissionResult taken() { return said(250, "2.0.0", "Ok: queued as X1"); }
    static deliver::SubmissionResult refused(int code, std::string enhanced) { return said(code, std::move(enhanced), "no"); }
    // unheard - 451 of our own
    static deliver::SubmissionResult unheard(std::string why) {
        deliver::SubmissionResult out;
        out.enhanced = "4.4.2";
        out.text = std::move(why);
        return out;
    }
    static deliver::SubmissionResult unknown() {
        auto out = unheard("connection lost after the final dot");
        out.unknown_outcome = true;
        return out;
    }

    Task<std::vector<deliver::SubmissionResult>> submit(deliver::NextHop to, deliver::Submission what,
                                                        Deadline deadline) override {
        std::string names;
        for (const auto& recipient : what.recipients) names += (names.empty() ? "" : ",") + recipient.address;
        steps_.push_back("submit " + names);
        std::string text;
        for (const auto& piece : what.text.pieces)
            text += piece.size == 0 ? piece.literal : std::string(what.text.spool->head().substr(piece.offset, piece.size));
        submitted.push_back({to.shown, what.sender, what.recipients, std::move(text), what.abort_on_partial_refusal});
        if (meanwhile) meanwhile();
        std::vector<deliver::SubmissionResult> out;
        if (is_late) {
            (void)co_await answered(Manner::late(), deadline);
            out.assign(what.recipients.size(), unheard("timed out"));
            co_return out;
        }
        for (std::size_t i = 0; i < what.recipients.size(); ++i) {
            const auto known = answers.find(what.recipients[i].address);
            out.push_back(known == answers.end() ? taken() : known->second);
            if (out.back().code / 100 == 2 && what.on_taken) what.on_taken(i, out.back());
        }
        co_return out;
    }

private:
    Steps& steps_;
};

class FakeOpener final : public worker::MessageOpener {
public:
    explicit FakeOpener(Steps& steps) : steps_(steps) { contents.was_opened = true; }

    mail::Contents contents;
    bool is_late = false;

    Task<mail::Contents> open(std::shared_ptr<const mail::SealedSpool>, worker::OpenJob, Deadline deadline,
                              worker::ShowParts) override {
        steps_.emplace_back("open");
        if (is_late) {
            (void)co_await answered(Manner::late(), deadline);
            mail::Contents out;
            out.failure = "opening took too long";
            co_return out;
        }
        co_return contents;
    }

private:
    Steps& steps_;
};

class FakeScanner final : public scanners::Scanner {
public:
    FakeScanner(Steps& steps, std::string name, bool finds_viruses, mail::ScanOutcome says)
        : outcome(std::move(says)), steps_(steps), name_(std::move(name)), finds_viruses_(finds_viruses) {}

    mail::ScanOutcome outcome;
    bool required = true;
    bool is_late = false;

    std::string_view name() const noexcept override { return name_; }
    bool finds_viruses() const noexcept override { return finds_viruses_; }
    bool is_required() const noexcept override { return required; }
    Task<mail::ScanOutcome> scan(const scanners::ScanRequest&, Deadline deadline) override {
        steps_.push_back("scan " + name_);
        if (!is_late) co_return outcome;
        auto late = co_await answered(Manner::late(), deadline);
        co_return mail::Failed{std::move(late.error())};
    }
    std::string health() const override { return "ok"; }

private:
    Steps& steps_;
    std::string name_;
    bool finds_viruses_;
};

class FakeRecords final : public storage::RecordStore {
public:
    explicit FakeRecords(Steps& steps) : steps_(steps) {}

    Manner readiness, keeping, finishing;
    std::vector<mail::MessageRecord> kept, finished, told;  // by keep(), finish(), remember(); what came to pass
    std::vector<std::string> prefixes;                      // of the copies that keep() was given

    Done ready() const override {
        if (readiness.fault) return std::unexpected(*readiness.fault);
        return {};
    }
    Task<Done> keep(mail::MessageRecord record, std::optional<mail::QuarantineCopy> copy, Deadline deadline) override {
        steps_.emplace_back(copy ? "keep with copy" : "keep");
        auto done = co_await answered(keeping, deadline);
        if (!done) co_return done;
        kept.push_back(std::move(record));
        if (copy) prefixes.push_back(std::move(copy->prefix));
        co_return done;
    }
    Task<Done> finish(mail::MessageRecord record, Deadline deadline) override {
        steps_.emplace_back("finish");
        auto done = co_await answered(finishing, deadline);
        if (done) finished.push_back(std::move(record));
        co_return done;
    }
    void remember(mail::MessageRecord record) override {
        steps_.emplace_back("remember");
        told.push_back(std::move(record));
    }
    std::size_t remembered() const override { return told.size(); }
    Task<std::size_t> drain(Deadline) override { co_return 0; }

private:
    Steps& steps_;
};

class FakeLookups final : public storage::LookupStore {
public:
    explicit FakeLookups(Steps& steps) : steps_(steps) {}

    Manner manner;
    storage::LookupAnswer answer;

    Done ready() const override { return {}; }
    Task<Result<storage::LookupAnswer>> look_up(storage::LookupRequest, Deadline deadline) override {
        steps_.emplace_back("look up");
        if (auto done = co_await answered(manner, deadline); !done) co_return std::unexpected(std::move(done.error()));
        co_return answer;
    }
    void forget() override {}

private:
    Steps& steps_;
};

class FakePenPals final : public storage::PenPalStore {
public:
    explicit FakePenPals(Steps& steps) : steps_(steps) {}

    using Times = std::vector<std::optional<std::chrono::system_clock::time_point>>;
    Manner manner;
    std::optional<bool> is_original_known;

    Task<Result<Times>> last_written(storage::PenPalQuestion question, Deadline deadline) override {
        steps_.emplace_back("pen pals");
        if (auto done = co_await answered(manner, deadline); !done) co_return std::unexpected(std::move(done.error()));
        co_return Times(question.recipients.size());
    }
    Task<Result<std::optional<bool>>> knows_original(storage::OriginalQuestion, Deadline deadline) override {
        steps_.emplace_back("original");
        if (auto done = co_await answered(manner, deadline); !done) co_return std::unexpected(std::move(done.error()));
        co_return is_original_known;
    }

private:
    Steps& steps_;
};

enum class Protocol : bool { smtp, lmtp };

// Rig - the pipeline, what it stands on, and one engine of each kind that finds nothing
struct Rig {
    explicit Rig(std::string_view toml = {}) {
        settings = configured(fmt::format("forward = \"smtp:[127.0.0.1]:10025\"\n{}", toml));
        Problems problems("t.toml");
        const auto opened = config::make_snapshot(settings, problems);
        REQUIRE(opened);
        auto own = std::make_shared<config::Snapshot>(*opened);
        own->scanners = {av, spam};
        services.swap(std::move(own));
        services.records = records;
        services.lookups = lookups;
    }

    // received - queue id Q1, sender s@example.org
    proxy::ReceivedMail received(Protocol protocol, std::vector<std::string> recipients) {
        proxy::ReceivedMail job;
        job.envelope = envelope("s@example.org", std::move(recipients));
        job.envelope.client.ident = "Q1";
        deliver::SpoolWriter spool(services.snapshot()->spool, services.memory, {});
        REQUIRE(spool.append(text));
        proxy::ReceivedText whole;
        whole.spool = spool.seal().value();
        whole.size = text.size();
        whole.digest = "d1";
        job.message = proxy::received_message(std::move(whole), mail::LogId("1-01"));
        job.message.mail_id = mail::MailId("mailid000001");
        job.snapshot = services.snapshot();
        job.per_recipient_replies = protocol == Protocol::lmtp;
        job.client_is_gone = [this] {
            steps.emplace_back("is the client gone");
            return client_is_gone;
        };
        job.received_end = std::chrono::steady_clock::now();
        return job;
    }
    proxy::Answer process(proxy::ReceivedMail& job, Deadline deadline = Deadline::in(std::chrono::hours(1))) {
        std::optional<proxy::Answer> out;
        asio::co_spawn(context, pipeline.process(job, deadline), [&](const std::exception_ptr& broken, proxy::Answer answer) {
            if (broken) std::rethrow_exception(broken);
            out = std::move(answer);
        });
        context.run();
        context.restart();
        REQUIRE(out);
        return std::move(*out);
    }
    // replies - without line ends
    std::vector<std::string> replies(Protocol protocol, std::vector<std::string> recipients,
                                     Deadline deadline = Deadline::in(std::chrono::hours(1))) {
        auto job = received(protocol, std::move(recipients));
        return lines_of(process(job, deadline));
    }
    static std::vector<std::string> lines_of(const proxy::Answer& answer) {
        std::vector<std::string> out;
        for (const auto& reply : answer.replies) {
            out.push_back(reply.wire());
            out.back().resize(out.back().size() - 2);
        }
        return out;
    }

    Steps steps;
    std::string text =
        "Received: by mta\r\nFrom: s@example.org\r\nTo: a@example.com\r\nDate: Tue, 3 Jan 2023 10:00:00 +0100\r\n"
        "Subject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nbody\r\n";
    bool client_is_gone = false;
    std::shared_ptr<const config::Settings> settings;
    asio::io_context context;
    proxy::Services services{1ULL << 30, 100};
    std::shared_ptr<FakeScanner> av = std::make_shared<FakeScanner>(steps, "av", true, mail::Clean{});
    std::shared_ptr<FakeScanner> spam = std::make_shared<FakeScanner>(steps, "spam", false, mail::Scored{});
    std::shared_ptr<FakeRecords> records = std::make_shared<FakeRecords>(steps);
    std::shared_ptr<FakeLookups> lookups = std::make_shared<FakeLookups>(steps);
    std::shared_ptr<FakePenPals> pen_pals = std::make_shared<FakePenPals>(steps);  // not in `services`, unless the test says so
    FakeSubmitter next_hop{steps};
    FakeOpener opener{steps};
    proxy::Pipeline pipeline{services, next_hop, &opener};
};

}  // namespace tamis::test
