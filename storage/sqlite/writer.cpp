#include "storage/sqlite/writer.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/log.h"
#include "storage/no_room.h"
#include "storage/records/chunks.h"
#include "storage/sqlite/catalogue.h"

namespace tamis::storage::sqlite {
namespace {

// The parameters of a statement have the same numbers in every era; a column that the tables lack is not named.
using Given = std::initializer_list<std::pair<std::string_view, std::string_view>>;  // column, value

std::string insert_into(const Catalogue& catalogue, std::string_view table, Given given) {
    std::string columns, values;
    for (const auto& [column, value] : given) {
        if (catalogue.column(table, column) == nullptr) continue;
        columns += fmt::format("{}{}", columns.empty() ? "" : ", ", column);
        values += fmt::format("{}{}", values.empty() ? "" : ", ", value);
    }
    return fmt::format("INSERT INTO {} ({}) SELECT {}", table, columns, values);
}

std::string update_of(const Catalogue& catalogue, std::string_view table, Given given) {
    std::string sets;
    for (const auto& [column, value] : given)
        if (catalogue.column(table, column) != nullptr) sets += fmt::format("{}{} = {}", sets.empty() ? "" : ", ", column, value);
    return fmt::format("UPDATE {} SET {}", table, sets);
}

std::string of_message(const Catalogue& catalogue, std::string_view table) {
    return fmt::format(" WHERE {}mail_id = ?2",
                       catalogue.column(table, "partition_tag") != nullptr ? "partition_tag = ?1 AND " : "");
}

// address - the row of an address, which amavisd may have written as text or as blob
std::string address(const Catalogue& catalogue, std::string_view parameter) {
    return fmt::format("(SELECT id FROM maddr WHERE {0}email IN ({1}, CAST({1} AS BLOB)) LIMIT 1)",
                       catalogue.addresses_by_partition() ? "partition_tag = ?1 AND " : "", parameter);
}

// bind_all - texts from index 1 on; SQLite's column affinity makes numbers of them
void bind_all(Statement& statement, std::initializer_list<std::string_view> values) {
    int index = 0;
    for (const auto value : values) statement.bind_text(++index, value);
}

}  // namespace

Result<std::unique_ptr<Writer>> Writer::open(const Dsn& dsn) {
    auto database = Database::open(dsn.place, dsn.named());
    if (!database) return std::unexpected(std::move(database.error()));
    if (auto installed = install_steps(**database, dsn.named()); !installed) return std::unexpected(std::move(installed.error()));
    // a disk that is full now may have room for what comes, and what is there can be read
    if (auto writable = (*database)->probe(); !writable && !is_no_room(writable.error()))
        return std::unexpected(std::move(writable.error()));
    std::unique_ptr<Writer> writer(new Writer(std::move(*database)));
    if (auto prepared = writer->prepare(); !prepared) return std::unexpected(std::move(prepared.error()));
    return writer;
}

Done Writer::prepare() {
    auto read = catalogue_of(*database_);
    if (!read) return std::unexpected(std::move(read.error()));
    const Catalogue& is = *read;
    struct Row {
        std::unique_ptr<Statement>& statement;
        std::string sql;
    };
    // without numbers the recipient is found by his address, which may have been refused as it is
    const std::string which = is.column("msgrcpt", "rseqnum") != nullptr
                                  ? "rseqnum = ?3"
                                  : fmt::format("rid IN ({}, {})", address(is, "?7"), address(is, "?8"));
    for (const Row& row : std::initializer_list<Row>{
             {insert_address_, insert_into(is, "maddr", {{"partition_tag", "?1"}, {"email", "?2"}, {"domain", "?3"}}) +
                                   " WHERE NOT EXISTS " + address(is, "?2")},
             {insert_message_,
              insert_into(is, "msgs",
                          {{"partition_tag", "?1"}, {"mail_id", "?2"},      {"secret_id", "?3"},   {"am_id", "?4"},
                           {"time_num", "?5"},      {"time_iso", "?6"},     {"policy", "?7"},      {"client_addr", "?8"},
                           {"size", "?9"},          {"originating", "?10"}, {"content", "?11"},    {"quar_type", "?12"},
                           {"quar_loc", "?13"},     {"dsn_sent", "?14"},    {"spam_level", "?15"}, {"message_id", "?16"},
                           {"from_addr", "?17"},    {"subject", "?18"},     {"host", "?19"},       {"sid", address(is, "?20")}})},
             {insert_recipient_, insert_into(is, "msgrcpt",
                                             {{"partition_tag", "?1"},
                                              {"mail_id", "?2"},
                                              {"rseqnum", "?3"},
                                              {"is_local", "?4"},
                                              {"content", "?5"},
                                              {"ds", "?6"},
                                              {"rs", "?7"},
                                              {"bl", "?8"},
                                              {"wl", "?9"},
                                              {"bspam_level", "?10"},
                                              {"smtp_resp", "?11"},
                                              {"rid", address(is, "?12")}})},
             {insert_chunk_, insert_into(is, "quarantine",
                                         {{"partition_tag", "?1"}, {"mail_id", "?2"}, {"chunk_ind", "?3"}, {"mail_text", "?4"}})},
             {update_message_,
              update_of(is, "msgs",
                        {{"content", "?3"}, {"quar_type", "?4"}, {"quar_loc", "?5"}, {"dsn_sent", "?6"}, {"spam_level", "?7"}}) +
                  of_message(is, "msgs")},
             {update_recipient_, update_of(is, "msgrcpt", {{"content", "?4"}, {"ds", "?5"}, {"smtp_resp", "?6"}}) +
                                     of_message(is, "msgrcpt") + " AND " + which}}) {
        auto statement = database_->prepare(row.sql);
        if (!statement) return std::unexpected(std::move(statement.error()));
        row.statement = std::make_unique<Statement>(std::move(*statement));
    }
    return {};
}

Result<std::vector<Done>> Writer::write(const Jobs& jobs) {
    std::vector<Done> answers;
    auto result = database_->run("BEGIN IMMEDIATE");
    if (!result) return std::unexpected(std::move(result.error()));
    result = write_all(jobs, answers);
    if (result) result = database_->run("COMMIT");
    if (result) return answers;
    if (database_->in_transaction()) {
        const auto rolled_back = database_->run("ROLLBACK");
        if (!rolled_back) result.error().detail += "; " + rolled_back.error().detail;
    }
    return std::unexpected(std::move(result.error()));
}

Done Writer::write_all(const Jobs& jobs, std::vector<Done>& answers) {
    for (const auto& job : jobs) {
        if (job->abandoned) {  // while we waited for the lock
            answers.push_back(fail(Errc::timeout, "nobody waits for it any more"));
            continue;
        }
        auto result = database_->run("SAVEPOINT message");
        if (!result) return result;
        Done answer = write_one(*job);
        while (concedes(*job, answer)) {
            if (result = database_->run("ROLLBACK TO message"); !result) return result;
            answer = write_one(*job);
        }
        // the store's trouble, not the message's; and a transaction that SQLite has rolled back by itself
        if (!answer && (answer.error().is(Errc::unavailable) || !database_->in_transaction())) return answer;
        if (!answer) result = database_->run("ROLLBACK TO message");
        if (result) result = database_->run("RELEASE message");
        if (!result) return result;
        answers.push_back(std::move(answer));
    }
    return {};
}

namespace {

MessageRows rows_for(const RecordJob& job) {
    TextRules rules;
    rules.concession = job.concession;
    return make_rows(job.record, rules);
}

}  // namespace

// concedes - a trigger or a check of the site's refused the message: gives up so much of it that its rows are others; false when
// it was something else, or nothing is left
bool Writer::concedes(RecordJob& job, const Done& answer) {
    if (answer && job.concession != Concession() && !std::exchange(has_said_, true))
        log::warning(
            job.log_id(),
            "storage: {}: this address or text was not taken as it came; it is stored with \"?\" in place of what was refused, or "
            "shorter, and so is any other that is refused. This is said once",
            refused_);
    if (answer || !answer.error().is(Errc::bad_input) || !database_->in_transaction()) return false;
    const MessageRows before = rows_for(job);
    while (const auto next = next_concession(job.concession, false)) {
        job.concession = *next;
        if (rows_for(job) == before) continue;
        refused_ = answer.error().detail;
        return true;
    }
    job.concession = {};  // nothing helped: it was not about what the message says
    return false;
}

Done Writer::write_one(const RecordJob& job) {
    const MessageRows rows = rows_for(job);
    return job.kind == RecordJob::Kind::finish ? update(rows) : insert(rows, job);
}

Done Writer::insert(const MessageRows& rows, const RecordJob& job) {
    for (const auto& address : rows.addresses) {
        bind_all(*insert_address_, {rows.partition_tag, address.email, address.domain});
        if (auto done = insert_address_->run(); !done) return done;
    }
    bind_all(*insert_message_,
             {rows.partition_tag, rows.mail_id,    rows.secret_id,   rows.am_id,   rows.time_num,  rows.time_iso, rows.policy,
              rows.client_addr,   rows.size,       rows.originating, rows.content, rows.quar_type, rows.quar_loc, rows.dsn_sent,
              rows.spam_level,    rows.message_id, rows.from_addr,   rows.subject, rows.host,      rows.sender});
    if (!rows.has_content) insert_message_->bind_null(11);
    if (auto done = insert_message_->run(); !done) return done;
    for (const auto& to : rows.recipients) {
        bind_all(*insert_recipient_, {rows.partition_tag, rows.mail_id, to.sequence, to.is_local, to.content, to.ds, to.rs, to.bl,
                                      to.wl, to.bspam_level, to.smtp_resp, to.email});
        if (auto done = insert_recipient_->run(); !done) return done;
    }
    return job.quarantine ? insert_chunks(rows, *job.quarantine) : Done{};
}

Done Writer::insert_chunks(const MessageRows& rows, const mail::QuarantineCopy& copy) {
    Chunker chunker;
    int number = 0;
    const auto put = [&]() -> Done {
        const auto index = fmt::format("{}", ++number);
        bind_all(*insert_chunk_, {rows.partition_tag, rows.mail_id, index});
        insert_chunk_->bind_blob(4, chunker.chunk());
        return insert_chunk_->run();
    };
    chunker.add(copy.prefix);
    while (chunker.next())
        if (auto done = put(); !done) return done;
    std::array<char, 65536> buffer;
    const std::uint64_t size = copy.spool ? copy.spool->size() : 0;
    for (std::uint64_t offset = 0; offset < size;) {
        const auto piece = copy.spool->view(offset, buffer);
        if (!piece) return fail(Errc::broken, "reading the message for quarantine: " + describe(piece.error()));
        if (piece->empty()) return fail(Errc::broken, "the spooled message is shorter than it should be");
        offset += piece->size();
        chunker.add(*piece);
        while (chunker.next())
            if (auto done = put(); !done) return done;
    }
    return chunker.finish() ? put() : Done{};
}

Done Writer::update(const MessageRows& rows) {
    bind_all(*update_message_,
             {rows.partition_tag, rows.mail_id, rows.content, rows.quar_type, rows.quar_loc, rows.dsn_sent, rows.spam_level});
    if (!rows.has_content) update_message_->bind_null(3);
    if (auto done = update_message_->run(); !done) return done;
    if (database_->changes() == 0)
        return fail(Errc::not_found,
                    fmt::format("no record of mail_id {} (partition {}) to finish", rows.mail_id, rows.partition_tag));
    for (const auto& to : rows.recipients) {
        bind_all(*update_recipient_,
                 {rows.partition_tag, rows.mail_id, to.sequence, to.content, to.ds, to.smtp_resp, to.email, to.printable});
        if (auto done = update_recipient_->run(); !done) return done;
    }
    return {};
}

}  // namespace tamis::storage::sqlite
