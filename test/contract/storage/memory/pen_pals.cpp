// pen_pals - who wrote to whom before, from the same rows
#include <algorithm>
#include <functional>
#include <set>

#include "storage/address_key.h"
#include "storage/records/rows.h"
#include "test/contract/storage/memory/backend.h"
#include "test/contract/storage/memory/database.h"

namespace tamis::test::memory {
namespace {

using namespace storage;
using Times = std::vector<std::optional<std::chrono::system_clock::time_point>>;

// ids_of - of an address, one for each partition
std::set<std::string> ids_of(const Database& database, const std::string& address, LocalCase local_case) {
    const auto email = address_key(address, local_case).email;
    std::set<std::string> out;
    for (const auto& row : database.maddr)
        if (text(row, "email") == email) out.insert(text(row, "id"));
    return out;
}

// is_handed_over - to a recipient for whom the condition holds
bool is_handed_over(const Database& database, const Row& message, const std::function<bool(const Row&)>& condition) {
    return std::ranges::any_of(database.msgrcpt, [&](const Row& to) {
        return letter(to, "ds") == 'P' && is_same_message(to, message) && condition(to);
    });
}

class PenPals final : public PenPalStore {
public:
    PenPals(std::vector<Dsn> dsns, const LookupOptions& options) : reader_(std::move(dsns), options.patience) {}

    Task<Result<Times>> last_written(PenPalQuestion question, Deadline deadline) override {
        if (auto there = co_await reader_.reach(deadline); !there) co_return std::unexpected(std::move(there.error()));
        const std::lock_guard lock((*reader_).mutex);
        Times out;
        for (const auto& recipient : question.recipients) out.push_back(newest(*reader_, recipient, question));
        co_return out;
    }

    Task<Result<std::optional<bool>>> knows_original(OriginalQuestion question, Deadline deadline) override {
        if (auto there = co_await reader_.reach(deadline); !there) co_return std::unexpected(std::move(there.error()));
        const std::lock_guard lock((*reader_).mutex);
        const auto id = stored_message_id(question.message_id, TextRules().widths.message_id);
        std::set<std::string> ours;
        for (const auto& recipient : question.recipients) ours.merge(ids_of(*reader_, recipient, question.local_case));
        co_return std::ranges::any_of((*reader_).msgs, [&](const Row& message) {
            return text(message, "message_id") == id &&
                   (letter(message, "originating") == 'Y' || ours.contains(text(message, "sid"))) &&
                   is_handed_over(*reader_, message, [](const Row&) { return true; });
        });
    }

private:
    static Times::value_type newest(const Database& database, const std::string& recipient, const PenPalQuestion& question) {
        const auto ours = ids_of(database, recipient, question.local_case);
        const auto theirs = ids_of(database, question.sender, question.local_case);
        std::set<std::string> references;
        for (const auto& reference : question.references)
            references.insert(stored_message_id(reference, TextRules().widths.message_id));
        Times::value_type best;
        for (const auto& message : database.msgs) {
            const std::chrono::system_clock::time_point when{std::chrono::seconds(number(message, "time_num"))};
            if (!ours.contains(text(message, "sid")) || when < question.since || letter(message, "content") == 'V') continue;
            const bool is_referred = references.contains(text(message, "message_id"));
            if (is_handed_over(database, message, [&](const Row& to) {
                    return theirs.contains(text(to, "rid")) || (is_referred && text(to, "rid") != text(message, "sid"));
                }))
                best = std::max(best.value_or(when), when);
        }
        return best;
    }

    Reader reader_;
};

}  // namespace

std::shared_ptr<PenPalStore> open_pen_pals(std::vector<Dsn> dsns, const LookupOptions& options) {
    return std::make_shared<PenPals>(std::move(dsns), options);
}

}  // namespace tamis::test::memory
