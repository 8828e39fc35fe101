// which copies are kept, in which order they are written, and what is left when one of them fails
#include "quarantine/keep.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <sstream>

#include "test/unit/quarantine/fixture.h"

using namespace tamis;
using namespace tamis::quarantine;

namespace {

using Lines = std::vector<std::string>;

mail::Message message_of(const std::string& text) {
    mail::Message out;
    out.mail_id = mail::MailId("mailid000001");
    out.log_id = mail::LogId("1-01");
    out.digest = "d1";
    out.spool = std::make_shared<mail::SealedSpool>(-1, text.size(), text);
    return out;
}

mail::Envelope envelope_of(std::vector<std::string> recipients) {
    mail::Envelope out;
    out.sender = "s@example.org";
    for (auto& each : recipients) out.recipients.push_back({std::move(each), {}, {}});
    return out;
}

policy::RecipientVerdict verdict_of(std::string method, std::string to) {
    policy::RecipientVerdict out;
    out.quarantine = std::move(method);
    out.quarantine_to = std::move(to);
    return out;
}

policy::RecipientPolicy archiving(std::string method, std::string to = "archive-quarantine") {
    policy::RecipientPolicy out;
    out.quarantine.archive = std::move(method);
    out.quarantine_to.archive = std::move(to);
    return out;
}

// shown - "Q sql:mailid000001", and "(archive)" behind an archive
Lines shown(const QuarantinePlan& plan) {
    Lines out;
    for (const auto& copy : plan.copies)
        out.push_back(std::string(1, copy.type) + " " + copy.location + (copy.is_archive ? " (archive)" : ""));
    return out;
}

// Hop - a next hop that refuses whom it is told to, and sees which files are there when it is asked
class Hop final : public deliver::Submitter {
public:
    explicit Hop(const test::Folder& folder) : folder_(folder) {}

    std::string refused;
    struct Taken {
        std::string to, sender, recipient, text;
        std::size_t files;
    };
    std::vector<Taken> taken;

    Task<std::vector<deliver::SubmissionResult>> submit(deliver::NextHop to, deliver::Submission what, Deadline) override {
        std::string text;
        for (const auto& piece : what.text.pieces)
            text += piece.size == 0 ? piece.literal : std::string(what.text.spool->head().substr(piece.offset, piece.size));
        const auto& recipient = what.recipients.at(0).address;
        const auto files = std::distance(std::filesystem::directory_iterator(folder_.path), {});
        taken.push_back({to.shown, what.sender, recipient, std::move(text), static_cast<std::size_t>(files)});
        deliver::SubmissionResult result;
        result.code = recipient == refused ? 550 : 250;
        result.enhanced = recipient == refused ? "5.1.1" : "2.0.0";
        result.text = "so it says";
        co_return std::vector<deliver::SubmissionResult>{result};
    }

private:
    const test::Folder& folder_;
};

Done run(Task<Done> task) {
    asio::io_context context;
    std::optional<Done> out;
    asio::co_spawn(context, std::move(task), [&](const std::exception_ptr& broken, Done done) {
        if (broken) std::rethrow_exception(broken);
        out = std::move(done);
    });
    context.run();
    return std::move(*out);
}

std::string content(const std::string& path) {
    const std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

const std::string prefix = "X-Quarantine-ID: <mailid000001>\n";
const std::string text = "Subject: x\r\n\r\nbody\r\n";

}  // namespace

TEST_CASE("where the copy of one recipient goes") {
    struct Row {
        std::string method, to;
        Lines plan;
        int subdir_levels = 0;
        std::int64_t partition_tag = 0;
        std::string notify = "smtp:[127.0.0.1]:10025";
    };
    const auto row =
        GENERATE(Row{"", "spam-quarantine", {}}, Row{"sql:", "", {}}, Row{"sql:", "spam-quarantine", {"Q mailid000001"}},
                 Row{"sql:", "spam-quarantine", {"Q mailid000001[7]"}, 0, 7},
                 Row{"local:spam-%m", "spam-quarantine", {"F spam-mailid000001"}},
                 Row{"local:spam-%m", "spam-quarantine", {"F m/spam-mailid000001"}, 1},
                 Row{"local:spam-%m.gz", "spam-quarantine", {"Z spam-mailid000001.gz"}},
                 Row{"mbox:/var/spool/q", "spam-quarantine", {"F /var/spool/q"}},
                 Row{"smtp:[127.0.0.1]:25", "q@example.com", {"M q@example.com"}},
                 Row{"lmtp:[127.0.0.1]:24", "q@example.com", {"L q@example.com"}},
                 Row{"q@example.com", "spam-quarantine", {"M q@example.com"}},
                 Row{"q@example.com", "spam-quarantine", {"L q@example.com"}, 0, 0, "lmtp:[127.0.0.1]:24"},
                 Row{"smtp:[127.0.0.1]:25", "%a", {"M a@example.com"}});
    CAPTURE(row.method, row.to);
    QuarantineOptions options;
    options.directory = "/q";
    options.subdir_levels = row.subdir_levels;
    options.partition_tag = row.partition_tag;
    options.notify = deliver::parse_next_hop(row.notify).value();
    const auto plan = plan_quarantine(envelope_of({"a@example.com"}), message_of(text), {verdict_of(row.method, row.to)},
                                      {archiving("")}, options);
    REQUIRE(plan);
    CHECK(shown(*plan) == row.plan);
    CHECK(plan->wants_sql() == (!row.plan.empty() && row.plan[0].starts_with('Q')));
    CHECK_FALSE(plan->is_archived());
    CHECK(plan->type() == (row.plan.empty() ? ' ' : row.plan[0][0]));
}

TEST_CASE("a target that several name is one copy; archives come last") {
    const auto envelope = envelope_of({"a@example.com", "b@example.com", "c@example.com"});
    const std::vector verdicts = {verdict_of("local:spam-%m", "x"), verdict_of("sql:", "x"), verdict_of("local:spam-%m", "y")};
    const std::vector policies = {archiving("local:all-%m"), archiving("sql:"), archiving("local:all-%m")};
    const auto plan = plan_quarantine(envelope, message_of(text), verdicts, policies, {});
    REQUIRE(plan);
    CHECK(shown(*plan) == Lines{"F spam-mailid000001", "Q mailid000001", "F all-mailid000001 (archive)"});
    CHECK(plan->location() == "spam-mailid000001,mailid000001,all-mailid000001");
    CHECK(plan->type() == 'F');
    CHECK(plan->is_archived());
}

TEST_CASE("the same address by two servers is two copies, by one server one") {
    const auto envelope = envelope_of({"a@example.com", "b@example.com"});
    const bool is_same = GENERATE(true, false);
    const std::vector verdicts = {verdict_of("smtp:[127.0.0.1]:25", "q@example.com"),
                                  verdict_of(is_same ? "smtp:[127.0.0.1]:25" : "smtp:[127.0.0.1]:26", "q@example.com")};
    const auto plan = plan_quarantine(envelope, message_of(text), verdicts, {archiving(""), archiving("")}, {});
    REQUIRE(plan);
    CHECK(plan->copies.size() == (is_same ? 1 : 2));
}

TEST_CASE("a target that means nothing is a Fault, also of an archive") {
    const bool is_archive = GENERATE(true, false);
    const std::vector verdicts = {verdict_of(is_archive ? "" : "ftp:x", "x")};
    const auto plan =
        plan_quarantine(envelope_of({"a@example.com"}), message_of(text), verdicts, {archiving(is_archive ? "ftp:x" : "")}, {});
    REQUIRE_FALSE(plan);
    CHECK_THAT(plan.error().detail, Catch::StartsWith("quarantine method \"ftp:x\": not known"));
}

TEST_CASE("files come first, then mailboxes, then what is mailed; a fault takes the files back") {
    const test::Folder folder;
    Hop hop(folder);
    const auto envelope = envelope_of({"a@example.com", "b@example.com", "c@example.com", "d@example.com"});
    const auto message = message_of(text);
    QuarantineOptions options;
    options.directory = folder.path;
    options.sender = GENERATE("", "original", "q@example.net");
    const std::vector verdicts = {verdict_of("smtp:[127.0.0.1]:25", "q@example.com"), verdict_of("sql:", "x"),
                                  verdict_of("mbox:box", "x"), verdict_of("local:spam-%m", "x")};
    const auto plan =
        plan_quarantine(envelope, message, verdicts, {archiving(""), archiving(""), archiving(""), archiving("")}, options);
    REQUIRE(plan);
    CHECK(shown(*plan) == Lines{"M q@example.com", "Q mailid000001", "F box", "F spam-mailid000001"});
    hop.refused = GENERATE("", "q@example.com");
    {
        FileKeeper files;
        const auto done =
            run(keep_copies(*plan, envelope, message, prefix, options, files, hop, Deadline::in(std::chrono::hours(1))));
        CHECK(done.has_value() == hop.refused.empty());
        if (!done) {
            CHECK(done.error().is(Errc::unavailable));
            CHECK(done.error().detail == "temporarily unable to quarantine: <q@example.com>: 550 5.1.1 so it says");
        }
    }  // ends what its threads have in hand
    REQUIRE(hop.taken.size() == 1);
    CHECK(hop.taken[0].to == "smtp:[127.0.0.1]:25");
    CHECK(hop.taken[0].sender == (options.sender == "original" ? "s@example.org" : options.sender));
    CHECK(hop.taken[0].files == 2);
    CHECK(hop.taken[0].text == "X-Quarantine-ID: <mailid000001>\r\n" + text);
    CHECK(std::filesystem::exists(folder.path + "/spam-mailid000001") == hop.refused.empty());
    CHECK_THAT(content(folder.path + "/box"), Catch::StartsWith("From s@example.org "));  // what was appended stays
    if (hop.refused.empty())
        CHECK(
            content(folder.path + "/spam-mailid000001") ==
            "Return-Path: <s@example.org>\nDelivered-To: spam-mailid000001\nX-Quarantine-ID: <mailid000001>\nSubject: x\n\nbody\n");
}

TEST_CASE("a file that is there already is never overwritten, and nothing is mailed then") {
    const test::Folder folder;
    Hop hop(folder);
    folder.put("spam-mailid000001", "somebody else's");
    QuarantineOptions options;
    options.directory = folder.path;
    const auto envelope = envelope_of({"a@example.com", "b@example.com"});
    const auto message = message_of(text);
    const auto plan =
        plan_quarantine(envelope, message, {verdict_of("smtp:[127.0.0.1]:25", "q@example.com"), verdict_of("local:spam-%m", "x")},
                        {archiving(""), archiving("")}, options);
    REQUIRE(plan);
    {
        FileKeeper files;
        const auto done =
            run(keep_copies(*plan, envelope, message, prefix, options, files, hop, Deadline::in(std::chrono::hours(1))));
        REQUIRE_FALSE(done);
        CHECK_THAT(done.error().detail, Catch::StartsWith("temporarily unable to quarantine: "));
    }
    CHECK(hop.taken.empty());
    CHECK(content(folder.path + "/spam-mailid000001") == "somebody else's");
}

TEST_CASE("withdrawn: the files go, an mbox stays as it is") {
    const test::Folder folder;
    Hop hop(folder);
    QuarantineOptions options;
    options.directory = folder.path;
    const auto envelope = envelope_of({"a@example.com", "b@example.com"});
    const auto message = message_of(text);
    const auto plan = plan_quarantine(envelope, message, {verdict_of("mbox:box", "x"), verdict_of("local:spam-%m", "x")},
                                      {archiving("local:all-%m"), archiving("")}, options);
    REQUIRE(plan);
    {
        FileKeeper files;
        REQUIRE(run(keep_copies(*plan, envelope, message, prefix, options, files, hop, Deadline::in(std::chrono::hours(1)))));
        CHECK(std::filesystem::exists(folder.path + "/all-mailid000001"));
        withdraw_copies(*plan, options, files);
    }
    CHECK_FALSE(std::filesystem::exists(folder.path + "/spam-mailid000001"));
    CHECK_FALSE(std::filesystem::exists(folder.path + "/all-mailid000001"));
    CHECK_FALSE(content(folder.path + "/box").empty());
}

TEST_CASE("when the time is over no file appears") {
    const test::Folder folder;
    Hop hop(folder);
    QuarantineOptions options;
    options.directory = folder.path;
    const auto envelope = envelope_of({"a@example.com"});
    const auto message = message_of(text);
    const auto plan = plan_quarantine(envelope, message, {verdict_of("local:spam-%m", "x")}, {archiving("")}, options);
    REQUIRE(plan);
    {
        FileKeeper files;
        const Deadline over{Deadline::Clock::now() - std::chrono::seconds(1)};
        const auto done = run(keep_copies(*plan, envelope, message, prefix, options, files, hop, over));
        REQUIRE_FALSE(done);
        CHECK(done.error().is(Errc::timeout));
    }
    CHECK_FALSE(std::filesystem::exists(folder.path + "/spam-mailid000001"));
}
