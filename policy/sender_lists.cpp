#include "policy/sender_lists.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/text.h"
#include "mail/address.h"
#include "policy/list_keys.h"
#include "policy/policy_layers.h"

namespace tamis::policy {
namespace {

constexpr std::size_t sender_limit = 20;
constexpr double      score_limit = 1e6;
constexpr std::size_t sender_shown = 120;

bool any_matches(const std::vector<std::shared_ptr<const re2::RE2>>& patterns, const std::string& text) {
    return std::ranges::any_of(patterns, [&](const auto& each) { return each && re2::RE2::PartialMatch(text, *each); });
}

std::string shown(const AddressPieces& sender) { return "<" + escaped(sender.full, sender_shown) + ">"; }

// Ended - what ended the search for one sender
enum class Ended { no, neutral, allow, deny };

struct RowSearch {
    Ended ended = Ended::no;
    bool  has_score = false;
};

// search_rows - the rows of wblist for one sender; scores are added to the decision once per user and entry
RowSearch search_rows(const std::vector<UserRow>& rows, std::size_t sender, const AddressPieces& address,
                      std::set<std::pair<std::string, std::string>>& counted, SenderDecision& into) {
    RowSearch search;
    for (const auto& row : rows) {
        if (sender >= row.sender_hits.size() || !row.sender_hits[sender]) continue;
        const auto& hit = *row.sender_hits[sender];
        const auto meaning = list_meaning(hit.wb);
        const std::string where = fmt::format("wblist of {}, sender \"{}\"", describe_row(row), escaped(hit.key, sender_shown));
        switch (meaning.word) {
            case ListWord::score:
                search.has_score = true;
                if (!counted.insert({std::string(row.id()), hit.key.empty() ? hit.wb : hit.key}).second) continue;
                into.boost += std::clamp(meaning.score, -score_limit, score_limit);
                into.reasons.push_back(fmt::format("{} scores {} by {}", shown(address), meaning.score, where));
                continue;
            case ListWord::unknown:
                into.problems.push_back(fmt::format("{}: column wb holds \"{}\", which is neither W, B, blank nor a number; "
                                                    "taken as NULL",
                                                    where, escaped(hit.wb)));
                continue;
            case ListWord::neutral: search.ended = Ended::neutral; break;
            case ListWord::allow: search.ended = Ended::allow; break;
            case ListWord::deny: search.ended = Ended::deny; break;
        }
        static constexpr std::array<std::string_view, 4> words = {"", "neutral", "whitelisted", "blacklisted"};
        into.reasons.push_back(fmt::format("{} is {} by {}", shown(address),
                                           words[static_cast<std::size_t>(search.ended)], where));
        break;
    }
    return search;
}

struct ListSettings {
    std::vector<std::string> recipients, whitelist, blacklist, whitelist_patterns, blacklist_patterns;
};

const std::vector<Setting<ListSettings>>& list_rows() {
    using S = ListSettings;
    static const std::vector<Setting<S>> rows = {
        {"recipients", &S::recipients, "For whom the list is, as server.local_domains; everybody when left out."},
        {"whitelist", &S::whitelist, "Senders whose mail is never spam, as server.local_domains."},
        {"blacklist", &S::blacklist, "Senders whose mail always is."},
        {"whitelist_patterns", &S::whitelist_patterns, "The same as regular expressions (RE2)."},
        {"blacklist_patterns", &S::blacklist_patterns, "The same."},
    };
    return rows;
}

std::optional<double> score_value(const ConfigValue& from, const std::string& name, Problems& problems) {
    double value = 0;
    const auto before = problems.lines().size();
    tamis::detail::load_value(from, name, &value, -score_limit, score_limit, {}, problems);
    return problems.lines().size() == before ? std::optional(value) : std::nullopt;
}

// sender_key - a key of `scores` as table_keys makes it
std::string sender_key(const std::string& key, const KeyOptions& options) {
    if (key.empty() || key == ".") return key;
    if (key.find('@') == std::string::npos) return list_entry(key, options).value_or(to_lower(key));
    KeyOptions whole = options;
    whole.recipient_delimiter.clear();
    const auto pieces = address_pieces(key, whole);
    return pieces.user + "@" + pieces.domain;
}

}  // namespace

ListMeaning list_meaning(std::string_view wb) {
    static constexpr std::array<std::string_view, 10> allow = {"w",     "y",         "t",  "yes",     "true",
                                                               "white", "whitelist", "ok", "allowed", "allow"};
    static constexpr std::array<std::string_view, 10> deny = {"b",     "n",         "f",    "no",     "false",
                                                              "black", "blacklist", "deny", "denied", "block"};
    const std::string word = to_lower(trim(wb));
    if (word.find_first_not_of('\0') == std::string::npos) return {ListWord::neutral, 0};
    if (std::ranges::find(allow, word) != allow.end()) return {ListWord::allow, 0};
    if (std::ranges::find(deny, word) != deny.end()) return {ListWord::deny, 0};
    const auto digits = word.find_first_not_of("+-0123456789.");
    const auto number = digits == std::string::npos
                            ? parse_number(word.ends_with('.') ? std::string_view(word).substr(0, word.size() - 1) : word)
                            : std::nullopt;
    return number ? ListMeaning{ListWord::score, *number} : ListMeaning{};
}

std::vector<AddressPieces> senders_of(std::string_view envelope_sender, const std::vector<std::string>& from_addresses,
                                      const KeyOptions& keys) {
    std::vector<AddressPieces> senders = {address_pieces(envelope_sender, keys)};
    for (const auto& address : from_addresses) {
        if (senders.size() == sender_limit) break;
        auto pieces = address_pieces(address, keys);
        const bool is_known = std::ranges::any_of(senders, [&](const auto& each) { return each.normal() == pieces.normal(); });
        if (!is_known && !pieces.is_null()) senders.push_back(std::move(pieces));
    }
    return senders;
}

SenderLists SenderLists::load(const ConfigTable& config, const KeyOptions& keys, Problems& problems) {
    SenderLists out;
    const auto* lists = config.find("sender_lists");
    if (lists == nullptr) return out;
    if (lists->array() == nullptr) {
        problems.add(lists->position, "sender_lists must be a list of tables: [[sender_lists]]");
        return out;
    }
    for (const auto& item : *lists->array()) {
        if (item.table() == nullptr) {
            problems.add(item.position, "sender_lists must be a list of tables: [[sender_lists]]");
            continue;
        }
        out.lists_.push_back(load_list(*item.table(), keys, problems));
        out.lists_.back().shown = fmt::format("[[sender_lists]] line {}", item.position.line);
    }
    return out;
}

SenderLists::List SenderLists::load_list(const ConfigTable& from, const KeyOptions& keys, Problems& problems) {
    ListSettings read;
    load_settings(from, "sender_lists", list_rows(), read, problems, {"scores", "score_patterns"});
    List out;
    out.recipients = list_entries(read.recipients, from.find("recipients"), "sender_lists.recipients", keys, problems);
    out.whitelist = list_entries(read.whitelist, from.find("whitelist"), "sender_lists.whitelist", keys, problems);
    out.blacklist = list_entries(read.blacklist, from.find("blacklist"), "sender_lists.blacklist", keys, problems);
    for (const auto& text : read.whitelist_patterns)
        out.whitelist_patterns.push_back(compile_pattern(text, from.find("whitelist_patterns")->position,
                                                         "sender_lists.whitelist_patterns", problems));
    for (const auto& text : read.blacklist_patterns)
        out.blacklist_patterns.push_back(compile_pattern(text, from.find("blacklist_patterns")->position,
                                                         "sender_lists.blacklist_patterns", problems));
    if (const auto* scores = from.find("scores")) {
        if (scores->table() == nullptr)
            problems.add(scores->position, "sender_lists.scores must be a table: { \"sender@example.com\" = 2.5 }");
        else
            for (const auto& [key, value] : scores->table()->entries)
                if (const auto complaint = key.empty() ? std::nullopt : key_complaint(key, true))  // "" is the null sender
                    problems.add(scores->table()->keys.at(key), fmt::format("sender_lists.scores.\"{}\" can never match: {}", escaped(key, 400), *complaint));
                else if (const auto score = score_value(value, fmt::format("sender_lists.scores.\"{}\"", escaped(key)), problems))
                    out.scores[sender_key(key, keys)] = *score;
    }
    const auto* patterns = from.find("score_patterns");
    if (patterns == nullptr) return out;
    const auto* list = patterns->array();
    if (list == nullptr) problems.add(patterns->position, "sender_lists.score_patterns must be a list: [{ match = '...', score = 1 }]");
    for (const auto& item : list == nullptr ? ConfigArray() : *list) {
        const auto* match = item.table() == nullptr ? nullptr : item.table()->find("match");
        const auto* value = item.table() == nullptr ? nullptr : item.table()->find("score");
        if (match == nullptr || match->text() == nullptr || value == nullptr || item.table()->entries.size() != 2) {
            problems.add(item.position, "sender_lists.score_patterns must be a list: [{ match = '...', score = 1 }]");
            continue;
        }
        auto pattern = compile_pattern(*match->text(), match->position, "sender_lists.score_patterns", problems);
        const auto score = score_value(*value, "sender_lists.score_patterns.score", problems);
        if (pattern && score) out.score_patterns.emplace_back(std::move(pattern), *score);
    }
    return out;
}

std::optional<SenderLists::Hit> SenderLists::score_in(const List& list, const AddressPieces& sender) {
    if (!list.scores.empty())
        for (const auto& key : table_keys(sender))
            if (const auto found = list.scores.find(key); found != list.scores.end()) return Hit{found->first, found->second};
    for (const auto& [pattern, score] : list.score_patterns)
        if (re2::RE2::PartialMatch(sender.full, *pattern)) return Hit{pattern->pattern(), score};
    return {};
}

SenderDecision SenderLists::decide(const AddressPieces& recipient, const std::vector<UserRow>& rows,
                                   const std::vector<AddressPieces>& senders) const {
    SenderDecision out;
    std::vector<const List*> mine;
    for (const auto& list : lists_)
        if (list.recipients.empty() || mail::matches_address_list(list.recipients, recipient.normal())) mine.push_back(&list);

    bool wblist_has_score = false;
    std::set<std::pair<std::string, std::string>> counted;
    for (std::size_t i = 0; i < senders.size(); ++i) {
        const auto& sender = senders[i];
        const RowSearch search = search_rows(rows, i, sender, counted, out);
        wblist_has_score = wblist_has_score || search.has_score;
        bool is_allowed = search.ended == Ended::allow, is_denied = search.ended == Ended::deny;
        for (const auto* list : search.ended == Ended::no ? mine : std::vector<const List*>()) {
            const std::string normal = sender.normal();
            if (mail::matches_address_list(list->whitelist, normal) || any_matches(list->whitelist_patterns, sender.full)) {
                is_allowed = true;
                out.reasons.push_back(fmt::format("{} is whitelisted by {}", shown(sender), list->shown));
            }
            if (mail::matches_address_list(list->blacklist, normal) || any_matches(list->blacklist_patterns, sender.full)) {
                is_denied = true;
                out.reasons.push_back(fmt::format("{} is blacklisted by {}", shown(sender), list->shown));
            }
        }
        out.whitelisted = out.whitelisted || is_allowed;
        out.blacklisted = out.blacklisted || (is_denied && !is_allowed);
    }
    // From is whatever the sender wrote: an address that is allowed must not open the door for another that is denied
    if (out.blacklisted && std::exchange(out.whitelisted, false))
        out.reasons.emplace_back("a denied address counts more than an allowed one");
    for (const auto* list : wblist_has_score ? std::vector<const List*>() : mine) {
        std::set<std::string> entries;
        for (const auto& sender : senders) {
            const auto hit = score_in(*list, sender);
            if (!hit || !entries.insert(hit->entry).second) continue;
            out.boost += hit->score;
            out.reasons.push_back(fmt::format("{} scores {} by {}, \"{}\"", shown(sender), hit->score, list->shown,
                                              escaped(hit->entry, sender_shown)));
        }
    }
    return out;
}

}  // namespace tamis::policy
