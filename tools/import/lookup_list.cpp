#include "tools/import/lookup_list.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "base/text.h"
#include "policy/list_keys.h"
#include "tools/import/perl_pattern.h"

namespace tamis::tools {
namespace {

using Kind = PerlValue::Kind;
using Entry = LookupEntry;

// specificity - smaller ones are looked up first
std::size_t specificity(std::string_view key) {
    constexpr std::size_t widest = 1000;
    if (key == ".") return 2 * widest;
    const auto at = key.find('@');
    if (at != std::string_view::npos) return at + 1 < key.size() ? 0 : 1;
    return widest - std::min<std::size_t>(
                        widest - 2, static_cast<std::size_t>(std::ranges::count(key, '.')) * 2 + (key.starts_with('.') ? 0 : 3));
}

class Lister {
public:
    Lister(const AmavisdConf& conf, bool as_keys, LookupList& out) : conf_(conf), as_keys_(as_keys), out_(out) {}

    void tables(const PerlValue& maps) {
        const PerlValue list = follow(maps);
        if (!list.is(Kind::list)) return table(maps);
        for (const auto& item : list.items) table(item);
    }

private:
    PerlValue follow(const PerlValue& value) {
        PerlValue at = value;
        for (int i = 0; at.is(Kind::variable) && i < 20; ++i) {
            out_.names.insert(at.text);
            if (!conf_.variables.contains(at.text)) break;
            at = conf_.value(at.text);
        }
        return conf_.followed(at);
    }

    void trouble(const PerlValue& at, std::string what, std::string why) {
        out_.troubles.push_back({at.place, std::move(what), std::move(why)});
    }

    void table(const PerlValue& given) {
        const PerlValue value = follow(given);
        switch (value.kind) {
            case Kind::undef: return;
            case Kind::text: return add({Entry::Kind::everything, {}, value, value.place});
            case Kind::list: return list(value);
            case Kind::table: return hash(value);
            case Kind::patterns: return patterns(value);
            case Kind::code: return trouble(value, given.is(Kind::variable) ? given.text : "table", value.text);
            default: return trouble(value, given.is(Kind::variable) ? given.text : "table", "not a table that can be read here");
        }
    }

    void list(const PerlValue& value) {
        for (const auto& item : value.items) {
            const auto text = text_of(item);
            if (!text) {
                trouble(item, "entry of a list", item.is_known() ? "not an address" : item.text);
                continue;
            }
            std::string_view entry = *text;
            bool yes = true;
            for (; entry.starts_with('!'); entry.remove_prefix(1)) yes = !yes;
            key(std::string(entry), text_value(yes ? "1" : "0", item.place), item.place);
        }
    }

    void hash(const PerlValue& value) {
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < value.keys.size(); ++i)
            if (value.entry(value.keys[i]) == &value.items[i]) order.push_back(i);  // of equal keys the last one counts
        std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(specificity(value.keys[i]), i); });
        for (const auto i : order) {
            const PerlValue result = value.items[i].is(Kind::variable) ? value.items[i] : conf_.followed(value.items[i]);
            if (!result.is_known()) trouble(value.items[i], fmt::format("\"{}\"", value.keys[i]), result.text);
            else if (result.is(Kind::undef))
                trouble(value.items[i], fmt::format("\"{}\"", value.keys[i]),
                        "undef says that less specific keys of this table do not count; say what shall hold");
            else key(value.keys[i], result, value.items[i].place);
        }
    }

    void patterns(const PerlValue& value) {
        for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
            auto pattern = re2_pattern(value.items[i], PatternUse::address);
            const PerlValue result = conf_.followed(value.items[i + 1]);
            if (!pattern) trouble(value.items[i], shown_pattern(value.items[i].text), pattern.error().detail);
            else if (!result.is_known()) trouble(value.items[i], shown_pattern(value.items[i].text), result.text);
            else add({Entry::Kind::pattern, std::move(*pattern), result, value.items[i].place});
        }
    }

    void key(std::string text, PerlValue result, Place place) {
        if (text.empty() || text == "@") return trouble({Kind::undef, place}, "\"\"", "the null address cannot be a key");
        text = to_lower(text);
        if (text == ".") return add({Entry::Kind::everything, {}, std::move(result), place});
        if (const auto complaint = policy::key_complaint(text, true))
            return trouble({Kind::undef, place}, fmt::format("\"{}\"", text),
                           "it never matches, with amavisd neither: " + *complaint);
        if (has_pattern_ && !as_keys_) return add({Entry::Kind::pattern, key_pattern(text), std::move(result), place});
        for (const auto& before : out_.entries)
            if (before.kind == Entry::Kind::key && covers(before.text, text)) return;  // never reached
        add({Entry::Kind::key, std::move(text), std::move(result), place});
    }

    void add(Entry entry) {
        if (is_closed_) return;  // what stands behind a table that matches everything is never asked
        has_pattern_ = has_pattern_ || entry.kind == Entry::Kind::pattern;
        is_closed_ = entry.kind == Entry::Kind::everything;
        out_.entries.push_back(std::move(entry));
    }

    const AmavisdConf& conf_;
    bool as_keys_;
    LookupList& out_;
    bool has_pattern_ = false, is_closed_ = false;
};

}  // namespace

LookupList lookup_list(const AmavisdConf& conf, const PerlValue& maps, bool as_keys) {
    LookupList out;
    Lister(conf, as_keys, out).tables(maps);
    return out;
}

std::string key_pattern(std::string_view key) {
    if (key == ".") return "(?s)^.*$";
    if (key.find('@') != std::string_view::npos)
        return "(?i)^" + re2::RE2::QuoteMeta({key.data(), key.size()}) + (key.ends_with('@') ? "" : "$");
    const bool has_below = key.starts_with('.');
    const auto domain = has_below ? key.substr(1) : key;
    return fmt::format("(?i)@{}{}$", has_below ? "([^@]*\\.)?" : "", re2::RE2::QuoteMeta({domain.data(), domain.size()}));
}

bool covers(std::string_view wide, std::string_view narrow) {
    if (wide == "." || wide == narrow) return true;
    if (wide.find('@') != std::string_view::npos) return wide.ends_with('@') && narrow.starts_with(wide);
    const auto at = narrow.find('@');
    if (at != std::string_view::npos && at + 1 == narrow.size()) return false;  // "user@" has no domain
    const std::string_view domain = at == std::string_view::npos ? narrow : narrow.substr(at + 1);
    if (!wide.starts_with('.')) return domain == wide;
    return domain.ends_with(wide) || domain == wide.substr(1);
}

}  // namespace tamis::tools
