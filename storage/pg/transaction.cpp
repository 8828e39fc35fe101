#include "storage/pg/transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "storage/pg/connect_advice.h"
#include "storage/records/chunks.h"

namespace tamis::storage::pg {
namespace {

constexpr std::size_t flush_above = 128 * 1024;
constexpr std::chrono::seconds progress_limit{30};  // above the statement timeout: a living server answers first

}  // namespace

std::string array_of(std::span<const std::string_view> values, bool bytea) {
    std::string out = "{";
    std::size_t size = 2;
    for (const auto value : values) size += 2 * value.size() + 6;
    out.reserve(size);
    for (const auto value : values) {
        if (out.size() > 1) out += ',';
        out += '"';
        if (bytea) {
            out += "\\\\x";
            out += to_hex(value);
        } else {
            for (const char c : value) {
                if (c == '"' || c == '\\') out += '\\';
                out += c;
            }
        }
        out += '"';
    }
    out += '}';
    return out;
}

std::string array_literal(const std::vector<std::string>& values, bool bytea) {
    return array_of(std::vector<std::string_view>(values.begin(), values.end()), bytea);
}

MessageRows rows_for(const RecordJob& job, const RecordSession& session) {
    TextRules rules = session.dialect.text;
    rules.concession = job.concession;
    if (session.takes_utf8_only) rules.concession.octets = std::max(rules.concession.octets, Concession::Octets::utf8_addresses);
    return make_rows(job.record, rules);
}

Task<Attempt> Transaction::run() {
    rows_.reserve(jobs_.size());
    for (const auto& job : jobs_) rows_.push_back(rows_for(*job, session_));
    auto done = co_await send_all();
    if (done) done = co_await end_it();
    if (committed_) attempt_.end = Attempt::End::committed;
    else if (!done) attempt_.why = std::move(done.error());
    else attempt_.end = Attempt::End::refused;
    co_return std::move(attempt_);
}

Task<Done> Transaction::send_all() {
    if (auto begun = co_await begin(); !begun) co_return begun;
    if (has_failed()) co_return Done{};
    if (auto sent = send_addresses(); !sent) co_return sent;
    for (std::size_t i = 0; i < jobs_.size() && !has_failed(); ++i) {
        if (auto sent = jobs_[i]->kind == RecordJob::Kind::finish ? send_update(i) : send_message(i); !sent) co_return sent;
        if (jobs_[i]->quarantine)
            if (auto sent = co_await send_chunks(i); !sent) co_return sent;
        if (auto sent = co_await relieve(); !sent) co_return sent;
    }
    co_return Done{};
}

// begin - behind a pooler in a round trip of its own: it shows whether there is a server, before anything is at stake
Task<Done> Transaction::begin() {
    if (auto sent = send(Step::begin, no_job, statement::begin, {}); !sent || !connection_.is_pooled()) co_return sent;
    if (auto sent = send(Step::begin, no_job, statement::settings, {}); !sent) co_return sent;
    if (auto sent = connection_.sync(); !sent) co_return sent;
    co_return co_await collect(pooler_patience);
}

// end_it - commits when all went well, and rolls back when not
Task<Done> Transaction::end_it() {
    if (!has_failed()) {
        attempt_.commit_sent = true;
        if (auto sent = send(Step::commit, no_job, statement::commit, {}); !sent) co_return sent;
    }
    if (auto sent = connection_.sync(); !sent) co_return sent;
    if (auto collected = co_await collect(progress_limit); !collected || !has_failed()) co_return collected;
    if (auto sent = send(Step::rollback, no_job, statement::rollback, {}); !sent) co_return sent;
    if (auto sent = connection_.sync(); !sent) co_return sent;
    co_return co_await collect(progress_limit);
}

Done Transaction::send_addresses() {
    std::map<std::string, std::set<AddressKey>> by_partition;
    for (std::size_t i = 0; i < jobs_.size(); ++i)
        if (jobs_[i]->kind != RecordJob::Kind::finish)
            by_partition[rows_[i].partition_tag].insert(rows_[i].addresses.begin(), rows_[i].addresses.end());
    for (const auto& [partition_tag, keys] : by_partition) {
        std::vector<std::string> emails, domains;
        for (const auto& key : keys) {
            if (!emails.empty() && emails.back() == key.email) continue;
            emails.push_back(key.email);
            domains.push_back(key.domain);
        }
        const auto email_array = array_literal(emails, dialect_.is_bytea("maddr", "email"));
        const auto domain_array = array_literal(domains, statements_.domain_is_bytea);
        std::vector<Value> values;
        if (statements_.address_has_partition) values.push_back(Value::text(partition_tag));
        values.push_back(Value::text(email_array));
        if (statements_.address_has_domain) values.push_back(Value::text(domain_array));
        if (auto sent = send(Step::addresses, no_job, statements_.insert_addresses.name, values, email_array.size()); !sent)
            return sent;
    }
    return {};
}

Done Transaction::send_message(std::size_t job) {
    const MessageRows& row = rows_[job];
    const Bound message(statements_.insert_message, row);
    if (auto sent = send(Step::row, job, statements_.insert_message.name, message.values(), 600); !sent) return sent;
    for (const auto& to : row.recipients) {
        const Bound recipient(statements_.insert_recipient, row, &to);
        if (auto sent = send(Step::row, job, statements_.insert_recipient.name, recipient.values()); !sent) return sent;
    }
    return {};
}

Done Transaction::send_update(std::size_t job) {
    const MessageRows& row = rows_[job];
    const Bound message(statements_.update_message, row);
    if (auto sent = send(Step::update, job, statements_.update_message.name, message.values()); !sent) return sent;
    for (const auto& to : row.recipients) {
        const Bound recipient(statements_.update_recipient, row, &to);
        if (auto sent = send(Step::row, job, statements_.update_recipient.name, recipient.values()); !sent) return sent;
    }
    return {};
}

Task<Done> Transaction::send_chunks(std::size_t job) {
    const MessageRows& row = rows_[job];
    const mail::QuarantineCopy& copy = *jobs_[job]->quarantine;
    const std::uint64_t size = copy.spool ? copy.spool->size() : 0;
    Chunker chunker;
    chunker.add(copy.prefix);
    std::vector<char> buffer;
    std::uint64_t offset = 0;
    for (int number = 1; !has_failed();) {
        bool full = chunker.next();
        if (!full && offset < size) {
            if (offset >= copy.spool->head().size()) buffer.resize(4 * chunk_size);
            const auto piece = copy.spool->view(offset, buffer);
            if (!piece || piece->empty()) {
                fail_locally(job, piece ? Fault{make_error_code(Errc::broken), "the spooled message is shorter than it should be"}
                                        : piece.error());
                break;
            }
            offset += piece->size();
            chunker.add(*piece);
            continue;
        }
        if (!full && !chunker.finish()) break;
        const auto index = fmt::format("{}", number++);
        Bound bound(statements_.insert_chunk, row);
        bound.add(Value::text(index));
        bound.add(Value::bytes(chunker.chunk()));
        const std::string as_is = statements_.chunk_has_flag && dialect_.is_plain(chunker.chunk()) ? "t" : "f";
        if (statements_.chunk_has_flag) bound.add(Value::text(as_is));
        if (auto sent = send(Step::chunk, job, statements_.insert_chunk.name, bound.values(), chunker.chunk().size()); !sent)
            co_return sent;
        if (auto sent = co_await relieve(); !sent) co_return sent;
        if (!full) break;
    }
    co_return Done{};
}

Done Transaction::send(Step step, std::size_t job, const char* name, std::span<const Value> values, std::size_t bytes) {
    expected_.push_back({step, job});
    queued_ += bytes;
    return connection_.send(name, values);
}

// relieve - when much is queued: moves it to the server and looks at what the server said so far
Task<Done> Transaction::relieve() {
    if (queued_ < flush_above) co_return Done{};
    if (auto flushed = co_await flush(); !flushed) co_return flushed;
    while (const auto reply = connection_.next_now()) take(reply->get());
    co_return Done{};
}

Task<Done> Transaction::flush() {
    queued_ = 0;
    connection_.set_limit(Deadline::in(progress_limit));
    co_return co_await connection_.flush();
}

// collect - everything up to the end of the pipeline
Task<Done> Transaction::collect(std::chrono::seconds limit) {
    if (auto flushed = co_await flush(); !flushed) co_return flushed;
    for (;;) {
        connection_.set_limit(Deadline::in(limit));
        auto reply = co_await connection_.next();
        if (!reply) co_return std::unexpected(std::move(reply.error()));
        if (PQresultStatus(reply->get()) == PGRES_PIPELINE_SYNC) co_return Done{};
        take(reply->get());
    }
}

void Transaction::take(const PGresult* reply) {
    if (expected_.empty()) return;
    const Expected expected = expected_.front();
    expected_.pop_front();
    const auto status = PQresultStatus(reply);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        if (expected.step == Step::commit) committed_ = true;
        // PQcmdTuples takes a result that is not const but does not change it
        if (expected.step == Step::update && std::string_view(PQcmdTuples(const_cast<PGresult*>(reply))) == "0")
            attempt_.not_found.push_back(expected.job);
        return;
    }
    if (failed_) return;  // only the first error is the cause
    failed_ = true;
    const char* code = PQresultErrorField(reply, PG_DIAG_SQLSTATE);
    const char* text = PQresultErrorField(reply, PG_DIAG_MESSAGE_PRIMARY);
    attempt_.sqlstate = code != nullptr ? code : "08006";
    const auto advice = statement_advice(attempt_.sqlstate);
    attempt_.why = {make_error_code(Errc::unavailable),
                    fmt::format("{}: {} (SQLSTATE {}){}{}", connection_.dsn().named(),
                                one_line(text != nullptr ? text : PQresultErrorMessage(reply)), attempt_.sqlstate,
                                advice.empty() ? "" : ": ", advice)};
    if (expected.job != no_job) attempt_.guilty = expected.job;
    attempt_.is_about_copy = expected.step == Step::chunk;
    attempt_.is_in_function = PQresultErrorField(reply, PG_DIAG_CONTEXT) != nullptr;
}

void Transaction::fail_locally(std::size_t job, const Fault& why) {
    failed_ = true;
    attempt_.guilty = job;
    attempt_.why = {make_error_code(Errc::broken), "reading the message for quarantine: " + describe(why)};
}

}  // namespace tamis::storage::pg
