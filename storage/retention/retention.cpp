#include "storage/retention/retention.h"

#include <algorithm>

#include "base/text.h"

namespace tamis::storage {
namespace {

bool is_past(const Age& age, const Candidate& message, std::int64_t now) {
    const auto before = cutoff(age, now);
    return before && message.time < *before;
}

Age longest(const RetentionRules& rules, Age Ages::* which) {
    Age out = rules.general.*which;
    for (const auto& [letter, ages] : rules.of_category) {
        if (!out || !(ages.*which)) return {};
        out = std::max(*out, *(ages.*which));
    }
    return out;
}

// is_stored - a name in quar_loc that means the table: the mail_id, with the partition behind it where there is one
bool is_stored(std::string_view name, std::string_view mail_id) {
    return name == mail_id || (name.starts_with(mail_id) && name.substr(mail_id.size()).starts_with('['));
}

}  // namespace

std::optional<std::int64_t> cutoff(const Age& age, std::int64_t now) {
    if (!age) return {};
    return now - age->count();
}

const Ages& RetentionRules::ages(char content) const {
    const auto found = of_category.find(content);
    return found == of_category.end() ? general : found->second;
}

Age RetentionRules::longest_record() const { return longest(*this, &Ages::record); }
Age RetentionRules::longest_copy() const { return longest(*this, &Ages::copy); }

bool Candidate::has_stored_copy() const {
    if (type == 'Q') return true;
    return type != ' ' &&
           std::ranges::any_of(split(location, ','), [&](std::string_view name) { return is_stored(name, key.mail_id); });
}

Due due(const Candidate& message, const RetentionRules& rules, std::int64_t now) {
    const bool is_stored = message.has_stored_copy();
    // with a copy it may have been answered 250: it is kept like others
    if (message.content == '\0' && !is_stored && is_past(rules.incomplete, message, now)) return Due::incomplete;
    const auto& ages = rules.ages(message.content);
    if (is_past(ages.record, message, now)) return Due::record;
    if (!is_stored || message.is_wanted()) return Due::nothing;
    if (is_past(ages.copy, message, now)) return Due::copy;
    return message.is_deleted() && is_past(rules.deleted, message, now) ? Due::copy : Due::nothing;
}

Left without_stored_copy(const Candidate& message) {
    Left left;
    for (const auto name : split(message.location, ',')) {
        if (name.empty() || is_stored(name, message.key.mail_id)) continue;
        if (left.location.empty())  // the letter is that of the first
            left.type = message.type != 'Q'                        ? message.type
                        : name.find('@') != std::string_view::npos ? 'M'
                        : name.ends_with(".gz")                    ? 'Z'
                                                                   : 'F';
        else left.location += ',';
        left.location += name;
    }
    if (left.location.empty()) left.location = expired_location;
    return left;
}

std::vector<Walk> walks(const RetentionRules& rules, std::int64_t now) {
    std::vector<Walk> out;
    for (const auto kind : {Walk::Kind::records, Walk::Kind::copies}) {
        const auto which = kind == Walk::Kind::records ? &Ages::record : &Ages::copy;
        std::map<std::chrono::seconds, std::string> groups;
        std::string others;
        for (const auto& [letter, ages] : rules.of_category) {
            if (ages.*which == rules.general.*which) continue;
            others += letter;
            if (ages.*which) groups[*(ages.*which)] += letter;
        }
        if (const auto until = cutoff(rules.general.*which, now)) out.push_back({kind, {}, others, *until});
        for (const auto& [age, letters] : groups) out.push_back({kind, letters, {}, now - age.count()});
    }
    if (const auto until = cutoff(rules.deleted, now)) out.push_back({Walk::Kind::deleted, {}, {}, *until});
    if (const auto until = cutoff(rules.incomplete, now)) out.push_back({Walk::Kind::incomplete, {}, {}, *until});
    return out;
}

}  // namespace tamis::storage
