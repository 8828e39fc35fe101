#include "storage/kept/quarantine_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/backend.h"
#include "storage/kept/quarantine_sql.h"
#include "storage/kept/sql_runner.h"

namespace tamis::storage {
namespace {

constexpr std::size_t chunks_at_once = 64;  // of at most 16 KiB

std::unexpected<Fault> wrong_count() { return fail(Errc::broken, "the database gave another number of results than asked"); }

class Store final : public QuarantineStore {
public:
    explicit Store(std::shared_ptr<SqlRunner> runner) : runner_(std::move(runner)) {}

    Task<Result<QuarantinePage>> list(QuarantineFilter filter, std::optional<PageKey> after, std::size_t limit,
                                      Deadline deadline) override;
    Task<Result<std::vector<QuarantineItem>>> find(std::string mail_id, std::optional<std::int64_t> partition_tag,
                                                   Deadline deadline) override;
    Task<Result<std::vector<Chunk>>> read_chunks(MessageKey message, std::int64_t after, Deadline deadline) override;
    Task<Result<StateNow>> change_state(StateChange change, Deadline deadline) override;
    Task<Done> remove(MessageKey message, Deadline deadline) override;
    Task<Result<QuarantineStats>> stats(std::int64_t since, std::int64_t until, Deadline deadline) override;

private:
    Task<Result<std::vector<std::int64_t>>> ids_of(std::string address, Deadline deadline);
    Task<Done> add_recipients(std::vector<QuarantineItem>& items, std::size_t most, Deadline deadline);
    // one - the rows of one statement
    Task<Result<SqlRows>> one(std::function<SqlQuery(const SqlTarget&)> make, Deadline deadline) {
        auto answers =
            co_await runner_->run([make](const SqlTarget& target) { return std::vector<SqlQuery>{make(target)}; }, deadline);
        if (!answers) co_return std::unexpected(std::move(answers.error()));
        if (answers->size() != 1) co_return wrong_count();
        co_return std::move(answers->front().rows);
    }

    std::shared_ptr<SqlRunner> runner_;
};

// is_text - a text column can hold it: what is none matches no row, and PostgreSQL would refuse the whole question
bool is_text(std::string_view text) { return is_utf8(text) && text.find('\0') == std::string_view::npos; }

bool can_match(const QuarantineFilter& filter) {
    return is_text(filter.subject) && is_text(filter.host) && is_text(filter.categories) &&
           (!filter.state || is_text({&*filter.state, 1}));
}

bool is_exact(const std::string& address) { return !address.empty() && !address.starts_with('@'); }

Task<Result<std::vector<std::int64_t>>> Store::ids_of(std::string address, Deadline deadline) {
    auto rows = co_await one([address](const SqlTarget& target) { return address_query(target, address); }, deadline);
    if (!rows) co_return std::unexpected(std::move(rows.error()));
    std::vector<std::int64_t> ids;
    for (const auto& row : *rows)
        if (const auto id = parse_unsigned(row.at(0).value_or(""), INT64_MAX)) ids.push_back(static_cast<std::int64_t>(*id));
    co_return ids;
}

Task<Result<QuarantinePage>> Store::list(QuarantineFilter filter, std::optional<PageKey> after, std::size_t limit,
                                         Deadline deadline) {
    if (!can_match(filter)) co_return QuarantinePage();
    PageRequest request{std::move(filter), std::move(after), std::clamp<std::size_t>(limit, 1, 1000), {}, {}};
    for (auto [address, ids] :
         {std::pair{&request.filter.recipient, &request.recipient_ids}, std::pair{&request.filter.sender, &request.sender_ids}}) {
        if (!is_exact(*address)) continue;
        auto found = co_await ids_of(*address, deadline);
        if (!found) co_return std::unexpected(std::move(found.error()));
        if (found->empty()) co_return QuarantinePage();  // nobody of that address ever occurred
        *ids = std::move(*found);
    }
    auto rows = co_await one([request](const SqlTarget& target) { return page_query(target, request); }, deadline);
    if (!rows) co_return std::unexpected(std::move(rows.error()));
    QuarantinePage page;
    for (const auto& row : *rows) {
        auto item = item_of(row);
        // a message that has the address twice comes twice
        if (page.items.empty() || page.items.back().key != item.key) page.items.push_back(std::move(item));
    }
    if (rows->size() > request.limit) {
        if (page.items.size() > request.limit) page.items.resize(request.limit);
        page.next = PageKey{page.items.back().time, page.items.back().key.mail_id};
    } else {
        auto end = co_await one([request](const SqlTarget& target) { return end_query(target, request); }, deadline);
        if (!end) co_return std::unexpected(std::move(end.error()));
        if (!end->empty())
            page.next = PageKey{static_cast<std::int64_t>(parse_number(end->front().at(0).value_or("0")).value_or(0)),
                                end->front().at(1).value_or("")};
    }
    if (auto done = co_await add_recipients(page.items, recipients_shown + 1, deadline); !done)
        co_return std::unexpected(std::move(done.error()));
    for (auto& item : page.items) {
        item.has_more_recipients = item.recipients.size() > recipients_shown;
        if (item.has_more_recipients) item.recipients.resize(recipients_shown);
    }
    co_return page;
}

Task<Done> Store::add_recipients(std::vector<QuarantineItem>& items, std::size_t most, Deadline deadline) {
    std::vector<MessageKey> keys;
    for (const auto& item : items) keys.push_back(item.key);
    if (keys.empty()) co_return Done{};
    auto answers =
        co_await runner_->run([keys, most](const SqlTarget& target) { return recipients_queries(target, keys, most); }, deadline);
    if (!answers) co_return std::unexpected(std::move(answers.error()));
    for (const auto& answer : *answers)
        for (const auto& row : answer.rows) {
            const auto index = parse_unsigned(row.at(0).value_or(""), items.size() - 1);
            if (!index) co_return wrong_count();
            items[static_cast<std::size_t>(*index)].recipients.push_back(recipient_of(row));
        }
    co_return Done{};
}

Task<Result<std::vector<QuarantineItem>>> Store::find(std::string mail_id, std::optional<std::int64_t> partition_tag,
                                                      Deadline deadline) {
    auto rows = co_await one(
        [mail_id, partition_tag](const SqlTarget& target) { return find_query(target, mail_id, partition_tag); }, deadline);
    if (!rows) co_return std::unexpected(std::move(rows.error()));
    std::vector<QuarantineItem> items;
    for (const auto& row : *rows) items.push_back(item_of(row));
    if (auto done = co_await add_recipients(items, 0, deadline); !done) co_return std::unexpected(std::move(done.error()));
    co_return items;
}

Task<Result<std::vector<Chunk>>> Store::read_chunks(MessageKey message, std::int64_t after, Deadline deadline) {
    auto rows = co_await one(
        [message, after](const SqlTarget& target) { return chunks_query(target, message, after, chunks_at_once); }, deadline);
    if (!rows) co_return std::unexpected(std::move(rows.error()));
    std::vector<Chunk> chunks;
    for (auto& row : *rows) {
        const auto number = parse_unsigned(row.at(0).value_or(""), INT64_MAX);
        if (!number || !row.at(1))
            co_return fail(Errc::bad_input,
                           fmt::format("the stored copy of {} has a chunk without number or text", message.mail_id));
        chunks.push_back({static_cast<std::int64_t>(*number), std::move(*row[1])});
    }
    co_return chunks;
}

Task<Result<StateNow>> Store::change_state(StateChange change, Deadline deadline) {
    auto answers = co_await runner_->run([change](const SqlTarget& target) { return change_queries(target, change); }, deadline);
    if (!answers) co_return std::unexpected(std::move(answers.error()));
    if (answers->size() != 2) co_return wrong_count();
    const SqlRows& found = answers->back().rows;
    if (found.empty()) co_return fail(Errc::not_found, fmt::format("the recipient's row of {} is gone", change.message.mail_id));
    StateNow now;
    now.state = found.front().at(0).value_or("");
    now.response = found.front().at(1).value_or("");
    // by what is there, not by what the statement did: asked again after a lost connection it finds its own work
    now.changed = trim(now.state) == trim(change.state) && now.response == change.response;
    co_return now;
}

Task<Done> Store::remove(MessageKey message, Deadline deadline) {
    auto answers =
        co_await runner_->run([message](const SqlTarget& target) { return remove_queries(target, message); }, deadline);
    if (!answers) co_return std::unexpected(std::move(answers.error()));
    if (answers->size() != 3) co_return wrong_count();
    if (answers->back().changed == 0)
        co_return fail(Errc::not_found,
                       fmt::format("no message with mail_id {} (partition {})", message.mail_id, message.partition_tag));
    co_return Done{};
}

Task<Result<QuarantineStats>> Store::stats(std::int64_t since, std::int64_t until, Deadline deadline) {
    auto answers =
        co_await runner_->run([since, until](const SqlTarget& target) { return stats_queries(target, since, until); }, deadline);
    if (!answers) co_return std::unexpected(std::move(answers.error()));
    if (answers->size() != 2) co_return wrong_count();
    const auto number = [](const std::optional<std::string>& text) {
        return static_cast<std::uint64_t>(std::max(0.0, parse_number(text.value_or("0")).value_or(0)));
    };
    QuarantineStats stats;
    for (const auto& row : answers->front().rows)
        stats.counts.push_back({row.at(0).value_or(""), row.at(1).value_or(" ").empty() ? ' ' : row.at(1).value_or(" ").front(),
                                number(row.at(2)), number(row.at(3))});
    for (const auto& row : answers->back().rows) stats.states.emplace_back(row.at(0).value_or(""), number(row.at(1)));
    co_return stats;
}

}  // namespace

Done check_quarantine(const Catalogue& catalogue, std::string_view shown) {
    constexpr std::pair<std::string_view, std::string_view> all[] = {{"msgs", "mail_id"},
                                                                     {"msgs", "time_num"},
                                                                     {"msgs", "sid"},
                                                                     {"msgs", "content"},
                                                                     {"msgs", "quar_type"},
                                                                     {"msgs", "subject"},
                                                                     {"msgs", "from_addr"},
                                                                     {"msgrcpt", "mail_id"},
                                                                     {"msgrcpt", "rid"},
                                                                     {"msgrcpt", "rs"},
                                                                     {"msgrcpt", "ds"},
                                                                     {"msgrcpt", "smtp_resp"},
                                                                     {"maddr", "id"},
                                                                     {"maddr", "email"},
                                                                     {"quarantine", "mail_id"},
                                                                     {"quarantine", "chunk_ind"},
                                                                     {"quarantine", "mail_text"}};
    for (const auto& [table, column] : all)
        if (catalogue.column(table, column) == nullptr)
            return fail(Errc::unavailable,
                        fmt::format("{}: there is no column {}.{}: this is no database of amavisd or Tamis; correct the DSN, or "
                                    "load the schema",
                                    shown, table, column));
    return {};
}

Result<std::shared_ptr<QuarantineStore>> open_quarantine_store(std::vector<Dsn> dsns, QuarantineStoreOptions options) {
    if (dsns.empty())
        return fail(Errc::bad_input, "storage.storage_dsn: no DSN is given, so there is no quarantine to look into");
    if (auto same = same_kind(dsns, "storage.storage_dsn"); !same) return std::unexpected(std::move(same.error()));
    const Backend& backend = *dsns.front().backend;
    if (backend.open.quarantine == nullptr)
        return fail(Errc::bad_input, fmt::format("storage.storage_dsn: {} cannot keep a quarantine", backend.name));
    return backend.open.quarantine(std::move(dsns), options);
}

std::shared_ptr<QuarantineStore> quarantine_over(std::shared_ptr<SqlRunner> runner) {
    return std::make_shared<Store>(std::move(runner));
}

}  // namespace tamis::storage
