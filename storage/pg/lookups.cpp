#include "storage/pg/lookups.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <set>

#include "base/log.h"
#include "base/metric.h"
#include "base/text.h"
#include "storage/completion.h"
#include "storage/pg/questions.h"
#include "storage/pg/reading_session.h"
#include "storage/pg/transaction.h"

namespace tamis::storage::pg {
namespace {

// what schema/postgresql/optional-notify.sql sends after a change of the four tables
constexpr const char* notify_channel = "tamis_policy";

using policy::KnownListRow;
using policy::RowShape;
using policy::UserRow;

constexpr const char* users_name = "tamis_users";
constexpr const char* list_name = "tamis_wblist";

constexpr const char* users_sql =
    "SELECT users.*, policy.*, policy.id AS tamis_policy_row, users.id "
    "FROM users LEFT JOIN policy ON users.policy_id=policy.id WHERE users.email=ANY($1)";
// with the users found by their keys, so that one round trip is enough; the same by users.id for custom statements
constexpr const char* list_by_email_sql =
    "SELECT wblist.rid, mailaddr.email, mailaddr.priority, wblist.wb FROM users JOIN wblist ON wblist.rid=users.id "
    "JOIN mailaddr ON wblist.sid=mailaddr.id WHERE users.email=ANY($1) AND mailaddr.email=ANY($2)";
constexpr const char* list_by_id_sql =
    "SELECT wblist.rid, mailaddr.email, mailaddr.priority, wblist.wb FROM wblist "
    "JOIN mailaddr ON wblist.sid=mailaddr.id WHERE wblist.rid=ANY($1) AND mailaddr.email=ANY($2)";

metric::Counter& asked() {
    static metric::Counter counter("tamis_lookups_total", "Policy lookups that went to PostgreSQL");
    return counter;
}

// Facts - what is known of one session
struct Facts {
    ReadingSession session;
    std::vector<Oid> users_types, list_types;
    bool has_list = false;
    std::map<std::string, std::shared_ptr<const RowShape>> shapes;  // by statement
};

// all_keys - each once; they point into the addresses
std::vector<std::string_view> all_keys(const std::vector<LookupAddress>& addresses) {
    std::vector<std::string_view> keys;
    for (const auto& address : addresses) keys.insert(keys.end(), address.keys.begin(), address.keys.end());
    std::ranges::sort(keys);
    keys.erase(std::ranges::unique(keys).begin(), keys.end());
    return keys;
}

std::vector<UserRow> rows_of(const PGresult* result, std::shared_ptr<const RowShape>& shape) {
    const auto is_same = [&] {  // hardly ever not: the tables changed
        if (!shape || shape->names().size() != static_cast<std::size_t>(PQnfields(result))) return false;
        for (int i = 0; i < PQnfields(result); ++i)
            if (!equal_fold(shape->names()[static_cast<std::size_t>(i)], PQfname(result, i))) return false;
        return true;
    };
    if (!is_same()) {
        std::vector<std::string> names;
        for (int i = 0; i < PQnfields(result); ++i) names.emplace_back(PQfname(result, i));
        shape = std::make_shared<const RowShape>(std::move(names));
    }
    std::vector<UserRow> rows;
    for (int row = 0; row < PQntuples(result); ++row) {
        UserRow& into = rows.emplace_back(UserRow{shape, {}, {}});
        auto values = std::make_shared<policy::UserRow::Values>();
        values->reserve(shape->names().size());
        for (int i = 0; i < PQnfields(result); ++i) values->push_back(cell(result, row, i));
        into.values = std::move(values);
    }
    return rows;
}

std::vector<KnownListRow> list_rows_of(const PGresult* result) {
    std::vector<KnownListRow> list;
    for (int row = 0; row < PQntuples(result); ++row) {
        KnownListRow& into = list.emplace_back();
        into.user_id = cell(result, row, 0).value_or("");
        into.key = cell(result, row, 1).value_or("");
        if (const auto number = parse_number(cell(result, row, 2).value_or("")); number && std::abs(*number) < 9e15)
            into.priority = static_cast<std::int64_t>(*number);
        into.wb = cell(result, row, 3);
    }
    return list;
}

std::vector<std::vector<std::string>> keys_of(const std::vector<LookupAddress>& addresses) {
    std::vector<std::vector<std::string>> keys;
    for (const auto& address : addresses) keys.push_back(address.keys);
    return keys;
}

using Answered = Completion<Result<LookupAnswer>>;

// Asking - a question about one message; both rounds share it
class Asking : public Question {
public:
    Asking(const LookupRequest& request, const CustomLookups& custom, Deadline until)
        : Question(until), request_(request), custom_(custom) {}
    void refuse(Fault why) override { Answered::set(answered, std::unexpected(std::move(why))); }

    const Answered::Shared answered = std::make_shared<Answered>();

protected:
    static Facts& facts(Connection& connection) { return std::any_cast<Facts&>(connection.notes()); }

    static Done send(Connection& connection, const char* name, const std::vector<Oid>& types,
                     const std::vector<std::string>& values) {
        std::vector<std::string> kept;
        kept.reserve(values.size());
        std::vector<Value> given;
        const auto& session = facts(connection).session;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const bool bytes = i < types.size() && types[i] == oid_bytea;
            kept.push_back(bytes || session.can_hold(values[i]) ? values[i] : printable_or(values[i], '?'));
            given.push_back(bytes ? Value::bytes(kept.back()) : Value::text(kept.back()));
        }
        return connection.send(name, given);
    }

    const LookupRequest request_;  // owned: the caller may have given up
    const CustomLookups& custom_;
};

// UsersQuestion - the users rows of all recipients, and with our own statements wblist in the same round trip
class UsersQuestion final : public Asking {
public:
    using Asking::Asking;

    Result<std::size_t> ask(Connection& connection) override {
        asked().add();
        auto& known = facts(connection);
        if (custom_.policy) {
            for (const auto& recipient : request_.recipients)
                if (auto sent = send(connection, users_name, known.users_types, custom_.policy->values(recipient, {})); !sent)
                    return std::unexpected(std::move(sent.error()));
            return request_.recipients.size();
        }
        const auto keys = known.session.array(all_keys(request_.recipients), known.users_types.at(0));
        const Value users[] = {Value::text(keys)};
        if (auto sent = connection.send(users_name, users); !sent) return std::unexpected(std::move(sent.error()));
        if (!with_list(known)) return 1;
        const auto senders = known.session.array(all_keys(request_.senders), known.list_types.at(1));
        const Value list[] = {Value::text(keys), Value::text(senders)};
        if (auto sent = connection.send(list_name, list); !sent) return std::unexpected(std::move(sent.error()));
        return 2;
    }

    void take(Connection& connection, const std::vector<Reply>& replies) override {
        auto& known = facts(connection);
        auto& shape = known.shapes[users_name];
        LookupAnswer answer;
        if (custom_.policy) {
            for (const auto& reply : replies) answer.rows.push_back(rows_of(reply.get(), shape));
        } else {
            const policy::UserRowIndex index(rows_of(replies[0].get(), shape));
            for (const auto& recipient : request_.recipients) answer.rows.push_back(index.rows_for(recipient.keys));
            const auto list = with_list(known) ? list_rows_of(replies[1].get()) : std::vector<KnownListRow>();
            const auto senders = keys_of(request_.senders);
            for (auto& rows : answer.rows) policy::assign_hits(rows, list, senders);
        }
        Answered::set(answered, std::move(answer));
    }

private:
    bool with_list(const Facts& known) const { return known.has_list && !custom_.wblist && !request_.senders.empty(); }
};

// ListQuestion - the second round of custom statements: wblist for the users that were found
class ListQuestion final : public Asking {
public:
    ListQuestion(const LookupRequest& request, const CustomLookups& custom, LookupAnswer answer, Deadline until)
        : Asking(request, custom, until), answer_(std::move(answer)) {
        std::set<std::string> ids;
        for (const auto& rows : answer_.rows)
            for (const auto& row : rows)
                if (!row.id().empty()) ids.emplace(row.id());
        ids_.assign(ids.begin(), ids.end());
    }

    Result<std::size_t> ask(Connection& connection) override {
        auto& known = facts(connection);
        if (!known.has_list || ids_.empty()) return 0;
        if (custom_.wblist) {
            for (const auto& id : ids_)
                for (const auto& sender : request_.senders)
                    if (auto sent = send(connection, list_name, known.list_types, custom_.wblist->values(sender, id)); !sent)
                        return std::unexpected(std::move(sent.error()));
            return ids_.size() * request_.senders.size();
        }
        const auto ids = array_literal(ids_, false);
        const auto senders = known.session.array(all_keys(request_.senders), known.list_types.at(1));
        const Value list[] = {Value::text(ids), Value::text(senders)};
        if (auto sent = connection.send(list_name, list); !sent) return std::unexpected(std::move(sent.error()));
        return 1;
    }

    void take(Connection&, const std::vector<Reply>& replies) override {
        const auto senders = keys_of(request_.senders);
        const auto list = custom_.wblist || replies.empty() ? std::vector<KnownListRow>() : list_rows_of(replies[0].get());
        for (auto& rows : answer_.rows) policy::assign_hits(rows, list, senders);
        if (custom_.wblist && !replies.empty()) take_custom(replies);
        Answered::set(answered, std::move(answer_));
    }

private:
    // take_custom - one result per user and sender: the first row's first column, and its `email` when it has one
    void take_custom(const std::vector<Reply>& replies) {
        for (auto& rows : answer_.rows)
            for (auto& row : rows) {
                const auto place = std::ranges::find(ids_, row.id());
                if (row.id().empty() || place == ids_.end()) continue;
                const auto first = static_cast<std::size_t>(place - ids_.begin()) * request_.senders.size();
                for (std::size_t i = 0; i < request_.senders.size(); ++i) {
                    const auto* result = replies[first + i].get();
                    if (PQntuples(result) == 0) continue;
                    const int wb = std::max(0, PQfnumber(result, "wb"));
                    const int email = PQfnumber(result, "email");
                    if (auto text = cell(result, 0, wb))
                        row.sender_hits[i] =
                            policy::SenderHit{std::move(*text), email < 0 ? "" : cell(result, 0, email).value_or("")};
                }
            }
    }

    LookupAnswer answer_;
    std::vector<std::string> ids_;
};

class Lookups final : public LookupStore, private Questions::SetUp {
public:
    Lookups(std::vector<Dsn> dsns, const LookupOptions& options, CustomLookups custom, std::function<void()> changed)
        : custom_(std::move(custom)),
          changed_(std::move(changed)),
          listens_(options.cache.count() > 0),
          questions_(std::move(dsns), options.connections, options.patience, *this, options.round) {
        questions_.start();
    }
    ~Lookups() override { questions_.stop(); }

    Done ready() const override { return questions_.health().ready(); }
    void forget() override {}

    Task<Result<LookupAnswer>> look_up(LookupRequest request, Deadline deadline) override {
        const auto users = std::make_shared<UsersQuestion>(request, custom_, deadline);
        auto answer = co_await answer_to(users, deadline);
        const bool is_complete = !custom_.policy && !custom_.wblist;
        if (!answer || is_complete || !custom_.asks_wblist || request.senders.empty()) co_return answer;
        const auto list = std::make_shared<ListQuestion>(request, custom_, std::move(*answer), deadline);
        co_return co_await answer_to(list, deadline);
    }

private:
    Task<Result<LookupAnswer>> answer_to(std::shared_ptr<Asking> question, Deadline deadline) {
        questions_.put(question);
        auto answer = co_await Answered::wait(question->answered, deadline);
        if (answer) co_return std::move(*answer);
        co_return fail(Errc::timeout, "no answer to the policy lookup: " + questions_.health().text());
    }

    Task<Done> set_up(Connection& connection) override {
        auto session = co_await ReadingSession::set_up(connection);
        if (!session) co_return std::unexpected(std::move(session.error()));
        Facts facts{*session, {}, {}, false, {}};
        if (custom_.asks_wblist) {
            facts.has_list = custom_.wblist.has_value();
            if (!facts.has_list) {
                auto has =
                    co_await connection.run("SELECT to_regclass('wblist') IS NOT NULL AND to_regclass('mailaddr') IS NOT NULL");
                if (!has) co_return std::unexpected(std::move(has.error()));
                facts.has_list = std::string_view(PQgetvalue(has->get(), 0, 0)) == "t";
                if (!facts.has_list)
                    log::info({}, "{}: no tables wblist and mailaddr, senders are not looked up there", connection.dsn().named());
            }
        }
        const auto parameter = [](std::size_t number) { return fmt::format("${}", number); };
        std::vector<Preparation> statements;
        if (custom_.policy) statements.push_back({users_name, custom_.policy->sql(parameter), custom_.policy->setting()});
        else statements.push_back({users_name, users_sql, ""});
        if (custom_.wblist) statements.push_back({list_name, custom_.wblist->sql(parameter), custom_.wblist->setting()});
        else if (facts.has_list) statements.push_back({list_name, custom_.policy ? list_by_id_sql : list_by_email_sql, ""});
        auto prepared = co_await prepare_all(connection, std::move(statements));
        if (!prepared) co_return std::unexpected(std::move(prepared.error()));
        facts.users_types = prepared->parameter_types[0];
        if (prepared->parameter_types.size() > 1) facts.list_types = prepared->parameter_types[1];
        if (listens_ && connection.is_pooled() && !told_of_pooler_.exchange(true))
            log::notice({},
                        "{}: this is a connection pooler that shares sessions (pgbouncer in transaction mode?), so LISTEN "
                        "cannot work: changes of the tables take effect when lookup_cache has passed",
                        connection.dsn().named());
        if (listens_ && !connection.is_pooled())
            if (auto listening = co_await connection.run(fmt::format("LISTEN {}", notify_channel)); !listening)
                log::notice({}, "{}: cannot LISTEN, changes take effect when lookup_cache has passed: {}",
                            connection.dsn().named(), listening.error().detail);
        connection.notes() = std::move(facts);
        co_return Done{};
    }

    void heard() override {
        if (changed_) changed_();
    }

    const CustomLookups custom_;
    const std::function<void()> changed_;
    const bool listens_;
    std::atomic<bool> told_of_pooler_{false};
    Questions questions_;  // last: its thread uses the rest
};

}  // namespace

std::shared_ptr<LookupStore> open_lookups(std::vector<Dsn> dsns, const LookupOptions& options, CustomLookups custom,
                                          std::function<void()> changed) {
    return std::make_shared<Lookups>(std::move(dsns), options, std::move(custom), std::move(changed));
}

}  // namespace tamis::storage::pg
