// pen_pals - the PenPalStore on PostgreSQL
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "storage/address_key.h"
#include "storage/completion.h"
#include "storage/pg/dialect.h"
#include "storage/pg/lookups.h"
#include "storage/pg/questions.h"
#include "storage/pg/reading_session.h"
#include "storage/records/rows.h"

namespace tamis::storage::pg {
namespace {

using Times = std::vector<std::optional<std::chrono::system_clock::time_point>>;
using Answered = Completion<Result<Times>>;

constexpr const char* name = "tamis_pen_pals";

// pen_pal_sql - per recipient of ours ($1) the last mail to the sender ($2), and the last one with a referenced Message-ID
// ($4). Both by index (msgs_idx_sid, msgs_idx_mess_id), newest first, one row each.
std::string pen_pal_sql(const Dialect& dialect) {
    const auto newest = [&](std::string_view condition) {
        return fmt::format(
            "(SELECT m.time_num FROM msgs m JOIN msgrcpt r ON {}r.mail_id=m.mail_id WHERE m.sid=ours.id AND m.time_num>=$3 "
            "AND m.content IS DISTINCT FROM 'V' AND r.ds='P' AND {} ORDER BY m.time_num DESC LIMIT 1)",
            dialect.same_partition("r", "msgrcpt", "m", "msgs"), condition);
    };
    const auto referenced = dialect.has("msgs", "message_id") ? newest("m.message_id=ANY($4) AND r.rid<>m.sid")
                                                              : "CASE WHEN $4::text[] IS NULL THEN 0 END";
    return fmt::format("SELECT ours.email, GREATEST({}, {}) FROM maddr AS ours WHERE ours.email=ANY($1)",
                       newest("r.rid IN (SELECT id FROM maddr WHERE email=$2)"), referenced);
}

constexpr const char* original_name = "tamis_original";

// original_sql - by index (msgs_idx_mess_id); one row is enough
std::string original_sql(const Dialect& dialect) {
    return fmt::format(
        "SELECT 1 FROM msgs m WHERE m.message_id=$1 AND (m.sid IN (SELECT id FROM maddr WHERE email=ANY($2)) OR {}='Y') "
        "AND EXISTS (SELECT 1 FROM msgrcpt r WHERE {}r.mail_id=m.mail_id AND r.ds='P') LIMIT 1",
        dialect.column("m", "msgs", "originating", "''"), dialect.same_partition("r", "msgrcpt", "m", "msgs"));
}

struct Facts {
    ReadingSession session;
    std::vector<Oid> types;
    std::vector<Oid> original_types;  // empty: msgs has no message_id
    std::size_t message_id_width = 0;
};

class PenPalsAsked final : public Question {
public:
    PenPalsAsked(PenPalQuestion asked, Deadline until) : Question(until), asked_(std::move(asked)) {}

    Result<std::size_t> ask(Connection& connection) override {
        const auto& facts = std::any_cast<Facts&>(connection.notes());
        std::vector<std::string> recipients;
        for (const auto& recipient : asked_.recipients) recipients.push_back(address_key(recipient, asked_.local_case).email);
        const std::string sender = address_key(asked_.sender, asked_.local_case).email;
        const bool bytes = facts.types.at(1) == oid_bytea;
        if (!bytes && !facts.session.can_hold(sender)) return 0;  // take() then gets no result
        const auto ours = facts.session.array(recipients, facts.types.at(0));
        const auto since = fmt::format(
            "{}",
            std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(asked_.since.time_since_epoch()).count()));
        std::vector<std::string> ids;
        for (const auto& reference : asked_.references) ids.push_back(stored_message_id(reference, facts.message_id_width));
        const auto references = facts.session.array(ids, facts.types.at(3));
        const Value values[] = {Value::text(ours), bytes ? Value::bytes(sender) : Value::text(sender), Value::text(since),
                                Value::text(references)};
        if (auto sent = connection.send(name, values); !sent) return std::unexpected(std::move(sent.error()));
        return 1;
    }

    void take(Connection&, const std::vector<Reply>& replies) override {
        Times times(asked_.recipients.size());
        std::vector<std::string> keys;
        for (const auto& recipient : asked_.recipients) keys.push_back(address_key(recipient, asked_.local_case).email);
        for (int row = 0; !replies.empty() && row < PQntuples(replies[0].get()); ++row) {
            const auto email = cell(replies[0].get(), row, 0);
            const auto seconds = parse_unsigned(cell(replies[0].get(), row, 1).value_or(""));
            for (std::size_t i = 0; email && seconds && i < times.size(); ++i) {
                if (keys[i] != *email) continue;
                const std::chrono::system_clock::time_point when{std::chrono::seconds(*seconds)};
                times[i] = std::max(times[i].value_or(when), when);
            }
        }
        Answered::set(answered, std::move(times));
    }
    void refuse(Fault why) override { Answered::set(answered, std::unexpected(std::move(why))); }

    const Answered::Shared answered = std::make_shared<Answered>();

private:
    const PenPalQuestion asked_;
};

using Known = std::optional<bool>;
using KnownAnswered = Completion<Result<Known>>;

class OriginalAsked final : public Question {
public:
    OriginalAsked(OriginalQuestion asked, Deadline until) : Question(until), asked_(std::move(asked)) {}

    Result<std::size_t> ask(Connection& connection) override {
        const auto& facts = std::any_cast<Facts&>(connection.notes());
        can_tell_ = !facts.original_types.empty();
        if (!can_tell_) return 0;
        std::vector<std::string> recipients;
        for (const auto& recipient : asked_.recipients) recipients.push_back(address_key(recipient, asked_.local_case).email);
        const auto ours = facts.session.array(recipients, facts.original_types.at(1));
        const std::string id =
            stored_message_id(asked_.message_id, facts.message_id_width);  // printable ASCII: every column can hold it
        const Value values[] = {facts.original_types.at(0) == oid_bytea ? Value::bytes(id) : Value::text(id), Value::text(ours)};
        if (auto sent = connection.send(original_name, values); !sent) return std::unexpected(std::move(sent.error()));
        return 1;
    }

    void take(Connection&, const std::vector<Reply>& replies) override {
        KnownAnswered::set(answered, can_tell_ ? Known(PQntuples(replies.at(0).get()) != 0) : Known());
    }
    void refuse(Fault why) override { KnownAnswered::set(answered, std::unexpected(std::move(why))); }

    const KnownAnswered::Shared answered = std::make_shared<KnownAnswered>();

private:
    const OriginalQuestion asked_;
    bool can_tell_ = false;
};

class PenPals final : public PenPalStore, private Questions::SetUp {
public:
    PenPals(std::vector<Dsn> dsns, const LookupOptions& options)
        : questions_(std::move(dsns), options.connections, options.patience, *this, options.round) {
        questions_.start();
    }
    ~PenPals() override { questions_.stop(); }

    Task<Result<Times>> last_written(PenPalQuestion question, Deadline deadline) override {
        const auto asked = std::make_shared<PenPalsAsked>(std::move(question), deadline);
        questions_.put(asked);
        auto answer = co_await Answered::wait(asked->answered, deadline);
        if (answer) co_return std::move(*answer);
        co_return fail(Errc::timeout, "no answer to the pen pals query: " + questions_.health().text());
    }
    Task<Result<Known>> knows_original(OriginalQuestion question, Deadline deadline) override {
        const auto asked = std::make_shared<OriginalAsked>(std::move(question), deadline);
        questions_.put(asked);
        auto answer = co_await KnownAnswered::wait(asked->answered, deadline);
        if (answer) co_return std::move(*answer);
        co_return fail(Errc::timeout, "no answer to the question about a bounce: " + questions_.health().text());
    }

private:
    Task<Done> set_up(Connection& connection) override {
        auto session = co_await ReadingSession::set_up(connection);
        if (!session) co_return std::unexpected(std::move(session.error()));
        auto dialect = co_await detect(connection, Use::read);
        if (!dialect) co_return std::unexpected(std::move(dialect.error()));
        std::vector<Preparation> statements = {{name, pen_pal_sql(*dialect), ""}};
        if (dialect->has("msgs", "message_id")) statements.push_back({original_name, original_sql(*dialect), ""});
        auto prepared = co_await prepare_all(connection, std::move(statements));
        if (!prepared) co_return std::unexpected(std::move(prepared.error()));
        prepared->parameter_types.resize(2);
        connection.notes() =
            Facts{*session, prepared->parameter_types[0], prepared->parameter_types[1], dialect->text.widths.message_id};
        co_return Done{};
    }

    Questions questions_;  // last: its thread uses the rest
};

}  // namespace

std::shared_ptr<PenPalStore> open_pen_pals(std::vector<Dsn> dsns, const LookupOptions& options) {
    return std::make_shared<PenPals>(std::move(dsns), options);
}

}  // namespace tamis::storage::pg
