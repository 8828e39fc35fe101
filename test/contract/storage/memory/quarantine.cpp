// quarantine - pages, single messages, copies and states, by looking at every row
#include <algorithm>
#include <map>

#include "base/text.h"
#include "policy/lookup_keys.h"
#include "storage/address_key.h"
#include "storage/no_room.h"
#include "test/contract/storage/memory/backend.h"
#include "test/contract/storage/memory/database.h"

namespace tamis::test::memory {
namespace {

using namespace storage;

constexpr std::size_t recipients_shown = 10;
constexpr std::size_t chunks_at_once = 64;

const Row* address_of(const Database& database, const std::string& id) {
    const auto found = std::ranges::find_if(database.maddr, [&](const Row& row) { return text(row, "id") == id; });
    return found == database.maddr.end() ? nullptr : &*found;
}

// is_meant - an address, "<>", or "@domain"
bool is_meant(const Row* address, const std::string& wanted) {
    if (address == nullptr) return false;
    if (wanted.starts_with('@')) {
        const auto domain = text(*address, "domain");
        return domain == reversed_labels(policy::ascii_domain(wanted.substr(1))) ||
               domain == reversed_labels(to_lower(wanted.substr(1)));
    }
    const auto email = text(*address, "email");
    return wanted == "<>" ? email.empty()
                          : email == address_key(wanted).email || email == address_key(wanted, LocalCase::kept).email;
}

MessageKey key_of(const Row& row) { return {number(row, "partition_tag"), text(row, "mail_id")}; }
bool is_of(const Row& row, const MessageKey& key) { return key_of(row) == key; }
double score(const Row& row, std::string_view column) { return parse_number(text(row, column)).value_or(0); }
bool has_copy(const Row& message) { return letter(message, "quar_type") != ' '; }

RecipientState state_of(const Database& database, const Row& row) {
    RecipientState out;
    out.sequence = number(row, "rseqnum");
    out.address_id = number(row, "rid");
    if (const auto* address = address_of(database, text(row, "rid"))) out.address = text(*address, "email");
    out.state = text(row, "rs");
    out.response = text(row, "smtp_resp");
    out.disposition = letter(row, "ds");
    out.content = letter(row, "content");
    out.score = score(row, "bspam_level");
    return out;
}

using Recipients = std::multimap<std::pair<std::int64_t, std::string>, const Row*>;  // by message, in the order of the table
Recipients recipients_of(const Database& database) {
    Recipients out;
    for (const auto& row : database.msgrcpt) out.emplace(std::pair(number(row, "partition_tag"), text(row, "mail_id")), &row);
    return out;
}

QuarantineItem item_of(const Database& database, const Row& row, const Recipients& recipients, std::size_t most) {
    QuarantineItem out;
    out.key = key_of(row);
    out.time = number(row, "time_num");
    if (const auto* sender = address_of(database, text(row, "sid"))) out.sender = text(*sender, "email");
    out.from = text(row, "from_addr");
    out.subject = text(row, "subject");
    out.host = text(row, "host");
    out.message_id = text(row, "message_id");
    out.client_address = text(row, "client_addr");
    out.log_id = text(row, "am_id");
    out.policy = text(row, "policy");
    out.type = text(row, "quar_type");
    out.location = text(row, "quar_loc");
    out.content = letter(row, "content");
    out.score = score(row, "spam_level");
    out.size = static_cast<std::uint64_t>(number(row, "size"));
    const auto [first, last] = recipients.equal_range({out.key.partition_tag, out.key.mail_id});
    for (auto at = first; at != last; ++at) out.recipients.push_back(state_of(database, *at->second));
    std::ranges::sort(out.recipients, {}, &RecipientState::sequence);
    out.has_more_recipients = out.recipients.size() > most;
    if (out.has_more_recipients) out.recipients.resize(most);
    return out;
}

bool passes(const Database& database, const Row& row, const Recipients& recipients, const QuarantineFilter& filter) {
    const auto time = number(row, "time_num");
    if (!has_copy(row) || (filter.since && time < *filter.since) || (filter.until && time >= *filter.until)) return false;
    if (!filter.categories.empty() && filter.categories.find(letter(row, "content")) == std::string::npos) return false;
    if (filter.min_score && score(row, "spam_level") < *filter.min_score) return false;
    if (filter.max_score && score(row, "spam_level") > *filter.max_score) return false;
    if (!filter.host.empty() && text(row, "host") != filter.host) return false;
    if (to_lower(text(row, "subject")).find(to_lower(filter.subject)) == std::string::npos) return false;
    if (!filter.sender.empty() && !is_meant(address_of(database, text(row, "sid")), filter.sender)) return false;
    if (filter.recipient.empty() && !filter.state) return true;
    const auto [first, last] = recipients.equal_range({number(row, "partition_tag"), text(row, "mail_id")});
    return std::any_of(first, last, [&](const auto& to) {
        return (filter.recipient.empty() || is_meant(address_of(database, text(*to.second, "rid")), filter.recipient)) &&
               (!filter.state || letter(*to.second, "rs") == *filter.state);
    });
}

class Quarantine final : public QuarantineStore {
public:
    Quarantine(std::vector<Dsn> dsns, const QuarantineStoreOptions& options) : reader_(std::move(dsns), options.patience) {}

    Task<Result<QuarantinePage>> list(QuarantineFilter filter, std::optional<PageKey> after, std::size_t limit,
                                      Deadline deadline) override {
        if (auto there = co_await reader_.reach(deadline); !there) co_return std::unexpected(std::move(there.error()));
        auto& database = *reader_;
        const std::lock_guard lock(database.mutex);
        const auto recipients = recipients_of(database);
        std::map<std::pair<std::int64_t, std::string>, const Row*, std::greater<>> found;
        for (const auto& row : database.msgs) {
            const std::pair place(number(row, "time_num"), text(row, "mail_id"));
            if ((!after || place < std::pair(after->time, after->mail_id)) && passes(database, row, recipients, filter))
                found.emplace(place, &row);
        }
        limit = std::clamp<std::size_t>(limit, 1, 1000);
        QuarantinePage page;
        for (const auto& [place, row] : found) {
            if (page.items.size() == limit) {
                page.next = PageKey{page.items.back().time, page.items.back().key.mail_id};
                break;
            }
            page.items.push_back(item_of(database, *row, recipients, recipients_shown));
        }
        co_return page;
    }

    Task<Result<std::vector<QuarantineItem>>> find(std::string mail_id, std::optional<std::int64_t> partition_tag,
                                                   Deadline deadline) override {
        if (auto there = co_await reader_.reach(deadline); !there) co_return std::unexpected(std::move(there.error()));
        auto& database = *reader_;
        const std::lock_guard lock(database.mutex);
        const auto recipients = recipients_of(database);
        std::vector<QuarantineItem> out;
        for (const auto& row : database.msgs)
            if (text(row, "mail_id") == mail_id && (!partition_tag || number(row, "partition_tag") == *partition_tag))
                out.push_back(item_of(database, row, recipients, SIZE_MAX));
        std::ranges::sort(out, {}, [](const QuarantineItem& item) { return item.key.partition_tag; });
        co_return out;
    }

    Task<Result<std::vector<Chunk>>> read_chunks(MessageKey message, std::int64_t after, Deadline deadline) override {
        if (auto there = co_await reader_.reach(deadline); !there) co_return std::unexpected(std::move(there.error()));
        const std::lock_guard lock((*reader_).mutex);
        std::map<std::int64_t, const Row*> found;
        for (const auto& row : (*reader_).quarantine)
            if (is_of(row, message) && number(row, "chunk_ind") > after) found.emplace(number(row, "chunk_ind"), &row);
        std::vector<Chunk> out;
        for (const auto& [index, row] : found)
            if (out.size() < chunks_at_once) out.push_back({index, text(*row, "mail_text")});
        co_return out;
    }

    Task<Result<StateNow>> change_state(StateChange change, Deadline deadline) override {
        if (auto there = co_await reader_.reach(deadline); !there) co_return std::unexpected(std::move(there.error()));
        const std::lock_guard lock((*reader_).mutex);
        auto& rows = (*reader_).msgrcpt;
        const auto row = std::ranges::find_if(rows, [&](const Row& each) {
            return is_of(each, change.message) && number(each, "rseqnum") == change.from.sequence;
        });
        if (row == rows.end()) co_return fail(Errc::not_found, "the recipient's row of " + change.message.mail_id + " is gone");
        if ((*reader_).is_full) co_return fail(no_room_error(), "it is full");
        if (text(*row, "rs") == change.from.state && text(*row, "smtp_resp") == change.from.response) {
            (*row)["rs"] = change.state;
            (*row)["smtp_resp"] = change.response;
        }
        StateNow now{false, text(*row, "rs"), text(*row, "smtp_resp")};
        now.changed = now.state == change.state && now.response == change.response;
        co_return now;
    }

    Task<Done> remove(MessageKey message, Deadline deadline) override {
        if (auto there = co_await reader_.reach(deadline); !there) co_return there;
        auto& database = *reader_;
        const std::lock_guard lock(database.mutex);
        const auto row = std::ranges::find_if(database.msgs, [&](const Row& each) { return is_of(each, message); });
        if (row == database.msgs.end()) co_return fail(Errc::not_found, "no message with mail_id " + message.mail_id);
        std::erase_if(database.quarantine, [&](const Row& each) { return is_of(each, message); });
        for (auto& each : database.msgrcpt)
            if (is_of(each, message)) each["rs"] = "D";
        (*row)["quar_type"] = " ";
        (*row)["quar_loc"] = "";
        co_return Done{};
    }

    Task<Result<QuarantineStats>> stats(std::int64_t since, std::int64_t until, Deadline deadline) override {
        if (auto there = co_await reader_.reach(deadline); !there) co_return std::unexpected(std::move(there.error()));
        const std::lock_guard lock((*reader_).mutex);
        const auto recipients = recipients_of(*reader_);
        std::map<std::pair<std::string, char>, QuarantineCount> counts;
        std::map<std::string, std::uint64_t> states;
        for (const auto& row : (*reader_).msgs) {
            const auto time = number(row, "time_num");
            if (!has_copy(row) || time < since || time >= until) continue;
            auto& count = counts[{text(row, "host"), letter(row, "content")}];
            count.host = text(row, "host");
            count.content = letter(row, "content");
            ++count.messages;
            count.octets += static_cast<std::uint64_t>(number(row, "size"));
            const auto [first, last] = recipients.equal_range({number(row, "partition_tag"), text(row, "mail_id")});
            for (auto at = first; at != last; ++at) ++states[text(*at->second, "rs")];
        }
        QuarantineStats out;
        for (auto& [key, count] : counts) out.counts.push_back(std::move(count));
        out.states.assign(states.begin(), states.end());
        co_return out;
    }

private:
    Reader reader_;
};

}  // namespace

std::shared_ptr<QuarantineStore> open_quarantine(std::vector<Dsn> dsns, const QuarantineStoreOptions& options) {
    return std::make_shared<Quarantine>(std::move(dsns), options);
}

}  // namespace tamis::test::memory
