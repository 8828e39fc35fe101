#include "policy/banned.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "policy/banned_rule_set.h"

namespace tamis::policy {
namespace {

constexpr std::size_t parts_limit = 100;       // of a hit
constexpr std::size_t path_text_limit = 4096;  // of one part with its path
constexpr std::size_t reason_limit = 1024;
constexpr std::size_t sets_limit = 500;

// without_breaks - as amavisd: these two separate the pieces of its namepath string
std::string without_breaks(std::string text) {
    std::ranges::replace_if(text, [](char c) { return c == '\t' || c == '\n'; }, ' ');
    return text;
}

// compacted - runs of six blanks and more are one " ... "
std::string compacted(std::string_view text) {
    constexpr std::size_t long_run = 6;
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t run = 0;
        while (i + run < text.size() && is_blank(text[i + run])) ++run;
        out += run >= long_run ? std::string_view(" ... ") : text.substr(i, std::max<std::size_t>(run, 1));
        i += std::max<std::size_t>(run, 1);
    }
    return out;
}

// cut - at most `limit` bytes, not inside a UTF-8 character
std::string cut(std::string text, std::size_t limit) {
    constexpr std::string_view mark = "...";
    if (text.size() <= limit) return text;
    std::size_t at = limit - mark.size();
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) --at;
    return text.substr(0, at).append(mark);
}

// attributes - as amavisd shows a part: types, .kinds, names, UNDECIPHERABLE, joined by commas
std::string attributes(const mail::Part& part) {
    std::vector<std::string> out;
    for (const auto& type : part.types) out.push_back(without_breaks(type));
    for (const auto& kind : part.kinds) out.push_back("." + without_breaks(kind));
    for (const auto& name : part.names) out.push_back(without_breaks(name));
    if (part.has(mail::PartFlag::undecipherable)) out.emplace_back("UNDECIPHERABLE");
    return join(out, ",");
}

// Character - the first one of a text: its code point, or the octet when it is no UTF-8, and how many octets it has
struct Character {
    std::uint32_t code = 0;
    std::size_t size = 1;
};
Character first_character(std::string_view text) {
    const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const std::uint32_t lead = octet(0);
    const std::size_t size = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size == 1 || size > text.size()) return {lead, 1};
    std::uint32_t code = lead & (0x7fU >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((octet(i) & 0xc0U) != 0x80U) return {lead, 1};
        code = code << 6 | (octet(i) & 0x3fU);
    }
    return {code, size};
}

// is_invisible - what clients and file systems leave out of a name, or show as nothing: control characters, the soft hyphen,
// zero-width characters, marks of direction, variation selectors, tags
bool is_invisible(std::uint32_t code) {
    struct Range {
        std::uint32_t first, last;
    };
    static constexpr Range ranges[] = {{0, 0x1f},        {0x7f, 0x9f},      {0xad, 0xad},     {0x34f, 0x34f},   {0x61c, 0x61c},
                                       {0x115f, 0x1160}, {0x17b4, 0x17b5},  {0x180b, 0x180f}, {0x200b, 0x200f}, {0x2028, 0x202e},
                                       {0x2060, 0x206f}, {0x3164, 0x3164},  {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
                                       {0xfff0, 0xfffb}, {0xe0000, 0xe0fff}};
    return std::ranges::any_of(ranges, [&](const auto& range) { return range.first <= code && code <= range.last; });
}

// is_dropped_at_end - what Windows and mail programs take away from the end of a name: dots, and blanks of every width
bool is_dropped_at_end(std::uint32_t code) {
    return code == '.' || code == ' ' || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x202f ||
           code == 0x205f || code == 0x3000 || is_invisible(code);
}

// saved_name - the name as a client would save the file: nothing invisible in it, no dots and blanks at its end
std::string saved_name(std::string_view name) {
    std::string out;
    std::size_t end = 0;  // of what stays
    while (!name.empty()) {
        const auto next = first_character(name);
        if (!is_invisible(next.code)) out += name.substr(0, next.size);
        if (!is_dropped_at_end(next.code)) end = out.size();
        name.remove_prefix(next.size);
    }
    out.resize(end);
    return out;
}

// add_name - the name, and what programs make of it: some stop at a NUL, others leave out what nobody sees
void add_name(std::vector<std::string>& into, const std::string& name) {
    const auto add = [&](std::string text) {
        if (!text.empty() && std::ranges::find(into, text) == into.end()) into.push_back(std::move(text));
    };
    add(without_breaks(name));
    const auto nul = name.find('\0');
    if (nul != std::string::npos) {
        add(without_breaks(name.substr(0, nul)));
        add(saved_name(std::string_view(name).substr(0, nul)));
    }
    add(saved_name(name));
}

NodeTexts texts_of(const mail::Part& part) {
    NodeTexts out;
    for (const auto& name : part.names)
        if (!name.empty()) add_name(out.names, name);
    for (const auto& type : part.types)
        if (!type.empty()) out.types.push_back(without_breaks(type));
    for (const auto& kind : part.kinds)
        if (!kind.empty()) out.kinds.push_back(without_breaks(kind));
    return out;
}

}  // namespace

BannedRules BannedRules::load(const ConfigTable& config, Problems& problems) {
    BannedRules out;
    const auto take = [&](const ConfigTable& from, Problems& into) {
        const auto* banned = from.find("banned");
        if (banned == nullptr) return;
        if (banned->table() == nullptr) return into.add(banned->position, "banned must be a table with [[banned.rules.NAME]]");
        for (const auto& [key, at] : banned->table()->keys)
            if (key != "rules") detail::unknown_key("banned", key, at, {"rules"}, into);
        const auto* rules = banned->table()->find("rules");
        if (rules == nullptr) return;
        if (rules->table() == nullptr)
            return into.add(rules->position, "banned.rules must be lists of tables: [[banned.rules.NAME]]");
        if (rules->table()->entries.size() > sets_limit)
            return into.add(rules->position, fmt::format("banned.rules: more than {} lists", sets_limit));
        for (const auto& [name, value] : rules->table()->entries) {
            if (name.find_first_of(", \t") != std::string::npos)
                into.add(value.position,
                         fmt::format("banned.rules.\"{}\": a name without blanks and commas, they separate names in SQL",
                                     escaped(name)));
            if (value.array() == nullptr)
                into.add(value.position, fmt::format("banned.rules.{} must be a list of tables: [[banned.rules.{}]]",
                                                     escaped(name), escaped(name)));
            else out.sets_[name] = BannedRuleSet::load(name, *value.array(), into);
        }
    };
    Problems own("the lists that come with Tamis");
    take(parse_config(banned_sets(), own), own);
    for (const auto& line : own.lines()) problems.add({}, line);
    take(config, problems);
    return out;
}

const BannedRuleSet* BannedRules::find(std::string_view name) const {
    const auto found = sets_.find(name);
    return found == sets_.end() ? nullptr : found->second.get();
}

std::vector<std::string> BannedRules::names() const {
    std::vector<std::string> out;
    for (const auto& [name, set] : sets_) out.push_back(name);
    return out;
}

// Tree - what the rules see of each part; by index in Contents::parts
struct BannedCheck::Tree {
    std::vector<NodeTexts> nodes;
    std::vector<std::size_t> leaves;

    explicit Tree(const mail::Contents& contents) {
        const auto& parts = contents.parts;
        std::vector<bool> has_children(parts.size(), false);
        for (const auto& part : parts)
            if (part.parent != 0 && part.parent <= parts.size()) has_children[part.parent - 1] = true;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            nodes.push_back(texts_of(parts[i]));
            nodes[i].is_leaf = !has_children[i];
            nodes[i].depth = parent_of(parts, i) ? nodes[*parent_of(parts, i)].depth + 1 : 1;
            if (nodes[i].is_leaf) leaves.push_back(i);
        }
    }

    // in_order_of_depth - indices into `leaves`: what lies less deep is named first, as with amavisd
    std::vector<std::size_t> in_order_of_depth() const {
        std::vector<std::size_t> out(leaves.size());
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = i;
        std::ranges::sort(out, {}, [&](std::size_t leaf) { return std::pair(nodes[leaves[leaf]].depth, leaf); });
        return out;
    }

    // parent_of - its index; a parent stands before its children
    static std::optional<std::size_t> parent_of(const std::vector<mail::Part>& parts, std::size_t i) {
        const auto parent = parts[i].parent;
        return parent != 0 && parent <= i ? std::optional<std::size_t>(parent - 1) : std::nullopt;
    }

    // found_by - the part that a rule found on the way down to a leaf: the lowest one that its selectors hold for. They may hold
    // for several parts together: then it is the one of the selectors about a part, and after these of `any`.
    const mail::Part& found_by(const mail::Contents& contents, const BannedRuleSet& set, std::size_t rule,
                               std::size_t leaf) const {
        const auto& parts = contents.parts;
        const auto& wanted = set.rules()[rule];
        if (!wanted.has_any && !wanted.has_node) {
            const auto way = contents.way_to(parts[leaf].number);
            const auto line = set.line_of_path(rule, name_path(contents, parts[leaf].number));
            return line < way.size() ? *way[line] : parts[leaf];
        }
        for (std::optional<std::size_t> i = leaf; i; i = parent_of(parts, *i)) {
            RuleBits any(set.rules().size()), node(set.rules().size());
            set.match_node(parts[*i], nodes[*i], any, node);
            if (wanted.has_node ? node[rule] : any[rule]) return parts[*i];
        }
        return parts[leaf];
    }

    // evaluate - the deciding rule of each leaf, -1 for none. A part inherits what was found on the way down to it.
    std::vector<std::int32_t> evaluate(const mail::Contents& contents, const BannedRuleSet& set) const {
        const auto rules = set.rules().size();
        const auto& parts = contents.parts;
        std::vector<RuleBits> any(parts.size());
        std::vector<RuleBits> node(parts.size());
        std::vector<std::int32_t> out;
        std::size_t next_leaf = 0;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            const auto parent = parent_of(parts, i);
            any[i] = parent ? any[*parent] : RuleBits(rules);
            node[i] = parent ? node[*parent] : RuleBits(rules);
            set.match_node(parts[i], nodes[i], any[i], node[i]);
            if (next_leaf == leaves.size() || leaves[next_leaf] != i) continue;
            ++next_leaf;
            const auto path = set.has_path() ? name_path(contents, static_cast<std::uint32_t>(i + 1)) : std::string();
            const auto rule = set.deciding(any[i], node[i], path);
            out.push_back(rule ? static_cast<std::int32_t>(*rule) : -1);
        }
        return out;
    }
};

BannedCheck::BannedCheck(const BannedRules& rules, const mail::Contents& contents) : rules_(rules), contents_(contents) {}
BannedCheck::~BannedCheck() = default;

std::vector<const BannedRuleSet*> BannedCheck::sets_of(const std::vector<std::string>& names) {
    std::vector<const BannedRuleSet*> out;
    for (const auto& name : names) {
        if (const auto* set = rules_.find(name)) out.push_back(set);
        else if (std::ranges::find(unknown_, name) == unknown_.end()) unknown_.push_back(name);
    }
    return out;
}

// verdicts - by leaf: the first list that has a rule for it
std::vector<BannedCheck::Verdict> BannedCheck::verdicts(const std::vector<const BannedRuleSet*>& sets) {
    if (!tree_) tree_ = std::make_unique<Tree>(contents_);
    std::vector<Verdict> out(tree_->leaves.size());
    for (const auto* set : sets) {
        auto known = evaluated_.find(set);
        if (known == evaluated_.end()) known = evaluated_.emplace(set, tree_->evaluate(contents_, *set)).first;
        for (std::size_t leaf = 0; leaf < out.size(); ++leaf)
            if (out[leaf].set == nullptr && known->second[leaf] >= 0)
                out[leaf] = {set, static_cast<std::size_t>(known->second[leaf])};
    }
    return out;
}

std::shared_ptr<const BannedHit> BannedCheck::hit(const std::vector<std::string>& names) {
    const auto sets = sets_of(names);
    if (sets.empty() || contents_.parts.empty()) return nullptr;
    if (const auto known = hits_.find(sets); known != hits_.end()) return known->second;
    std::shared_ptr<BannedHit> hit;
    std::set<std::uint32_t> told;
    const auto found = verdicts(sets);
    for (const auto leaf : tree_->in_order_of_depth()) {
        if (found[leaf].set == nullptr) continue;
        const auto& rule = found[leaf].set->rules()[found[leaf].rule];
        if (rule.action == BannedAction::allow) continue;
        const bool is_enough = hit && hit->parts.size() == parts_limit;
        if (is_enough) {
            hit->suppresses_dsn = hit->suppresses_dsn || rule.action == BannedAction::discard;
            continue;
        }
        const auto& part = tree_->found_by(contents_, *found[leaf].set, found[leaf].rule, tree_->leaves[leaf]);
        if (!hit) {
            hit = std::make_shared<BannedHit>();
            hit->rule = fmt::format("{} rule {}", found[leaf].set->name(), found[leaf].rule + 1);
            const auto shown = compacted(attributes(part));
            hit->reason = cut(rule.comment.empty() ? shown : rule.comment + ":" + shown, reason_limit);
        }
        hit->suppresses_dsn = hit->suppresses_dsn || rule.action == BannedAction::discard;
        if (!told.insert(part.number).second) continue;
        std::vector<std::string> way;
        for (const auto* node : contents_.way_to(part.number)) way.push_back(attributes(*node));
        hit->parts.push_back(cut(compacted(join(way, " | ")), path_text_limit));
    }
    hits_.emplace(sets, hit);
    return hit;
}

std::vector<BannedDecision> BannedCheck::decisions(const std::vector<std::string>& names) {
    std::vector<BannedDecision> out;
    std::set<std::pair<std::uint32_t, std::string>> told;
    const auto found = verdicts(sets_of(names));
    for (std::size_t leaf = 0; leaf < found.size(); ++leaf) {
        if (found[leaf].set == nullptr) continue;
        const auto& rule = found[leaf].set->rules()[found[leaf].rule];
        const auto part = tree_->found_by(contents_, *found[leaf].set, found[leaf].rule, tree_->leaves[leaf]).number;
        const auto name = fmt::format("{} rule {}", found[leaf].set->name(), found[leaf].rule + 1);
        if (told.emplace(part, name).second) out.push_back({part, name, rule.comment, rule.action});
    }
    return out;
}

std::string name_path(const mail::Contents& contents, std::uint32_t part) {
    using mail::PartFlag;
    static constexpr std::pair<PartFlag, char> letters[] = {{PartFlag::undecipherable, 'U'}, {PartFlag::encrypted, 'C'},
                                                            {PartFlag::directory, 'D'},      {PartFlag::special, 'S'},
                                                            {PartFlag::link, 'L'},           {PartFlag::ambiguous, 'B'}};
    std::vector<std::string> lines;
    for (const auto* node : contents.way_to(part)) {
        std::vector<std::string> pieces = {fmt::format("P=p{:03}", node->number)};
        const bool is_mime = node->container.empty() || node->container == "mime";
        if (is_mime && !node->path.empty()) pieces.push_back("L=" + node->path);
        for (const auto& type : node->types)
            if (!type.empty()) pieces.push_back("M=" + without_breaks(type));
        for (const auto& kind : node->kinds)
            if (!kind.empty()) pieces.push_back("T=" + without_breaks(kind));
        for (const auto& name : node->names)
            if (!name.empty()) pieces.push_back("N=" + without_breaks(name));
        for (const auto& [flag, letter] : letters)
            if (node->has(flag)) pieces.push_back(fmt::format("A={}", letter));
        lines.push_back(join(pieces, "\t"));
    }
    return join(lines, "\n");
}

}  // namespace tamis::policy
