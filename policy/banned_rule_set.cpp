#include "policy/banned_rule_set.h"

#include <fmt/format.h>
#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>

#include "base/text.h"

namespace tamis::policy {
namespace {

constexpr int64_t pattern_memory = 8 << 20;
constexpr std::size_t pattern_limit = 16 * 1024;
constexpr std::size_t rule_limit = 1000;

re2::RE2::Options pattern_options() {
    re2::RE2::Options options(re2::RE2::Latin1);  // names are bytes
    options.set_case_sensitive(false);
    options.set_log_errors(false);
    options.set_max_mem(pattern_memory);
    return options;
}

// without_comments - Perl's (?# text) taken out, which RE2 does not know
std::string without_comments(std::string_view pattern, std::vector<std::string>& comments) {
    constexpr std::string_view open = "(?#";
    std::string out;
    bool in_class = false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '\\' && i + 1 < pattern.size()) {
            out += pattern.substr(i++, 2);
            continue;
        }
        if (!in_class && pattern.substr(i).starts_with(open)) {
            const auto end = pattern.find(')', i);
            comments.emplace_back(
                trim(pattern.substr(i + open.size(), end == std::string_view::npos ? end : end - i - open.size())));
            if (end == std::string_view::npos) return out;
            i = end;
            continue;
        }
        if (!in_class && pattern[i] == '[') {
            in_class = true;
            out += pattern[i];
            if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
            if (i + 1 < pattern.size() && pattern[i + 1] == ']') out += pattern[++i];  // the first is a plain character
            continue;
        }
        if (pattern[i] == ']') in_class = false;
        out += pattern[i];
    }
    return out;
}

// RuleText - a rule as it stands in the configuration
struct RuleText {
    std::string action = "ban", comment, macro;
    std::optional<std::string> any, name, type, kind, container, path;
    Bytes size_min, size_max;
    bool encrypted = false, leaf = false;
    std::int64_t depth = 0;
};

const std::vector<Setting<RuleText>>& rule_rows() {
    using R = RuleText;
    static const std::vector<Setting<R>> rows = {
        {"action", &R::action, "What the rule says.", 0, 0, true, {"ban", "allow", "discard"}},
        {"comment", &R::comment, "Stands in front of the reason."},
        {"any", &R::any, "Some type, .kind or name on the way to the leaf."},
        {"name", &R::name, "A name of the part."},
        {"type", &R::type, "A declared MIME type."},
        {"kind", &R::kind, "A kind found by looking at the bytes."},
        {"container", &R::container, "What the part lies in: mime, zip, tar, ..."},
        {"path", &R::path, "amavisd's namepath string."},
        {"size_min", &R::size_min, "At least that many octets.", 0, 1e15},
        {"size_max", &R::size_max, "At most that many octets.", 0, 1e15},
        {"encrypted", &R::encrypted, "Whether the part is encrypted."},
        {"leaf", &R::leaf, "Whether nothing was found inside the part."},
        {"macro", &R::macro, "Macros of an office document.", 0, 0, true, {"present", "auto-exec", "suspicious"}},
        {"depth", &R::depth, "That many parts down or more; the message is 1.", 1, 1000},
    };
    return rows;
}

bool has_macro(const mail::Macros& macros, std::string_view wanted) {
    if (wanted == "auto-exec") return macros.auto_exec;
    if (wanted == "suspicious") return macros.suspicious;
    return macros.present || macros.auto_exec || macros.suspicious;
}

}  // namespace

struct PatternSet::Compiled {
    re2::RE2::Set set;
    bool works = false;
};

PatternSet::PatternSet() = default;
PatternSet::~PatternSet() = default;
PatternSet::PatternSet(PatternSet&&) noexcept = default;
PatternSet& PatternSet::operator=(PatternSet&&) noexcept = default;

void PatternSet::add(std::size_t rule, const std::string& pattern, Position at, std::string_view name, std::string& comment,
                     Problems& problems) {
    std::vector<std::string> comments;
    const std::string text = without_comments(pattern, comments);
    if (comment.empty()) comment = join(comments, " ");
    if (pattern.size() > pattern_limit)
        return problems.add(at, fmt::format("{}: a pattern of more than {} characters", name, pattern_limit));
    auto alone = std::make_unique<const re2::RE2>(text, pattern_options());
    if (!alone->ok())
        return problems.add(at, fmt::format("{}: \"{}\" is not a regular expression (RE2 syntax): {}", name,
                                            escaped(pattern, 200), escaped(alone->error(), 200)));
    patterns_.push_back({rule, std::move(alone)});
}

void PatternSet::compile() {
    if (patterns_.size() < 2) return;
    together_ = std::make_unique<Compiled>(Compiled{re2::RE2::Set(pattern_options(), re2::RE2::UNANCHORED)});
    for (const auto& pattern : patterns_)
        if (together_->set.Add(pattern.alone->pattern(), nullptr) < 0) return;
    together_->works = together_->set.Compile();
}

void PatternSet::match(std::string_view text, RuleBits& into) const {
    if (together_ && together_->works) {
        std::vector<int> found;
        re2::RE2::Set::ErrorInfo error{};
        const bool any = together_->set.Match({text.data(), text.size()}, &found, &error);
        for (const int i : found) into[patterns_[static_cast<std::size_t>(i)].rule] = true;
        if (any || error.kind == re2::RE2::Set::kNoError) return;
    }
    for (const auto& pattern : patterns_)  // one alone, or too much for one automaton
        if (re2::RE2::PartialMatch({text.data(), text.size()}, *pattern.alone)) into[pattern.rule] = true;
}

bool PatternSet::matches(std::size_t rule, std::string_view text) const {
    const auto found = std::ranges::find(patterns_, rule, &Pattern::rule);
    return found != patterns_.end() && re2::RE2::PartialMatch({text.data(), text.size()}, *found->alone);
}

std::size_t PatternSet::end_of_match(std::size_t rule, std::string_view text) const {
    const auto found = std::ranges::find(patterns_, rule, &Pattern::rule);
    re2::StringPiece where;
    const re2::StringPiece whole(text.data(), text.size());
    if (found == patterns_.end() || !found->alone->Match(whole, 0, whole.size(), re2::RE2::UNANCHORED, &where, 1))
        return std::string_view::npos;
    return static_cast<std::size_t>(where.data() - whole.data()) + where.size();
}

std::shared_ptr<const BannedRuleSet> BannedRuleSet::load(std::string name, const ConfigArray& rules, Problems& problems) {
    auto out = std::make_shared<BannedRuleSet>();
    out->name_ = std::move(name);
    const std::string section = fmt::format("banned.rules.{}", escaped(out->name_, 60));
    if (rules.size() > rule_limit) {
        problems.add(rules.front().position, fmt::format("{}: more than {} rules", section, rule_limit));
        return out;
    }
    for (const auto& rule : rules) {
        if (rule.table() != nullptr) out->add_rule(*rule.table(), section, problems);
        else problems.add(rule.position, fmt::format("{} must be a list of tables: [[{}]]", section, section));
    }
    for (auto* set : {&out->any_, &out->names_, &out->types_, &out->kinds_, &out->containers_}) set->compile();
    return out;
}

void BannedRuleSet::add_rule(const ConfigTable& table, std::string_view section, Problems& problems) {
    RuleText text;
    load_settings(table, section, rule_rows(), text, problems);
    const auto has = [&](std::string_view key) { return table.find(key) != nullptr; };
    Rule rule;
    rule.action = text.action == "allow"     ? BannedAction::allow
                  : text.action == "discard" ? BannedAction::discard
                                             : BannedAction::ban;
    rule.comment = text.comment;
    const auto index = rules_.size();
    const auto pattern = [&](std::string_view key, const std::optional<std::string>& value, PatternSet& into, bool& flag) {
        if (!value) return;
        flag = true;
        into.add(index, *value, table.find(key)->position, fmt::format("{}.{}", section, key), rule.comment, problems);
    };
    pattern("any", text.any, any_, rule.has_any);
    pattern("name", text.name, names_, rule.has_name);
    pattern("type", text.type, types_, rule.has_type);
    pattern("kind", text.kind, kinds_, rule.has_kind);
    pattern("container", text.container, containers_, rule.has_container);
    pattern("path", text.path, path_, rule.has_path);
    if (has("size_min")) rule.size_min = text.size_min.count;
    if (has("size_max")) rule.size_max = text.size_max.count;
    if (has("encrypted")) rule.encrypted = text.encrypted;
    if (has("leaf")) rule.leaf = text.leaf;
    rule.macro = text.macro;
    rule.depth = static_cast<std::size_t>(text.depth);
    rule.has_node = rule.has_name || rule.has_type || rule.has_kind || rule.has_container || rule.size_min || rule.size_max ||
                    rule.encrypted || rule.leaf || rule.depth != 0 || !rule.macro.empty();
    if (!rule.has_any && !rule.has_node && !rule.has_path)
        problems.add(table.position, fmt::format("[[{}]] has no selector; depth = 1 is every part", section));
    rules_.push_back(std::move(rule));
}

bool BannedRuleSet::holds(const Rule& rule, const mail::Part& part, const NodeTexts& texts) const {
    if (rule.depth > texts.depth) return false;
    if (rule.leaf && *rule.leaf != texts.is_leaf) return false;
    if (rule.encrypted && *rule.encrypted != part.has(mail::PartFlag::encrypted)) return false;
    if (rule.size_min && part.size < *rule.size_min) return false;
    if (rule.size_max && part.size > *rule.size_max) return false;
    return rule.macro.empty() || has_macro(part.macros, rule.macro);
}

void BannedRuleSet::match_node(const mail::Part& part, const NodeTexts& texts, RuleBits& any, RuleBits& node) const {
    if (!any_.empty()) {
        std::string dotted;
        for (const auto& type : texts.types) any_.match(type, any);
        for (const auto& kind : texts.kinds) any_.match(dotted.assign(1, '.').append(kind), any);
        for (const auto& name : texts.names) any_.match(name, any);
        if (part.has(mail::PartFlag::undecipherable)) any_.match("UNDECIPHERABLE", any);
    }
    const auto bits = [&](const PatternSet& set, const std::vector<std::string>& all) {
        RuleBits out(set.empty() ? 0 : rules_.size());
        if (!set.empty())
            for (const auto& text : all) set.match(text, out);
        return out;
    };
    const auto names = bits(names_, texts.names);
    const auto types = bits(types_, texts.types);
    const auto kinds = bits(kinds_, texts.kinds);
    const auto containers = bits(containers_, {part.container});
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        const auto& rule = rules_[i];
        if (!rule.has_node || node[i]) continue;
        node[i] = (!rule.has_name || names[i]) && (!rule.has_type || types[i]) && (!rule.has_kind || kinds[i]) &&
                  (!rule.has_container || containers[i]) && holds(rule, part, texts);
    }
}

std::size_t BannedRuleSet::line_of_path(std::size_t rule, std::string_view name_path) const {
    const auto end = path_.end_of_match(rule, name_path);
    if (end == std::string_view::npos) return end;
    auto seen = name_path.substr(0, end);
    if (seen.ends_with('\n')) seen.remove_suffix(1);
    return static_cast<std::size_t>(std::ranges::count(seen, '\n'));
}

std::optional<std::size_t> BannedRuleSet::deciding(const RuleBits& any, const RuleBits& node, std::string_view name_path) const {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        const auto& rule = rules_[i];
        if ((!rule.has_any || any[i]) && (!rule.has_node || node[i]) && (!rule.has_path || path_.matches(i, name_path))) return i;
    }
    return {};
}

}  // namespace tamis::policy
