// sender_settings - allow and deny lists and scores of senders: [[sender_lists]]
#include <fmt/format.h>

#include "base/text.h"
#include "tools/import/lookup_list.h"
#include "tools/import/recipient_shapes.h"
#include "tools/import/translation.h"

namespace tamis::tools {
namespace {

using Kind = LookupEntry::Kind;

// PlacedText - a piece of a list with the line it comes from
struct PlacedText {
    std::string text;
    Place place;
};

// on_lines - a list with one entry per line, and a comment behind each
std::string on_lines(const Translation& into, const std::vector<PlacedText>& entries) {
    std::string out = "[\n";
    for (const auto& entry : entries)
        out += fmt::format("  {},   # {}\n", entry.text, escaped(into.conf.shown(entry.place), 400));
    return out + "]";
}

// put_list - allow or deny: keys with "!" where the table says no, patterns apart
void put_list(Translation& into, const LookupList& list, std::string_view what, TomlTable& table) {
    std::vector<PlacedText> keys, patterns;
    for (const auto& entry : list.entries) {
        const bool yes = is_true(entry.result).value_or(false);
        const std::string text = entry.kind == Kind::everything ? "." : entry.text;
        const bool is_pattern = entry.kind == Kind::pattern || text.ends_with('@');
        if (!is_pattern) keys.push_back({toml_string((yes ? "" : "!") + text), entry.place});
        else if (yes) patterns.push_back({toml_string(entry.kind == Kind::pattern ? text : key_pattern(text)), entry.place});
        else
            into.remark(entry.place, text, Outcome::missing,
                        fmt::format("{}_patterns has no exceptions; name those senders in {}", what, what));
    }
    const auto note = [](const std::vector<PlacedText>& entries) { return std::vector<Place>{entries.front().place}; };
    if (!keys.empty()) table.put(what, on_lines(into, keys), note(keys));
    if (!patterns.empty()) table.put(std::string(what) + "_patterns", on_lines(into, patterns), note(patterns));
}

bool says_something(const LookupList& list) {
    for (const auto& entry : list.entries)
        if (is_true(entry.result).value_or(true) || entry.kind != Kind::everything) return true;
    return false;
}

void site_lists(Translation& into) {
    const auto allow = lookup_list(into.conf, into.conf.value("@whitelist_sender_maps"), true);
    const auto deny = lookup_list(into.conf, into.conf.value("@blacklist_sender_maps"), true);
    if (says_something(allow) || says_something(deny)) {
        auto& table = into.toml.add("[[sender_lists]]");
        put_list(into, allow, "whitelist", table);
        put_list(into, deny, "blacklist", table);
    }
    settle_list(into, "@whitelist_sender_maps", allow);
    settle_list(into, "@blacklist_sender_maps", deny);
}

// put_recipients - the line that says for whom a list is; false: it cannot be said
bool put_recipients(Translation& into, TomlTable& table, const std::string& key, Place place) {
    if (key == ".") return true;
    if (key.ends_with('@') || key.empty()) {
        into.remark(place, key, Outcome::missing, "lists of senders are for domains and whole addresses only");
        return false;
    }
    table.put("recipients", toml_list({key}), {place});
    return true;
}

// put_scores - the sender tables of one recipient: the first that matches counts, so keys behind a pattern become patterns
void put_scores(Translation& into, const std::string& recipient, const PerlValue& tables, Place place) {
    const auto list = lookup_list(into.conf, tables);
    for (const auto& trouble : list.troubles) into.remark(trouble.place, trouble.what, Outcome::missing, trouble.why);
    for (const auto& name : list.names) into.settle(name, Outcome::translated);
    std::vector<PlacedText> patterns;
    std::string keys;
    for (const auto& entry : list.entries) {
        const auto score = number_of(entry.result).value_or(0);
        const bool is_pattern = entry.kind == Kind::pattern || (entry.kind == Kind::everything && !patterns.empty());
        const std::string text = entry.kind == Kind::everything ? is_pattern ? key_pattern(".") : "." : entry.text;
        if (is_pattern)
            patterns.push_back({fmt::format("{{ match = {}, score = {} }}", toml_string(text), level_text(score)), entry.place});
        else keys += fmt::format("{}{} = {}", keys.empty() ? "" : ", ", toml_string(text), level_text(score));
    }
    if (keys.empty() && patterns.empty()) return;
    auto& table = into.toml.add("[[sender_lists]]");
    if (!put_recipients(into, table, recipient, place)) table.is_comment = true;
    if (!keys.empty()) table.put("scores", "{ " + keys + " }", {place});
    if (!patterns.empty()) table.put("score_patterns", on_lines(into, patterns), {place});
}

void scores(Translation& into) {
    if (!into.is_assigned("@score_sender_maps")) return;
    const PerlValue maps = into.value("@score_sender_maps");
    if (into.is_unknown("@score_sender_maps", maps)) return;
    into.settle("@score_sender_maps", Outcome::translated);
    for (const auto& item : maps.items) {
        const PerlValue table = into.conf.followed(item);
        if (item.is(PerlValue::Kind::variable)) into.settle(item.text, Outcome::translated);
        if (!table.is(PerlValue::Kind::table)) {
            into.remark(item.place, "@score_sender_maps", Outcome::missing,
                        table.is_known() ? "not a table { recipient => [ tables of senders ] }" : table.text);
            continue;
        }
        for (std::size_t i = 0; i < table.keys.size(); ++i)
            put_scores(into, to_lower(table.keys[i]), table.items[i], table.items[i].place);
    }
}

// per_recipient - { 'user@example.com' => [qw(friend@example.net)], ... }
void per_recipient(Translation& into, std::string_view name, std::string_view what) {
    if (!into.is_assigned(name)) return;
    const PerlValue table = into.value(name);
    if (into.is_unknown(name, table)) return;
    into.settle(name, Outcome::translated);
    for (std::size_t i = 0; i < table.keys.size(); ++i) {
        PerlValue one{PerlValue::Kind::list, table.items[i].place};
        one.items.push_back(table.items[i]);
        const auto list = lookup_list(into.conf, one, true);
        for (const auto& trouble : list.troubles) into.remark(trouble.place, trouble.what, Outcome::missing, trouble.why);
        for (const auto& used : list.names) into.settle(used, Outcome::translated);
        if (list.entries.empty()) continue;
        auto& lines = into.toml.add("[[sender_lists]]");
        if (!put_recipients(into, lines, to_lower(table.keys[i]), table.items[i].place)) lines.is_comment = true;
        put_list(into, list, what, lines);
    }
}

}  // namespace

void translate_senders(Translation& into) {
    site_lists(into);
    scores(into);
    per_recipient(into, "$per_recip_whitelist_sender_lookup_tables", "whitelist");
    per_recipient(into, "$per_recip_blacklist_sender_lookup_tables", "blacklist");
}

}  // namespace tamis::tools
