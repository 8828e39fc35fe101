// banned_rule_set - one named list of banned rules with its patterns compiled; used by policy/banned.cpp only. Pure; read
// from any thread after loading.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/setting.h"
#include "mail/contents.h"
#include "policy/banned.h"

namespace re2 {
class RE2;
}

namespace tamis::policy {

// RuleBits - one bit per rule of a list
using RuleBits = std::vector<bool>;

// PatternSet - the patterns of one selector over all rules of a list, tried all at once on a text
class PatternSet {
public:
    PatternSet();
    ~PatternSet();
    PatternSet(PatternSet&&) noexcept;
    PatternSet& operator=(PatternSet&&) noexcept;

    // add - for that rule; a problem when it is no pattern. (?# comments) are taken out and joined into `comment`.
    void add(std::size_t rule, const std::string& pattern, Position at, std::string_view name, std::string& comment,
             Problems& problems);
    void compile();
    bool empty() const noexcept { return patterns_.empty(); }
    // match - sets the bit of each rule whose pattern is somewhere in the text
    void match(std::string_view text, RuleBits& into) const;
    // matches - of one rule
    bool matches(std::size_t rule, std::string_view text) const;
    // end_of_match - of one rule: where what its pattern found ends; npos when it finds nothing
    std::size_t end_of_match(std::size_t rule, std::string_view text) const;

private:
    struct Compiled;
    struct Pattern {
        std::size_t rule;
        std::unique_ptr<const re2::RE2> alone;
    };
    std::vector<Pattern> patterns_;
    std::unique_ptr<Compiled> together_;
};

// NodeTexts - what the patterns see of a part
struct NodeTexts {
    std::vector<std::string> names;  // tabs and line ends as blanks; also without trailing dots and blanks, and up to a NUL
    std::vector<std::string> types;
    std::vector<std::string> kinds;
    bool is_leaf = false;
    std::size_t depth = 0;  // parts from the message down to this one
};

class BannedRuleSet {
public:
    static std::shared_ptr<const BannedRuleSet> load(std::string name, const ConfigArray& rules, Problems& problems);

    struct Rule {
        BannedAction action = BannedAction::ban;
        std::string comment;
        bool has_any = false, has_node = false, has_path = false;
        bool has_name = false, has_type = false, has_kind = false, has_container = false;
        std::optional<bool> encrypted, leaf;
        std::optional<std::uint64_t> size_min, size_max;
        std::size_t depth = 0;
        std::string macro;
    };

    const std::string& name() const noexcept { return name_; }
    std::span<const Rule> rules() const noexcept { return rules_; }
    bool has_path() const noexcept { return !path_.empty(); }

    // match_node - the rules whose `any` finds something in this part, and those whose other selectors all hold for it
    void match_node(const mail::Part& part, const NodeTexts& texts, RuleBits& any, RuleBits& node) const;
    // deciding - the first rule that holds for a leaf; `any` and `node` are the bits of all parts on its way together
    std::optional<std::size_t> deciding(const RuleBits& any, const RuleBits& node, std::string_view name_path) const;

    // line_of_path - which line of a name path the pattern of that rule found: the last one it touches; npos for none
    std::size_t line_of_path(std::size_t rule, std::string_view name_path) const;

private:
    void add_rule(const ConfigTable& table, std::string_view section, Problems& problems);
    bool holds(const Rule& rule, const mail::Part& part, const NodeTexts& texts) const;

    std::string name_;
    std::vector<Rule> rules_;
    PatternSet any_, names_, types_, kinds_, containers_, path_;
};

}  // namespace tamis::policy
