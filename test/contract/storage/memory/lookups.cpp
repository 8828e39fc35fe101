// lookups - rows of users with their policies, and of wblist
#include <set>

#include "base/text.h"
#include "test/contract/storage/memory/backend.h"
#include "test/contract/storage/memory/database.h"

namespace tamis::test::memory {
namespace {

using namespace storage;
using policy::UserRow;

// all_users - every row of users with its policy's
std::vector<UserRow> all_users(const Database& database) {
    std::set<std::string> fields;
    for (const auto& row : database.policy)
        for (const auto& [column, value] : row)
            if (column != "id") fields.insert(column);
    std::vector<std::string> names{"id", "email", "priority", "policy_id", std::string(policy::policy_row_column)};
    names.insert(names.end(), fields.begin(), fields.end());
    const auto shape = std::make_shared<const policy::RowShape>(names);
    std::vector<UserRow> out;
    for (const auto& user : database.users) {
        auto values = std::make_shared<UserRow::Values>();
        for (const auto* column : {"id", "email", "priority", "policy_id"}) values->emplace_back(text(user, column));
        const auto mine =
            std::ranges::find_if(database.policy, [&](const Row& row) { return text(row, "id") == text(user, "policy_id"); });
        const bool has_policy = mine != database.policy.end();
        values->push_back(has_policy ? Cell(text(*mine, "id")) : Cell());
        for (const auto& field : fields) {
            const auto found = has_policy ? mine->find(field) : Row::const_iterator();
            values->push_back(has_policy && found != mine->end() ? found->second : Cell());
        }
        out.push_back({shape, values, {}});
    }
    return out;
}

std::vector<policy::KnownListRow> all_lists(const Database& database) {
    std::vector<policy::KnownListRow> out;
    for (const auto& row : database.wblist)
        for (const auto& sender : database.mailaddr)
            if (text(sender, "id") == text(row, "sid"))
                out.push_back({text(row, "rid"), text(sender, "email"), number(sender, "priority"), text(row, "wb")});
    return out;
}

class Lookups final : public LookupStore {
public:
    Lookups(std::vector<Dsn> dsns, const LookupOptions& options, const CustomLookups& custom)
        : is_custom_(custom.policy || custom.wblist),
          asks_wblist_(custom.asks_wblist),
          reader_(std::move(dsns), options.patience) {}

    Done ready() const override { return reader_.ready(); }
    void forget() override {}

    Task<Result<LookupAnswer>> look_up(LookupRequest request, Deadline deadline) override {
        if (is_custom_) co_return fail(Errc::unavailable, "storage.select_policy: no statement is understood here");
        if (auto there = co_await reader_.reach(deadline); !there) co_return std::unexpected(std::move(there.error()));
        std::vector<std::vector<std::string>> keys;
        for (const auto& sender : request.senders) keys.push_back(sender.keys);
        LookupAnswer answer;
        const std::lock_guard lock((*reader_).mutex);
        const policy::UserRowIndex index(all_users(*reader_));
        const auto lists = asks_wblist_ ? all_lists(*reader_) : std::vector<policy::KnownListRow>();
        for (const auto& recipient : request.recipients) {
            auto& rows = answer.rows.emplace_back(index.rows_for(recipient.keys));
            policy::assign_hits(rows, lists, keys);
        }
        co_return answer;
    }

private:
    const bool is_custom_, asks_wblist_;
    mutable Reader reader_;
};

}  // namespace

std::shared_ptr<LookupStore> open_lookups(std::vector<Dsn> dsns, const LookupOptions& options, CustomLookups custom,
                                          std::function<void()>) {
    return std::make_shared<Lookups>(std::move(dsns), options, custom);
}

}  // namespace tamis::test::memory
