// pipeline_evidence - steps 4 to 6: whose mail it is, what is in it, and what the engines say
#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <set>
#include <utility>

#include "base/counted.h"
#include "base/log.h"
#include "base/text.h"
#include "config/look_up.h"
#include "config/value_checks.h"
#include "mail/address.h"
#include "policy/bounce.h"
#include "policy/notices.h"
#include "proxy/content_checks.h"
#include "proxy/pipeline_state.h"

namespace tamis::proxy {

namespace {

// wanted_scanners - spam scanners rest when nobody wants to know: everybody bypasses, or the sender lists have decided
scanners::ScannerList wanted_scanners(const scanners::ScannerList& all, const std::vector<policy::RecipientPolicy>& policies,
                                      const std::vector<policy::RecipientFindings>& found) {
    bool score_matters = false;
    for (std::size_t i = 0; i < policies.size(); ++i)
        score_matters = score_matters || (!policies[i].bypass_spam_checks && !found[i].whitelisted && !found[i].blacklisted);
    if (score_matters) return all;
    scanners::ScannerList out;
    std::ranges::copy_if(all, std::back_inserter(out), [](const auto& scanner) { return scanner->finds_viruses(); });
    return out;
}

// local_case - how the records hold local parts
storage::LocalCase local_case(const config::Settings& settings) {
    return settings.policy.local_part_is_case_sensitive ? storage::LocalCase::kept : storage::LocalCase::lower;
}

// scan_user - whose preferences SpamAssassin applies: only when all who want to know the score agree
std::string scan_user(const std::vector<policy::RecipientPolicy>& policies) {
    const std::string* user = nullptr;
    for (const auto& wanted : policies) {
        if (wanted.bypass_spam_checks) continue;
        if (user != nullptr && *user != wanted.sa_username) return {};
        user = &wanted.sa_username;
    }
    return user == nullptr ? std::string() : *user;
}

// extract_for - which parts the antivirus engines want
tamis::worker::Extract extract_for(const scanners::ScannerList& all) {
    auto out = tamis::worker::Extract::nothing;
    for (const auto& scanner : all)
        if (scanner->finds_viruses())
            out = std::max(out,
                           scanner->opens_plain_mail() ? tamis::worker::Extract::not_plain : tamis::worker::Extract::everything);
    return out;
}

}  // namespace

// look_up - step 4: whose mail is it, and what does every recipient want
Task<Done> Pipeline::look_up(State& state, Deadline deadline) {
    const auto& settings = *state.shared.settings;
    log::info(state.log_id, "Checking: {} {} -> {}", state.message.mail_id.get(), mail::smtp_form(state.envelope.sender),
              counted(state.envelope.recipients.size(), "recipient"));
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
    const auto banks = config::choose_banks(settings, state.envelope);
    state.originating = banks.originating;
    state.policy_path = banks.path;
    const auto request = config::make_lookup(settings, state.envelope, config::from_addresses(state.message));
    storage::LookupAnswer found;
    if (services_.lookups) {
        auto answer = co_await services_.lookups->look_up(request, deadline);
        if (!answer) co_return std::unexpected(std::move(answer.error()));
        found = std::move(*answer);
    }
    std::set<std::string> told;  // a row that serves many recipients is told of once
    static const std::vector<policy::UserRow> no_rows;
    std::vector<policy::RecipientPolicy> policies;
    std::vector<policy::RecipientFindings> found_by_lists;
    for (auto& wishes : config::resolve(settings, banks, request, found.rows)) {
        const auto recipient = policies.size();
        for (auto& line :
             config::complaints(wishes.effective, banks, recipient < found.rows.size() ? found.rows[recipient] : no_rows))
            told.insert(std::move(line));
        for (const auto& ignored : wishes.effective.ignored) {
            if (!services_.told_columns.any_new({ignored.column})) continue;
            services_.told_columns.remember({ignored.column});
            log::warning(state.log_id, "lookup: {} (said once for this column)", ignored.shown);
        }
        told.insert(wishes.effective.problems.begin(), wishes.effective.problems.end());
        told.insert(wishes.senders.problems.begin(), wishes.senders.problems.end());
        for (const auto& reason : wishes.senders.reasons)
            log::info(state.log_id, "{}: {}", mail::smtp_form(state.envelope.recipients[recipient].address), reason);
        found_by_lists.push_back(wishes.senders.findings());
        policies.push_back(std::move(wishes.effective.policy));
    }
    state.looked_up(std::move(policies), std::move(found_by_lists));
    for (const auto& problem : told) log::warning(state.log_id, "lookup: {}", problem);
    co_return Done{};
}

// open - step 5: a worker walks the MIME structure and archives. What it could not read makes the message `unchecked`
Task<void> Pipeline::open(State& state, Deadline deadline) {
    const bool looks_for_bounces = state.shared.settings->policy.bounce_killer_score > 0;
    const bool somebody_cares = std::ranges::any_of(state.policies, [&](const auto& wanted) {
        return !wanted.bypass_virus_checks || !wanted.bypass_banned_checks || !wanted.bypass_header_checks ||
               (looks_for_bounces && !wanted.bypass_spam_checks);
    });
    if (opener_ == nullptr || !state.shared.settings->open.enabled || !somebody_cares) co_return;
    tamis::worker::OpenJob job;
    job.limits = tamis::worker::limits_of(state.shared.settings->open);
    job.extract = extract_for(state.shared.scanners);
    auto& scan = begin_scan(state);
    state.evidence.contents = co_await opener_->open(
        state.message.spool, job, deadline,
        [&scan, deadline](mail::ShownParts parts) { return scan.show(std::move(parts), scanners::InParts::yes, deadline); });
    const auto& contents = state.evidence.contents;
    if (!contents.limit.empty()) log::info(state.log_id, "opening: {}", escaped(contents.limit, 200));
    for (const auto& anomaly : contents.anomalies)
        log::debug(state.log_id, "opening: {} in part {}: {}", mail::anomaly_name(anomaly.kind), anomaly.part,
                   escaped(anomaly.detail, 200));
}

// begin_scan - what the scanners will say of this message, part by part
scanners::MessageScan& Pipeline::begin_scan(State& state) {
    if (state.scan) return *state.scan;
    state.scan_user = scan_user(state.policies);
    scanners::ScanRequest request{
        &state.message, &state.envelope, state.shared.site.hostname,
        state.envelope.client.address ? std::string_view(*state.envelope.client.address) : std::string_view()};
    request.user = state.scan_user;
    return state.scan.emplace(wanted_scanners(state.shared.scanners, state.policies, state.found), request,
                              state.shared.settings->limits.scan);
}

// scan - step 6: all wanted scanners at the same time under one limit of time; then those parts that the opening has not shown yet
Task<Done> Pipeline::scan(State& state, Deadline deadline) {
    const auto& settings = *state.shared.settings;
    auto& scan = begin_scan(state);
    const auto in_parts = state.evidence.contents.was_opened ? scanners::InParts::yes : scanners::InParts::no;
    (void)co_await scan.show(std::exchange(state.evidence.contents.shown, {}), in_parts, deadline);
    state.evidence.scans = scan.reports();
    state.findings = policy::findings_from(state.evidence);
    policy::combine_scores(state.evidence, settings.spam_scores, state.findings);
    state.findings.size = state.message.size;
    state.findings.null_sender = state.envelope.sender.empty();
    state.findings.is_bulk = policy::is_bulk_mail(state.envelope, state.message);
    check_contents(settings, state.envelope, state.message, state.evidence.contents, state.policies, state.found, state.findings);
    for (const auto& engine : state.findings.failed_engines)
        log::warning(state.log_id, "scanner failed for this message: {}", escaped(engine, 300));
    const bool failed = state.findings.required_engine_failed && state.findings.viruses.empty();
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
        const auto& found = state.found[i];
        const auto& address = state.envelope.recipients[i].address;
        facts.is_local = wanted.is_local;
        facts.is_own_address = policy::address_pieces(address, settings.tables.keys).normal() == sender.normal();
        facts.score.reset();
        if (state.findings.score && !wanted.bypass_spam_checks) facts.score = *state.findings.score + found.score_boost;
        if (found.whitelisted || found.blacklisted || !policy::wants_pen_pals(facts, settings.pen_pals)) continue;
        question.recipients.push_back(address);
        asked.push_back(i);
    }
    if (asked.empty()) co_return Done{};
    constexpr int half_lives_asked = 10;  // the bonus is below a thousandth then
    const auto now = std::chrono::system_clock::now();
    question.sender = state.envelope.sender;
    question.local_case = local_case(settings);
    question.references = config::referenced_message_ids(state.message);
    question.since = now - half_lives_asked * settings.pen_pals.half_life;
    auto times = co_await services_.pen_pals->last_written(std::move(question), deadline);
    if (!times) co_return std::unexpected(std::move(times.error()));
    for (std::size_t k = 0; k < asked.size(); ++k) {
        if (!(*times)[k]) continue;
        const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - *(*times)[k]);
        state.found[asked[k]].pen_pal_bonus = policy::pen_pal_bonus(age, settings.pen_pals);
        state.found[asked[k]].pen_pal_age = std::max(age, std::chrono::seconds::zero());
    }
    co_return Done{};
}

// ask_about_bounce - a bounce of mail that we never sent gets points; the records are asked when nothing else rescues it
Task<Done> Pipeline::ask_about_bounce(State& state, Deadline deadline) {
    const auto& settings = *state.shared.settings;
    const double killer_score = settings.policy.bounce_killer_score;
    const bool score_matters = std::ranges::any_of(state.policies, [](const auto& wanted) { return !wanted.bypass_spam_checks; });
    if (killer_score <= 0 || !score_matters || !state.findings.viruses.empty()) co_return Done{};
    const auto bounce = policy::recognise_bounce(state.evidence.contents, policy::bounce_signs(state.envelope, state.message));
    if (!bounce) co_return Done{};
    policy::BounceFacts facts;
    facts.is_bounce = true;
    facts.original_message_id_domain = policy::message_id_domain(bounce->original);
    facts.originating = state.originating;
    facts.records_are_kept = services_.pen_pals && settings.storage.record_all;
    const bool is_local_domain =
        settings.tables.is_local(policy::address_pieces("x@" + facts.original_message_id_domain, settings.tables.keys));
    if (policy::bounce_score(facts, killer_score, is_local_domain)) {
        storage::OriginalQuestion question{bounce->original, {}, local_case(settings)};
        for (const auto& recipient : state.envelope.recipients) question.recipients.push_back(recipient.address);
        auto known = co_await services_.pen_pals->knows_original(std::move(question), deadline);
        if (!known) co_return std::unexpected(std::move(known.error()));
        facts.records_are_kept = known->has_value();
        facts.is_original_known = known->value_or(false) && !bounce->original.empty();
    }
    const auto score = policy::bounce_score(facts, killer_score, is_local_domain);
    log::info(state.log_id, "{} about {}: {}", bounce->kind,
              bounce->original.empty() ? "mail without Message-ID" : escaped(bounce->original, 200),
              score                     ? "not about mail of ours"
              : facts.is_original_known ? "about mail that we sent"
                                        : "let be");
    for (auto& found : state.found) found.bounce_score = score.value_or(0);
    co_return Done{};
}

}  // namespace tamis::proxy
