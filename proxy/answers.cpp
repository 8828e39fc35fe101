#include "proxy/answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "mail/address.h"

namespace tamis::proxy {

using policy::Destiny;
using policy::NotificationKind;

namespace {

Reply reply_of(const policy::Response& response) { return reply(response.code, response.enhanced, response.text); }

}  // namespace

Reply one_for_all(const std::vector<policy::RecipientOutcome>& outcomes, const std::vector<policy::RecipientVerdict>& verdicts,
                  const std::vector<NotificationKind>& notifications, const std::string& log_id) {
    const std::size_t total = outcomes.size();
    if (total == 0) return reply(250, "2.5.0", fmt::format("Ok, id={}", log_id));
    for (const auto& outcome : outcomes)
        if (outcome.tempfailed()) return reply_of(outcome.response);

    const auto is = [&](std::size_t i, Destiny destiny) { return !outcomes[i].relayed && verdicts[i].destiny == destiny; };
    std::size_t rejected = 0;
    std::size_t bounced = 0;
    std::size_t discarded = 0;
    const policy::Response* first_reject = nullptr;
    for (std::size_t i = 0; i < total; ++i) {
        if (is(i, Destiny::discard)) {
            ++discarded;
        } else if (is(i, Destiny::bounce)) {
            ++bounced;
        } else if (outcomes[i].response.code / 100 == 5) {
            ++rejected;
            const bool genuine = verdicts[i].blocking && verdicts[i].blocking->major == mail::Major::mta;
            if (first_reject == nullptr || genuine) first_reject = &outcomes[i].response;
        }
    }
    if (discarded == total) return reply_of(outcomes.front().response);
    if (rejected != 0 && rejected + discarded == total) return reply_of(*first_reject);

    Reply base = reply(250, "2.5.0", fmt::format("Ok, id={}", log_id));
    const auto relayed = std::ranges::find_if(outcomes, &policy::RecipientOutcome::relayed);
    if (relayed != outcomes.end()) base = reply_of(relayed->response);
    std::vector<std::string> suffix;
    const auto add = [&](std::size_t count, std::string_view word) {
        if (count != 0) suffix.push_back(count == total ? std::string(word) : fmt::format("{} {}", count, word));
    };
    add(rejected, "REJECT");
    const bool is_sent = std::ranges::find(notifications, NotificationKind::failed) != notifications.end();
    add(bounced, is_sent ? "BOUNCE" : "DISCARD(bounce.suppressed)");
    add(discarded, "DISCARD");
    if (suffix.empty()) return base;
    const bool all = rejected + bounced + discarded == total;
    std::string& text = base.lines.back();
    text += all ? ", " : ", but ";
    for (std::size_t i = 0; i < suffix.size(); ++i) text += (i == 0 ? "" : ", and ") + suffix[i];
    return base;
}

std::vector<Reply> one_each(const mail::Envelope& envelope, const std::vector<policy::RecipientOutcome>& outcomes,
                            const std::vector<policy::RecipientVerdict>& verdicts,
                            const std::vector<NotificationKind>& notifications) {
    std::vector<Reply> replies;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        const auto& response = outcomes[i].response;
        if (response.code / 100 != 5) {
            replies.push_back(reply_of(response));
            continue;
        }
        const std::string recipient = mail::smtp_form(envelope.recipients[i].address);
        const auto ok = [&](std::string_view what) {
            return reply(250, "2.5.0", fmt::format("Ok {}, {} ({})", recipient, what, response.line()));
        };
        if (notifications[i] == NotificationKind::failed) replies.push_back(ok("DSN was sent"));
        else if (notifications[i] == NotificationKind::suppressed) replies.push_back(ok("DSN suppressed"));
        else if (verdicts[i].destiny != Destiny::reject) replies.push_back(ok("DSN suppressed_2"));
        else replies.push_back(reply_of(response));
    }
    return replies;
}

}  // namespace tamis::proxy
