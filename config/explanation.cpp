#include "config/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/value_checks.h"
#include "mail/address.h"
#include "mail/category.h"
#include "policy/size_limit.h"

namespace tamis::config {
namespace {

using mail::ContentCategory;
using mail::Major;

constexpr std::string_view example = "(example)";
constexpr double surely_spam = 1000;

// site_origin - the line of the file for a setting of [policy], or that it is the default
std::string site_origin(const std::vector<SettingLine>& lines, std::string_view name) {
    const auto found =
        std::ranges::find_if(lines, [&](const auto& line) { return line.section == "policy" && line.name == name; });
    if (found == lines.end() || !found->from_file) return "default";
    return fmt::format("[policy] line {}", found->line);
}

// Blocker - a category that can block, and the setting by which a recipient gets it all the same
struct Blocker {
    Major major;
    std::string_view lover;
    bool policy::RecipientPolicy::* loves;
};
constexpr std::array<Blocker, 6> blockers = {{
    {Major::virus, "virus_lover", &policy::RecipientPolicy::virus_lover},
    {Major::banned, "banned_files_lover", &policy::RecipientPolicy::banned_lover},
    {Major::unchecked, "unchecked_lover", &policy::RecipientPolicy::unchecked_lover},
    {Major::spam, "spam_lover", &policy::RecipientPolicy::spam_lover},
    {Major::bad_header, "bad_header_lover", &policy::RecipientPolicy::bad_header_lover},
    {Major::oversized, "", nullptr},
}};

// reason - why this category does or does not block
std::string reason(ContentCategory category, const policy::RecipientPolicy& wanted) {
    const auto* blocker = std::ranges::find(blockers, category.major, &Blocker::major);
    if (blocker == blockers.end()) return "never blocks";
    const auto setting = fmt::format("final_{}_destiny", mail::setting_word(category.major));
    const auto destiny = wanted.destinies.of(category);
    if (destiny == policy::Destiny::pass) return fmt::format("{} is \"pass\"", setting);
    if (blocker->loves != nullptr && wanted.*(blocker->loves)) return fmt::format("{} is set", blocker->lover);
    return fmt::format("{} is \"{}\"", setting, policy::destiny_name(destiny));
}

// counts_as - what a size limit below the floor means; empty: itself
std::string counts_as(std::string_view field, const policy::RecipientPolicy& policy) {
    const bool is_low = field == "message_size_limit" && policy.size_limit && *policy.size_limit < policy::size_limit_floor;
    return is_low ? fmt::format("{}", policy::size_limit_floor) : std::string();
}

std::string level(std::string_view name, const std::optional<double>& value, std::optional<double> score) {
    if (!value) return fmt::format("{} is not set", name);
    if (!score) return fmt::format("{} {}, no score", name, policy::format_score(*value));
    return fmt::format("{} {}: {}", name, policy::format_score(*value), *score >= *value ? "reached" : "not reached");
}

}  // namespace

Result<Example> example_of(std::string_view category, std::optional<double> score, const Wishes& wishes) {
    constexpr int minor_syntax = 6;
    const auto& policy = wishes.effective.policy;
    const double boost = wishes.senders.boost;
    Example out;
    auto& findings = out.findings;
    findings.virus_check_done = true;
    findings.size = 10'000;
    findings.score = score;
    if (category.empty()) return out;
    const auto* known = mail::category_called(category);
    switch (known == nullptr ? '\0' : known->letter) {
        case 'V': findings.viruses = {std::string(example)}; break;
        case 'B':
            out.banned = std::make_shared<const policy::BannedHit>(policy::BannedHit{std::string(example), {}, {}, false});
            break;
        case 'U': findings.unchecked.insert(mail::unchecked_engine); break;
        case 'S': findings.score = score.value_or(policy.levels.kill.value_or(surely_spam) - boost); break;
        case 'Y': findings.score = score.value_or(policy.levels.tag2.value_or(surely_spam) - boost); break;
        case 'H': findings.header_problems = {{minor_syntax, std::string(example)}}; break;
        case 'O': findings.size = std::max<std::uint64_t>(policy.size_limit.value_or(0), 65536) + 1; break;
        case 'C': break;
        default:
            return fail(Errc::bad_input, fmt::format("no category \"{}\"; there are virus, banned, unchecked, spam, spammy, "
                                                     "bad-header, oversized and clean",
                                                     escaped(category)));
    }
    return out;
}

SettingsExplained explain_settings(const Explained& of) {
    SettingsExplained out;
    out.recipient = of.envelope->recipients.front().address;
    out.keys = of.request->recipients.front().keys;
    for (const auto& dsn : of.settings->lookup_dsns) out.databases.push_back(dsn.named());
    for (const auto& row : *of.rows) out.rows.push_back(policy::describe_row(row));
    out.banks = of.banks->path;
    out.originating = of.banks->originating;
    out.senders = of.wishes->senders.reasons;
    for (const auto& texts :
         {of.wishes->effective.problems, of.wishes->senders.problems, complaints(of.wishes->effective, *of.banks, *of.rows)})
        out.problems.insert(out.problems.end(), texts.begin(), texts.end());
    const auto lines = setting_lines(of.settings);
    const auto& effective = of.wishes->effective;
    for (std::size_t field = 0; field < policy::fields().size(); ++field) {
        const auto& row = policy::fields()[field];
        const auto& origin = effective.origins[field];
        auto& into = out.settings.emplace_back();
        into.name = row.name;
        into.value = policy::show_value(policy::get_field(row, effective.policy));
        into.counts = counts_as(row.name, effective.policy);
        if (origin.layer == policy::Origin::Layer::site)
            into.origin = (origin.is_virus_admin ? "as virus_admin: " : "") + site_origin(lines, row.name);
        else into.origin = policy::describe_origin(effective, field, *of.banks, *of.rows);
    }
    return out;
}

OutcomeExplained explain_outcome(const Explained& of, const Example& found) {
    const auto& findings = found.findings;
    const auto& wanted = of.wishes->effective.policy;
    auto own = of.wishes->senders.findings();
    own.banned = found.banned;
    const auto verdict = policy::judge(findings, own, wanted);
    OutcomeExplained out;
    out.score = verdict.score;
    out.boost = own.score_boost;
    if (wanted.bypass_spam_checks) out.levels = {"bypass_spam_checks is set: no score counts"};
    else if (own.whitelisted) out.levels = {"the sender is whitelisted: never spam"};
    else if (own.blacklisted) out.levels = {"the sender is blacklisted: always spam"};
    else
        out.levels = {level("spam_tag_level", wanted.levels.tag, verdict.score),
                      level("spam_tag2_level", wanted.levels.tag2, verdict.score),
                      level("spam_kill_level", wanted.levels.kill, verdict.score)};
    out.passes = verdict.passes();
    bool is_told = out.passes;  // of what blocks
    for (const auto category : verdict.categories) {
        const bool blocks = !is_told && verdict.blocking->major == category.major &&
                            (verdict.blocking->minor == 0 || verdict.blocking == category);
        is_told = is_told || blocks;
        out.categories.push_back({std::string(mail::display_name(category)), reason(category, wanted), blocks});
    }
    if (!out.passes) {
        out.destiny = policy::destiny_name(verdict.destiny);
        out.response = policy::blocked_response(verdict, "LOG-ID", findings, of.settings->policy.soft_bounce).line();
    }
    out.quarantine = verdict.quarantine;
    out.quarantine_to = verdict.quarantine_to;
    out.subject_tag = verdict.subject_tag;
    out.is_local = wanted.is_local;
    return out;
}

}  // namespace tamis::config
