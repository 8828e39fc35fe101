#include "tools/explanation_text.h"

#include <fmt/format.h>

#include "base/text.h"
#include "mail/address.h"
#include "policy/judge.h"

namespace tamis::tools {

std::string text_of(const config::SettingsExplained& explained) {
    std::string out = fmt::format("recipient  {}\n", mail::smtp_form(explained.recipient));
    std::vector<std::string> keys;
    for (const auto& key : explained.keys) keys.push_back(escaped(key, 400));
    out += fmt::format("sql keys   {}\n", join(keys, ", "));
    out += fmt::format("database   {}\n",
                       explained.databases.empty() ? "none (storage.lookup_dsn = [])" : join(explained.databases, ", "));
    if (explained.rows.empty()) out += "rows       none\n";
    for (const auto& row : explained.rows) out += fmt::format("rows       {}\n", row);
    out += fmt::format("banks      {}{}\n", explained.banks.empty() ? "none" : explained.banks,
                       explained.originating ? " (originating)" : "");
    for (const auto& text : explained.senders) out += fmt::format("sender     {}\n", text);
    for (const auto& text : explained.problems) out += fmt::format("PROBLEM    {}\n", text);
    out += '\n';
    for (const auto& setting : explained.settings) {
        const auto counts = setting.counts.empty() ? std::string() : ", counts as " + setting.counts;
        out += fmt::format("{:<29}{:<24} {}\n", setting.name, escaped(setting.value, 200) + counts, setting.origin);
    }
    return out;
}

std::string text_of(const config::OutcomeExplained& explained) {
    std::string out =
        fmt::format("score      {}{}\n", explained.score ? policy::format_score(*explained.score) : "none",
                    explained.boost == 0 ? "" : fmt::format(" ({} by sender lists)", policy::format_score(explained.boost)));
    for (const auto& text : explained.levels) out += fmt::format("           {}\n", text);
    for (const auto& category : explained.categories)
        out += fmt::format("category   {}: {}{}\n", category.name, category.reason, category.blocks ? " -> blocks" : "");
    if (explained.passes) out += "outcome    passes\n";
    else out += fmt::format("outcome    {}: {}\n", explained.destiny, explained.response);
    out += fmt::format("quarantine {}\n", explained.quarantine.empty()
                                              ? "no copy"
                                              : fmt::format("{} for {}", explained.quarantine, explained.quarantine_to));
    if (explained.passes && !explained.subject_tag.empty())
        out += fmt::format("subject    \"{}\" in front\n", escaped(explained.subject_tag, 200));
    if (explained.passes && !explained.is_local) out += "subject    unchanged, and no spam headers: the recipient is not local\n";
    return out;
}

}  // namespace tamis::tools
