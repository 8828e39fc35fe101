// banned_rules - $banned_filename_re, %banned_rules, $banned_namepath_re and @banned_filename_maps as lists of rules
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "policy/banned.h"
#include "tools/import/lookup_list.h"
#include "tools/import/perl_pattern.h"
#include "tools/import/recipient_shapes.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;

// Rule - one line of such a list
struct Rule {
    std::string pattern, action;
    Place place;
};

// BuiltIn - the lists that come with Tamis: their names, and the rules of DEFAULT
struct BuiltIn {
    std::vector<std::string> names, rules;
};

const BuiltIn& built_in() {
    static const BuiltIn lists = [] {
        Problems problems("");
        const auto config = parse_config(policy::banned_sets(), problems);
        const auto* all = config.find("banned")->table()->find("rules")->table();
        BuiltIn out;
        for (const auto& [name, rules] : all->entries) out.names.push_back(name);
        for (const auto& rule : *all->find("DEFAULT")->array()) out.rules.push_back(*rule.table()->find("any")->text());
        return out;
    }();
    return lists;
}

std::vector<Rule> rules_of(Translation& into, const PerlValue& patterns) {
    std::vector<Rule> out;
    for (std::size_t i = 0; i + 1 < patterns.items.size(); i += 2) {
        const PerlValue result = into.conf.followed(patterns.items[i + 1]);
        auto pattern = re2_pattern(patterns.items[i], PatternUse::banned);
        if (!pattern || !result.is_known()) {
            into.remark(patterns.items[i].place, shown_pattern(patterns.items[i].text), Outcome::missing,
                        pattern ? result.text : pattern.error().detail);
            continue;
        }
        const bool discards = text_of(result).value_or("").starts_with("DISCARD");
        out.push_back({std::move(*pattern),
                       discards                         ? "discard"
                       : is_true(result).value_or(true) ? ""
                                                        : "allow",
                       patterns.items[i].place});
    }
    return out;
}

class BannedLists {
public:
    explicit BannedLists(Translation& into) : into_(into) {}

    // write - a list of that name; not when it is Tamis's own list of that name
    void write(const std::string& name, const PerlValue& patterns, std::string_view selector) {
        names_.push_back(name);
        const auto rules = rules_of(into_, patterns);
        const auto& own = built_in().rules;
        const bool is_own = name == "DEFAULT" && std::ranges::equal(rules, own, [](const Rule& a, const std::string& b) {
                                return a.pattern == b && a.action.empty();
                            });
        if (is_own) {
            into_.toml.table("[policy]").remarks = {
                "$banned_filename_re is rule by rule the list DEFAULT that comes with Tamis (docs/banned.md)"};
            return;
        }
        for (const auto& rule : rules) {
            auto& table = into_.toml.add(fmt::format("[[banned.rules.{}]]", toml_key(name)));
            if (!rule.action.empty()) table.put("action", toml_string(rule.action), {rule.place});
            table.put(selector, toml_string(rule.pattern), {rule.place});
        }
        if (!rules.empty()) return;
        auto& table = into_.toml.add(fmt::format("[[banned.rules.{}]]", toml_key(name)));  // a list without rules bans nothing
        table.put("action", "\"allow\"", {patterns.place});
        table.put("depth", "1", {patterns.place});
    }

    bool has(const std::string& name) const { return std::ranges::find(names_, name) != names_.end(); }

    // name_of - of the patterns that stand in a list of tables; written when they are new
    std::string name_of(const PerlValue& patterns) {
        if (same(patterns, into_.value("$banned_filename_re"))) return "DEFAULT";
        const PerlValue rules = into_.value("%banned_rules");
        for (std::size_t i = 0; i < rules.keys.size(); ++i)
            if (same(patterns, into_.conf.followed(rules.items[i]))) return rules.keys[i];
        const std::string name = fmt::format("IMPORTED-{}", ++made_);
        write(name, patterns, "any");
        return name;
    }

    // names - what a value of @banned_filename_maps means
    Result<std::vector<std::string>> names(const PerlValue& given, Place place) {
        const PerlValue value = into_.conf.followed(given);
        if (!value.is_known()) return fail(Errc::bad_input, value.text);
        std::vector<std::string> out;
        if (value.is(Kind::patterns)) return std::vector<std::string>{name_of(value)};
        if (value.is(Kind::list)) {
            for (const auto& item : value.items) {
                auto more = names(item, place);
                if (!more) return more;
                out.insert(out.end(), more->begin(), more->end());
            }
            return out;
        }
        for (const auto name : words(text_of(value).value_or(""), ", \t")) {
            const std::string text(name);
            const auto& own = built_in().names;
            if (has(text) || (text != "DEFAULT" && std::ranges::find(own, text) != own.end())) out.push_back(text);
            else if (place.line != 0)
                into_.remark(place, text, Outcome::needless, "no list has this name; amavisd passed over it too");
        }
        return out;
    }

private:
    static bool same(const PerlValue& a, const PerlValue& b) {
        return a.is(Kind::patterns) && b.is(Kind::patterns) && !a.items.empty() &&
               std::ranges::equal(a.items, b.items,
                                  [](const PerlValue& x, const PerlValue& y) { return x.place == y.place && x.text == y.text; });
    }

    Translation& into_;
    std::vector<std::string> names_;
    int made_ = 0;
};

void maps(Translation& into, BannedLists& lists, bool has_paths) {
    const PerlValue value = into.conf.value("@banned_filename_maps");
    LookupList list;
    // new_RE(...) in this list is a list of rules for everybody, not a table of recipients
    PerlValue tables{Kind::list, value.place};
    for (const auto& item : value.items) {
        const PerlValue table = into.conf.followed(item);
        if (item.is(Kind::variable)) list.names.insert(item.text);
        PerlValue text = text_value("", item.place);
        if (table.is(Kind::patterns)) text.text = lists.name_of(table);
        else if (table.is(Kind::undef)) continue;
        else if (table.is(Kind::table) || !table.is_known() || table.is(Kind::text)) text = item;
        else if (auto names = lists.names(table, item.place); names) text.text = join(*names, ",");
        tables.items.push_back(text);
    }
    const auto found = lookup_list(into.conf, tables);
    list.troubles = found.troubles;
    list.names.insert(found.names.begin(), found.names.end());
    bool has_site = false;
    for (const auto& entry : found.entries) {
        auto names = lists.names(entry.result, entry.place);
        if (!names) {
            into.remark(entry.place, "@banned_filename_maps", Outcome::missing, names.error().detail);
            continue;
        }
        if (has_paths) names->emplace_back("NAMEPATH");
        const auto rendered = toml_list(*names);
        if (entry.kind == LookupEntry::Kind::key) {
            into.toml.table(fmt::format("[recipients.{}]", toml_key(entry.text)))
                .put("banned_rulenames", rendered, {entry.place});
        } else if (entry.kind == LookupEntry::Kind::pattern) {
            auto& table = into.toml.add("[[recipient_patterns]]");
            table.put("match", toml_string(entry.text), {entry.place});
            table.put("banned_rulenames", rendered, {entry.place});
        } else {
            has_site = true;
            const bool is_nothing = names->empty() && entry.place.line == 0;
            into.put("policy", "banned_rulenames", rendered, {entry.place},
                     is_nothing ? "$banned_filename_re is not set, so amavisd bans nothing" : "");
        }
    }
    if (!has_site)
        into.put("policy", "banned_rulenames",
                 toml_list(has_paths ? std::vector<std::string>{"NAMEPATH"} : std::vector<std::string>{}),
                 into.places("@banned_filename_maps"));
    settle_list(into, "@banned_filename_maps", list);
}

}  // namespace

void translate_banned(Translation& into) {
    BannedLists lists(into);
    const PerlValue rules = into.value("%banned_rules");
    for (std::size_t i = 0; i < rules.keys.size(); ++i) {
        const PerlValue patterns = into.conf.followed(rules.items[i]);
        if (patterns.is(Kind::patterns)) lists.write(rules.keys[i], patterns, "any");
        else if (!patterns.is(Kind::undef))
            into.remark(rules.items[i].place, "$banned_rules{'" + rules.keys[i] + "'}", Outcome::missing,
                        patterns.is_known() ? "not new_RE(...)" : patterns.text);
    }
    into.settle("%banned_rules", Outcome::translated);
    const PerlValue names = into.value("$banned_filename_re");
    if (names.is(Kind::patterns) && !lists.has("DEFAULT")) lists.write("DEFAULT", names, "any");
    if (!into.is_unknown("$banned_filename_re", names))
        into.settle("$banned_filename_re", Outcome::translated, names.is(Kind::patterns) ? "a list of rules" : "");
    const PerlValue paths = into.value("$banned_namepath_re");
    const bool has_paths = paths.is(Kind::patterns);
    if (has_paths) lists.write("NAMEPATH", paths, "path");
    if (!into.is_unknown("$banned_namepath_re", paths)) into.settle("$banned_namepath_re", Outcome::translated);
    maps(into, lists, has_paths);
}

}  // namespace tamis::tools
