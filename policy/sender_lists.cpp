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
constexpr double score_limit = 1e6;
constexpr std::size_t sender_shown = 120;

bool any_matches(const std::vector<std::shared_ptr<const re2::RE2>>& patterns, const std::string& text) {
    return std::ranges::any_of(patterns, [&](const auto& each) { return each && re2::RE2::PartialMatch(text, *each); });
}

std::string shown(const AddressPieces& sender) { return "<" + escaped(sender.full, sender_shown) + ">"; }

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
        out.whitelist_patterns.push_back(
            compile_pattern(text, from.find("whitelist_patterns")->position, "sender_lists.whitelist_patterns", problems));
    for (const auto& text : read.blacklist_patterns)
        out.blacklist_patterns.push_back(
            compile_pattern(text, from.find("blacklist_patterns")->position, "sender_lists.blacklist_patterns", problems));
    if (const auto* scores = from.find("scores")) {
        if (scores->table() == nullptr)
            problems.add(scores->position, "sender_lists.scores must be a table: { \"sender@example.com\" = 2.5 }");
        else
            for (const auto& [key, value] : scores->table()->entries)
                if (const auto complaint = key.empty() ? std::nullopt : key_complaint(key, true))  // "" is the null sender
                    problems.add(scores->table()->keys.at(key),
                                 fmt::format("sender_lists.scores.\"{}\" can never match: {}", escaped(key, 400), *complaint));
                else if (const auto score = score_value(value, fmt::format("sender_lists.scores.\"{}\"", escaped(key)), problems))
                    out.scores[sender_key(key, keys)] = *score;
    }
    const auto* patterns = from.find("score_patterns");
    if (patterns == nullptr) return out;
    const auto* list = patterns->array();
    if (list == nullptr)
        problems.add(patterns->position, "sender_lists.score_patterns must be a list: [{ match = '...', score = 1 }]");
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

SenderLists::RowSearch SenderLists::search_rows(std::span<const UserRow> rows, std::size_t sender, const AddressPieces& address,
                                                Counted& counted, SenderDecision& into) {
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
                into.problems.push_back(
                    fmt::format("{}: column wb holds \"{}\", which is neither W, B, blank nor a number; "
                                "taken as NULL",
                                where, escaped(hit.wb)));
                continue;
            case ListWord::neutral: search.ended = Ended::neutral; break;
            case ListWord::allow: search.ended = Ended::allow; break;
            case ListWord::deny: search.ended = Ended::deny; break;
        }
        static constexpr std::array<std::string_view, 4> words = {"", "neutral", "whitelisted", "blacklisted"};
        into.reasons.push_back(
            fmt::format("{} is {} by {}", shown(address), words[static_cast<std::size_t>(search.ended)], where));
        break;
    }
    return search;
}

SenderLists::Ended SenderLists::ended_by(const Lists& lists, const AddressPieces& sender, SenderDecision& into) {
    const std::string normal = sender.normal();
    Ended ended = Ended::no;
    for (const auto* list : lists) {
        if (mail::matches_address_list(list->blacklist, normal) || any_matches(list->blacklist_patterns, sender.full)) {
            if (ended != Ended::allow) ended = Ended::deny;
            into.reasons.push_back(fmt::format("{} is blacklisted by {}", shown(sender), list->shown));
        }
        if (mail::matches_address_list(list->whitelist, normal) || any_matches(list->whitelist_patterns, sender.full)) {
            ended = Ended::allow;
            into.reasons.push_back(fmt::format("{} is whitelisted by {}", shown(sender), list->shown));
        }
    }
    return ended;
}

bool SenderLists::add_scores(const Lists& lists, const AddressPieces& sender, SenderDecision& into) {
    bool has_score = false;
    for (const auto* list : lists) {
        const auto hit = score_in(*list, sender);
        if (!hit || hit->score == 0) continue;
        has_score = true;
        into.boost += hit->score;
        into.reasons.push_back(
            fmt::format("{} scores {} by {}, \"{}\"", shown(sender), hit->score, list->shown, escaped(hit->entry, sender_shown)));
    }
    return has_score;
}

SenderDecision SenderLists::decide(const AddressPieces& recipient, const std::vector<UserRow>& rows,
                                   const std::vector<AddressPieces>& senders) const {
    SenderDecision out;
    Lists mine;
    for (const auto& list : lists_)
        if (list.recipients.empty() || mail::matches_address_list(list.recipients, recipient.normal())) mine.push_back(&list);

    const std::span<const UserRow> all(rows), first = all.first(std::min<std::size_t>(rows.size(), 1));
    bool is_decided = false, has_score = false;
    Counted counted;
    for (std::size_t i = 0; i < senders.size(); ++i) {
        const auto& sender = senders[i];
        auto search = search_rows(is_decided ? first : all, i, sender, counted, out);
        if (!is_decided && search.ended == Ended::no) search.ended = ended_by(mine, sender, out);
        // From is whatever the sender wrote: an address that is allowed must not open the door for another that is denied
        if (is_decided && out.whitelisted && search.ended != Ended::deny) {
            SenderDecision rest;
            Counted ignored = counted;
            auto again = search_rows(all, i, sender, ignored, rest);
            if (again.ended == Ended::no) again.ended = ended_by(mine, sender, rest);
            if (again.ended == Ended::deny) out.reasons.insert(out.reasons.end(), rest.reasons.begin(), rest.reasons.end());
            if (again.ended == Ended::deny) search.ended = Ended::deny;
        }
        is_decided = is_decided || search.ended != Ended::no;
        out.whitelisted = out.whitelisted || search.ended == Ended::allow;
        out.blacklisted = out.blacklisted || search.ended == Ended::deny;
        has_score = has_score || search.has_score || add_scores(mine, sender, out);
    }
    if (out.blacklisted && std::exchange(out.whitelisted, false))
        out.reasons.emplace_back("a denied address counts more than an allowed one");
    return out;
}

}  // namespace tamis::policy
