#include "proxy/notify.h"

#include "base/log.h"
#include "test/unit/proxy/fixture.h"

using namespace tamis;
using namespace tamis::proxy;
using namespace tamis::test;

namespace {

policy::Notice notice_to(std::vector<std::string> recipients, std::string text = "Subject: x\r\n\r\nbody\r\n") {
    policy::Notice out;
    out.recipients = std::move(recipients);
    out.text = std::move(text);
    return out;
}

template <class T>
T run(Task<T> task) {
    asio::io_context context;
    std::optional<T> out;
    asio::co_spawn(context, std::move(task), [&](const std::exception_ptr& broken, T result) {
        if (broken) std::rethrow_exception(broken);
        out = std::move(result);
    });
    context.run();
    return std::move(*out);
}

const Deadline far = Deadline::in(std::chrono::hours(1));

}  // namespace

TEST_CASE("a notice to two, whatever is said about each") {
    struct Row {
        int a, b;
        std::string result;  // "taken", "refused" or the Fault
    };
    const auto row =
        GENERATE(Row{250, 250, "taken"}, Row{250, 550, "refused"}, Row{550, 250, "refused"}, Row{550, 550, "refused"},
                 Row{450, 250, "the DSN to <a@x.org> was not taken: 450 0.0.0 from MTA(hop): 450 0.0.0 no"},
                 Row{250, 450, "the DSN to <b@x.org> was not taken: 450 0.0.0 from MTA(hop): 450 0.0.0 no"},
                 Row{550, 450, "the DSN to <b@x.org> was not taken: 450 0.0.0 from MTA(hop): 450 0.0.0 no"});
    CAPTURE(row.a, row.b);
    Steps steps;
    FakeSubmitter hop(steps);
    hop.answers["a@x.org"] = FakeSubmitter::said(row.a, "0.0.0", "no");
    hop.answers["b@x.org"] = FakeSubmitter::said(row.b, "0.0.0", "no");
    log::capture(true);
    const auto result = run(submit_notice(notice_to({"a@x.org", "b@x.org"}), "DSN", {}, hop, "1-01", far));
    const auto said = log::captured();
    log::capture(false);
    CHECK((!result ? result.error().detail : *result ? "taken" : "refused") == row.result);
    if (!result) CHECK(result.error().is(Errc::unavailable));
    const auto refusals =
        std::ranges::count_if(said, [](const auto& line) { return line.find("was refused") != std::string::npos; });
    CHECK(refusals == (row.a == 550 ? 1 : 0) + (row.a != 450 && row.b == 550 ? 1 : 0));
    REQUIRE(hop.submitted.size() == 1);
    CHECK(hop.submitted[0].sender.empty());
    CHECK(hop.submitted[0].text == "Subject: x\r\n\r\nbody\r\n");
    for (const auto& recipient : hop.submitted[0].recipients) CHECK(recipient.notify == "NEVER");
}

TEST_CASE("several notices: the first that must come again ends it, a refusal does not") {
    Steps steps;
    FakeSubmitter hop(steps);
    hop.answers["b@x.org"] = FakeSubmitter::refused(550, "5.1.1");
    hop.answers["c@x.org"] = FakeSubmitter::refused(450, "4.2.0");
    std::vector<policy::PeopleNotice> notices;
    for (const auto* to : {"a@x.org", "b@x.org", "c@x.org", "d@x.org"}) notices.push_back({notice_to({to}), "virus_admin"});
    log::capture(true);
    const auto done = run(submit_all(std::move(notices), {}, hop, "1-01", far));
    log::capture(false);
    REQUIRE_FALSE(done);
    CHECK_THAT(done.error().detail, Catch::StartsWith("the virus_admin notification to <c@x.org> was not taken: 450 4.2.0"));
    CHECK(steps == Steps{"submit a@x.org", "submit b@x.org", "submit c@x.org"});
    CHECK(run(submit_all({}, {}, hop, "1-01", far)).has_value());
}
