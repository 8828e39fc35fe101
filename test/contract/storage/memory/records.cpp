// records - what waits in the queue is written by a thread, each message at once or not at all
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <thread>

#include "base/text.h"
#include "storage/no_room.h"
#include "storage/records/chunks.h"
#include "storage/records/queued_store.h"
#include "test/contract/storage/memory/backend.h"
#include "test/contract/storage/memory/database.h"

namespace tamis::test::memory {
namespace {

using namespace storage;

Result<std::vector<std::string>> chunks_of(const mail::QuarantineCopy& copy) {
    std::vector<std::string> out;
    Chunker chunker;
    const auto add = [&](std::string_view bytes) {
        chunker.add(bytes);
        while (chunker.next()) out.emplace_back(chunker.chunk());
    };
    add(copy.prefix);
    std::array<char, 65536> buffer;
    for (std::uint64_t offset = 0; copy.spool && offset < copy.spool->size();) {
        const auto piece = copy.spool->view(offset, buffer);
        if (!piece || piece->empty()) return fail(Errc::broken, "the message cannot be read");
        offset += piece->size();
        add(*piece);
    }
    if (chunker.finish()) out.emplace_back(chunker.chunk());
    return out;
}

std::string address_id(Database& database, const std::string& tag, const AddressKey& key) {
    const auto found = std::ranges::find_if(
        database.maddr, [&](const Row& row) { return text(row, "email") == key.email && text(row, "partition_tag") == tag; });
    if (found != database.maddr.end()) return text(*found, "id");
    const auto id = fmt::format("{}", ++database.last_address);
    database.maddr.push_back({{"id", id}, {"partition_tag", tag}, {"email", key.email}, {"domain", key.domain}});
    return id;
}

// real - a number as it is shown, not as it was written: "7.25" for "7.250"
std::string real(const std::string& written) { return fmt::format("{}", parse_number(written).value_or(0)); }

// final_state - what finish() writes into msgs and into each recipient's row
void final_state(Row& row, const MessageRows& from) {
    row["content"] = from.has_content ? Cell(from.content) : Cell();
    row["quar_type"] = from.quar_type;
    row["quar_loc"] = from.quar_loc;
    row["dsn_sent"] = from.dsn_sent;
    row["spam_level"] = real(from.spam_level);
}
void final_state(Row& row, const RecipientRow& from) {
    row["content"] = from.content;
    row["ds"] = from.ds;
    row["smtp_resp"] = from.smtp_resp;
}

Done insert(Database& database, const MessageRows& from, const std::vector<std::string>& chunks) {
    Row message{{"partition_tag", from.partition_tag}, {"mail_id", from.mail_id}};
    if (std::ranges::any_of(database.msgs, [&](const Row& row) { return is_same_message(row, message); }))
        return fail(Errc::conflict, "mail_id " + from.mail_id + " exists already");
    std::map<std::string, std::string> ids;
    for (const auto& key : from.addresses) ids[key.email] = address_id(database, from.partition_tag, key);
    for (const auto& to : from.recipients) {
        Row row{{"partition_tag", from.partition_tag},
                {"mail_id", from.mail_id},
                {"rseqnum", to.sequence},
                {"rid", ids.at(to.email)},
                {"is_local", to.is_local},
                {"rs", to.rs},
                {"bl", to.bl},
                {"bspam_level", real(to.bspam_level)},
                {"wl", to.wl}};
        final_state(row, to);
        database.msgrcpt.push_back(std::move(row));
    }
    for (std::size_t i = 0; i < chunks.size(); ++i)
        database.quarantine.push_back({{"partition_tag", from.partition_tag},
                                       {"mail_id", from.mail_id},
                                       {"chunk_ind", fmt::format("{}", i + 1)},
                                       {"mail_text", chunks[i]}});
    const std::pair<const char*, const std::string*> rest[] = {
        {"secret_id", &from.secret_id},     {"am_id", &from.am_id},
        {"time_num", &from.time_num},       {"time_iso", &from.time_iso},
        {"policy", &from.policy},           {"size", &from.size},
        {"client_addr", &from.client_addr}, {"host", &from.host},
        {"originating", &from.originating}, {"subject", &from.subject},
        {"message_id", &from.message_id},   {"from_addr", &from.from_addr}};
    for (const auto& [column, value] : rest) message[column] = *value;
    message["sid"] = ids.at(from.sender);
    final_state(message, from);
    database.msgs.push_back(std::move(message));
    return {};
}

Done update(Database& database, const MessageRows& from) {
    const Row wanted{{"partition_tag", from.partition_tag}, {"mail_id", from.mail_id}};
    const auto message = std::ranges::find_if(database.msgs, [&](const Row& row) { return is_same_message(row, wanted); });
    if (message == database.msgs.end()) return fail(Errc::not_found, "no record of mail_id " + from.mail_id);
    final_state(*message, from);
    for (auto& row : database.msgrcpt) {
        if (!is_same_message(row, wanted)) continue;
        const auto to = std::ranges::find(from.recipients, text(row, "rseqnum"), &RecipientRow::sequence);
        if (to != from.recipients.end()) final_state(row, *to);
    }
    return {};
}

class Records final : public QueuedStore {
public:
    Records(std::vector<Dsn> dsns, const StoreOptions& options)
        : QueuedStore(dsns.front().named(), options),
          dsn_(dsns.front()),
          database_(Database::of(dsn_.place)),
          thread_([this] { run(); }) {}
    ~Records() override {
        {
            const std::lock_guard lock(mutex_);
            is_stopping_ = true;
        }
        signal_.notify_all();
        thread_.join();
        refuse_rest();
    }

private:
    void wake(Urgency) override {
        const std::lock_guard lock(mutex_);
        is_woken_ = true;
        signal_.notify_one();
    }

    // wait - for something to do, or to look around; false: the end
    bool wait() {
        constexpr std::chrono::milliseconds look_around{5};
        std::unique_lock lock(mutex_);
        signal_.wait_for(lock, look_around, [this] { return is_woken_ || is_stopping_; });
        is_woken_ = false;
        return !is_stopping_;
    }

    void run() {
        constexpr std::size_t together = 256;
        while (wait()) {
            if (database_->is_away) {
                health_->down({make_error_code(Errc::unavailable), dsn_.named() + ": it is away"});
                if (health_->hopeless()) queue_->fail_waiting(health_->ready().error());
                continue;
            }
            health_->up(dsn_.named());
            while (!database_->is_held && !database_->is_away) {
                const auto jobs = queue_->take(together, UINT64_MAX, database_->is_full ? 0 : together);
                for (const auto& job : jobs) serve(job);
                if (jobs.empty()) break;
            }
        }
    }

    void serve(const std::shared_ptr<RecordJob>& job) {
        const auto rows = make_rows(job->record, {});
        auto done = job->abandoned ? Done(fail(Errc::timeout, "nobody waits for it any more")) : write(*job, rows);
        if (!done && job->kind == RecordJob::Kind::remember) lose(job->record, done.error().detail);
        queue_->finish(*job, done ? Done() : std::unexpected(std::move(done.error())));
    }

    Done write(const RecordJob& job, const MessageRows& rows) {
        if (database_->is_full) return fail(no_room_error(), dsn_.named() + ": it is full");
        auto chunks = job.quarantine ? chunks_of(*job.quarantine) : std::vector<std::string>();
        if (!chunks) return std::unexpected(std::move(chunks.error()));
        const std::lock_guard lock(database_->mutex);
        return job.kind == RecordJob::Kind::finish ? update(*database_, rows) : insert(*database_, rows, *chunks);
    }

    const Dsn dsn_;
    const std::shared_ptr<Database> database_;
    std::mutex mutex_;
    std::condition_variable signal_;
    bool is_woken_ = false, is_stopping_ = false;
    std::thread thread_;  // last: it uses the others
};

}  // namespace

std::shared_ptr<RecordStore> open_records(std::vector<Dsn> dsns, const StoreOptions& options) {
    return std::make_shared<Records>(std::move(dsns), options);
}

}  // namespace tamis::test::memory
