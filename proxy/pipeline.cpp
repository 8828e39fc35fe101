#include "proxy/pipeline.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "mail/address.h"
#include "policy/marks.h"
#include "policy/summary.h"
#include "proxy/answers.h"
#include "proxy/pipeline_state.h"

namespace tamis::proxy {

using policy::Destiny;
using policy::NotificationKind;

namespace {

metric::Counter& messages_total() {
    static metric::Counter counter("tamis_messages_total", "messages whose data was received");
    return counter;
}
metric::Counter& messages_tempfailed() {
    static metric::Counter counter("tamis_messages_internal_tempfail_total", "messages answered 451 for trouble of ours");
    return counter;
}
std::string header_text(const mail::Message& message, std::string_view name, bool decoded) {
    const auto head = message.spool->head();
    const auto* field = message.header.find(name, head);
    if (field == nullptr) return {};
    std::string text = mail::unfolded(mail::HeaderBlock::value(*field, head));
    return decoded ? mail::decode_words(text) : text;
}

// disposition_letter - msgrcpt.ds (docs/amavis/sql.md 5)
char disposition_letter(const policy::RecipientVerdict& verdict, const policy::RecipientOutcome& outcome) {
    if (outcome.tempfailed()) return 'T';
    if (outcome.response.code / 100 == 5) return verdict.destiny == Destiny::bounce ? 'B' : 'R';
    if (verdict.destiny == Destiny::discard) return 'D';
    if (verdict.destiny == Destiny::bounce) return 'B';
    return verdict.destiny == Destiny::pass ? 'P' : '?';
}

}  // namespace

// process - the ten steps' second half; docs/life-of-a-message.md tells the same story
Task<Answer> Pipeline::process(ReceivedMail& job, Deadline deadline) {
    messages_total().add();
    State state(job);
    if (auto loop = loop_refusal(state)) co_return std::move(*loop);
    if (auto done = co_await look_up(state, deadline); !done) co_return nothing_sent(state, "lookup", done.error());
    co_await open(state, deadline);
    if (auto done = co_await scan(state, deadline); !done) co_return nothing_sent(state, "scan", done.error());
    if (auto done = co_await ask_pen_pals(state, deadline); !done) co_return nothing_sent(state, "pen pals", done.error());
    if (auto done = co_await ask_about_bounce(state, deadline); !done)
        co_return nothing_sent(state, "bounce killer", done.error());
    judge(state);
    if (auto done = co_await keep(state, deadline); !done) co_return nothing_sent(state, "storage", done.error());
    if (job.client_is_gone && job.client_is_gone())
        co_return nothing_sent(state, "delivery",
                               Fault{make_error_code(Errc::closed), "the client is gone, nothing was handed over"});
    co_await deliver(state, deadline);
    if (auto done = co_await notify(state, deadline); !done) co_return sent_in_part(state, "notification", done.error());
    co_await record(state, deadline);
    co_return answer(state);
}

// loop_refusal - more than 100 Received fields: this message goes round in circles (RFC 5321 section 6.3)
std::optional<Answer> Pipeline::loop_refusal(State& state) {
    constexpr std::size_t most_hops = 100;
    const auto hops = state.message.header.find_all("Received", state.message.spool->head()).size();
    if (hops <= most_hops) return {};
    const Reply text =
        reply(554, "5.4.6", fmt::format("Reject: Too many hops: {} 'Received:' header fields, id={}", hops, state.log_id));
    log::warning(
        state.log_id,
        "Blocked MTA-BLOCKED, mail loop: {} Received fields, {} -> {}; look for a content_filter on the re-injection port", hops,
        mail::smtp_form(state.envelope.sender), counted(state.envelope.recipients.size(), "recipient"));
    Answer out;
    out.outcomes = state.outcomes;
    out.replies.assign(state.job.per_recipient_replies ? state.envelope.recipients.size() : 1, text);
    return out;
}

// judge - step 7: pure
void Pipeline::judge(State& state) {
    const bool soft = state.shared.settings->policy.soft_bounce;
    for (std::size_t i = 0; i < state.policies.size(); ++i) {
        state.verdicts.push_back(policy::judge(state.findings, state.found[i], state.policies[i]));
        const auto& verdict = state.verdicts.back();
        if (!verdict.quarantine.empty()) state.quarantined = true;
        if (verdict.passes()) continue;
        state.outcomes[i].response = policy::blocked_response(verdict, state.log_id, state.findings, soft);
        state.settled[i] = true;
    }
}

policy::Case Pipeline::State::as_case() const {
    policy::Case out{envelope, message, findings, policies, found, verdicts, outcomes};
    out.policy_path = policy_path;
    out.originating = originating;
    out.per_recipient_replies = job.per_recipient_replies;
    for (const auto& copy : plan.copies) out.copies.push_back({copy.location, copy.is_archive});
    out.dsn_sent = std::ranges::find(notifications, NotificationKind::failed) != notifications.end();
    return out;
}

mail::MessageRecord Pipeline::State::make_record() const {
    mail::MessageRecord out;
    out.mail_id = message.mail_id;
    out.secret_id = message.secret_id;
    out.log_id = message.log_id;
    out.received_at = message.received_at;
    out.sender = envelope.sender;
    out.policy_path = policy_path;
    out.client_address = envelope.client.address.value_or(envelope.peer_address);  // without XFORWARD: who connected, as amavisd
    out.size = message.size;
    out.originating = originating;
    out.content = mail::sql_letter(policy::worst_blocking(verdicts).value_or(policy::worst_main(verdicts)));
    out.partition_tag = shared.settings->storage.partition_tag;
    out.local_case_matters = shared.settings->policy.local_part_is_case_sensitive;
    out.quarantine_type = plan.type();
    out.quarantine_location = plan.location();
    std::optional<double> lowest;
    out.dsn_sent = 'N';
    for (const auto kind : notifications) {
        if (kind == NotificationKind::failed) out.dsn_sent = 'Y';
        if (kind == NotificationKind::suppressed && out.dsn_sent == 'N') out.dsn_sent = 'q';
    }
    out.message_id = header_text(message, "Message-ID", false);
    out.from = header_text(message, "From", true);
    out.subject = header_text(message, "Subject", true);
    out.host = shared.site.hostname;
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        const auto& verdict = verdicts[i];
        const auto& outcome = outcomes[i];
        mail::RecipientRecord row;
        row.address = envelope.recipients[i].address;
        row.is_local = policies[i].is_local;
        row.content = mail::sql_letter(verdict.blocking.value_or(verdict.main()));
        row.disposition = settled[i] ? disposition_letter(verdict, outcome) : 'P';
        row.blacklisted = found[i].blacklisted;
        row.whitelisted = found[i].whitelisted;
        row.score = verdict.score.value_or(0);
        row.response = settled[i] ? outcome.response.line() : "";
        if (verdict.score) lowest = std::min(lowest.value_or(*verdict.score), *verdict.score);
        out.recipients.push_back(std::move(row));
    }
    out.spam_level = lowest.value_or(0);
    return out;
}

// keep - step 8: what is not handed over must be on disk before anybody is told
Task<Done> Pipeline::keep(State& state, Deadline deadline) {
    const auto& options = state.shared.settings->quarantine;
    auto plan = quarantine::plan_quarantine(state.envelope, state.message, state.verdicts, state.policies, options);
    if (!plan) co_return fail(plan.error().code, "temporarily unable to quarantine: " + describe(plan.error()));
    state.plan = std::move(*plan);
    std::string prefix;
    if (!state.plan.copies.empty()) {
        prefix = policy::quarantine_prefix(state.as_case(), state.shared.site);
        auto done = co_await quarantine::keep_copies(state.plan, state.envelope, state.message, prefix, options, services_.files,
                                                     submitter_, deadline);
        if (!done) co_return done;
    }
    if (!services_.records) co_return Done{};
    const bool blocks_silently = std::ranges::any_of(state.verdicts, [](const auto& verdict) {
        return !verdict.passes() && (verdict.destiny == Destiny::discard || verdict.destiny == Destiny::bounce);
    });
    // else rejected, tempfailed or passed: the MTA keeps it or it is handed over, the record can follow
    if (state.plan.copies.empty() && !blocks_silently) co_return Done{};
    std::optional<mail::QuarantineCopy> copy;
    if (state.plan.wants_sql()) copy = mail::QuarantineCopy{std::move(prefix), state.message.spool};
    auto done = co_await services_.records->keep(state.make_record(), std::move(copy), deadline);
    if (!done) {
        quarantine::withdraw_copies(state.plan, options, services_.files);
        co_return done;
    }
    state.kept = true;
    co_return Done{};
}

// record - step 10, first half: the final record. What was delivered can not be taken back: it never fails the message
Task<void> Pipeline::record(State& state, Deadline deadline) {
    if (!services_.records) co_return;
    const bool passes = std::ranges::all_of(state.verdicts, [](const auto& verdict) { return verdict.passes(); });
    if (!state.kept) {
        if (!passes || state.shared.settings->storage.record_all) services_.records->remember(state.make_record());
        co_return;
    }
    const bool changed = std::ranges::any_of(state.outcomes, &policy::RecipientOutcome::relayed) ||
                         std::ranges::any_of(state.notifications, [](auto kind) { return kind != NotificationKind::none; }) ||
                         std::ranges::any_of(state.verdicts, [](const auto& verdict) {
                             return verdict.blocking && verdict.blocking->major == mail::Major::mta;
                         });
    if (!changed) co_return;
    auto done = co_await services_.records->finish(state.make_record(), deadline);
    if (!done)
        log::error(state.log_id, "the record of {} is kept but its final state could not be written: {}",
                   state.message.mail_id.get(), describe(done.error()));
}

// answer - step 10, second half: one summary line, and what the client is told
Answer Pipeline::answer(State& state) {
    const auto& settings = *state.shared.settings;
    Answer out;
    out.outcomes = state.outcomes;
    if (state.job.per_recipient_replies)
        out.replies = one_each(state.envelope, state.outcomes, state.verdicts, state.notifications);
    else out.replies = {one_for_all(state.outcomes, state.verdicts, state.notifications, state.log_id)};
    auto summary = state.as_case();
    if (!state.job.per_recipient_replies) summary.one_reply = out.replies.front().code;
    summary.elapsed =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - state.job.received_end);
    if (settings.log.format != "json")
        for (const auto& line : policy::summary_lines(summary)) log::notice(state.log_id, "{}", line);
    if (settings.log.format != "amavis")
        log::record(log::Level::notice, state.log_id,
                    policy::summary_json(summary, settings.log.target == "syslog" ? log::syslog_record_limit : 0));
    if (state.message.normalised != 0)
        log::info(state.log_id, "{} (bare CR, bare LF, NUL) of this message put right; a DKIM signature may break",
                  counted(state.message.normalised, "octet"));
    return out;
}

// reply_arrived - a 4xx for all leaves those who have the message in the journal: the MTA will try them again
void Pipeline::reply_arrived(const ReceivedMail& job, const Answer& answer) {
    for (std::size_t i = 0; i < answer.outcomes.size(); ++i) {
        const auto& told = answer.replies[job.per_recipient_replies ? i : 0];
        if (answer.outcomes[i].relayed && told.code / 100 != 4)
            services_.delivered.forget(job.envelope, job.message, job.envelope.recipients[i].address);
    }
}

namespace {

// reason_for_outside - what kind of trouble it is, without the host, path or database that the Fault names
std::string reason_for_outside(const Fault& fault) {
    constexpr std::string_view keeping = "temporarily unable to quarantine";
    if (fault.detail.starts_with(keeping)) return std::string(keeping);
    return fault.code ? fault.code.message() : std::string("see the log");
}

// tempfail_all - 451 for everybody. Which host or database it was stays in the log: the text of the answer may travel to the sender.
Answer tempfail_all(const ReceivedMail& job, const std::vector<policy::RecipientOutcome>& outcomes, std::string_view section,
                    const Fault& fault) {
    messages_tempfailed().add();
    const auto& log_id = job.message.log_id.get();
    log::error(log_id, "TempFailed {} {} -> {}: {} FAILED: {}; the mail stays with the MTA", job.message.mail_id.get(),
               mail::smtp_form(job.envelope.sender), counted(job.envelope.recipients.size(), "recipient"), section,
               escaped(describe(fault), 600));
    const Reply text =
        reply(451, "4.5.0", fmt::format("Error in processing, id={}, {} FAILED: {}", log_id, section, reason_for_outside(fault)));
    Answer out;
    out.outcomes = outcomes;
    out.replies.assign(job.per_recipient_replies ? job.envelope.recipients.size() : 1, text);
    return out;
}

}  // namespace

// nothing_sent - trouble before anybody was handed the message: 451 for all, and the MTA keeps it. Copies for the quarantine may be
// there already (mailed ones, and all of them when the client is gone): they stay, and the next try makes its own.
Answer Pipeline::nothing_sent(State& state, std::string_view section, const Fault& fault) {
    return tempfail_all(state.job, state.outcomes, section, fault);
}

// sent_in_part - trouble after the hand-over, so with a notice: 451 for all nevertheless, because nobody would repeat the notice
// otherwise. Who was handed the message stands in the journal (reply_arrived() leaves him there after a 4xx), and the next try
// does not give it to him twice.
Answer Pipeline::sent_in_part(State& state, std::string_view section, const Fault& fault) {
    return tempfail_all(state.job, state.outcomes, section, fault);
}

}  // namespace tamis::proxy
