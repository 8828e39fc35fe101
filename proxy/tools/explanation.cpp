#include "proxy/tools/explanation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "mail/address.h"
#include "mail/category.h"
#include "policy/size_limit.h"
#include "proxy/value_checks.h"

namespace tamis::proxy::tools {
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

// counts_as - what a size limit below the floor means
std::string counts_as(std::string_view field, const policy::RecipientPolicy& policy) {
    const bool is_low = field == "message_size_limit" && policy.size_limit && *policy.size_limit < policy::size_limit_floor;
    return is_low ? fmt::format(", counts as {}", policy::size_limit_floor) : std::string();
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

std::string explain_settings(const Explained& of) {
    const auto& recipient = of.request->recipients.front();
    std::string out = fmt::format("recipient  {}\n", mail::smtp_form(of.envelope->recipients.front().address));
    std::vector<std::string> keys;
    for (const auto& key : recipient.keys) keys.push_back(escaped(key, 400));
    out += fmt::format("sql keys   {}\n", join(keys, ", "));
    std::vector<std::string> asked;
    for (const auto& dsn : of.settings->lookup_dsns) asked.push_back(dsn.named());
    out += fmt::format("database   {}\n", asked.empty() ? "none (storage.lookup_dsn = [])" : join(asked, ", "));
    if (of.rows->empty()) out += "rows       none\n";
    for (const auto& row : *of.rows) out += fmt::format("rows       {}\n", policy::describe_row(row));
    out += fmt::format("banks      {}{}\n", of.banks->path.empty() ? "none" : of.banks->path,
                       of.banks->originating ? " (originating)" : "");
    for (const auto& text : of.wishes->senders.reasons) out += fmt::format("sender     {}\n", text);
    for (const auto& text : of.wishes->effective.problems) out += fmt::format("PROBLEM    {}\n", text);
    for (const auto& text : of.wishes->senders.problems) out += fmt::format("PROBLEM    {}\n", text);
    for (const auto& text : complaints(of.wishes->effective, *of.banks, *of.rows)) out += fmt::format("PROBLEM    {}\n", text);
    out += '\n';
    const auto lines = setting_lines(of.settings);
    for (std::size_t field = 0; field < policy::fields().size(); ++field) {
        const auto& row = policy::fields()[field];
        const auto& origin = of.wishes->effective.origins[field];
        std::string from = policy::describe_origin(of.wishes->effective, field, *of.banks, *of.rows);
        if (origin.layer == policy::Origin::Layer::site)
            from = (origin.is_virus_admin ? "as virus_admin: " : "") + site_origin(lines, row.name);
        out += fmt::format("{:<29}{:<24} {}\n", row.name,
                           escaped(policy::show_value(policy::get_field(row, of.wishes->effective.policy)), 200) +
                               counts_as(row.name, of.wishes->effective.policy),
                           from);
    }
    return out;
}

std::string explain_outcome(const Explained& of, const Example& found) {
    const auto& findings = found.findings;
    const auto& wanted = of.wishes->effective.policy;
    auto own = of.wishes->senders.findings();
    own.banned = found.banned;
    const auto verdict = policy::judge(findings, own, wanted);
    std::string out =
        fmt::format("score      {}{}\n", verdict.score ? policy::format_score(*verdict.score) : "none",
                    own.score_boost == 0 ? "" : fmt::format(" ({} by sender lists)", policy::format_score(own.score_boost)));
    if (wanted.bypass_spam_checks) out += "           bypass_spam_checks is set: no score counts\n";
    else if (own.whitelisted) out += "           the sender is whitelisted: never spam\n";
    else if (own.blacklisted) out += "           the sender is blacklisted: always spam\n";
    else
        out += fmt::format("           {}\n           {}\n           {}\n",
                           level("spam_tag_level", wanted.levels.tag, verdict.score),
                           level("spam_tag2_level", wanted.levels.tag2, verdict.score),
                           level("spam_kill_level", wanted.levels.kill, verdict.score));
    bool is_told = verdict.passes();  // of what blocks
    for (const auto category : verdict.categories) {
        const bool blocks = !is_told && verdict.blocking->major == category.major &&
                            (verdict.blocking->minor == 0 || verdict.blocking == category);
        is_told = is_told || blocks;
        out += fmt::format("category   {}: {}{}\n", mail::display_name(category), reason(category, wanted),
                           blocks ? " -> blocks" : "");
    }
    if (verdict.passes()) out += "outcome    passes\n";
    else
        out += fmt::format("outcome    {}: {}\n", policy::destiny_name(verdict.destiny),
                           policy::blocked_response(verdict, "LOG-ID", findings, of.settings->policy.soft_bounce).line());
    out +=
        fmt::format("quarantine {}\n",
                    verdict.quarantine.empty() ? "no copy" : fmt::format("{} for {}", verdict.quarantine, verdict.quarantine_to));
    if (verdict.passes() && !verdict.subject_tag.empty())
        out += fmt::format("subject    \"{}\" in front\n", escaped(verdict.subject_tag, 200));
    if (verdict.passes() && !wanted.is_local) out += "subject    unchanged, and no spam headers: the recipient is not local\n";
    return out;
}

}  // namespace tamis::proxy::tools
