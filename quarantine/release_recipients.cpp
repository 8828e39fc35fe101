#include "quarantine/release_recipients.h"

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <unordered_map>

#include "base/text.h"
#include "mail/address.h"
#include "mail/path.h"
#include "storage/address_key.h"
#include "storage/records/rows.h"

namespace tamis::quarantine {
namespace {

using Rows = std::vector<storage::RecipientState>;

std::string key_of(std::string_view address) { return storage::address_key(address).email; }
std::string kept_key_of(std::string_view address) { return storage::address_key(address, storage::LocalCase::kept).email; }

// forms_of - the address in each way of storing it, always in the same order: ours and amavisd's, as it is, with "?" for what is
// no UTF-8, no LATIN1, no ASCII, and for signs of SQL, as of the time before A-labels; and each with the letters of the local part as they came
// (policy.local_part_is_case_sensitive). The recipients of one message are all stored in one way.
constexpr std::size_t lower_ways = 10, ways = 18;
std::array<std::string, ways> forms_of(std::string_view address) {
    const auto ours = key_of(address), amavisds = key_of(mail::unquoted_path(address));
    const auto printable = storage::printable_address(ours);
    const auto kept = kept_key_of(address), amavisds_kept = kept_key_of(mail::unquoted_path(address));
    const auto printable_kept = storage::printable_address(kept);
    const auto raw = storage::written_key(address, storage::LocalCase::lower),
               raw_kept = storage::written_key(address, storage::LocalCase::kept);
    using Charset = storage::TextRules::Charset;
    return {ours,
            amavisds,
            is_utf8(ours) ? ours : printable,
            storage::can_hold(ours, Charset::latin1) ? ours : printable,
            printable,
            storage::printable_address(amavisds),
            storage::plain_text(printable),
            storage::plain_text(storage::printable_address(amavisds)),
            raw,
            storage::printable_address(raw),
            kept,
            amavisds_kept,
            printable_kept,
            storage::printable_address(amavisds_kept),
            storage::plain_text(printable_kept),
            storage::plain_text(storage::printable_address(amavisds_kept)),
            raw_kept,
            storage::printable_address(raw_kept)};
}

// Matching - which row belongs to which recipient of the copy
class Matching {
public:
    Matching(const StoredCopy& copy, const Rows& rows) : rows_(rows), is_used_(rows.size(), false), free_(rows.size()) {
        for (std::size_t i = 0; i < rows.size(); ++i) {
            by_address_[rows[i].address].push_back(i);
            if (constexpr std::size_t shortest = 20; rows[i].address.size() >= shortest) lengths_.insert(rows[i].address.size());
        }
        for (const auto& address : copy.recipients) entries_.push_back({address, {}});
        match();
        for (auto& entry : entries_)
            if (!entry.row) find_unescaped(entry);
        for (auto& entry : entries_)
            if (!entry.row) entry.row = take_cut(recorded_forms(entry.address));
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const auto& entry = entries_[i];
            unnamed_[entry.address].push_back(i);
            by_spelling_[entry.address].push_back(i);
            by_key_[key_of(entry.address)].push_back(i);
            by_unquoted_[key_of(mail::unquoted_path(entry.address))].push_back(i);
            if (entry.row) by_row_[rows_[*entry.row].address].push_back(i);
        }
    }

    struct Entry {
        std::string address;
        std::optional<std::size_t> row;
    };
    const std::vector<Entry>& entries() const { return entries_; }
    std::optional<storage::RecipientState> row(const Entry& entry) const {
        if (!entry.row) return {};
        return rows_[*entry.row];
    }
    // next_of - the next recipient of the copy with that address
    const Entry* next_of(const std::string& address) {
        const auto found = unnamed_.find(address);
        if (found == unnamed_.end() || found->second.empty()) return nullptr;
        const auto index = found->second.front();
        found->second.pop_front();
        return &entries_[index];
    }
    // meant - the recipients that somebody means by a text
    std::vector<const Entry*> meant(const std::string& text) const {
        const auto octets = mail::unescaped(text);
        for (const auto& [index, wanted] :
             {std::pair{&by_spelling_, text}, std::pair{&by_row_, kept_key_of(text)}, std::pair{&by_key_, key_of(text)},
              std::pair{&by_row_, key_of(text)}, std::pair{&by_key_, key_of(octets.value_or(text))},
              std::pair{&by_unquoted_, key_of(mail::unquoted_path(text))}}) {
            const auto found = index->find(wanted);
            if (found == index->end()) continue;
            std::vector<const Entry*> out;
            for (const auto entry : found->second) out.push_back(&entries_[entry]);
            return out;
        }
        return {};
    }
    // unclaimed - a row of that address that belongs to no recipient of the copy
    std::optional<storage::RecipientState> unclaimed(const std::string& text) {
        const auto row = take(recorded_forms(text));
        if (!row) return {};
        return rows_[*row];
    }

private:
    // match - in the way that finds most of them a row, and what is left over in the others
    void match() {
        std::vector<std::array<std::string, ways>> forms;
        for (const auto& entry : entries_) forms.push_back(forms_of(entry.address));
        std::array<std::size_t, ways> found{}, order{};
        for (std::size_t way = 0; way < ways; ++way) {
            std::unordered_map<std::string, std::size_t> taken;
            for (const auto& form : forms) {
                const auto rows = by_address_.find(form[way]);
                if (rows != by_address_.end() && taken[form[way]]++ < rows->second.size()) ++found[way];
            }
            order[way] = way;
        }
        const auto keeps_case = [](std::size_t way) {
            return way >= lower_ways;
        };  // on a tie the exact spelling is the better one
        std::ranges::sort(order, [&](auto a, auto b) {
            return found[a] != found[b] ? found[a] > found[b] : keeps_case(a) != keeps_case(b) ? keeps_case(a) : a < b;
        });
        for (const auto way : order)
            for (std::size_t i = 0; i < entries_.size(); ++i)
                if (!entries_[i].row) entries_[i].row = take({forms[i][way]});
    }
    std::optional<std::size_t> take(const std::vector<std::string>& forms) {
        if (free_ == 0) return {};
        for (const auto& form : forms) {
            const auto found = by_address_.find(form);
            if (found == by_address_.end()) continue;
            auto& free = found->second;
            while (!free.empty() && is_used_[free.front()]) free.pop_front();
            if (free.empty()) continue;
            const auto index = free.front();
            is_used_[index] = true;
            --free_;
            return index;
        }
        return {};
    }
    // take_cut - a row that has only the beginning of the address
    std::optional<std::size_t> take_cut(const std::vector<std::string>& forms) {
        std::vector<std::string> beginnings;
        if (free_ == 0) return {};
        for (const auto& form : forms)
            for (const auto length : lengths_)
                if (length < form.size()) beginnings.push_back(form.substr(0, length));
        return take(beginnings);
    }
    void find_unescaped(Entry& entry) {
        const auto octets = mail::unescaped(entry.address);
        if (!octets) return;
        entry.row = take(recorded_forms(*octets));
        if (entry.row) entry.address = *octets;
    }

    using Index = std::unordered_map<std::string, std::vector<std::size_t>>;  // of entries
    using Queues = std::unordered_map<std::string, std::deque<std::size_t>>;

    const Rows& rows_;
    std::vector<bool> is_used_;
    std::size_t free_;               // rows that belong to nobody yet
    std::set<std::size_t> lengths_;  // of rows' addresses
    Queues by_address_;              // rows
    std::vector<Entry> entries_;
    Queues unnamed_;  // entries by their address
    Index by_spelling_, by_key_, by_unquoted_, by_row_;
};

std::string trouble_of(std::string_view address) {
    if (!address.empty() && mail::is_path(address)) return {};
    return "this is no address that could stand on an SMTP line; name the recipient with another one";
}

}  // namespace

std::vector<std::string> recorded_forms(std::string_view address) {
    std::vector<std::string> out;
    for (auto& form : forms_of(address))
        if (std::ranges::find(out, form) == out.end()) out.push_back(std::move(form));
    return out;
}

std::vector<ReleaseRecipient> release_recipients(const std::vector<std::string>& asked, const StoredCopy& copy,
                                                 const std::optional<std::vector<storage::RecipientState>>& rows) {
    static const Rows none;
    Matching matching(copy, rows ? *rows : none);
    std::vector<ReleaseRecipient> out;
    std::set<std::string> seen;
    const auto add = [&](const std::string& address, std::optional<storage::RecipientState> row, std::string left_out) {
        if (seen.insert(address).second) out.push_back({address, std::move(row), std::move(left_out)});
    };
    const auto add_entry = [&](const Matching::Entry& entry) {
        add(entry.address, matching.row(entry), trouble_of(entry.address));
    };
    if (asked.empty()) {
        for (const auto& address : copy.blocked ? *copy.blocked : copy.recipients) {
            const auto* entry = matching.next_of(address);
            if (entry == nullptr)
                if (const auto octets = mail::unescaped(address)) entry = matching.next_of(*octets);
            // a copy names nobody to whom the message was not sent, whatever its text says
            if (entry != nullptr && (entry->row || !rows || rows->empty())) add_entry(*entry);
            else if (!rows || rows->empty()) add(address, {}, trouble_of(address));
            else add(address, {}, "the record of the message has no such recipient; if it is right nevertheless, name it");
        }
        return out;
    }
    for (const auto& text : asked) {
        const auto meant = matching.meant(text);
        for (const auto* entry : meant) add_entry(*entry);
        if (!meant.empty()) continue;
        const auto quoted = mail::quoted_path(text);
        const auto& address = mail::is_path(quoted) ? quoted : text;
        add(address, matching.unclaimed(address), trouble_of(address));
    }
    return out;
}

std::string release_sender(const std::string& in_copy, const std::string& in_record) {
    const auto is_recorded = [&](std::string_view address) {
        const auto forms = recorded_forms(address);
        return std::ranges::find(forms, in_record) != forms.end();
    };
    if (in_record.empty() || is_recorded(in_copy)) return in_copy;
    const auto octets = mail::unescaped(in_copy);
    return octets && is_recorded(*octets) ? *octets : in_copy;
}

}  // namespace tamis::quarantine
