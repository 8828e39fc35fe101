// pipeline_deliver - step 9: hand over what passes, and tell whom it concerns
#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "deliver/groups.h"
#include "mail/address.h"
#include "policy/after_relay.h"
#include "policy/marks.h"
#include "policy/notices.h"
#include "proxy/notify.h"
#include "proxy/pipeline_state.h"

namespace tamis::proxy {

using policy::NotificationKind;

namespace {

metric::Counter& duplicates_avoided() {
    static metric::Counter counter("tamis_duplicates_avoided_total", "recipients not delivered to a second time");
    return counter;
}

// relay_reply - a result in the words of policy/after_relay.h
policy::RelayReply relay_reply(const deliver::SubmissionResult& result, const deliver::NextHop& to) {
    policy::RelayReply out{result.code, result.enhanced, result.text, result.remote_reply};
    if (result.from_next_hop) out.remote_mta = to.endpoint.is_unix() ? "localhost" : to.endpoint.host;
    out.takes_dsn = result.takes_dsn;
    return out;
}

}  // namespace

// deliver - step 9: recipients with equal edits and the same next hop form one transaction
Task<void> Pipeline::deliver(State& state, Deadline deadline) {
    const auto groups = delivery_groups(state);
    bool giving_up = false;  // SMTP: one 4xx brings the whole message back, so nobody else is served in this try
    for (const auto& group : groups) {
        if (!giving_up) {
            giving_up = co_await deliver_group(state, group, deadline) && !state.job.per_recipient_replies;
            continue;
        }
        for (const auto i : group.members) {
            state.outcomes[i].response = {451, "4.5.0",
                                          fmt::format("Giving up due to previous temporary failures, id={}", state.log_id)};
            state.settled[i] = true;
        }
    }
}

// delivery_groups - of those who shall get it now; who has it already, or can not be given it, is settled here
std::vector<deliver::DeliveryGroup> Pipeline::delivery_groups(State& state) {
    const auto& settings = *state.shared.settings;
    const auto whole = state.as_case();
    std::vector<deliver::DeliveryGroup> groups;
    for (std::size_t i = 0; i < state.verdicts.size(); ++i) {
        if (state.settled[i]) continue;
        const auto& recipient = state.envelope.recipients[i].address;
        if (auto before = services_.delivered.find(state.envelope, state.message, recipient)) {
            log::notice(state.log_id, "{} has this message already, not delivered again: {}", mail::smtp_form(recipient),
                        before->response.line());
            duplicates_avoided().add();
            state.outcomes[i] = *before;
            state.settled[i] = true;
            continue;
        }
        auto to = deliver::next_hop_of(state.policies[i], settings.forward);
        if (!to) {
            log::error(state.log_id, "the forward_method of {} cannot be used: {}; the mail stays with the MTA",
                       mail::smtp_form(recipient), escaped(describe(to.error()), 300));
            state.outcomes[i].response = {451, "4.3.5",
                                          fmt::format("forward_method of the recipient cannot be used, id={}", state.log_id)};
            state.settled[i] = true;
            continue;
        }
        auto edits = policy::edits_for(whole, i, state.shared.site, state.quarantined);
        auto addressed =
            deliver::addressed_as(state.envelope.recipients[i], state.verdicts[i], state.policies[i], settings.extension);
        if (addressed.address != recipient) state.outcomes[i].final_address = addressed.address;
        deliver::join_group(groups, std::move(edits), std::move(*to), i, std::move(addressed));
    }
    return groups;
}

// deliver_group - one transaction, and what its answers mean; true: somebody got a 4xx. Over SMTP the client gets one reply for all, so
// a group of which some are put off (4xx) is given up before its data (abort_on_partial_refusal): our one reply must be a 4xx then,
// and the mail comes again to all
Task<bool> Pipeline::deliver_group(State& state, const deliver::DeliveryGroup& group, Deadline deadline) {
    deliver::Submission submission;
    submission.envelope = &state.envelope;
    submission.sender = state.envelope.sender;
    submission.recipients = group.recipients;
    submission.text = group.edits.apply(state.message);
    submission.has_8bit = state.message.has_8bit;
    submission.has_8bit_header = state.message.has_8bit_header;
    submission.needs_smtputf8 = state.envelope.smtputf8;
    submission.log_id = state.log_id;
    submission.abort_on_partial_refusal = !state.job.per_recipient_replies;
    // noted while the reply is still warm: a kill from now until our own answer must not make a second copy
    submission.on_taken = [&state, &group, this](std::size_t k, const deliver::SubmissionResult& result) {
        const std::size_t i = group.members[k];
        services_.delivered.remember(state.envelope, state.message, state.envelope.recipients[i].address,
                                     policy::outcome_of(state.outcomes[i], relay_reply(result, group.to)));
    };
    std::vector<deliver::SubmissionResult> results;
    if (state.job.hand_over) results = state.job.hand_over(group, state.verdicts);
    else results = co_await submitter_.submit(group.to, std::move(submission), deadline);
    const auto soft = policy::SoftBounce(state.shared.settings->policy.soft_bounce);
    bool is_any_temporary = false;
    for (std::size_t k = 0; k < group.members.size(); ++k) {
        const std::size_t i = group.members[k];
        auto after = policy::after_relay(std::move(state.verdicts[i]), std::move(state.outcomes[i]),
                                         relay_reply(results[k], group.to), state.policies[i], state.log_id, soft);
        state.verdicts[i] = std::move(after.verdict);
        state.outcomes[i] = std::move(after.outcome);
        state.settled[i] = true;
        is_any_temporary = is_any_temporary || after.is_temporary;
        if (!state.outcomes[i].relayed)
            log::warning(state.log_id, "not relayed: {} -> {}: {}", mail::smtp_form(state.envelope.sender),
                         mail::smtp_form(state.envelope.recipients[i].address), escaped(state.outcomes[i].response.line(), 400));
    }
    co_return is_any_temporary;
}

// notify_people - step 9: administrators, and recipients from whom mail was kept
Task<Done> Pipeline::notify_people(State& state, Deadline deadline) {
    const auto& settings = *state.shared.settings;
    policy::PeopleOptions options;
    options.texts = &settings.notice_texts;
    options.is_new_virus = services_.seen_viruses.any_new(state.findings.viruses);
    options.warn_offsite = settings.notices.warn_offsite;
    options.hostname = state.shared.site.hostname;
    options.from = settings.notices.from;
    options.sender = settings.notices.sender;
    options.now = std::chrono::system_clock::now();
    auto done = co_await submit_all(policy::people_notices(state.as_case(), options), settings.notify, submitter_, state.log_id,
                                    deadline);
    if (done && options.is_new_virus) services_.seen_viruses.remember(state.findings.viruses);
    co_return done;
}

// notify - step 9, last part: the sender is told about what neither we nor the MTA can give back as a reply
Task<Done> Pipeline::notify(State& state, Deadline deadline) {
    if (auto done = co_await notify_people(state, deadline); !done) co_return done;
    const bool all_fine = std::ranges::all_of(state.outcomes, [](const auto& outcome) { return outcome.relayed; });
    const bool asked =
        std::ranges::any_of(state.envelope.recipients, [](const auto& recipient) { return !recipient.notify.empty(); });
    if (all_fine && !asked) co_return Done{};
    const auto whole = state.as_case();
    policy::NotificationOptions options;
    options.next_hop_takes_dsn = false;  // each outcome says it for itself
    options.hostname = state.shared.site.hostname;
    options.postmaster = "postmaster@" + state.shared.site.hostname;
    options.mail_id = mail::draw_message_ids().mail_id.get();
    options.now = std::chrono::system_clock::now();
    const auto decisions = policy::decide_notifications(whole, options);
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        state.notifications[i] = decisions[i].kind;
        if (decisions[i].kind == NotificationKind::suppressed)
            log::info(state.log_id, "no notification about {}: {}", mail::smtp_form(state.envelope.recipients[i].address),
                      decisions[i].why);
    }
    const auto notice = policy::delivery_status_notification(whole, options, decisions);
    if (!notice) co_return Done{};
    if (state.envelope.ret == "FULL")
        log::info(state.log_id, "RET=FULL was asked for; a notification holds the header section only, never the body");
    auto taken = co_await submit_notice(*notice, "DSN", state.shared.settings->notify, submitter_, state.log_id, deadline);
    if (!taken) co_return std::unexpected(std::move(taken.error()));
    // refused: nobody was told after all, and what can still be said as a reply is said as a reply
    if (!*taken) std::ranges::replace(state.notifications, NotificationKind::failed, NotificationKind::suppressed);
    co_return Done{};
}

}  // namespace tamis::proxy
