// banned - which attachments are not wanted: named lists of rules on what opening a message found (docs/amavis/policy.md 7.2)
//
//     [[banned.rules.NAME]]
//     action = "ban"                       # "ban", "allow", "discard" (ban, and no bounce about it)
//     comment = "program"                  # stands in front of the reason
//     any = '\.exe$'                       # selectors: all that are there must hold (docs/banned.md lists them)
//
// For each leaf of the tree of parts the rules are tried in their order over the whole path from the message down to that
// leaf; the first that holds decides for this leaf. What is told is the part on that path that the rule found. Patterns are RE2: linear in the text whatever the pattern. Everything
// but the rules is a stranger's. Pure; a BannedRules never changes after loading and is read from any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/setting.h"
#include "mail/contents.h"
#include "policy/banned_hit.h"

namespace tamis::policy {

enum class BannedAction : std::uint8_t { ban, allow, discard };

class BannedRuleSet;  // one named list, patterns compiled

class BannedRules {
public:
    // load - the lists that come with Tamis (banned_sets()), and [banned.rules] of the whole configuration over them: a
    // list there replaces the one of the same name
    static BannedRules load(const ConfigTable& config, Problems& problems);

    // find - null when there is no list of that name; names are compared exactly, as amavisd does
    const BannedRuleSet* find(std::string_view name) const;
    std::vector<std::string> names() const;

private:
    std::map<std::string, std::shared_ptr<const BannedRuleSet>, std::less<>> sets_;
};

// banned_sets - the lists that come with Tamis, in the language of the configuration
std::string_view banned_sets() noexcept;

// BannedDecision - what a rule said about a leaf
struct BannedDecision {
    std::uint32_t part = 0;  // number of the part that the rule found: the leaf, or what it lies in
    std::string rule;        // "DEFAULT rule 7", counted from 1
    std::string comment;
    BannedAction action = BannedAction::ban;
};

// BannedCheck - one message against the rules. Each list is evaluated at most once, however many recipients have it.
// The rules and the contents must outlive it. One thread.
class BannedCheck {
public:
    BannedCheck(const BannedRules& rules, const mail::Contents& contents);
    BannedCheck(const BannedRules& rules, mail::Contents&& contents) = delete;  // it would be gone
    ~BannedCheck();
    BannedCheck(const BannedCheck&) = delete;
    BannedCheck& operator=(const BannedCheck&) = delete;

    // hit - for a recipient with these lists (RecipientPolicy::banned_rule_names), in their order; null: nothing is
    // banned. Names of lists that do not exist are passed over and noted.
    std::shared_ptr<const BannedHit> hit(const std::vector<std::string>& names);
    // decisions - the same leaf by leaf, for `tamis open`; leaves that no rule speaks about are not in it, and what was found
    // once for several leaves is in it once
    std::vector<BannedDecision> decisions(const std::vector<std::string>& names);
    // unknown_names - each once
    const std::vector<std::string>& unknown_names() const noexcept { return unknown_; }

private:
    struct Tree;
    struct Verdict {
        const BannedRuleSet* set = nullptr;
        std::size_t rule = 0;
    };
    std::vector<const BannedRuleSet*> sets_of(const std::vector<std::string>& names);
    std::vector<Verdict> verdicts(const std::vector<const BannedRuleSet*>& sets);

    const BannedRules& rules_;
    const mail::Contents& contents_;
    std::unique_ptr<Tree> tree_;                                           // made when the first list is evaluated
    std::map<const BannedRuleSet*, std::vector<std::int32_t>> evaluated_;  // by leaf, -1: none
    std::map<std::vector<const BannedRuleSet*>, std::shared_ptr<const BannedHit>> hits_;
    std::vector<std::string> unknown_;
};

// name_path - amavisd's namepath string of a part: a line per node from the message down, tab-joined P=p001 L=1/2 M=type
// T=kind N=name A=letter; what `path` patterns see
std::string name_path(const mail::Contents& contents, std::uint32_t part);

}  // namespace tamis::policy
