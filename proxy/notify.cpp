#include "proxy/notify.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "mail/address.h"

namespace tamis::proxy {
namespace {

metric::Counter& notices_total() {
    static metric::Counter counter("tamis_notices_total", "notices handed to the next hop, for each recipient");
    return counter;
}
metric::Counter& notices_refused() {
    static metric::Counter counter("tamis_notices_refused_total", "notices that the next hop refused with a 5xx");
    return counter;
}

}  // namespace

Task<Result<bool>> submit_notice(policy::Notice notice, std::string what, deliver::NextHop to, deliver::Submitter& submitter,
                                 std::string log_id, Deadline deadline) {
    mail::Envelope envelope;
    envelope.smtputf8 = notice.smtputf8;
    deliver::Submission submission;
    submission.envelope = &envelope;
    submission.sender = notice.sender;
    for (const auto& recipient : notice.recipients) submission.recipients.push_back({recipient, "NEVER", {}});
    submission.has_8bit = !is_ascii(notice.text);
    submission.text.pieces.push_back({std::move(notice.text), 0, 0});
    submission.needs_smtputf8 = notice.smtputf8;
    submission.log_id = log_id;
    const auto results = co_await submitter.submit(std::move(to), std::move(submission), deadline);
    bool taken = true;
    for (std::size_t i = 0; i < results.size(); ++i) {
        const auto& result = results[i];
        const std::string line = fmt::format("{} {} {}", result.code, result.enhanced, result.text);
        const std::string recipient = mail::smtp_form(notice.recipients[i]);
        if (result.code / 100 == 4)
            co_return fail(Errc::unavailable, fmt::format("the {} to {} was not taken: {}", what, recipient, line));
        if (result.code / 100 == 2) {
            notices_total().add();
            log::info(log_id, "{} to {}: {}", what, recipient, escaped(line, 300));
            continue;
        }
        notices_refused().add();
        log::error(log_id, "the {} to {} was refused: {}", what, recipient, escaped(line, 300));
        taken = false;
    }
    co_return taken;
}

Task<Done> submit_all(std::vector<policy::PeopleNotice> notices, deliver::NextHop to, deliver::Submitter& submitter,
                      std::string log_id, Deadline deadline) {
    for (auto& one : notices) {
        auto taken = co_await submit_notice(std::move(one.notice), fmt::format("{} notification", one.kind), to, submitter,
                                            log_id, deadline);
        if (!taken) co_return std::unexpected(std::move(taken.error()));
    }
    co_return Done{};
}

}  // namespace tamis::proxy
