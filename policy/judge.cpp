#include "policy/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "policy/size_limit.h"

namespace tamis::policy {

using mail::ContentCategory;
using mail::Major;

namespace {

// failure_text - "clamd 127.0.0.1:3310: read: timed out" and "yara: no time left" have the engine's name already
std::string failure_text(const std::string& scanner, const Fault& fault) {
    auto text = describe(fault);
    const bool names_it =
        text.starts_with(scanner + ": ") || (text.starts_with(scanner + " ") && text.find(": ") != std::string::npos);
    return names_it ? text : fmt::format("{}: {}", scanner, text);
}

}  // namespace

Destiny Destinies::of(ContentCategory category) const noexcept {
    switch (category.major) {
        case Major::virus: return virus;
        case Major::banned: return banned;
        case Major::unchecked: {
            const auto minor = static_cast<std::size_t>(category.minor);
            return minor < unchecked_by_minor.size() ? unchecked_by_minor[minor].value_or(unchecked) : unchecked;
        }
        case Major::spam: return spam;
        case Major::bad_header: return bad_header;
        case Major::oversized: return oversized;
        case Major::mta: return category.minor == mail::mta_rejected ? mta_rejected : mta_tempfailed;
        case Major::spammy:
        case Major::clean:
        case Major::catchall: return Destiny::pass;
    }
    return Destiny::tempfail;
}

MessageFindings findings_from(const mail::Evidence& evidence) {
    MessageFindings found;
    const auto& contents = evidence.contents;
    if (!contents.failure.empty()) {
        found.failed_engines.push_back("opening: " + contents.failure);
        found.unchecked.insert(contents.is_to_blame ? mail::unchecked_unopened : mail::unchecked_engine);
        found.required_engine_failed = !contents.is_to_blame;
    }
    if (contents.is_encrypted()) found.unchecked.insert(mail::unchecked_encrypted);
    else if (contents.is_undecipherable()) found.unchecked.insert(mail::unchecked_engine);
    if (!contents.limit.empty()) found.unchecked.insert(mail::unchecked_over_limits);
    if (contents.is_ambiguous()) found.unchecked.insert(mail::unchecked_ambiguous);
    found.hold = contents.limit;
    found.unchecked_causes = unchecked_causes(contents);
    for (const auto& anomaly : contents.anomalies) {
        if (!mail::is_ambiguous(anomaly)) continue;
        const auto* part = contents.find(anomaly.part);
        found.ambiguities.push_back(
            fmt::format("{} part={}", mail::anomaly_name(anomaly.kind), part != nullptr ? part->path : "0"));
    }
    for (const auto& scan : evidence.scans) {
        if (const auto* infected = std::get_if<mail::Infected>(&scan.outcome)) {
            found.virus_check_done = true;
            for (const auto& name : infected->names)
                if (std::ranges::find(found.viruses, name) == found.viruses.end()) found.viruses.push_back(name);
        } else if (const auto* scored = std::get_if<mail::Scored>(&scan.outcome)) {
            if (scan.finds_viruses) found.virus_check_done = true;
            found.score = found.score.value_or(0) + scored->score;
            found.tests.insert(found.tests.end(), scored->tests.begin(), scored->tests.end());
        } else if (const auto* failed = std::get_if<mail::Failed>(&scan.outcome)) {
            found.failed_engines.push_back(failure_text(scan.scanner, failed->fault));
            if (!scan.required) continue;
            const bool is_over_limit = failed->fault.is(Errc::over_limit);
            const auto minor = is_over_limit ? mail::unchecked_over_limits : mail::unchecked_engine;
            found.unchecked.insert(minor);
            found.unchecked_causes.push_back({minor, escaped(found.failed_engines.back(), 200)});
            // what lies in the message itself is there at every try: an answer of 451 would be given until the sender gives up
            if (!is_over_limit && !failed->fault.is(Errc::bad_input)) found.required_engine_failed = true;
        } else if (std::holds_alternative<mail::Clean>(scan.outcome) && scan.finds_viruses) {
            found.virus_check_done = true;
        }
    }
    return found;
}

namespace {

bool is_lover(const RecipientPolicy& policy, ContentCategory category) {
    switch (category.major) {
        case Major::virus: return policy.virus_lover;
        case Major::banned: return policy.banned_lover;
        case Major::unchecked: return policy.unchecked_lover;
        case Major::spam:
        case Major::spammy: return policy.spam_lover;
        case Major::bad_header: return policy.bad_header_lover;
        default: return false;
    }
}

void set_levels(const MessageFindings& findings, const RecipientFindings& found, const RecipientPolicy& policy,
                RecipientVerdict& verdict) {
    constexpr double whitelist_bonus = -10;
    // who bypasses has the score that others asked for, and no levels
    if (policy.bypass_spam_checks && !findings.score) return;
    const std::array<mail::SpamTest, 3> own = {
        {{"AM.BOUNCE", found.bounce_score}, {"AM.PENPAL", found.pen_pal_bonus}, {"AM.WBL", found.score_boost}}};
    verdict.score = findings.score;
    for (const auto& test : own)
        if (test.score != 0) verdict.tests.push_back(test);
    for (const auto& test : verdict.tests) verdict.score = verdict.score.value_or(0) + test.score;
    verdict.tests.insert(verdict.tests.end(), findings.tests.begin(), findings.tests.end());
    if (policy.bypass_spam_checks) return;
    const double score = verdict.score.value_or(0);
    const auto reached = [&](const std::optional<double>& level) {
        if (found.whitelisted) return false;
        return found.blacklisted || (level && verdict.score && score >= *level);
    };
    const double tag_score = score + (found.whitelisted ? whitelist_bonus : 0);
    verdict.tag = found.blacklisted || !policy.levels.tag || tag_score >= *policy.levels.tag;
    verdict.tag3 = reached(policy.levels.tag3);
    verdict.tag2 = reached(policy.levels.tag2) || verdict.tag3;
    verdict.kill = reached(policy.levels.kill);
}

// is_oversized - 0 is no limit (amavisd's message_size_limit), and RFC 5321 section 4.5.3.1.7 wants 64 KiB at least
bool is_oversized(std::uint64_t size, const RecipientPolicy& policy) {
    const auto limit = policy.size_limit.value_or(0);
    return limit != 0 && size > std::max(limit, size_limit_floor);
}

void set_categories(const MessageFindings& findings, const RecipientFindings& found, const RecipientPolicy& policy,
                    RecipientVerdict& verdict) {
    auto& list = verdict.categories;
    const auto add = [&](Major major, int minor = 0) { list.push_back({major, minor}); };
    if (!findings.viruses.empty() && !policy.bypass_virus_checks) add(Major::virus);
    if (found.banned && !policy.bypass_banned_checks) {
        add(Major::banned);
        verdict.banned = found.banned;
    }
    for (const int minor : findings.unchecked)  // ambiguous mail is told of even when nobody asked for virus checks
        if (!policy.bypass_virus_checks || minor == mail::unchecked_ambiguous) add(Major::unchecked, minor);
    if (verdict.kill) add(Major::spam);
    if (verdict.tag3) add(Major::spammy, 1);
    if (verdict.tag2) add(Major::spammy);
    if (!policy.bypass_header_checks)
        for (const auto& [minor, text] : findings.header_problems) add(Major::bad_header, minor);
    if (is_oversized(findings.size, policy)) add(Major::oversized);
    if (verdict.tag) add(Major::clean, 1);
    add(Major::clean);
    std::ranges::sort(list, std::greater<>());
    list.erase(std::unique(list.begin(), list.end()), list.end());
}

// as_blocking - what blocks is the category, as with amavisd: which bad header, or why unchecked, counts only where a destiny
// of its own was set. Mail that could not be opened has a quarantine of its own.
ContentCategory as_blocking(ContentCategory category, const RecipientPolicy& policy) {
    if (category.major == Major::bad_header) return {Major::bad_header, 0};
    if (category.major != Major::unchecked || category.minor == mail::unchecked_unopened) return category;
    const bool has_own = policy.destinies.unchecked_by_minor.at(static_cast<std::size_t>(category.minor)).has_value();
    return has_own ? category : ContentCategory{Major::unchecked, 0};
}

void set_outcome(const MessageFindings& findings, const RecipientPolicy& policy, RecipientVerdict& verdict) {
    for (const auto category : verdict.categories) {
        const Destiny destiny = policy.destinies.of(category);
        if (destiny == Destiny::pass || is_lover(policy, category)) continue;
        if (category.major == Major::bad_header && destiny == Destiny::bounce && (findings.null_sender || findings.is_bulk))
            continue;
        verdict.blocking = as_blocking(category, policy);
        verdict.destiny = destiny;
        return;
    }
}

// quarantine_for - method and name of a category; nothing for those that are never kept (docs/amavis/policy.md 8)
std::optional<std::pair<const std::string&, const std::string&>> quarantine_for(ContentCategory category,
                                                                                const RecipientPolicy& policy) {
    using Target = std::pair<const std::string&, const std::string&>;
    const auto& method = policy.quarantine;
    const auto& to = policy.quarantine_to;
    switch (category.major) {
        case Major::virus: return Target(method.virus, to.virus);
        case Major::banned: return Target(method.banned, to.banned);
        case Major::unchecked:
            return Target(category.minor == mail::unchecked_unopened ? method.unopened : method.unchecked, to.unchecked);
        case Major::spam: return Target(method.spam, to.spam);
        case Major::bad_header: return Target(method.bad_header, to.bad_header);
        case Major::clean: return Target(method.clean, to.clean);
        default: return {};
    }
}

// set_quarantine - the blocking category decides; of mail that passes the worst one that can be kept at all
void set_quarantine(const RecipientFindings& found, const RecipientPolicy& policy, RecipientVerdict& verdict) {
    const auto categories = verdict.blocking ? std::vector<ContentCategory>{*verdict.blocking} : verdict.categories;
    for (const auto category : categories) {
        const auto target = quarantine_for(category, policy);
        if (!target) continue;
        if (target->first.empty() || target->second.empty()) return;
        verdict.quarantine = target->first;
        verdict.quarantine_to = target->second;
        break;
    }
    // without a cutoff everything is kept, from blacklisted senders as well
    const auto major = categories.front().major;
    const auto& cutoff = policy.levels.quarantine_cutoff;
    const bool is_blacklisted = found.blacklisted && !found.whitelisted;
    const bool above_cutoff = cutoff && (is_blacklisted || verdict.score.value_or(0) >= *cutoff);
    if ((major == Major::spam || major == Major::spammy) && above_cutoff) {
        verdict.quarantine.clear();
        verdict.quarantine_to.clear();
    }
}

void set_subject_tag(const RecipientPolicy& policy, RecipientVerdict& verdict) {
    if (!policy.is_local) return;
    for (const auto category : verdict.categories) {
        std::string_view tag;
        if (category.major == Major::virus) tag = policy.virus_subject_tag;
        else if (category.major == Major::unchecked) tag = policy.unchecked_subject_tag;
        else if (category.major == Major::spammy) tag = category.minor == 1 ? policy.subject_tags.tag3 : policy.subject_tags.tag2;
        else if (category.major == Major::clean && category.minor == 1) tag = policy.subject_tags.tag;
        if (tag.empty()) continue;
        verdict.subject_tag = tag;
        return;
    }
}

}  // namespace

RecipientVerdict judge(const MessageFindings& findings, const RecipientFindings& found, const RecipientPolicy& policy) {
    RecipientVerdict verdict;
    set_levels(findings, found, policy, verdict);
    set_categories(findings, found, policy, verdict);
    set_outcome(findings, policy, verdict);
    set_quarantine(found, policy, verdict);
    set_subject_tag(policy, verdict);
    return verdict;
}

const BannedHit* first_banned(const std::vector<RecipientVerdict>& verdicts) {
    const auto found = std::ranges::find_if(verdicts, [](const auto& verdict) { return verdict.banned != nullptr; });
    return found == verdicts.end() ? nullptr : found->banned.get();
}

std::optional<ContentCategory> worst_blocking(const std::vector<RecipientVerdict>& verdicts) {
    std::optional<ContentCategory> worst;
    for (const auto& verdict : verdicts)
        if (verdict.blocking && (!worst || *verdict.blocking > *worst)) worst = verdict.blocking;
    return worst;
}

ContentCategory worst_main(const std::vector<RecipientVerdict>& verdicts) {
    ContentCategory worst{Major::catchall, 0};
    for (const auto& verdict : verdicts) worst = std::max(worst, verdict.main());
    return worst;
}

std::string blocked_reason(ContentCategory category, std::string_view log_id, const MessageFindings& findings,
                           const BannedHit* banned) {
    static constexpr std::string_view bad_header[] = {"",
                                                      ": MIME error",
                                                      ": nonencoded 8-bit character",
                                                      ": contains invalid control character",
                                                      ": line made up entirely of whitespace",
                                                      ": line longer than RFC 5322 limit",
                                                      ": syntax error",
                                                      ": missing required header field",
                                                      ": duplicate header field"};
    static constexpr std::string_view unchecked[] = {"", ": encrypted", ": over limits", ": ambiguous content",
                                                     ": could not be opened"};
    const auto at = [&](auto& list) {
        const auto index = static_cast<std::size_t>(std::max(category.minor, 0));
        return index < std::size(list) ? list[index] : std::string_view();
    };
    std::string what;
    switch (category.major) {
        case Major::virus: what = "INFECTED: " + join(findings.viruses, ", "); break;
        case Major::banned: what = "BANNED: " + (banned == nullptr ? "" : banned->reason); break;
        case Major::unchecked: what = fmt::format("UNCHECKED{}", at(unchecked)); break;
        case Major::spam: what = "spam"; break;
        case Major::spammy: what = category.minor == 1 ? "spammy (tag3)" : "spammy"; break;
        case Major::bad_header: what = fmt::format("BAD HEADER{}", at(bad_header)); break;
        case Major::oversized: what = "Message size exceeds recipient's size limit"; break;
        case Major::mta:
            what = category.minor == 1   ? "Temporary MTA failure on relaying"
                   : category.minor == 2 ? "Rejected by next-hop MTA on relaying"
                                         : "Unable to relay message back to MTA";
            break;
        case Major::clean: what = "CLEAN"; break;
        case Major::catchall: what = "OTHER"; break;
    }
    constexpr std::size_t limit = 450;
    return fmt::format("id={} - {}", log_id, what).substr(0, limit);
}

Response blocked_response(const RecipientVerdict& verdict, std::string_view log_id, const MessageFindings& findings,
                          bool soft_bounce) {
    const auto category = verdict.blocking.value_or(verdict.main());
    Response out{554, "5.7.0", {}};
    if (category.major == Major::bad_header) out.enhanced = category.minor == mail::bad_header_8bit ? "5.6.3" : "5.6.0";
    if (category.major == Major::oversized) out = {552, "5.3.4", {}};
    if (category.major == Major::mta) out = {550, "5.3.5", {}};
    std::string verb;
    switch (verdict.destiny) {
        case Destiny::reject: verb = "Reject"; break;
        case Destiny::bounce: verb = "Bounce"; break;
        case Destiny::discard:
            verb = "Ok, discarded";
            if (!soft_bounce) out.code = 250;  // amavisd: mail is not given up while soft_bounce is on
            break;
        case Destiny::tempfail:
            verb = "Temporary failure";
            out.code = 450;
            break;
        case Destiny::pass:
            verb = "Ok";
            out.code = 250;
            break;
    }
    std::string reason = blocked_reason(category, log_id, findings, verdict.banned.get());
    // names of strangers: a reply is ASCII, and shows what cannot be seen
    const bool plain = std::ranges::all_of(reason, [](char c) { return c >= 0x20 && c < 0x7f; });
    if (!plain) reason = escaped(reason, 450);
    const bool is_soft = soft_bounce && out.code >= 500;
    if (is_soft) out.code = 450;
    out.text = fmt::format("{}{}, {}", verb, is_soft ? " (soft_bounce)" : "", reason);
    out.enhanced[0] = static_cast<char>('0' + out.code / 100);
    return out;
}

std::string format_score(double score) {
    std::string text = fmt::format("{:.3f}", score);
    while (text.ends_with('0')) text.pop_back();
    if (text.ends_with('.')) text.pop_back();
    return text == "-0" ? "0" : text;
}

}  // namespace tamis::policy
