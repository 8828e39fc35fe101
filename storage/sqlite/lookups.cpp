#include "storage/sqlite/lookups.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "storage/address_key.h"
#include "storage/completion.h"
#include "storage/records/rows.h"
#include "storage/sqlite/catalogue.h"
#include "storage/sqlite/prepared.h"
#include "storage/sqlite/reader_thread.h"

namespace tamis::storage::sqlite {
namespace {

using policy::KnownListRow;
using policy::RowShape;
using policy::UserRow;

// The tables may hold addresses as texts or as blobs, which SQLite never takes for equal: each key is bound as both.
std::string two_lists(int first) {
    std::string out = "(";
    for (int i = 0; i < static_cast<int>(2 * policy::key_limit); ++i) out += fmt::format("{}?{}", i == 0 ? "" : ",", first + i);
    return out + ")";
}

void bind_keys(Statement& statement, int first, const std::vector<std::string>& keys) {
    constexpr int count = static_cast<int>(policy::key_limit);
    for (int i = 0; i < count; ++i) {
        const auto& key = keys[std::min(static_cast<std::size_t>(i), keys.size() - 1)];
        statement.bind_text(first + i, key);
        statement.bind_blob(first + count + i, key);
    }
}

std::optional<std::string> cell(const Statement& statement, int column) {
    if (statement.is_null(column)) return {};
    return std::string(statement.column(column));
}

std::optional<std::int64_t> number_in(const Statement& statement, int column) {
    const auto number = parse_number(cell(statement, column).value_or(""));
    return number && std::abs(*number) < 9e15 ? std::optional(static_cast<std::int64_t>(*number)) : std::nullopt;
}

using Answered = Completion<Result<LookupAnswer>>;

class Lookups final : public LookupStore {
public:
    Lookups(std::vector<Dsn> dsns, const LookupOptions& options, CustomLookups custom)
        : custom_(std::move(custom)),
          reader_(
              std::move(dsns), options.patience, [this](Database& database) { return prepare(database); },
              [this] {
                  users_.reset();
                  list_.reset();
              }) {
        reader_.start();
    }
    ~Lookups() override { reader_.stop(); }

    Done ready() const override { return reader_.health().ready(); }
    void forget() override {}

    Task<Result<LookupAnswer>> look_up(LookupRequest request, Deadline deadline) override {
        const auto asked = std::make_shared<Asked>(*this, std::move(request), deadline);
        reader_.put(asked);
        auto answer = co_await Answered::wait(asked->answered, deadline);
        if (answer) co_return std::move(*answer);
        co_return fail(Errc::timeout, "no answer to the policy lookup: " + reader_.health().text());
    }

private:
    class Asked final : public ReaderThread::Question {
    public:
        Asked(Lookups& owner, LookupRequest request, Deadline until)
            : Question(until), owner_(owner), request_(std::move(request)) {}
        Done answer() override {
            LookupAnswer answer;
            for (const auto& recipient : request_.recipients) {
                auto rows = owner_.rows_of(recipient);
                if (!rows) return std::unexpected(std::move(rows.error()));
                if (auto done = owner_.add_hits(*rows, request_.senders); !done) return done;
                answer.rows.push_back(std::move(*rows));
            }
            Answered::set(answered, std::move(answer));
            return {};
        }
        void refuse(Fault why) override { Answered::set(answered, std::unexpected(std::move(why))); }
        const Answered::Shared answered = std::make_shared<Answered>();

    private:
        Lookups& owner_;
        const LookupRequest request_;
    };

    Done prepare(Database& database);
    Result<std::vector<UserRow>> rows_of(const LookupAddress& recipient);
    Done add_hits(std::vector<UserRow>& rows, const std::vector<LookupAddress>& senders);
    Done add_custom_hits(UserRow& row, const std::vector<LookupAddress>& senders);

    const CustomLookups custom_;
    std::unique_ptr<Statement> users_, list_;  // only the thread
    std::shared_ptr<const RowShape> shape_;    // only the thread
    ReaderThread reader_;                      // last: its thread uses the rest
};

Done Lookups::prepare(Database& database) {
    users_.reset();
    list_.reset();
    const auto any = has_table(database, "");
    if (!any) return std::unexpected(any.error());
    if (!*any)
        if (auto installed = install_steps(database, "lookup_dsn"); !installed) return std::unexpected(installed.error());
    const auto parameter = [](std::size_t number) { return fmt::format("?{}", number); };
    const std::string users_sql =
        custom_.policy ? custom_.policy->sql(parameter)
                       : "SELECT users.*, policy.*, policy.id AS tamis_policy_row, users.id FROM users LEFT JOIN policy "
                         "ON users.policy_id=policy.id WHERE users.email IN " +
                             two_lists(1);
    auto users = prepared(database, users_sql, custom_.policy ? custom_.policy->setting() : "");
    if (!users) return std::unexpected(std::move(users.error()));
    users_ = std::move(*users);
    if (!custom_.asks_wblist) return {};
    if (!custom_.wblist) {
        const auto has = has_table(database, "wblist");
        if (!has) return std::unexpected(has.error());
        if (!*has) return {};
    }
    const std::string list_sql =
        custom_.wblist ? custom_.wblist->sql(parameter)
                       : "SELECT wblist.rid, mailaddr.email, mailaddr.priority, wblist.wb FROM wblist JOIN mailaddr "
                         "ON wblist.sid=mailaddr.id WHERE wblist.rid=?1 AND mailaddr.email IN " +
                             two_lists(2);
    auto list = prepared(database, list_sql, custom_.wblist ? custom_.wblist->setting() : "");
    if (!list) return std::unexpected(std::move(list.error()));
    list_ = std::move(*list);
    return {};
}

Result<std::vector<UserRow>> Lookups::rows_of(const LookupAddress& recipient) {
    const auto values = custom_.policy ? custom_.policy->values(recipient, {}) : std::vector<std::string>();
    if (custom_.policy)
        for (std::size_t i = 0; i < values.size(); ++i) users_->bind_text(static_cast<int>(i) + 1, values[i]);
    else bind_keys(*users_, 1, recipient.keys);
    std::vector<UserRow> rows;
    for (;;) {
        const auto row = users_->step();
        if (!row) return std::unexpected(row.error());
        if (!*row) break;
        if (rows.empty()) {
            std::vector<std::string> names;
            for (int i = 0; i < users_->columns(); ++i) names.push_back(to_lower(users_->column_name(i)));
            if (!shape_ || shape_->names() != names) shape_ = std::make_shared<const RowShape>(std::move(names));
        }
        UserRow& into = rows.emplace_back(UserRow{shape_, {}, {}});
        auto cells = std::make_shared<UserRow::Values>();
        for (int i = 0; i < users_->columns(); ++i) cells->push_back(cell(*users_, i));
        into.values = std::move(cells);
    }
    users_->reset();
    return custom_.policy ? rows : policy::UserRowIndex(std::move(rows)).rows_for(recipient.keys);
}

Done Lookups::add_hits(std::vector<UserRow>& rows, const std::vector<LookupAddress>& senders) {
    std::vector<std::vector<std::string>> keys;
    for (const auto& sender : senders) keys.push_back(sender.keys);
    std::vector<KnownListRow> list;
    for (auto& row : rows) {
        row.sender_hits.assign(senders.size(), std::nullopt);
        if (!list_ || row.id().empty()) continue;
        if (custom_.wblist) {
            if (auto done = add_custom_hits(row, senders); !done) return done;
            continue;
        }
        const std::string id(row.id());
        for (const auto& sender : senders) {
            list_->bind_text(1, id);
            bind_keys(*list_, 2, sender.keys);
            for (;;) {
                const auto found = list_->step();
                if (!found) return std::unexpected(found.error());
                if (!*found) break;
                list.push_back({id, cell(*list_, 1).value_or(""), number_in(*list_, 2), cell(*list_, 3)});
            }
            list_->reset();
        }
    }
    if (!custom_.wblist) policy::assign_hits(rows, list, keys);
    return {};
}

// add_custom_hits - per sender the first row: its column wb (or the first one), and its `email` when it has one
Done Lookups::add_custom_hits(UserRow& row, const std::vector<LookupAddress>& senders) {
    for (std::size_t i = 0; i < senders.size(); ++i) {
        const auto values = custom_.wblist->values(senders[i], row.id());
        for (std::size_t k = 0; k < values.size(); ++k) list_->bind_text(static_cast<int>(k) + 1, values[k]);
        const auto found = list_->step();
        if (!found) return std::unexpected(found.error());
        if (*found) {
            int wb = 0;
            int email = -1;
            for (int k = 0; k < list_->columns(); ++k) {
                if (equal_fold(list_->column_name(k), "wb")) wb = k;
                if (equal_fold(list_->column_name(k), "email")) email = k;
            }
            if (auto text = cell(*list_, wb))
                row.sender_hits[i] = policy::SenderHit{std::move(*text), email < 0 ? "" : cell(*list_, email).value_or("")};
        }
        list_->reset();
    }
    return {};
}

}  // namespace

std::shared_ptr<LookupStore> open_lookups(std::vector<Dsn> dsns, const LookupOptions& options, CustomLookups custom,
                                          std::function<void()>) {
    return std::make_shared<Lookups>(std::move(dsns), options, std::move(custom));
}

}  // namespace tamis::storage::sqlite
