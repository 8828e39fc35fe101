#include "proxy/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <set>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "mail/address.h"
#include "policy/marks.h"
#include "policy/notices.h"
#include "proxy/answers.h"
#include "proxy/deliver/groups.h"
#include "proxy/look_up.h"
#include "proxy/notify.h"

namespace tamis::proxy {

using policy::Destiny;
using policy::DsnKind;

namespace {

metric::Counter& messages_total() {
    static metric::Counter counter("tamis_messages_total", "messages whose data was received");
    return counter;
}
metric::Counter& messages_tempfailed() {
    static metric::Counter counter("tamis_messages_internal_tempfail_total", "messages answered 451 for trouble of ours");
    return counter;
}
metric::Counter& duplicates_avoided() {
    static metric::Counter counter("tamis_duplicates_avoided_total", "recipients not delivered to a second time");
    return counter;
}

std::string header_text(const mail::Message& message, std::string_view name, bool decoded) {
    const auto head = message.spool->head();
    const auto* field = message.header.find(name, head);
    if (field == nullptr) return {};
    std::string text = mail::unfolded(mail::HeaderBlock::value(*field, head));
    return decoded ? mail::decode_words(text) : text;
}

// disposition_letter - msgrcpt.ds (amavis-sql.md "Codes")
char disposition_letter(const policy::RecipientVerdict& verdict, const policy::RecipientOutcome& outcome) {
    if (outcome.tempfailed()) return 'T';
    if (outcome.response.code / 100 == 5) return verdict.destiny == Destiny::bounce ? 'B' : 'R';
    if (verdict.destiny == Destiny::discard) return 'D';
    if (verdict.destiny == Destiny::bounce) return 'B';
    return verdict.destiny == Destiny::pass ? 'P' : '?';
}

// wanted_scanners - spam scanners rest when nobody wants to know: everybody bypasses, or the sender lists have decided
scanners::ScannerList wanted_scanners(const scanners::ScannerList& all, const std::vector<policy::RecipientPolicy>& policies) {
    const bool score_matters = std::ranges::any_of(policies, [](const auto& wanted) {
        return !wanted.bypass_spam_checks && !wanted.whitelisted && !wanted.blacklisted;
    });
    if (score_matters) return all;
    scanners::ScannerList out;
    std::ranges::copy_if(all, std::back_inserter(out), [](const auto& scanner) { return scanner->finds_viruses(); });
    return out;
}

}  // namespace

struct Pipeline::State {
    Job&                                  job;
    mail::Envelope&                       envelope;
    const mail::Message&                  message;
    const Snapshot&                       shared;
    const std::string&                    log_id;
    bool                                  originating = false;
    std::string                           policy_path;
    std::vector<policy::RecipientPolicy>  policies;
    mail::Evidence                        evidence;
    policy::Findings                      findings;
    std::vector<policy::RecipientVerdict> verdicts;
    std::vector<policy::RecipientOutcome> outcomes;
    std::vector<bool>                     settled;       // the outcome of that recipient is final
    std::vector<DsnKind>                  dsn;
    bool                                  quarantined = false;  // a copy because of what was found, not an archive
    QuarantinePlan                        plan;          // which copies are kept
    bool                                  kept = false;  // the record is committed, finish() updates it

    explicit State(Job& from)
        : job(from),
          envelope(from.envelope),
          message(from.message),
          shared(*from.snapshot),
          log_id(from.message.log_id.get()),
          outcomes(from.envelope.recipients.size()),
          settled(from.envelope.recipients.size(), false),
          dsn(from.envelope.recipients.size(), DsnKind::none) {}

    mail::MessageRecord make_record() const;
    bool                is_all_settled() const { return std::ranges::all_of(settled, std::identity()); }
};

// process - the ten steps' second half; docs/life-of-a-message.md tells the same story
Task<Answer> Pipeline::process(Job& job, Deadline deadline) {
    messages_total().add();
    State state(job);
    if (auto loop = loop_refusal(state)) co_return std::move(*loop);
    if (auto done = co_await look_up(state, deadline); !done) co_return failed(state, "lookup", done.error());
    if (auto done = co_await scan(state, deadline); !done) co_return failed(state, "scan", done.error());
    if (auto done = co_await ask_pen_pals(state, deadline); !done) co_return failed(state, "pen pals", done.error());
    judge(state);
    if (auto done = co_await keep(state, deadline); !done) co_return failed(state, "storage", done.error());
    if (job.client_is_gone && job.client_is_gone())
        co_return failed(state, "delivery", Fault{make_error_code(Errc::closed), "the client is gone, nothing was handed over"});
    co_await deliver(state, deadline);
    if (auto done = co_await notify(state, deadline); !done) co_return failed(state, "notification", done.error());
    co_await record(state, deadline);
    co_return answer(state);
}

// loop_refusal - more than 100 Received fields: this message goes round in circles (RFC 5321 section 6.3)
std::optional<Answer> Pipeline::loop_refusal(State& state) {
    constexpr std::size_t most_hops = 100;
    const auto hops = state.message.header.find_all("Received", state.message.spool->head()).size();
    if (hops <= most_hops) return {};
    const Reply text = reply(554, "5.4.6", fmt::format("Reject: Too many hops: {} 'Received:' header fields, id={}", hops, state.log_id));
    log::warning(state.log_id, "Blocked MTA-BLOCKED, mail loop: {} Received fields, {} -> {} recipient(s); look for a content_filter on the re-injection port",
                 hops, mail::smtp_form(state.envelope.sender), state.envelope.recipients.size());
    Answer out;
    out.outcomes = state.outcomes;
    out.replies.assign(state.job.per_recipient_replies ? state.envelope.recipients.size() : 1, text);
    return out;
}

// look_up - step 4: whose mail is it, and what does every recipient want
Task<Done> Pipeline::look_up(State& state, Deadline deadline) {
    const auto& settings = *state.shared.settings;
    log::info(state.log_id, "Checking: {} {} -> {} recipient(s)", state.message.mail_id.get(),
              mail::smtp_form(state.envelope.sender), state.envelope.recipients.size());
    if (auto asked = co_await ask_wishes(state, deadline); !asked) co_return asked;
    if (!services_.records) co_return Done{};
    // a database that is away: wait a little (it may be a restart), then 451 before anything was handed over
    const Deadline patience = deadline.sooner(settings.storage.wait);
    for (;;) {
        auto ready = services_.records->ready();
        if (ready || patience.passed()) co_return ready;
        asio::steady_timer pause(co_await asio::this_coro::executor, std::chrono::milliseconds(50));
        co_await pause.async_wait(as_result);
    }
}

// ask_wishes - policy banks, one lookup for the whole message, and each recipient's settings from all layers
Task<Done> Pipeline::ask_wishes(State& state, Deadline deadline) {
    const auto& settings = *state.shared.settings;
    const auto banks = choose_banks(settings, state.envelope);
    state.originating = banks.originating;
    state.policy_path = banks.path;
    const auto request = make_lookup(settings, state.envelope, from_addresses(state.message));
    storage::LookupAnswer found;
    if (services_.lookups) {
        auto answer = co_await services_.lookups->look_up(request, deadline);
        if (!answer) co_return std::unexpected(std::move(answer.error()));
        found = std::move(*answer);
    }
    std::set<std::string> told;  // a row that serves many recipients is told of once
    for (auto& wishes : resolve(settings, banks, request, found.rows)) {
        told.insert(wishes.effective.problems.begin(), wishes.effective.problems.end());
        told.insert(wishes.senders.problems.begin(), wishes.senders.problems.end());
        for (const auto& reason : wishes.senders.reasons)
            log::info(state.log_id, "{}: {}", mail::smtp_form(state.envelope.recipients[state.policies.size()].address), reason);
        state.policies.push_back(std::move(wishes.effective.policy));
    }
    for (const auto& problem : told) log::warning(state.log_id, "lookup: {}", problem);
    co_return Done{};
}

// scan - step 6: all wanted scanners at the same time under one deadline
Task<Done> Pipeline::scan(State& state, Deadline deadline) {
    const auto& settings = *state.shared.settings;
    const scanners::ScanRequest request{&state.message, &state.envelope, state.shared.site.hostname,
                                        state.envelope.client.address ? std::string_view(*state.envelope.client.address)
                                                                      : std::string_view()};
    state.evidence.scans =
        co_await scanners::scan_all(wanted_scanners(state.shared.scanners, state.policies), request,
                                    deadline.sooner(settings.limits.scan));
    state.findings = policy::findings_from(state.evidence);
    state.findings.size = state.message.size;
    state.findings.null_sender = state.envelope.sender.empty();
    state.findings.is_bulk = policy::is_bulk_mail(state.envelope, state.message);
    for (const auto& engine : state.findings.failed_engines)
        log::warning(state.log_id, "scanner failed for this message: {}", escaped(engine, 300));
    const bool failed = state.findings.unchecked_minor && state.findings.viruses.empty();
    if (failed && settings.policy.scanner_failure == "tempfail")
        co_return fail(Errc::unavailable, join(state.findings.failed_engines, "; "));
    co_return Done{};
}

// ask_pen_pals - who wrote to whom before; asked only for recipients to whom it can make a difference
Task<Done> Pipeline::ask_pen_pals(State& state, Deadline deadline) {
    const auto& settings = *state.shared.settings;
    if (!services_.pen_pals || !settings.pen_pals.is_on()) co_return Done{};
    const auto sender = policy::address_pieces(state.envelope.sender, settings.tables.keys);
    policy::PenPalFacts facts;
    facts.null_sender = sender.is_null();
    facts.infected = !state.findings.viruses.empty();
    facts.originating = state.originating;
    facts.is_sender_local = settings.tables.is_local(sender);
    storage::PenPalQuestion question;
    std::vector<std::size_t> asked;
    for (std::size_t i = 0; i < state.policies.size(); ++i) {
        const auto& wanted = state.policies[i];
        const auto& address = state.envelope.recipients[i].address;
        facts.is_local = wanted.is_local;
        facts.is_own_address = policy::address_pieces(address, settings.tables.keys).normal() == sender.normal();
        facts.score.reset();
        if (state.findings.score && !wanted.bypass_spam_checks) facts.score = *state.findings.score + wanted.score_boost;
        if (wanted.whitelisted || wanted.blacklisted || !policy::wants_pen_pals(facts, settings.pen_pals)) continue;
        question.recipients.push_back(address);
        asked.push_back(i);
    }
    if (asked.empty()) co_return Done{};
    constexpr int half_lives_asked = 10;  // the bonus is below a thousandth then
    const auto now = std::chrono::system_clock::now();
    question.sender = state.envelope.sender;
    question.references = referenced_message_ids(state.message);
    question.since = now - half_lives_asked * settings.pen_pals.half_life;
    auto times = co_await services_.pen_pals->last_written(std::move(question), deadline);
    if (!times) co_return std::unexpected(std::move(times.error()));
    for (std::size_t k = 0; k < asked.size(); ++k) {
        if (!(*times)[k]) continue;
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - *(*times)[k]);
        state.policies[asked[k]].pen_pal_bonus = policy::pen_pal_bonus(age, settings.pen_pals);
    }
    co_return Done{};
}

// judge - step 7: pure
void Pipeline::judge(State& state) {
    const bool soft = state.shared.settings->policy.soft_bounce;
    for (std::size_t i = 0; i < state.policies.size(); ++i) {
        state.verdicts.push_back(policy::judge(state.findings, state.policies[i]));
        const auto& verdict = state.verdicts.back();
        if (!verdict.quarantine.empty()) state.quarantined = true;
        if (verdict.passes()) continue;
        state.outcomes[i].response = policy::blocked_response(verdict, state.log_id, state.findings, soft);
        state.settled[i] = true;
    }
}

mail::MessageRecord Pipeline::State::make_record() const {
    mail::MessageRecord out;
    out.mail_id = message.mail_id;
    out.secret_id = message.secret_id;
    out.log_id = message.log_id;
    out.received_at = message.received_at;
    out.sender = envelope.sender;
    out.policy_path = policy_path;
    out.client_address = envelope.client.address.value_or("");
    out.size = message.size;
    out.originating = originating;
    out.content = mail::sql_letter(policy::worst_blocking(verdicts).value_or(policy::worst_main(verdicts)));
    out.partition_tag = shared.settings->storage.partition_tag;
    out.quarantine_type = plan.type();
    out.quarantine_location = plan.location();
    std::optional<double> lowest;
    out.dsn_sent = 'N';
    for (const auto kind : dsn) {
        if (kind == DsnKind::failed) out.dsn_sent = 'Y';
        if (kind == DsnKind::suppressed && out.dsn_sent == 'N') out.dsn_sent = 'q';
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
        row.blacklisted = policies[i].blacklisted;
        row.whitelisted = policies[i].whitelisted;
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
    auto plan = plan_quarantine(state.envelope, state.message, state.verdicts, state.policies, options);
    if (!plan) co_return fail(plan.error().code, "temporarily unable to quarantine: " + describe(plan.error()));
    state.plan = std::move(*plan);
    std::string prefix;
    if (!state.plan.copies.empty()) {
        prefix = policy::quarantine_prefix(state.verdicts, state.policies, state.findings, state.envelope,
                                           state.message, state.shared.site);
        auto done = co_await keep_copies(state.plan, state.envelope, state.message, prefix, options, services_.files,
                                         reinjector_, deadline);
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
        withdraw_copies(state.plan, options, services_.files);
        co_return done;
    }
    state.kept = true;
    co_return Done{};
}

// deliver - step 9: recipients with equal edits and the same next hop form one transaction
Task<void> Pipeline::deliver(State& state, Deadline deadline) {
    const auto& settings = *state.shared.settings;
    std::vector<DeliveryGroup> groups;
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
        auto to = next_hop_of(state.policies[i], settings.forward);
        if (!to) {
            log::error(state.log_id, "the forward_method of {} cannot be used: {}; the mail stays with the MTA",
                       mail::smtp_form(recipient), escaped(describe(to.error()), 300));
            state.outcomes[i].response = {451, "4.3.5", fmt::format("forward_method of the recipient cannot be used, id={}", state.log_id)};
            state.settled[i] = true;
            continue;
        }
        auto edits = policy::edits_for(state.verdicts[i], state.policies[i], state.findings, state.envelope,
                                       state.message, state.shared.site, state.quarantined);
        auto addressed = addressed_as(state.envelope.recipients[i], state.verdicts[i], state.policies[i], settings.extension);
        if (addressed.address != recipient) state.outcomes[i].final_address = addressed.address;
        join_group(groups, std::move(edits), std::move(*to), i, std::move(addressed));
    }
    bool giving_up = false;
    for (auto& group : groups) {
        if (giving_up) {
            for (const auto i : group.members) {
                state.outcomes[i].response = {451, "4.5.0", fmt::format("Giving up due to previous temporary failures, id={}", state.log_id)};
                state.settled[i] = true;
            }
            continue;
        }
        Submission submission;
        submission.envelope = &state.envelope;
        submission.sender = state.envelope.sender;
        submission.recipients = group.recipients;
        submission.text = group.edits.apply(state.message);
        submission.has_8bit = state.message.has_8bit;
        submission.has_8bit_header = state.message.has_8bit_header;
        submission.needs_smtputf8 = state.envelope.smtputf8;
        submission.log_id = state.log_id;
        submission.abort_on_partial_refusal = !state.job.per_recipient_replies;
        std::vector<SubmissionResult> results;
        if (state.job.hand_over)
            results = state.job.hand_over(group, state.verdicts);
        else
            results = co_await reinjector_.submit(group.to, std::move(submission), deadline);
        for (std::size_t k = 0; k < group.members.size(); ++k) {
            const std::size_t i = group.members[k];
            auto& outcome = state.outcomes[i];
            auto& verdict = state.verdicts[i];
            const auto& result = results[k];
            outcome.response = {result.code, result.enhanced, result.text};
            outcome.remote_reply = result.remote_reply;
            if (result.from_next_hop) outcome.remote_mta = group.to.endpoint.is_unix() ? "localhost" : group.to.endpoint.host;
            outcome.takes_dsn = result.takes_dsn;
            state.settled[i] = true;
            if (result.code / 100 == 2) {
                outcome.relayed = true;
                outcome.queued_as = policy::queue_id_of(result.remote_reply);
                continue;
            }
            const int minor = result.code / 100 == 4 ? 1 : 2;
            verdict.categories.push_back({mail::Major::mta, minor});
            std::ranges::sort(verdict.categories, std::greater<>());
            verdict.blocking = mail::ContentCategory{mail::Major::mta, minor};
            verdict.destiny = state.policies[i].destinies.of(*verdict.blocking);
            if (minor == 1) {
                giving_up = !state.job.per_recipient_replies;
            } else {
                const bool discards = verdict.destiny == Destiny::discard;
                outcome.response.text = fmt::format("{}id={} - Rejected by next-hop MTA on relaying, {}",
                                                    discards ? "Discarded, " : "", state.log_id, result.text);
                if (discards) outcome.response = {250, "2.5.0", outcome.response.text};
            }
            log::warning(state.log_id, "not relayed: {} -> {}: {}", mail::smtp_form(state.envelope.sender),
                         mail::smtp_form(state.envelope.recipients[i].address), escaped(outcome.response.line(), 400));
        }
    }
}

// notify_people - step 9: administrators, and recipients from whom mail was kept
Task<Done> Pipeline::notify_people(State& state, Deadline deadline) {
    const auto& settings = *state.shared.settings;
    policy::PeopleInput input;
    input.envelope = &state.envelope;
    input.message = &state.message;
    input.findings = &state.findings;
    input.verdicts = &state.verdicts;
    input.policies = &state.policies;
    input.outcomes = &state.outcomes;
    input.texts = &settings.notice_texts;
    input.per_recipient_replies = state.job.per_recipient_replies;
    input.is_new_virus = services_.seen_viruses.any_new(state.findings.viruses);
    input.warn_offsite = settings.notices.warn_offsite;
    input.hostname = state.shared.site.hostname;
    input.from = settings.notices.from;
    input.sender = settings.notices.sender;
    input.quarantine = state.plan.location();
    input.now = std::chrono::system_clock::now();
    auto done = co_await submit_all(policy::people_notices(input), settings.notify, reinjector_, state.log_id, deadline);
    if (done && input.is_new_virus) services_.seen_viruses.remember(state.findings.viruses);
    co_return done;
}

// notify - step 9, last part: the sender is told about what neither we nor the MTA can give back as a reply
Task<Done> Pipeline::notify(State& state, Deadline deadline) {
    if (auto done = co_await notify_people(state, deadline); !done) co_return done;
    const bool all_fine = std::ranges::all_of(state.outcomes, [](const auto& outcome) { return outcome.relayed; });
    const bool asked = std::ranges::any_of(state.envelope.recipients, [](const auto& recipient) { return !recipient.notify.empty(); });
    if (all_fine && !asked) co_return Done{};
    policy::DsnInput input;
    input.envelope = &state.envelope;
    input.message = &state.message;
    input.findings = &state.findings;
    input.verdicts = &state.verdicts;
    input.policies = &state.policies;
    input.outcomes = &state.outcomes;
    input.per_recipient_replies = state.job.per_recipient_replies;
    input.originating = state.originating;
    input.next_hop_takes_dsn = false;  // each outcome says it for itself
    input.hostname = state.shared.site.hostname;
    input.postmaster = "postmaster@" + state.shared.site.hostname;
    input.mail_id = mail::draw_message_ids().mail_id.get();
    input.now = std::chrono::system_clock::now();
    const auto decisions = policy::decide_dsn(input);
    for (std::size_t i = 0; i < decisions.size(); ++i) {
        state.dsn[i] = decisions[i].kind;
        if (decisions[i].kind == DsnKind::suppressed)
            log::info(state.log_id, "no notification about {}: {}", mail::smtp_form(state.envelope.recipients[i].address),
                      decisions[i].why);
    }
    const auto notice = policy::delivery_status_notification(input, decisions);
    if (!notice) co_return Done{};
    if (state.envelope.ret == "FULL")
        log::info(state.log_id, "RET=FULL was asked for; a notification holds the header section only, never the body");
    auto taken = co_await submit_notice(*notice, "DSN", state.shared.settings->notify, reinjector_, state.log_id, deadline);
    if (!taken) co_return std::unexpected(std::move(taken.error()));
    // refused: nobody was told after all, and what can still be said as a reply is said as a reply
    if (!*taken) std::ranges::replace(state.dsn, DsnKind::failed, DsnKind::suppressed);
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
                         std::ranges::any_of(state.dsn, [](auto kind) { return kind != DsnKind::none; }) ||
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
    policy::SummaryInput summary;
    summary.envelope = &state.envelope;
    summary.message = &state.message;
    summary.findings = &state.findings;
    summary.verdicts = &state.verdicts;
    summary.policies = &state.policies;
    summary.outcomes = &state.outcomes;
    summary.policy_path = state.policy_path;
    summary.originating = state.originating;
    for (const auto& copy : state.plan.copies)
        if (!copy.is_archive) summary.quarantine_locations.push_back(copy.location);
    summary.archived = state.plan.is_archived();
    summary.dsn_sent = std::ranges::any_of(state.dsn, [](auto kind) { return kind == DsnKind::failed; });
    summary.elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                            state.job.received_end);
    if (settings.log.format != "json")
        for (const auto& line : policy::summary_lines(summary)) log::notice(state.log_id, "{}", line);
    if (settings.log.format != "amavis") log::notice(state.log_id, "{}", policy::summary_json(summary));
    if (state.message.normalised != 0)
        log::info(state.log_id, "{} bare CR, bare LF or NUL in this message were put right; a DKIM signature may break",
                  state.message.normalised);

    Answer out;
    out.outcomes = state.outcomes;
    if (state.job.per_recipient_replies) {
        out.replies = one_each(state.envelope, state.outcomes, state.verdicts, state.dsn);
        return out;
    }
    out.replies = {one_for_all(state.outcomes, state.verdicts, state.dsn, state.log_id)};
    if (out.replies.front().code / 100 == 4) reply_lost(state.job, out);  // some may have it although we say 4xx
    return out;
}

void Pipeline::reply_lost(const Job& job, const Answer& answer) {
    for (std::size_t i = 0; i < answer.outcomes.size(); ++i)
        if (answer.outcomes[i].relayed)
            services_.delivered.remember(job.envelope, job.message, job.envelope.recipients[i].address, answer.outcomes[i]);
}

// failed - trouble of ours before anything left: 451 for everybody, the MTA keeps the mail
Answer Pipeline::failed(State& state, std::string_view section, const Fault& fault) {
    messages_tempfailed().add();
    log::error(state.log_id, "TempFailed {} {} -> {} recipient(s): {} FAILED: {}; the mail stays with the MTA",
               state.message.mail_id.get(), mail::smtp_form(state.envelope.sender), state.envelope.recipients.size(),
               section, escaped(describe(fault), 600));
    const Reply text = reply(451, "4.5.0", fmt::format("Error in processing, id={}, {} FAILED: {}", state.log_id, section,
                                                       escaped(describe(fault), 300)));
    Answer out;
    out.outcomes = state.outcomes;
    out.replies.assign(state.job.per_recipient_replies ? state.envelope.recipients.size() : 1, text);
    reply_lost(state.job, out);
    return out;
}

}  // namespace tamis::proxy
